//! What an account may cost, and what happens when it costs more.

use std::{collections::BTreeMap, str::FromStr};

use super::{
    Field, PolicyError,
    read::{Object, dollars},
};
use crate::{
    id::{AccountId, InvalidId, UnitId},
    money::Usd,
};

/// The caps of the organization's accounts. Every cap is of one account in one Region, as Macie's own
/// figures and quotas are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Budgets {
    /// For accounts that nothing else is said of.
    pub organization: Caps,
    /// For the accounts of a unit; the nearest one goes first.
    pub units: BTreeMap<UnitId, Caps>,
    /// For one account.
    pub accounts: BTreeMap<AccountId, Caps>,
}

/// The caps of an account in a Region; none: as much as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps {
    /// Of the first scan of each bucket, by its estimate. Never [`OverBudget::Pause`].
    pub first_scan: Option<Cap>,
    /// Of a calendar month (UTC), by what Macie says that it has cost so far.
    pub month: Option<Cap>,
}

/// An amount, and what happens when it is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// US dollars.
    pub usd: Usd,
    /// What happens beyond.
    pub action: OverBudget,
}

/// What happens to an account that costs more than it may. It is never suspended for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverBudget {
    /// It is told.
    Warn,
    /// No new job until somebody approves, the month turns or the cap is raised.
    Hold,
    /// The same, and the account's jobs are paused as well.
    Pause,
}

impl Budgets {
    /// The caps of an account under these units, nearest first. Each kind of cap by itself: the
    /// account's own, else the nearest unit's, else the organization's.
    pub fn of(&self, account: &AccountId, units: &[UnitId]) -> Caps {
        let units = units.iter().filter_map(|unit| self.units.get(unit));
        let lines: Vec<&Caps> = (self.accounts.get(account).into_iter())
            .chain(units)
            .chain([&self.organization])
            .collect();
        Caps {
            first_scan: lines.iter().find_map(|caps| caps.first_scan),
            month: lines.iter().find_map(|caps| caps.month),
        }
    }

    pub(super) fn read(field: &Field<'_>) -> Result<Self, PolicyError> {
        let budgets = field.object(&["firstScan", "month", "organizationalUnits", "accounts"])?;
        let units = "a unit with its caps, such as `\"ou-abcd-12345678\": { \"month\": { \"usd\": \"200\", \"action\": \"hold\" } }`";
        let accounts = "an account with its caps, such as `\"111122223333\": { \"month\": { \"usd\": \"200\", \"action\": \"hold\" } }`";
        Ok(Self {
            organization: Caps::of(&budgets)?,
            units: caps(&budgets.get("organizationalUnits"), units)?,
            accounts: caps(&budgets.get("accounts"), accounts)?,
        })
    }
}

fn caps<Id: FromStr<Err = InvalidId> + Ord>(
    field: &Field<'_>,
    expected: &str,
) -> Result<BTreeMap<Id, Caps>, PolicyError> {
    field.by_id(expected, |field| {
        Caps::of(&field.object(&["firstScan", "month"])?)
    })
}

impl Caps {
    fn of(object: &Object<'_>) -> Result<Self, PolicyError> {
        let first_scan = [OverBudget::Warn, OverBudget::Hold];
        let month = [OverBudget::Warn, OverBudget::Hold, OverBudget::Pause];
        Ok(Self {
            first_scan: Cap::read(&object.get("firstScan"), &first_scan)?,
            month: Cap::read(&object.get("month"), &month)?,
        })
    }
}

impl Cap {
    fn read(field: &Field<'_>, actions: &[OverBudget]) -> Result<Option<Self>, PolicyError> {
        field.or(None, |field| {
            let cap = field.object(&["usd", "action"])?;
            let usd = Usd(dollars(&cap.get("usd"))?);
            let action = OverBudget::read(&cap.get("action"), actions)?;
            Ok(Some(Self { usd, action }))
        })
    }
}

impl OverBudget {
    /// Its name in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Hold => "hold",
            Self::Pause => "pause",
        }
    }

    fn read(field: &Field<'_>, actions: &[Self]) -> Result<Self, PolicyError> {
        let names: Vec<&str> = actions.iter().map(|action| action.name()).collect();
        let expected = format!("one of `{}`", names.join("`, `"));
        let text = field.text(&expected)?;
        let action = actions.iter().find(|action| action.name() == text);
        action.copied().ok_or_else(|| field.refuse(expected))
    }
}
