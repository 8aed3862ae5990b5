//! What the month has cost so far, and its end.

use controller_core::{id::AccountId, money::Usd, usage::forecast};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{
    super::cost::{Costs, groups, total},
    Facts, Known,
};
use crate::args::By;

/// Accounts that have a line of their own.
const ACCOUNTS: usize = 10;

/// What the month has cost.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spend {
    /// All of it so far.
    pub month_to_date_usd: Known<Usd>,
    /// All of it at the end of the month.
    pub forecast_usd: Known<Usd>,
    /// Whether every Region has answered; else it is more.
    pub is_whole: bool,
    /// By what Macie charges for.
    pub by_kind: Vec<Share>,
    /// By Region.
    pub by_region: Vec<Share>,
    /// The accounts that cost most.
    pub by_account: Vec<Share>,
}

/// A part of the whole.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Of what: a kind, a Region, an account.
    pub name: String,
    /// The account's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account_name: String,
    /// So far.
    pub month_to_date_usd: Usd,
    /// At the end of the month.
    pub forecast_usd: Known<Usd>,
    /// Of a hundred.
    pub percent: Decimal,
}

impl Spend {
    /// Sums what Macie told.
    pub fn of(facts: &Facts<'_>) -> Self {
        let Facts { costs, now, .. } = *facts;
        let so_far = match costs.usages.is_empty() {
            true => Known::unknown("Macie told of no usage"),
            false => Known::Yes(total(costs)),
        };
        Self {
            forecast_usd: so_far.then(|usd| end(*usd, now)),
            month_to_date_usd: so_far,
            is_whole: costs.trouble.is_empty(),
            by_kind: shares(costs, groups(costs, By::Type), now),
            by_region: shares(costs, groups(costs, By::Region), now),
            by_account: by_account(facts),
        }
    }
}

/// The end of the month of an amount.
pub fn end(so_far: Usd, now: Timestamp) -> Known<Usd> {
    let why = "on the first day of a month nobody can tell its end";
    Known::or(forecast(so_far, now), why)
}

fn shares(costs: &Costs, groups: Vec<(String, Usd)>, now: Timestamp) -> Vec<Share> {
    let whole = total(costs);
    let share = |(name, usd): (String, Usd)| Share {
        name,
        account_name: String::new(),
        month_to_date_usd: usd,
        forecast_usd: end(usd, now),
        percent: percent(usd.0, whole.0),
    };
    groups.into_iter().map(share).collect()
}

/// The largest by name, and the others together.
fn by_account(facts: &Facts<'_>) -> Vec<Share> {
    let mut groups = groups(facts.costs, By::Account);
    let others = groups.split_off(groups.len().min(ACCOUNTS));
    if !others.is_empty() {
        let dollars = others.iter().map(|(_, usd)| *usd);
        let sum = dollars.fold(Usd::default(), |sum, usd| sum + usd);
        groups.push((format!("{} others", others.len()), sum));
    }
    let mut shares = shares(facts.costs, groups, facts.now);
    for share in &mut shares {
        let account = share.name.parse::<AccountId>().ok();
        let name = account.and_then(|account| facts.names.get(&account));
        share.account_name = name.cloned().unwrap_or_default();
    }
    shares
}

/// A part of a whole in hundredths; of nothing everything is nothing.
pub fn percent(part: Decimal, whole: Decimal) -> Decimal {
    let share = part.saturating_mul(Decimal::ONE_HUNDRED).checked_div(whole);
    share.unwrap_or_default().round_dp(1).normalize()
}
