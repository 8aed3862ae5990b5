//! Facts from AWS Organizations, as a delegated administrator may read them.

use aws_sdk_organizations::{error::SdkError, types::ParentType};
use controller_core::{
    id::{AccountId, UnitId},
    observed::{AccountState, ErrorClass, Fact, Standing, Trouble},
};

use crate::aws::{Aws, trouble};

/// Organizational units can be nested five deep (AWS Organizations quotas); the root comes on top.
const DEPTH: usize = 6;

/// The management account, asked for once per process.
pub async fn management(aws: &Aws) -> Fact<AccountId> {
    let asked = aws.management.get_or_try_init(|| ask_management(aws)).await;
    match asked {
        Ok(account) => Fact::Known(account.clone()),
        Err(trouble) => Fact::Unknown(trouble),
    }
}

async fn ask_management(aws: &Aws) -> Result<AccountId, Trouble> {
    let operation = "organizations:DescribeOrganization";
    let reply = aws.organizations.describe_organization().send().await;
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    reply
        .organization
        .and_then(|organization| organization.master_account_id)
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| incomplete(operation, "the management account's id"))
}

/// The account in the organization.
pub async fn account(aws: &Aws, id: &AccountId) -> Fact<Standing> {
    let operation = "organizations:DescribeAccount";
    let account = match aws
        .organizations
        .describe_account()
        .account_id(id.as_str())
        .send()
        .await
    {
        Ok(reply) => reply.account,
        Err(SdkError::ServiceError(error)) if error.err().is_account_not_found_exception() => {
            return Fact::Known(Standing::Outside);
        }
        Err(error) => return Fact::Unknown(trouble(operation, &error)),
    };
    let Some(account) = account else {
        return Fact::Unknown(incomplete(operation, "the account"));
    };
    // `Status` was retired in favour of `State` on 9 September 2026 (Organizations API Reference).
    let state = match account.state.as_ref().map(|state| state.as_str()) {
        Some("ACTIVE") => AccountState::Active,
        Some(other) => AccountState::Other(other.to_owned()),
        None => return Fact::Unknown(incomplete(operation, "the account's `State`")),
    };
    Fact::Known(Standing::Inside {
        email: account.email.unwrap_or_default(),
        state,
    })
}

/// The units above an account, nearest first, and the root.
pub async fn units(aws: &Aws, id: &AccountId) -> Fact<Vec<UnitId>> {
    let mut units: Vec<UnitId> = Vec::new();
    let mut child = id.as_str().to_owned();
    for _ in 0..DEPTH {
        match parent(aws, &child).await {
            Ok((unit, is_root)) => {
                child = unit.as_str().to_owned();
                units.push(unit);
                if is_root {
                    return Fact::Known(units);
                }
            }
            Err(trouble) => return Fact::Unknown(trouble),
        }
    }
    Fact::Unknown(incomplete(
        "organizations:ListParents",
        "a root above the account",
    ))
}

/// The unit, or the root, that an account is directly in.
pub async fn unit(aws: &Aws, id: &AccountId) -> Result<UnitId, Trouble> {
    let (unit, _) = parent(aws, id.as_str()).await?;
    Ok(unit)
}

/// The value of an account's tag; none where it has no tag of this key.
pub async fn account_tag(aws: &Aws, id: &AccountId, key: &str) -> Result<Option<String>, Trouble> {
    let request = aws.organizations.list_tags_for_resource();
    let request = request.resource_id(id.as_str());
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("organizations:ListTagsForResource", &error))?;
        let mut tags = page.tags.unwrap_or_default().into_iter();
        if let Some(tag) = tags.find(|tag| tag.key == key) {
            return Ok(Some(tag.value));
        }
    }
    Ok(None)
}

async fn parent(aws: &Aws, child: &str) -> Result<(UnitId, bool), Trouble> {
    let operation = "organizations:ListParents";
    let reply = aws
        .organizations
        .list_parents()
        .child_id(child)
        .send()
        .await;
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    let parent = reply
        .parents()
        .first()
        .ok_or_else(|| incomplete(operation, "a parent"))?;
    let is_root = parent.r#type() == Some(&ParentType::Root);
    let unit = parent.id().and_then(|id| id.parse().ok());
    unit.map(|unit| (unit, is_root))
        .ok_or_else(|| incomplete(operation, "the parent's id"))
}

fn incomplete(operation: &'static str, what: &str) -> Trouble {
    Trouble {
        operation,
        class: ErrorClass::Other,
        message: format!("the reply does not have {what}"),
    }
}
