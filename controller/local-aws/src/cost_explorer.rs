//! Cost Explorer: what Macie is billed. It follows from the same ledger as Macie's own usage.

mod input;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use self::input::{Dimension, Request, invalid};
use crate::{
    error::ApiError,
    macie,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[Operation {
    service: "ce",
    name: "GetCostAndUsage",
    action: "ce:GetCostAndUsage",
    does: "Tells by month what Macie was billed, up to the last midnight in UTC, by up to two of LINKED_ACCOUNT, REGION and SERVICE, with a filter on one of them: all accounts to the management account, others their own. Only UnblendedCost and MONTHLY. What is nothing is no group. AWS does not say when a month is final: 5 days after its end here.",
    source: "AWS Cost Management API Reference, GetCostAndUsage; AWS Cost Management User Guide, ce-access",
}];

/// Macie's name on the bill.
const SERVICE: &str = "Amazon Macie";
/// The one metric.
const METRIC: &str = "UnblendedCost";
/// How long after its end a month still changes. AWS does not say.
const OPEN: SignedDuration = SignedDuration::from_hours(5 * 24);
/// Months before the running one that are told (AWS Cost Management User Guide, ce-what-is: the
/// current one and 13 before it).
const MONTHS: i32 = 13;

/// How the bill differs from list prices.
#[derive(Debug, Clone)]
pub struct State {
    /// The share that is not charged, such as 0.1.
    pub discount: Decimal,
    /// Groups a page. AWS does not say how many: few here, so that pages are turned.
    pub page: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            discount: Decimal::ZERO,
            page: 10,
        }
    }
}

/// What an account was billed in a Region in a month.
struct Record {
    account: String,
    region: String,
    usd: Decimal,
}

/// A group of a month: the month's number among those asked for, the keys and dollars.
type Group = (usize, Vec<String>, Decimal);

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, _operation: &str) -> Result<Reply, ApiError> {
    let request = Request::read(&call.input)?;
    check(&request, world.now())?;
    let months = months(&request);
    let mut groups: Vec<Group> = Vec::new();
    for (number, [start, end]) in months.iter().enumerate() {
        let records = records(world, &call.caller.account, [*start, *end]);
        let found = grouped(&request, records);
        groups.extend(found.into_iter().map(|(keys, usd)| (number, keys, usd)));
    }
    let page: Vec<&Group> = groups
        .iter()
        .skip(request.skip)
        .take(world.bill.page)
        .collect();
    let next = request.skip + page.len();
    let results = months.iter().enumerate().map(|(number, month)| {
        let own = page.iter().filter(|(of, ..)| *of == number);
        result(&request, *month, own.copied(), world.now())
    });
    let mut document = json!({
        "GroupDefinitions": request.group_by.iter().map(|by| json!({ "Type": "DIMENSION", "Key": by.name() })).collect::<Vec<_>>(),
        "ResultsByTime": results.collect::<Vec<_>>(),
        "DimensionValueAttributes": [],
    });
    if let (true, Some(members)) = (next < groups.len(), document.as_object_mut()) {
        members.insert("NextPageToken".to_owned(), json!(next.to_string()));
    }
    Ok(Reply::json(document))
}

/// The dates that AWS refuses: DateInterval says the first two, and what it answers to the last two is
/// in its own words.
fn check(request: &Request, now: Timestamp) -> Result<(), ApiError> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let first = today.first_of_month();
    let oldest = first.checked_sub(MONTHS.months()).unwrap_or(first);
    let next = first.checked_add(1.month()).unwrap_or(first);
    let Request { start, end, .. } = request;
    match () {
        () if start >= end => Err(invalid(
            "Start date (and hour) should be before end date (and hour)",
        )),
        () if *start > today => Err(invalid(
            "Start date must be equal to or no later than the current date",
        )),
        () if *end > next => Err(invalid("end date past the beginning of next month")),
        () if *start < oldest => Err(invalid(
            "You haven't enabled historical data beyond 14 months",
        )),
        () => Ok(()),
    }
}

/// The period, cut at the firsts of months.
fn months(request: &Request) -> Vec<[Date; 2]> {
    let starts = std::iter::successors(Some(request.start), |start| {
        start.first_of_month().checked_add(1.month()).ok()
    });
    let starts = starts.take_while(|start| *start < request.end);
    let end = |start: Date| start.last_of_month().tomorrow().unwrap_or(start);
    starts
        .map(|start| [start, end(start).min(request.end)])
        .collect()
}

/// What the caller sees of a month. Data is up to a day late (AWS Cost Management User Guide,
/// ce-what-is): until the last midnight.
fn records(world: &World, caller: &str, [start, end]: [Date; 2]) -> Vec<Record> {
    let today = world.now().to_zoned(TimeZone::UTC).date();
    let (start, end) = (midnight(start), midnight(end.min(today)));
    if start >= end {
        return Vec::new();
    }
    let sees_all = caller == world.organizations.management;
    let charged = Decimal::ONE - world.bill.discount;
    macie::users(world)
        .filter(|(account, _)| sees_all || *account == caller)
        .map(|(account, region)| Record {
            account: account.to_owned(),
            region: region.to_owned(),
            usd: macie::billed(world, account, region, [start, end]) * charged,
        })
        .filter(|record| !record.usd.is_zero())
        .collect()
}

fn midnight(date: Date) -> Timestamp {
    let midnight = date.to_zoned(TimeZone::UTC);
    midnight.map_or(Timestamp::MIN, |midnight| midnight.timestamp())
}

/// Sums by the dimensions that were asked for; without any, one that has no keys.
fn grouped(request: &Request, records: Vec<Record>) -> BTreeMap<Vec<String>, Decimal> {
    let mut sums = BTreeMap::new();
    for record in records
        .iter()
        .filter(|record| request.takes(|of| record.value(of)))
    {
        let keys = request
            .group_by
            .iter()
            .map(|by| record.value(*by).to_owned());
        let sum: &mut Decimal = sums.entry(keys.collect()).or_default();
        *sum += record.usd;
    }
    sums
}

impl Record {
    fn value(&self, dimension: Dimension) -> &str {
        match dimension {
            Dimension::Account => &self.account,
            Dimension::Region => &self.region,
            Dimension::Service => SERVICE,
        }
    }
}

fn result<'g>(
    request: &Request,
    [start, end]: [Date; 2],
    groups: impl Iterator<Item = &'g Group>,
    now: Timestamp,
) -> Value {
    let amount = |usd: Decimal| {
        let usd = usd.round_dp(10).normalize().to_string();
        json!({ METRIC: { "Amount": usd, "Unit": "USD" } })
    };
    let groups: Vec<&Group> = groups.collect();
    let total: Decimal = groups.iter().map(|(_, _, usd)| usd).sum();
    let (total, groups) = match request.group_by.is_empty() {
        true => (amount(total), Vec::new()),
        false => (json!({}), groups),
    };
    let groups = groups
        .into_iter()
        .map(|(_, keys, usd)| json!({ "Keys": keys, "Metrics": amount(*usd) }));
    json!({
        "TimePeriod": { "Start": start.to_string(), "End": end.to_string() },
        "Total": total,
        "Groups": groups.collect::<Vec<_>>(),
        "Estimated": now < midnight(end) + OPEN,
    })
}
