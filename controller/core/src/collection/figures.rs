//! A Region's day as metrics: lines in CloudWatch's embedded metric format, which CloudWatch makes
//! metrics of when a function prints them (CloudWatch User Guide, Embedded Metric Format
//! Specification).
//!
//! Each set of dimensions is a metric that is paid for, so there are two for all accounts together:
//! the Region, and none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Map, Value, json};

use super::{
    Row,
    alert::{Level, is_forecast_over},
};
use crate::{
    id::Region,
    money::Usd,
    usage::{Kind, Usage},
};

/// Where the metrics are.
pub const NAMESPACE: &str = "MacieSelfService";

/// The names of the metrics that a kind of usage has. Whatever a later release of Macie charges for is
/// in the last one.
const KINDS: [(&str, Option<Kind>); 5] = [
    ("MonthToDateMonitoring", Some(Kind::Monitoring)),
    ("MonthToDateJobs", Some(Kind::Jobs)),
    (
        "MonthToDateAutomatedDiscovery",
        Some(Kind::AutomatedDiscovery),
    ),
    ("MonthToDateObjectMonitoring", Some(Kind::ObjectMonitoring)),
    ("MonthToDateOther", None),
];

/// A metric's name, unit (CloudWatch API Reference, `MetricDatum`: dollars have none) and value.
type Figure = (&'static str, &'static str, f64);

/// How far the sum of the accounts is from Macie's own totals, all kinds together: nothing, when it is
/// no more than rounding makes of so many figures, half a cent each.
pub fn difference(usages: &[Usage], totals: &BTreeMap<Kind, Usd>) -> Usd {
    let mut left: BTreeMap<&Kind, Decimal> = BTreeMap::new();
    for (kind, usd) in usages.iter().flat_map(|usage| &usage.usd) {
        let sum = left.entry(kind).or_default();
        *sum = sum.saturating_add(usd.0);
    }
    for (kind, usd) in totals {
        let sum = left.entry(kind).or_default();
        *sum = sum.saturating_sub(usd.0);
    }
    let off = left.values().map(Decimal::abs);
    let off = off.fold(Decimal::ZERO, Decimal::saturating_add);
    let figures = usages.len().saturating_add(1).saturating_mul(left.len());
    let rounding = Decimal::from(figures).saturating_mul(Decimal::new(5, 3));
    match off > rounding {
        true => Usd(off),
        false => Usd::default(),
    }
}

/// A Region's metrics as a line. What is unknown is left out: it is not zero.
pub fn of_region(region: &Region, rows: &[Row], difference: Option<Usd>, now: Timestamp) -> String {
    let mut figures = by_kind(rows);
    let sum = |usd: fn(&Row) -> Option<Usd>| {
        rows.iter().try_fold(Decimal::ZERO, |sum, row| {
            Some(sum.saturating_add(usd(row)?.0))
        })
    };
    let dollars = [
        ("MonthToDate", sum(|row| Some(row.total_usd))),
        ("Forecast", sum(|row| row.forecast_usd)),
        ("CollectionDifference", difference.map(|usd| usd.0)),
    ];
    let known = dollars
        .into_iter()
        .filter_map(|(name, usd)| Some((name, "None", float(usd?))));
    figures.extend(known);
    let count = |is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    for (name, count) in [
        ("Accounts", rows.len()),
        (
            "AccountsOver80Percent",
            count(&|row| Level::of(row) >= Level::Most),
        ),
        (
            "AccountsOverBudget",
            count(&|row| Level::of(row) == Level::Spent),
        ),
        ("AccountsForecastOverBudget", count(&is_forecast_over)),
        ("Anomalies", count(&|row| row.is_unusual)),
    ] {
        figures.push((name, "Count", float(count.into())));
    }
    line(&figures, Some(region), now)
}

/// Whether every governed Region has its snapshot of the day, as a line.
pub fn of_collection(is_whole: bool, now: Timestamp) -> String {
    let whole = if is_whole { 1.0 } else { 0.0 };
    line(&[("Collections", "Count", whole)], None, now)
}

fn by_kind(rows: &[Row]) -> Vec<Figure> {
    let mut sums = KINDS.map(|_| Decimal::ZERO);
    for (name, usd) in rows.iter().flat_map(|row| &row.month_to_date_usd) {
        let own = |(_, kind): &(&str, Option<Kind>)| {
            kind.as_ref().is_none_or(|kind| kind.api_name() == name)
        };
        // The last one takes every kind.
        let sum = KINDS
            .iter()
            .position(own)
            .and_then(|index| sums.get_mut(index));
        if let Some(sum) = sum {
            *sum = sum.saturating_add(usd.0);
        }
    }
    let names = KINDS.iter().map(|(name, _)| *name);
    names
        .zip(sums)
        .map(|(name, sum)| (name, "None", float(sum)))
        .collect()
}

/// Only metrics are floats: nothing is reckoned with them.
fn float(number: Decimal) -> f64 {
    number.round_dp(6).to_f64().unwrap_or_default()
}

fn line(figures: &[Figure], region: Option<&Region>, now: Timestamp) -> String {
    let names = figures
        .iter()
        .map(|(name, unit, _)| json!({ "Name": name, "Unit": unit }));
    let dimensions = match region {
        Some(_) => json!([["Region"], []]),
        None => json!([[]]),
    };
    let mut line = Map::new();
    let directive = json!({
        "Namespace": NAMESPACE,
        "Dimensions": dimensions,
        "Metrics": names.collect::<Vec<_>>(),
    });
    let metadata = json!({
        "Timestamp": now.as_millisecond(),
        "CloudWatchMetrics": [directive],
    });
    line.insert("_aws".to_owned(), metadata);
    if let Some(region) = region {
        line.insert("Region".to_owned(), json!(region));
    }
    let values = figures
        .iter()
        .map(|(name, _, value)| ((*name).to_owned(), json!(value)));
    line.extend(values);
    Value::Object(line).to_string()
}
