//! What the registration reads and writes in Organizations.

use controller::aws::trouble;
use controller_core::observed::Trouble;

use super::wanted::Wanted;
use crate::{frame::Work, pace::Step, report::Stop};

/// Macie's service principal.
const MACIE: &str = "macie.amazonaws.com";

/// Refuses to run where it cannot work, and when Organizations names another administrator.
/// Whether Macie has trusted access.
pub async fn check(work: &Work<'_>, wanted: &Wanted) -> Result<bool, Stop> {
    if !is_management(work).await? {
        return Err(Stop::Failed(format!(
            "account {} is not the organization's management account: deploy this stack there",
            work.account
        )));
    }
    let trusted = work
        .pace
        .read("list trusted services", || has_access(work))
        .await?;
    let known = [&wanted.administrator].into_iter().chain(&wanted.move_from);
    let known: Vec<&str> = known.map(|account| account.as_str()).collect();
    // Without trusted access there can be no delegated administrator.
    let delegated = match trusted {
        true => delegated(work).await?,
        false => Vec::new(),
    };
    match delegated
        .iter()
        .find(|account| !known.contains(&account.as_str()))
    {
        None => Ok(trusted),
        Some(other) => Err(Stop::Failed(format!(
            "Organizations names `{other}` as the delegated administrator of Macie; nothing was \
             changed; fix: set `MoveFrom` to that account if it is to be replaced"
        ))),
    }
}

/// Whether the function runs in the management account.
pub async fn is_management(work: &Work<'_>) -> Result<bool, Stop> {
    let management = || async {
        let described = work.aws.organizations.describe_organization().send().await;
        let described =
            described.map_err(|error| trouble("organizations:DescribeOrganization", &error))?;
        let organization = described
            .organization
            .unwrap_or_else(|| aws_sdk_organizations::types::Organization::builder().build());
        Ok(organization.master_account_id.unwrap_or_default())
    };
    let management = work
        .pace
        .read("describe the organization", management)
        .await?;
    Ok(management == work.account.as_str())
}

/// Gives Macie trusted access.
pub async fn trust(work: &Work<'_>) -> Result<(), Stop> {
    let look = || async {
        if has_access(work).await? {
            return Ok(Step::Done(()));
        }
        let call = work.aws.organizations.enable_aws_service_access();
        let sent = call.service_principal(MACIE).send().await;
        sent.map_err(|error| trouble("organizations:EnableAWSServiceAccess", &error))?;
        Ok(Step::Wrote)
    };
    let doing = "enable trusted access";
    work.pace.settle(doing, look).await.or_stop(doing)
}

/// Ends delegations in Organizations that a move has left: AWS does not document whether Macie ends
/// them with the last designation.
pub async fn deregister(work: &Work<'_>, wanted: &Wanted) -> Result<(), Stop> {
    let look = || async {
        let replaced =
            |account: &String| wanted.move_from.iter().any(|old| old.as_str() == account);
        let Some(old) = list_delegated(work).await?.into_iter().find(replaced) else {
            return Ok(Step::Done(()));
        };
        let call = work.aws.organizations.deregister_delegated_administrator();
        let sent = call.account_id(old).service_principal(MACIE).send().await;
        let operation = "organizations:DeregisterDelegatedAdministrator";
        sent.map_err(|error| trouble(operation, &error))?;
        Ok(Step::Wrote)
    };
    let doing = "end the old delegation";
    work.pace.settle(doing, look).await.or_stop(doing)
}

async fn delegated(work: &Work<'_>) -> Result<Vec<String>, Stop> {
    work.pace
        .read("list delegated administrators", || list_delegated(work))
        .await
}

async fn list_delegated(work: &Work<'_>) -> Result<Vec<String>, Trouble> {
    let call = work.aws.organizations.list_delegated_administrators();
    let mut pages = call
        .service_principal(MACIE)
        .into_paginator()
        .items()
        .send();
    let mut accounts = Vec::new();
    while let Some(account) = pages.next().await {
        let operation = "organizations:ListDelegatedAdministrators";
        let account = account.map_err(|error| trouble(operation, &error))?;
        accounts.extend(account.id);
    }
    Ok(accounts)
}

async fn has_access(work: &Work<'_>) -> Result<bool, Trouble> {
    let call = work
        .aws
        .organizations
        .list_aws_service_access_for_organization();
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let operation = "organizations:ListAWSServiceAccessForOrganization";
        let page = page.map_err(|error| trouble(operation, &error))?;
        let mut services = page.enabled_service_principals().iter();
        if services.any(|service| service.service_principal() == Some(MACIE)) {
            return Ok(true);
        }
    }
    Ok(false)
}
