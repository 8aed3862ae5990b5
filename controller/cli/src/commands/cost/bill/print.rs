//! Both sides, for people, spreadsheets and programs.

use std::io;

use anyhow::Result;
use controller::config::chain;
use controller_core::{
    bill::{Compared, Remark},
    money::Usd,
};
use csv::Writer;
use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::{self as cost, Costs},
    Beside, SOURCE, WHO,
};
use crate::{
    args::{By, Format},
    output,
};

/// A line of the CSV file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    account: &'a str,
    region: &'a str,
    macie_usd: Option<Usd>,
    billed_usd: Option<Usd>,
    difference_usd: Option<Usd>,
    remark: Option<Remark>,
}

/// Prints both sides; only Macie's, and why, when the bill is not known.
pub fn print(format: Format, costs: &Costs, beside: &Result<Beside>, now: Timestamp) -> Result<()> {
    if let Err(error) = beside {
        eprintln!("the bill is not known: {}", chain(error.as_ref()));
    }
    match (format, beside) {
        (Format::Json, _) => output::json(&document(costs, beside, now)),
        (_, Err(_)) => cost::print(format, costs, By::Account, now),
        (Format::Csv, Ok(both)) => csv(costs, both),
        (Format::Table, Ok(both)) => {
            table(costs, both, now);
            Ok(())
        }
    }
}

/// The answer for programs: that of `cost`, and the bill.
pub fn document(costs: &Costs, beside: &Result<Beside>, now: Timestamp) -> Value {
    let mut document = cost::document(costs, By::Account, now);
    let bill = match beside {
        Err(error) => json!({ "source": SOURCE, "trouble": chain(error.as_ref()) }),
        Ok(both) => json!({
            "source": SOURCE,
            "isFinal": both.bill.is_final,
            "onlyAccount": both.bill.only,
            "rows": both.rows,
            "total": both.total,
        }),
    };
    if let Some(members) = document.as_object_mut() {
        members.insert("bill".to_owned(), bill);
    }
    document
}

fn csv(costs: &Costs, both: &Beside) -> Result<()> {
    costs.warn();
    warn(both);
    let mut writer = Writer::from_writer(io::stdout());
    for row in &both.rows {
        writer.serialize(Row {
            account: row.account.as_str(),
            region: &row.region,
            macie_usd: row.macie_usd,
            billed_usd: row.billed_usd,
            difference_usd: row.difference_usd,
            remark: row.remark,
        })?;
    }
    Ok(writer.flush()?)
}

fn table(costs: &Costs, both: &Beside, now: Timestamp) {
    costs.warn();
    warn(both);
    if !both.rows.is_empty() {
        let mut table = output::table(&[
            "account",
            "Region",
            "Macie says",
            "billed",
            "difference",
            "",
        ]);
        for row in &both.rows {
            table.add_row(cells(row));
        }
        output::print(&table);
    }
    let (month, total) = (costs.month(now), &both.total);
    output::line(format!(
        "{month}: Macie says {}, billed {}, difference {}. Macie says list prices, {}.",
        total.macie_usd,
        total.billed_usd,
        difference(total.difference_usd),
        match both.bill.is_final {
            true => "the bill is final",
            false => "the bill is not final: AWS still adds to it, up to a day late",
        }
    ));
    for line in costs.past.iter().flat_map(|past| past.dates()) {
        output::line(line);
    }
}

fn cells(row: &Compared) -> [String; 6] {
    let usd = |usd: Option<Usd>| usd.map_or(String::new(), |usd| usd.to_string());
    let remark = row.remark.map(|remark| remark.to_string());
    [
        row.account.to_string(),
        row.region.clone(),
        usd(row.macie_usd),
        usd(row.billed_usd),
        difference(row.difference_usd),
        remark.unwrap_or_default(),
    ]
}

/// With its sign, unless it is less than half a cent.
fn difference(usd: Option<Usd>) -> String {
    let Some(Usd(usd)) = usd else {
        return "unknown".to_owned();
    };
    let cents = usd.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    let sign = match cents.cmp(&Decimal::ZERO) {
        std::cmp::Ordering::Less => "-",
        std::cmp::Ordering::Equal => "",
        std::cmp::Ordering::Greater => "+",
    };
    format!("{sign}{}", Usd(cents.abs()))
}

fn warn(both: &Beside) {
    if let Some(account) = &both.bill.only {
        eprintln!("the bill is that of {account} alone. {WHO}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_its_sign() {
        let text = |usd: &str| difference(usd.parse().ok().map(Usd));
        let found = ["12.345", "-12.344", "0.004", "-0.004", "-0.005", "-", "0"].map(text);
        let expected = [
            "+$12.35", "-$12.34", "$0.00", "$0.00", "-$0.01", "unknown", "$0.00",
        ];
        assert_eq!(found, expected);
    }
}
