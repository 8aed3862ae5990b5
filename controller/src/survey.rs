//! All accounts of the organization, for people and sweeps.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::error::SdkError;
use controller_core::{
    id::{AccountId, Region, Scope, UnitId},
    observed::Trouble,
    policy::Policy,
};
use futures::{StreamExt, TryStreamExt, future::try_join, stream};

use crate::aws::{Aws, trouble};

/// Units that are listed at the same time. Organizations answers few calls a second.
const CONCURRENCY: usize = 4;

/// An account as Organizations lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Whether it is neither suspended nor being closed.
    pub is_active: bool,
}

/// Every account that is not closed. Pages may be empty and still have a successor.
pub async fn accounts(aws: &Aws) -> Result<Vec<Listed>, Trouble> {
    let mut pages = aws.organizations.list_accounts().into_paginator().send();
    let mut accounts = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("organizations:ListAccounts", &error))?;
        let open = page.accounts().iter().filter(|account| {
            account
                .state()
                .is_none_or(|state| state.as_str() != "CLOSED")
        });
        accounts.extend(open.filter_map(|account| {
            let name = account.name().unwrap_or_default().to_owned();
            let state = account.state().map(|state| state.as_str());
            Some(Listed {
                id: account.id()?.parse().ok()?,
                name,
                is_active: state.is_none_or(|state| state == "ACTIVE"),
            })
        }));
    }
    accounts.sort();
    Ok(accounts)
}

/// The accounts below each of some units, at any depth, with those units, nearest first. To ask each account for
/// its parents would take calls that grow with accounts and Regions; these grow with the pages.
pub async fn below_units(
    aws: &Aws,
    units: BTreeSet<UnitId>,
) -> Result<BTreeMap<AccountId, Vec<UnitId>>, Trouble> {
    let listed: Vec<(UnitId, Vec<(usize, AccountId)>)> = stream::iter(units)
        .map(|unit| async move { Ok((unit.clone(), below(aws, unit).await?)) })
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await?;
    let mut found: BTreeMap<AccountId, BTreeSet<(usize, UnitId)>> = BTreeMap::new();
    for (unit, accounts) in listed {
        for (depth, account) in accounts {
            let units = found.entry(account).or_default();
            units.insert((depth, unit.clone()));
        }
    }
    let nearest_first = found.into_iter().map(|(account, units)| {
        let units = units.into_iter().map(|(_, unit)| unit).collect();
        (account, units)
    });
    Ok(nearest_first.collect())
}

/// The accounts below a unit, and how many units are between.
async fn below(aws: &Aws, unit: UnitId) -> Result<Vec<(usize, AccountId)>, Trouble> {
    let (mut open, mut found) = (vec![(0_usize, unit)], Vec::new());
    while let Some((depth, unit)) = open.pop() {
        let (accounts, units) = try_join(accounts_in(aws, &unit), units_in(aws, &unit)).await?;
        found.extend(accounts.into_iter().map(|account| (depth, account)));
        let deeper = depth.saturating_add(1);
        open.extend(units.into_iter().map(|unit| (deeper, unit)));
    }
    Ok(found)
}

async fn accounts_in(aws: &Aws, unit: &UnitId) -> Result<Vec<AccountId>, Trouble> {
    let request = aws.organizations.list_accounts_for_parent();
    let request = request.parent_id(unit.as_str()).into_paginator();
    let mut pages = request.send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => {
                let ids = page.accounts().iter().filter_map(|account| account.id());
                found.extend(ids.filter_map(|id| id.parse().ok()));
            }
            // Nobody is below a unit that was deleted; the others of the policy still count.
            Err(SdkError::ServiceError(error)) if error.err().is_parent_not_found_exception() => {
                tracing::warn!(%unit, "the policy names a unit that does not exist");
                break;
            }
            Err(error) => return Err(trouble("organizations:ListAccountsForParent", &error)),
        }
    }
    Ok(found)
}

async fn units_in(aws: &Aws, unit: &UnitId) -> Result<Vec<UnitId>, Trouble> {
    let request = aws.organizations.list_organizational_units_for_parent();
    let request = request.parent_id(unit.as_str()).into_paginator();
    let mut pages = request.send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => {
                let units = page.organizational_units().iter();
                found.extend(units.filter_map(|unit| unit.id()?.parse().ok()));
            }
            Err(SdkError::ServiceError(error)) if error.err().is_parent_not_found_exception() => {
                break;
            }
            Err(error) => {
                let operation = "organizations:ListOrganizationalUnitsForParent";
                return Err(trouble(operation, &error));
            }
        }
    }
    Ok(found)
}

/// Every account in every governed Region, or in the one that is asked for.
pub fn scopes(policy: &Policy, accounts: &[Listed], region: Option<&Region>) -> Vec<Scope> {
    let regions = policy
        .regions
        .iter()
        .filter(|governed| region.is_none_or(|only| only == *governed));
    let regions: Vec<&Region> = regions.collect();
    accounts
        .iter()
        .flat_map(|account| {
            regions.iter().map(|region| Scope {
                account: account.id.clone(),
                region: (*region).clone(),
            })
        })
        .collect()
}
