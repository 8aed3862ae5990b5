//! What AWS Organizations says: who the administrator is, whether Macie is trusted, which accounts
//! there are.

use controller::{
    aws::trouble,
    survey::{self, Listed},
};
use controller_core::{
    id::AccountId,
    observed::{ErrorClass, Trouble},
};

use super::{Line, REGISTER, Site, line::check};

/// Macie's service principal.
const MACIE: &str = "macie.amazonaws.com";

/// What was read; each part by itself may have failed.
pub struct Organization {
    /// The organization's id and its management account.
    pub identity: Result<(String, String), Trouble>,
    /// The delegated administrators of Macie.
    pub administrators: Result<Vec<String>, Trouble>,
    /// Services with trusted access.
    pub trusted: Result<Vec<String>, Trouble>,
    /// Accounts that are not closed.
    pub accounts: Result<Vec<Listed>, Trouble>,
}

impl Organization {
    /// Whether the caller's account is the administrator.
    pub fn is_administrator(&self, site: &Site<'_>) -> bool {
        let account = site.aws.identity.account.as_str();
        let administrators = self.administrators.iter().flatten();
        administrators.into_iter().any(|id| id == account)
    }

    /// Accounts that the policy does not exclude by name. The management account is another case:
    /// service-managed StackSets pass it over.
    pub fn governed(&self, site: &Site<'_>) -> Result<Vec<&AccountId>, Trouble> {
        let accounts = self.accounts.as_ref().map_err(Clone::clone)?;
        let (_, management) = self.identity.as_ref().map_err(Clone::clone)?;
        let ids = accounts.iter().map(|account| &account.id);
        let excluded = &site.policy.accounts.excluded;
        Ok(ids
            .filter(|id| id.as_str() != management && !excluded.contains(*id))
            .collect())
    }
}

pub async fn read(site: &Site<'_>) -> Organization {
    let (identity, administrators, trusted, accounts) = futures::join!(
        identity(site),
        administrators(site),
        trusted(site),
        survey::accounts(site.aws)
    );
    Organization {
        identity,
        administrators,
        trusted,
        accounts,
    }
}

async fn identity(site: &Site<'_>) -> Result<(String, String), Trouble> {
    let reply = site.aws.organizations.describe_organization().send().await;
    let operation = "organizations:DescribeOrganization";
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    let organization = reply.organization;
    Ok(organization
        .map(|organization| {
            let management = organization.master_account_id.unwrap_or_default();
            (organization.id.unwrap_or_default(), management)
        })
        .unwrap_or_default())
}

async fn administrators(site: &Site<'_>) -> Result<Vec<String>, Trouble> {
    let request = site.aws.organizations.list_delegated_administrators();
    let reply = request.service_principal(MACIE).send().await;
    let operation = "organizations:ListDelegatedAdministrators";
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    let administrators = reply.delegated_administrators().iter();
    Ok(administrators
        .filter_map(|administrator| administrator.id().map(str::to_owned))
        .collect())
}

async fn trusted(site: &Site<'_>) -> Result<Vec<String>, Trouble> {
    let request = site
        .aws
        .organizations
        .list_aws_service_access_for_organization();
    let mut pages = request.into_paginator().send();
    let mut services = Vec::new();
    while let Some(page) = pages.next().await {
        let operation = "organizations:ListAWSServiceAccessForOrganization";
        let page = page.map_err(|error| trouble(operation, &error))?;
        let names = page.enabled_service_principals().iter();
        services.extend(names.filter_map(|service| service.service_principal().map(str::to_owned)));
    }
    Ok(services)
}

pub fn judge(site: &Site<'_>, organization: &Organization) -> Vec<Line> {
    vec![
        administrator(site, &organization.administrators),
        trusted_access(organization),
    ]
}

/// A denial is a failure here: AWS answers the management account and delegated administrators, and
/// without the answer the controller does not start either.
fn administrator(site: &Site<'_>, administrators: &Result<Vec<String>, Trouble>) -> Line {
    let account = &site.aws.identity.account;
    let check = check("administrator", account);
    match administrators {
        Ok(ids) if ids.iter().any(|id| id == account.as_str()) => {
            check.pass("the caller's account is the delegated Macie administrator")
        }
        Ok(ids) if ids.is_empty() => check.fail(
            "the organization has no delegated Macie administrator",
            REGISTER,
        ),
        Ok(ids) => check.fail(
            format!("the delegated Macie administrator is {}", ids.join(", ")),
            "give the credentials of that account, e.g. with --profile",
        ),
        Err(trouble) if trouble.class == ErrorClass::Denied => check.fail(
            format!("neither the administrator nor allowed to tell who it is: {trouble}"),
            "give the credentials of the Macie administrator account, e.g. with --profile",
        ),
        Err(trouble) => check.unknown(trouble),
    }
}

fn trusted_access(organization: &Organization) -> Line {
    let subject = match &organization.identity {
        Ok((id, _)) => id.as_str(),
        Err(_) => "organization",
    };
    let check = check("trusted-access", subject);
    match &organization.trusted {
        Ok(services) if services.iter().any(|service| service == MACIE) => {
            check.pass(format!("{MACIE} has trusted access"))
        }
        Ok(_) => check.fail(format!("{MACIE} has no trusted access"), REGISTER),
        Err(trouble) => check.unknown(trouble),
    }
}
