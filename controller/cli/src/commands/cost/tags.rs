//! Who bears the cost, by a tag of the accounts in AWS Organizations.

use std::collections::BTreeSet;

use controller::{aws::Aws, observe::account_tag};
use controller_core::{id::AccountId, money::Usd, usage::Usage};
use futures::{StreamExt, stream};

use super::{CONCURRENCY, Costs};

/// The row of accounts without the tag. No value of a tag is lost by it: parentheses are none of the
/// characters that AWS lets tags have (Tagging AWS Resources User Guide, tag naming limits).
const NO_TAG: &str = "(no tag)";
/// The row of accounts whose tags could not be read.
const UNKNOWN: &str = "(unknown)";

/// Asks for the tag of every account that costs anything.
pub async fn read(aws: &Aws, costs: &mut Costs, key: &str) {
    let costly = costs
        .usages
        .iter()
        .filter(|usage| usage.total() > Usd::default());
    let accounts: BTreeSet<AccountId> = costly.map(|usage| usage.account.clone()).collect();
    let asked = stream::iter(&accounts).map(|account| account_tag(aws, account, key));
    let answers: Vec<_> = asked.buffered(CONCURRENCY).collect().await;
    for (account, answer) in accounts.into_iter().zip(answers) {
        match answer {
            Ok(value) => drop(costs.tags.insert(account, value)),
            Err(trouble) => drop(costs.unplaced.insert(account, trouble)),
        }
    }
}

/// The row of an account; none where it costs nothing.
pub(super) fn name(costs: &Costs, usage: &Usage) -> Option<String> {
    match costs.tags.get(&usage.account) {
        Some(value) => Some(value.clone().unwrap_or_else(|| NO_TAG.to_owned())),
        None => costs
            .unplaced
            .contains_key(&usage.account)
            .then(|| UNKNOWN.to_owned()),
    }
}
