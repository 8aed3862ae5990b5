//! The member role in each account.

use controller_core::{
    id::{AccountId, Scope},
    observed::ErrorClass,
};
use futures::{StreamExt, stream};

use super::{Line, Site, line::check, organization::Organization};
use crate::commands::CONCURRENCY;

/// What puts the role and the forwarder into an account.
pub const ROLL_OUT: &str = "add the account's unit to stacksets/stack-set.yaml and deploy it, or exclude the account in the policy; if the unit is in it already: docs/operations.md, \"Repair\"";

/// Whether the role can be assumed in each account that the policy does not exclude; one line for
/// all in which it can.
pub async fn lines(site: &Site<'_>, organization: &Organization) -> Vec<Line> {
    let accounts = match organization.governed(site) {
        Ok(accounts) => accounts,
        Err(trouble) => return vec![check("member-role", "organization").unknown(&trouble)],
    };
    let asks = stream::iter(accounts).map(|account| ask(site, account));
    let asked: Vec<Option<Line>> = asks.buffered(CONCURRENCY).collect().await;
    let good = asked.iter().filter(|line| line.is_none()).count();
    let mut lines: Vec<Line> = asked.into_iter().flatten().collect();
    if good > 0 {
        let subject = format!("{good} accounts");
        lines.insert(0, check("member-role", subject).pass("can be assumed"));
    }
    lines
}

/// Nothing when all is well. A denial is the answer here, not a lack of one: the role is missing or
/// does not trust the caller.
async fn ask(site: &Site<'_>, account: &AccountId) -> Option<Line> {
    let scope = Scope {
        account: account.clone(),
        region: site.policy.home_region.clone(),
    };
    let trouble = site.aws.workload(&scope).await.err()?;
    let check = check("member-role", account);
    Some(match trouble.class {
        ErrorClass::Denied => check.fail(
            format!("it is missing or does not trust the caller ({trouble})"),
            ROLL_OUT,
        ),
        _ => check.unknown(&trouble),
    })
}
