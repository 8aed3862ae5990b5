//! Prices for people and programs.

use std::collections::BTreeMap;

use controller_core::prices::{PriceList, Prices, Tier, with_cents};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Row, State, refresh::Refresh};
use crate::output;

/// What to do where nothing is known.
const FIX: &str = "put what you pay into `prices` of the policy, or see `maciectl prices refresh`";

/// What counts now, for programs: money as text.
pub fn document(rows: &[Row]) -> Value {
    json!({
        "schemaVersion": output::SCHEMA_VERSION,
        "currency": "USD",
        "priceList": priced(),
        "regions": rows,
    })
}

/// What counts now, for people.
pub fn table(rows: &[Row]) {
    let mut table = output::table(&["Region", "a bucket and month", "a gigabyte", "from"]);
    for Row {
        region,
        from,
        prices,
    } in rows
    {
        let [bucket, gigabyte] = texts(prices.as_ref());
        let from = from.map_or(FIX.to_owned(), source);
        table.add_row([region.to_string(), bucket, gigabyte, from]);
    }
    output::print(&table);
}

/// What was found, for programs.
pub fn refreshed_document(found: &Refresh) -> Value {
    json!({
        "schemaVersion": output::SCHEMA_VERSION,
        "currency": "USD",
        "priceList": priced(),
        "usageTypes": found.names,
        "regions": found.rows,
    })
}

/// What was found, for people.
pub fn refreshed(found: &Refresh) {
    let headings = [
        "Region",
        "",
        "AWS: a bucket and month",
        "AWS: a gigabyte",
        "now",
        "why",
    ];
    let mut table = output::table(&headings);
    for row in &found.rows {
        let [bucket, gigabyte] = texts(row.found.as_ref());
        let state = match row.state {
            State::Same => "same",
            State::New => "new",
            State::Changed => "changed",
            State::Unknown => "unknown",
        };
        let now = match (row.now.from, &row.now.prices) {
            (Some(from), prices @ Some(_)) => {
                let [bucket, gigabyte] = texts(prices.as_ref());
                format!("{bucket}; {gigabyte} ({})", source(from))
            }
            _ => "unknown".to_owned(),
        };
        let why = row.why.clone().unwrap_or_default();
        let region = row.now.region.to_string();
        table.add_row([region, state.to_owned(), bucket, gigabyte, now, why]);
    }
    output::print(&table);
    let names = |names: &BTreeMap<String, String>| {
        let names = names
            .iter()
            .map(|(name, unit)| format!("`{name}` ({unit})"));
        names.collect::<Vec<_>>().join(", ")
    };
    output::line(format!(
        "Taken for buckets: {}; for gigabytes: {}: they have the known prices of us-east-1.",
        names(&found.names.bucket_month),
        names(&found.names.gigabyte)
    ));
    output::line(
        "Nothing is changed. `--for-policy` prints `prices` for the policy; the policy goes first.",
    );
}

fn texts(prices: Option<&Prices>) -> [String; 2] {
    match prices {
        Some(prices) => [dollars(prices.bucket_month), tiers(&prices.gigabyte)],
        None => ["unknown", "unknown"].map(str::to_owned),
    }
}

/// `$1.00 to 50000 GB, $0.50 to 500000 GB, then $0.25`.
fn tiers(tiers: &[Tier]) -> String {
    let then = if tiers.len() > 1 { "then " } else { "" };
    let texts = tiers.iter().map(|tier| match tier.up_to {
        Some(end) => format!("{} to {end} GB", dollars(tier.price)),
        None => format!("{then}{}", dollars(tier.price)),
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// A price is not rounded to cents.
fn dollars(price: Decimal) -> String {
    format!("${}", with_cents(price))
}

fn source(from: &str) -> String {
    match (from, PriceList::bundled()) {
        ("list", Some(list)) => format!("AWS's list of {}", list.as_of),
        _ => format!("the {from}"),
    }
}

fn priced() -> Option<Value> {
    PriceList::bundled().map(|list| json!({ "asOf": list.as_of, "source": list.source }))
}
