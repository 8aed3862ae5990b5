//! The organization's opt-in policy: who may opt in, by which tag, where, and how much may happen
//! at once.
//!
//! It is JSON with a version and a published schema (`policies/self-service.schema.json`). A bad
//! policy is refused as a whole, with the field, the value and what was expected; the shell then
//! keeps the last good one.

mod budget;
mod read;
mod tag;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde_json::Value;

pub(crate) use self::read::parse_dollars;
use self::read::{
    Field, account, amount, duration, gigabytes, identifier, region, tag_key, tag_value, unit,
};
pub use self::{
    budget::{Budgets, Cap, Caps, OverBudget},
    read::PolicyError,
    tag::{OptIn, TagRule},
};
use crate::{
    id::{AccountId, Region, UnitId},
    prices::{PriceList, Prices, Tier},
};

/// The organization's opt-in policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The tag that opts a bucket in.
    pub tag: TagRule,
    /// The Region that the controller runs in; one of [`Policy::regions`].
    pub home_region: Region,
    /// The Regions in which buckets can be opted in.
    pub regions: BTreeSet<Region>,
    /// How long an account without any opted-in bucket stays enrolled: 0 to 30 days.
    pub grace_period: SignedDuration,
    /// How long an account stays enrolled at least, since it was enrolled or resumed: 0 to 30 days.
    /// Each suspension cancels the jobs that the account itself made, for good.
    pub minimum_enrolled_time: SignedDuration,
    /// Accounts that are not simply `opt-in`.
    pub accounts: AccountLists,
    /// Organizational units whose accounts are not simply `opt-in`.
    pub organizational_units: UnitLists,
    /// The tag on a Macie member that says that the controller enrolled it.
    pub ownership: Ownership,
    /// How opted-in buckets are scanned.
    pub jobs: JobSettings,
    /// How many suspensions may happen before a person has to look.
    pub circuit_breaker: CircuitBreaker,
    /// What the organization pays for Macie where that differs from AWS's list, for estimates.
    pub own_prices: BTreeMap<Region, Prices>,
    /// What accounts may cost.
    pub budgets: Budgets,
}

/// Accounts that are treated differently from the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountLists {
    /// Always enrolled, whatever the tags say.
    pub mandatory: BTreeSet<AccountId>,
    /// Never enrolled, whatever the tags say.
    pub excluded: BTreeSet<AccountId>,
    /// Enrolled by someone else; the controller may suspend them as if it had enrolled them.
    pub adopted: BTreeSet<AccountId>,
}

/// Organizational units (or roots) whose accounts are treated differently from the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitLists {
    /// Their accounts are always enrolled.
    pub mandatory: BTreeSet<UnitId>,
    /// Their accounts are never enrolled.
    pub excluded: BTreeSet<UnitId>,
}

/// The tag on a Macie member that marks it as enrolled by the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The tag's key.
    pub key: String,
    /// The tag's value.
    pub value: String,
}

/// The settings of the classification jobs that the controller creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSettings {
    /// The percentage of objects that a run analyses, 1 to 100.
    pub sampling_percentage: u8,
    /// Which of Macie's managed data identifiers a job uses.
    pub managed_data_identifiers: ManagedIdentifiers,
    /// The custom data identifiers of the administrator account that a job uses, at most 30.
    pub custom_data_identifier_ids: BTreeSet<String>,
    /// The allow lists of the administrator account that a job uses, at most 10.
    pub allow_list_ids: BTreeSet<String>,
}

/// Macie's `managedDataIdentifierSelector`, as far as a policy can set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagedIdentifiers {
    /// The set that Macie recommends, with what it adds later.
    Recommended,
    /// All of them, with what Macie adds later.
    All,
    /// None: only the policy's custom data identifiers.
    None,
}

/// Holds all suspensions when too many are due in one window. The limit is the larger of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitBreaker {
    /// So many suspensions are always allowed in one window.
    pub max_suspensions: u32,
    /// Or so many percent of the members, 0 to 100.
    pub max_percent: u8,
    /// The length of the window: 1 minute to 7 days.
    pub window: SignedDuration,
}

/// How an account is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Enrolled while it has an opted-in bucket.
    OptIn,
    /// Always enrolled.
    Mandatory,
    /// Never enrolled.
    Excluded,
}

impl Policy {
    /// Reads a policy from its JSON text, or says which field is wrong and what was expected.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| PolicyError::not_json(text, &error))?;
        let policy = Self::read(&Field::root(&value))?;
        policy.lists_agree()?;
        Ok(policy)
    }

    /// Whether buckets of this Region can be opted in.
    pub fn governs(&self, region: &Region) -> bool {
        self.regions.contains(region)
    }

    /// How an account is treated, given the units above it. An exclusion is the stronger promise
    /// and beats a mandatory enrolment; the account's own entry and its units' count alike.
    pub fn mode(&self, account: &AccountId, units: &[UnitId]) -> Mode {
        let listed = |accounts: &BTreeSet<AccountId>, listed_units: &BTreeSet<UnitId>| {
            accounts.contains(account) || units.iter().any(|unit| listed_units.contains(unit))
        };
        let (accounts, organizational_units) = (&self.accounts, &self.organizational_units);
        if listed(&accounts.excluded, &organizational_units.excluded) {
            Mode::Excluded
        } else if listed(&accounts.mandatory, &organizational_units.mandatory) {
            Mode::Mandatory
        } else {
            Mode::OptIn
        }
    }

    /// Whether an account's units must be known to tell its [`Mode`] and its caps.
    pub fn has_unit_rules(&self) -> bool {
        let units = &self.organizational_units;
        !units.mandatory.is_empty() || !units.excluded.is_empty() || !self.budgets.units.is_empty()
    }

    /// The units that the policy names.
    pub fn units(&self) -> BTreeSet<UnitId> {
        let units = &self.organizational_units;
        let modes = units.mandatory.union(&units.excluded);
        modes.chain(self.budgets.units.keys()).cloned().collect()
    }

    /// The prices of a Region: the organization's own, else AWS's list; none when both say nothing.
    pub fn prices(&self, region: &Region) -> Option<&Prices> {
        let listed = || PriceList::bundled()?.regions.get(region);
        self.own_prices.get(region).or_else(listed)
    }

    fn read(root: &Field<'_>) -> Result<Self, PolicyError> {
        let policy = root.object(&[
            "$schema",
            "version",
            "tag",
            "homeRegion",
            "regions",
            "gracePeriod",
            "minimumEnrolledTime",
            "accounts",
            "organizationalUnits",
            "ownership",
            "jobs",
            "circuitBreaker",
            "prices",
            "budgets",
        ])?;
        policy.get("version").integer(1..=1, "the number 1")?;
        let home_region = region(&policy.get("homeRegion"))?;
        let regions = policy.get("regions").set(
            1..=64,
            "an array of AWS Regions such as `[\"eu-west-1\"]`",
            region,
        )?;
        if !regions.contains(&home_region) {
            return Err(policy
                .get("homeRegion")
                .refuse("one of the Regions in `regions`"));
        }
        Ok(Self {
            tag: TagRule::read(&policy.get("tag"))?,
            home_region,
            regions,
            grace_period: policy
                .get("gracePeriod")
                .or(SignedDuration::from_hours(24), |field| {
                    duration(field, GRACE_PERIOD)
                })?,
            minimum_enrolled_time: policy
                .get("minimumEnrolledTime")
                .or(SignedDuration::from_hours(24), |field| {
                    duration(field, GRACE_PERIOD)
                })?,
            accounts: AccountLists::read(&policy.get("accounts"))?,
            organizational_units: UnitLists::read(&policy.get("organizationalUnits"))?,
            ownership: Ownership::read(&policy.get("ownership"))?,
            jobs: JobSettings::read(&policy.get("jobs"))?,
            circuit_breaker: CircuitBreaker::read(&policy.get("circuitBreaker"))?,
            own_prices: own_prices(&policy.get("prices"))?,
            budgets: Budgets::read(&policy.get("budgets"))?,
        })
    }

    /// One name in two lists that contradict each other is a mistake that nobody should guess at.
    fn lists_agree(&self) -> Result<(), PolicyError> {
        let (accounts, units) = (&self.accounts, &self.organizational_units);
        let account = accounts.excluded.intersection(&accounts.mandatory).next();
        let unit = units.excluded.intersection(&units.mandatory).next();
        let clash = |list: &str, id: &str| {
            let expected = format!("only in one of `{list}.mandatory` and `{list}.excluded`");
            Err(PolicyError::new(
                format!("{list}.excluded"),
                Some(id.to_owned()),
                expected,
            ))
        };
        match (account, unit) {
            (Some(account), _) => clash("accounts", account.as_str()),
            (None, Some(unit)) => clash("organizationalUnits", unit.as_str()),
            (None, None) => Ok(()),
        }
    }
}

/// The bounds of a duration and how an error describes them.
type Bounds = (SignedDuration, SignedDuration, &'static str);

const GRACE_PERIOD: Bounds = (
    SignedDuration::ZERO,
    SignedDuration::from_hours(30 * 24),
    "between `PT0S` and `P30D`",
);

const WINDOW: Bounds = (
    SignedDuration::from_mins(1),
    SignedDuration::from_hours(7 * 24),
    "between `PT1M` and `P7D`",
);

/// Tiers of a price at most.
const TIERS: usize = 10;

impl TagRule {
    fn read(field: &Field<'_>) -> Result<Self, PolicyError> {
        let tag = field.object(&["key", "values"])?;
        let expected = "an array of 1 to 10 tag values such as `[\"true\"]`";
        Ok(Self {
            key: tag.get("key").or("macie".to_owned(), tag_key)?,
            values: tag
                .get("values")
                .or(BTreeSet::from(["true".to_owned()]), |values| {
                    values.set(1..=10, expected, tag_value)
                })?,
        })
    }
}

impl AccountLists {
    fn read(field: &Field<'_>) -> Result<Self, PolicyError> {
        let lists = field.object(&["mandatory", "excluded", "adopted"])?;
        let list = |name| {
            let expected = "an array of account ids such as `[\"111122223333\"]`";
            lists.get(name).or(BTreeSet::new(), |ids| {
                ids.set(0..=usize::MAX, expected, account)
            })
        };
        Ok(Self {
            mandatory: list("mandatory")?,
            excluded: list("excluded")?,
            adopted: list("adopted")?,
        })
    }
}

impl UnitLists {
    fn read(field: &Field<'_>) -> Result<Self, PolicyError> {
        let lists = field.object(&["mandatory", "excluded"])?;
        let list = |name| {
            let expected = "an array of organizational units such as `[\"ou-abcd-12345678\"]`";
            lists.get(name).or(BTreeSet::new(), |ids| {
                ids.set(0..=usize::MAX, expected, unit)
            })
        };
        Ok(Self {
            mandatory: list("mandatory")?,
            excluded: list("excluded")?,
        })
    }
}

impl Ownership {
    fn read(field: &Field<'_>) -> Result<Self, PolicyError> {
        let tag = field.object(&["key", "value"])?;
        Ok(Self {
            key: tag.get("key").or("managed-by".to_owned(), tag_key)?,
            value: tag
                .get("value")
                .or("macie-self-service".to_owned(), tag_value)?,
        })
    }
}

impl JobSettings {
    fn read(field: &Field<'_>) -> Result<Self, PolicyError> {
        let jobs = field.object(&[
            "samplingPercentage",
            "managedDataIdentifiers",
            "customDataIdentifierIds",
            "allowListIds",
        ])?;
        let ids = |name, most, expected: &'static str| {
            jobs.get(name).or(BTreeSet::new(), |ids| {
                ids.set(0..=most, expected, identifier)
            })
        };
        let settings = Self {
            sampling_percentage: jobs.get("samplingPercentage").or(100, |field| {
                field.integer(1..=100, "a whole number from 1 to 100")
            })?,
            managed_data_identifiers: jobs
                .get("managedDataIdentifiers")
                .or(ManagedIdentifiers::Recommended, ManagedIdentifiers::read)?,
            custom_data_identifier_ids: ids(
                "customDataIdentifierIds",
                30,
                "an array of at most 30 ids of custom data identifiers",
            )?,
            allow_list_ids: ids(
                "allowListIds",
                10,
                "an array of at most 10 ids of allow lists",
            )?,
        };
        let finds_nothing = settings.managed_data_identifiers == ManagedIdentifiers::None
            && settings.custom_data_identifier_ids.is_empty();
        if finds_nothing {
            let expected = "possible without an id in `jobs.customDataIdentifierIds`";
            return Err(jobs.get("managedDataIdentifiers").refuse(expected));
        }
        Ok(settings)
    }
}

impl ManagedIdentifiers {
    fn read(field: &Field<'_>) -> Result<Self, PolicyError> {
        let expected = "one of `RECOMMENDED`, `ALL` and `NONE`";
        match field.text(expected)? {
            "RECOMMENDED" => Ok(Self::Recommended),
            "ALL" => Ok(Self::All),
            "NONE" => Ok(Self::None),
            _ => Err(field.refuse(expected)),
        }
    }
}

impl CircuitBreaker {
    fn read(field: &Field<'_>) -> Result<Self, PolicyError> {
        let breaker = field.object(&["maxSuspensions", "maxPercent", "window"])?;
        Ok(Self {
            max_suspensions: breaker.get("maxSuspensions").or(3, |field| {
                field.integer(0..=10_000, "a whole number from 0 to 10000")
            })?,
            max_percent: breaker.get("maxPercent").or(5, |field| {
                field.integer(0..=100, "a whole number from 0 to 100")
            })?,
            window: breaker
                .get("window")
                .or(SignedDuration::from_hours(1), |field| {
                    duration(field, WINDOW)
                })?,
        })
    }
}

/// Prices by Region; both of a Region must be there.
fn own_prices(field: &Field<'_>) -> Result<BTreeMap<Region, Prices>, PolicyError> {
    let expected = "a Region with its prices, such as `\"eu-west-1\": { \"bucketMonth\": \"0.10\", \"gigabyte\": \"1.25\" }`";
    field.by_id(expected, |prices| {
        let prices = prices.object(&["bucketMonth", "gigabyte"])?;
        Ok(Prices {
            bucket_month: amount(&prices.get("bucketMonth"))?,
            gigabyte: gigabyte(&prices.get("gigabyte"))?,
        })
    })
}

/// One price, or tiers that rise, of which only the last has no end.
fn gigabyte(field: &Field<'_>) -> Result<Vec<Tier>, PolicyError> {
    let Some(items) = field.items() else {
        let price = amount(field)?;
        return Ok(vec![Tier { up_to: None, price }]);
    };
    if !(1..=TIERS).contains(&items.len()) {
        return Err(field.refuse("an array of 1 to 10 tiers, or one price as text"));
    }
    let last = items.len().saturating_sub(1);
    let mut tiers: Vec<Tier> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let before = tiers.last().and_then(|tier| tier.up_to);
        tiers.push(tier(item, index == last, before.unwrap_or_default())?);
    }
    Ok(tiers)
}

fn tier(field: &Field<'_>, is_last: bool, before: Decimal) -> Result<Tier, PolicyError> {
    let tier = field.object(&["upTo", "price"])?;
    let price = amount(&tier.get("price"))?;
    let end = tier.get("upTo");
    let up_to = match (is_last, end.is_there()) {
        (true, false) => None,
        (true, true) => return Err(end.refuse("left out, as the last tier has no end")),
        (false, _) => Some(gigabytes(&end)?),
    };
    match up_to {
        Some(to) if to <= before => {
            Err(end.refuse(format!("more than {before}, where the tier begins")))
        }
        _ => Ok(Tier { up_to, price }),
    }
}
