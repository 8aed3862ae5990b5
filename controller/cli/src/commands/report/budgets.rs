//! What accounts may cost in a month, and who is close to it.

use controller_core::{
    id::{AccountId, Region},
    money::Usd,
    policy::Cap,
};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{Account, Known, spend::percent};

/// From so many hundredths of its budget on an account is named.
const NEAR: Decimal = Decimal::from_parts(80, 0, 0, false, 0);

/// What an account may cost in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// Dollars, with what a person has approved.
    pub usd: Usd,
    /// What happens beyond: `warn`, `hold` or `pause`.
    pub action: &'static str,
    /// What is spent of it, of a hundred.
    pub percent: Known<Decimal>,
    /// What will be at the end of the month, of a hundred.
    pub forecast_percent: Known<Decimal>,
}

/// The budgets of the month.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Budgets {
    /// Accounts and Regions that have one.
    pub budgeted: usize,
    /// Of these have spent it.
    pub spent: usize,
    /// Of the others will have at the end of the month.
    pub expected: usize,
    /// Accounts and Regions of which it is not known how much of it they have spent, or whether there is
    /// one.
    pub unknown: usize,
    /// Those that have spent most of it, or will have spent all of it: the closest first.
    pub close: Vec<Close>,
}

/// An account that is close to its budget, or beyond.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Close {
    /// Its id.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// The Region.
    pub region: Region,
    /// Its budget.
    pub budget: Budget,
}

impl Budget {
    /// A cap, with what is spent of it.
    pub fn of(cap: Cap, so_far: &Known<Usd>, forecast: &Known<Usd>) -> Self {
        let of = |usd: &Known<Usd>| {
            let share = |usd: &Usd| match cap.usd == Usd::default() {
                true => Known::unknown("of a budget of nothing there are no hundredths"),
                false => Known::Yes(percent(usd.0, cap.usd.0)),
            };
            usd.then(share)
        };
        Self {
            usd: cap.usd,
            action: cap.action.name(),
            percent: of(so_far),
            forecast_percent: of(forecast),
        }
    }

    fn reaches(percent: &Known<Decimal>, hundredths: Decimal) -> bool {
        percent
            .value()
            .is_some_and(|percent| *percent >= hundredths)
    }

    /// Whether nothing is left of it.
    pub fn is_spent(&self) -> bool {
        self.usd == Usd::default() || Self::reaches(&self.percent, Decimal::ONE_HUNDRED)
    }

    fn is_expected(&self) -> bool {
        !self.is_spent() && Self::reaches(&self.forecast_percent, Decimal::ONE_HUNDRED)
    }

    /// Where an account is, in words.
    pub fn state(&self) -> &'static str {
        match (self.is_spent(), self.is_expected()) {
            (true, _) => "spent",
            (false, true) => "will be spent before the month ends",
            (false, false) => "nearly spent",
        }
    }
}

impl Budgets {
    /// Counts them.
    pub fn of(accounts: &[Account]) -> Self {
        let known = accounts
            .iter()
            .filter_map(|row| Some((row, row.budget.value()?.as_ref()?)));
        let known: Vec<(&Account, &Budget)> = known.collect();
        let count = |is: fn(&Budget) -> bool| known.iter().filter(|(_, budget)| is(budget)).count();
        let untold = accounts.iter().filter(|row| row.budget.value().is_none());
        let close = known.iter().filter(|(_, budget)| {
            budget.is_spent() || budget.is_expected() || Budget::reaches(&budget.percent, NEAR)
        });
        let mut close: Vec<Close> = close.map(|(row, budget)| Close::of(row, budget)).collect();
        close.sort_by_key(|close| std::cmp::Reverse(close.budget.percent.value().copied()));
        Self {
            budgeted: known.len(),
            spent: count(Budget::is_spent),
            expected: count(Budget::is_expected),
            unknown: untold.count() + count(|budget| budget.percent.value().is_none()),
            close,
        }
    }
}

impl Close {
    fn of(row: &Account, budget: &Budget) -> Self {
        Self {
            account: row.account.clone(),
            name: row.name.clone(),
            region: row.region.clone(),
            budget: budget.clone(),
        }
    }
}
