//! All accounts of the organization, for people and sweeps.

use controller_core::{
    id::{AccountId, Region, Scope},
    observed::Trouble,
    policy::Policy,
};

use crate::aws::{Aws, trouble};

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
