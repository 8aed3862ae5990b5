//! What accounts have cost this month as rows of FOCUS, the FinOps Open Cost and Usage Specification
//! (<https://focus.finops.org/focus-specification/>): one for each account, Region and kind of usage.
//!
//! Macie tells dollars in list prices and nothing else. What it does not tell is NULL: price ids,
//! invoices, and also quantities, which FOCUS wants in rows of usage.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::{
    id::AccountId,
    money::Usd,
    usage::{Kind, SOURCE, Usage, month},
};

/// The currency of Macie's estimates.
const CURRENCY: &str = "USD";
/// Who provides, publishes, hosts and invoices. Which of its companies writes the invoice depends on
/// the organization's country.
const AWS: &str = "AWS";

/// A release of FOCUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// 1.2, which AWS's own export has.
    V1_2,
    /// 1.4.
    V1_4,
}

/// What all rows of an export have in common.
#[derive(Debug)]
pub struct Bill {
    payer: AccountId,
    names: BTreeMap<AccountId, String>,
    as_of: Timestamp,
    first: Timestamp,
    next: Timestamp,
}

/// One row: what an account has cost in a Region for one kind of usage.
#[derive(Debug)]
pub struct Charge<'a> {
    bill: &'a Bill,
    usage: &'a Usage,
    kind: &'a Kind,
    list: Usd,
}

/// A column: its name, and what a charge has there. None is NULL.
#[derive(Debug)]
pub struct Column {
    /// Its name in FOCUS; columns that are not of FOCUS begin with `x_`.
    pub name: &'static str,
    /// What stands there.
    pub value: Value,
    /// The release that has it; none: all.
    only: Option<Release>,
}

/// What stands in a column, with its type.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    /// Text.
    Text(fn(&Charge<'_>) -> Option<String>),
    /// A time in UTC.
    Time(fn(&Charge<'_>) -> Option<Timestamp>),
    /// An amount.
    Amount(fn(&Charge<'_>) -> Option<Decimal>),
}

/// Every column, in the order of their names, those of FOCUS first.
static COLUMNS: [Column; 35] = [
    amount("BilledCost", |charge| Some(charge.billed())),
    text("BillingAccountId", |charge| some(&charge.bill.payer)),
    text("BillingAccountName", |charge| {
        charge.bill.name(&charge.bill.payer)
    }),
    text("BillingCurrency", |_| some(CURRENCY)),
    time("BillingPeriodEnd", |charge| Some(charge.bill.next)),
    time("BillingPeriodStart", |charge| Some(charge.bill.first)),
    text("ChargeCategory", |_| some("Usage")),
    text("ChargeClass", |_| None),
    text("ChargeDescription", |charge| Some(charge.description())),
    text("ChargeFrequency", |_| some("Usage-Based")),
    time("ChargePeriodEnd", |charge| Some(charge.bill.as_of)),
    time("ChargePeriodStart", |charge| Some(charge.bill.first)),
    amount("ContractedCost", |charge| Some(charge.list.0)),
    amount("EffectiveCost", |charge| Some(charge.billed())),
    text("HostProviderName", |_| some(AWS)).of(Release::V1_4),
    text("InvoiceId", |_| None),
    text("InvoiceIssuerName", |_| some(AWS)),
    amount("ListCost", |charge| Some(charge.list.0)),
    text("PricingCategory", |_| some("Standard")),
    amount("PricingQuantity", |_| None),
    text("PricingUnit", |_| None),
    text("ProviderName", |_| some(AWS)).of(Release::V1_2),
    text("PublisherName", |_| some(AWS)).of(Release::V1_2),
    text("RegionId", |charge| some(&charge.usage.region)),
    text("RegionName", |charge| some(&charge.usage.region)),
    text("ServiceCategory", |_| some("Security")),
    text("ServiceName", |_| some("Amazon Macie")),
    text("ServiceProviderName", |_| some(AWS)).of(Release::V1_4),
    text("ServiceSubcategory", |_| some("Other (Security)")),
    text("SubAccountId", |charge| some(&charge.usage.account)),
    text("SubAccountName", |charge| {
        charge.bill.name(&charge.usage.account)
    }),
    time("x_AsOf", |charge| Some(charge.bill.as_of)),
    text("x_CostSource", |_| some(SOURCE)),
    text("x_MacieUsageType", |charge| some(charge.kind.api_name())),
    time("x_TrialUntil", |charge| charge.trial_until()),
];

/// The columns of a release.
pub fn columns(release: Release) -> Vec<&'static Column> {
    let columns = COLUMNS.iter();
    columns
        .filter(|column| column.only.is_none_or(|only| only == release))
        .collect()
}

impl Bill {
    /// Of the month of a time. None where the calendar ends.
    pub fn new(
        payer: AccountId,
        names: BTreeMap<AccountId, String>,
        now: Timestamp,
    ) -> Option<Self> {
        let (first, next) = month(now)?;
        Some(Self {
            payer,
            names,
            as_of: to_the_second(now)?,
            first,
            next,
        })
    }

    /// The month as its partition in a table: `2026-11`.
    pub fn period(&self) -> String {
        self.first.strftime("%Y-%m").to_string()
    }

    /// The rows, by account and kind, so that the same usage makes the same file.
    pub fn charges<'a>(&'a self, usages: impl IntoIterator<Item = &'a Usage>) -> Vec<Charge<'a>> {
        let mut usages: Vec<&Usage> = usages.into_iter().collect();
        usages.sort_by_key(|usage| (&usage.account, &usage.region));
        let rows = usages.into_iter().flat_map(|usage| {
            usage.usd.iter().map(move |(kind, usd)| Charge {
                bill: self,
                usage,
                kind,
                list: *usd,
            })
        });
        rows.collect()
    }

    fn name(&self, account: &AccountId) -> Option<String> {
        self.names.get(account).cloned()
    }
}

impl Charge<'_> {
    /// Macie's estimate shows what a trial would have cost; nobody is billed that.
    fn billed(&self) -> Decimal {
        match self.trial_until() {
            Some(_) => Decimal::ZERO,
            None => self.list.0,
        }
    }

    /// The end of a trial that runs and covers this kind of usage: jobs are not in it.
    fn trial_until(&self) -> Option<Timestamp> {
        match self.kind {
            Kind::Monitoring => to_the_second(self.usage.trial_until(self.bill.as_of)?),
            _ => None,
        }
    }

    fn description(&self) -> String {
        format!(
            "Macie's own estimate of {} since the first of the month, in list prices",
            self.kind.name()
        )
    }
}

/// FOCUS writes times without fractions.
fn to_the_second(at: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(at.as_second()).ok()
}

impl Column {
    const fn of(mut self, release: Release) -> Self {
        self.only = Some(release);
        self
    }
}

const fn column(name: &'static str, value: Value) -> Column {
    Column {
        name,
        value,
        only: None,
    }
}

const fn text(name: &'static str, value: fn(&Charge<'_>) -> Option<String>) -> Column {
    column(name, Value::Text(value))
}

const fn time(name: &'static str, value: fn(&Charge<'_>) -> Option<Timestamp>) -> Column {
    column(name, Value::Time(value))
}

const fn amount(name: &'static str, value: fn(&Charge<'_>) -> Option<Decimal>) -> Column {
    column(name, Value::Amount(value))
}

fn some(text: impl ToString) -> Option<String> {
    Some(text.to_string())
}

#[cfg(test)]
mod tests;
