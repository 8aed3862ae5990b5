//! The answer for people, and for spreadsheets.

use std::io;

use anyhow::Result;
use comfy_table::Table;
use controller_core::{money::Usd, usage::forecast};
use csv::Writer;
use jiff::Timestamp;

use super::{
    Costs, METHOD,
    rows::{AccountRow, accounts, sums},
    total,
};
use crate::{args::By, output};

const NOTHING: &str = "Macie told of no usage of what was asked for.";

/// Prints the rows as CSV: money as plain decimals, what is not known as nothing.
pub(super) fn csv(costs: &Costs, by: By, now: Timestamp) -> Result<()> {
    costs.warn();
    if costs.usages.is_empty() {
        eprintln!("{NOTHING}");
    }
    let mut writer = Writer::from_writer(io::stdout());
    match by {
        By::Account => accounts(costs, now).try_for_each(|row| writer.serialize(row))?,
        By::Region | By::Type | By::Unit | By::Tag | By::Bucket => {
            sums(costs, by, now).try_for_each(|row| writer.serialize(row))?;
        }
    }
    Ok(writer.flush()?)
}

/// Prints the rows as a table.
pub(super) fn table(costs: &Costs, by: By, now: Timestamp) {
    costs.warn();
    if costs.usages.is_empty() {
        return output::line(NOTHING);
    }
    output::print(&match by {
        By::Account => by_account(costs, now),
        By::Region | By::Type | By::Unit | By::Tag | By::Bucket => by_name(costs, by, now),
    });
    let total = total(costs);
    let least = if costs.trouble.is_empty() {
        ""
    } else {
        "at least "
    };
    output::line(format!(
        "{least}{total} this month, {least}{} at its end ({METHOD}). Macie's own estimates in list prices.",
        end(forecast(total, now))
    ));
}

fn by_account(costs: &Costs, now: Timestamp) -> Table {
    let mut table = output::table(&[
        "account",
        "Region",
        "monitoring",
        "jobs",
        "others",
        "this month",
        "at its end",
        "",
    ]);
    for row in accounts(costs, now) {
        table.add_row([
            row.account.to_string(),
            row.region.to_string(),
            row.monitoring_usd.to_string(),
            row.jobs_usd.to_string(),
            row.others_usd.to_string(),
            row.month_to_date_usd.to_string(),
            end(row.forecast_usd),
            remarks(&row),
        ]);
    }
    table
}

fn by_name(costs: &Costs, by: By, now: Timestamp) -> Table {
    let mut table = output::table(&["", "this month", "at its end"]);
    for row in sums(costs, by, now) {
        let month = row.month_to_date_usd.to_string();
        table.add_row([row.name, month, end(row.forecast_usd)]);
    }
    table
}

fn end(usd: Option<Usd>) -> String {
    usd.map_or("unknown".to_owned(), |usd| usd.to_string())
}

fn remarks(row: &AccountRow<'_>) -> String {
    let trial = row
        .trial_until
        .map(|until| format!("trial until {until}: monitoring is not charged yet"));
    let quota = row
        .quota_met
        .then(|| "the month's quota is met: Macie has paused its jobs".to_owned());
    let remarks = trial.into_iter().chain(quota);
    remarks.collect::<Vec<_>>().join("; ")
}
