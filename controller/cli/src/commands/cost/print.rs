//! The answer for people, and for spreadsheets.

use std::io;

use anyhow::Result;
use comfy_table::Table;
use controller_core::money::Usd;
use csv::Writer;
use jiff::Timestamp;

use super::{
    Costs, METHOD,
    past::Past,
    rows::{AccountRow, accounts, sums},
    total,
};
use crate::{args::By, output};

/// Nothing that was used is not nothing that is known.
fn nothing(costs: &Costs) -> &'static str {
    match costs.is_whole() {
        true => "Macie told of no usage of what was asked for.",
        false => "Nothing is known of what was asked for.",
    }
}

/// Prints the rows as CSV: money as plain decimals, what is not known as nothing.
pub(super) fn csv(costs: &Costs, by: By, now: Timestamp) -> Result<()> {
    costs.warn();
    if costs.usages.is_empty() {
        eprintln!("{}", nothing(costs));
    }
    for line in costs.past.iter().flat_map(Past::dates) {
        eprintln!("{line}");
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
    match costs.usages.is_empty() {
        true => output::line(nothing(costs)),
        false => figures(costs, by, now),
    }
    for line in costs.past.iter().flat_map(Past::dates) {
        output::line(line);
    }
}

fn figures(costs: &Costs, by: By, now: Timestamp) {
    output::print(&match by {
        By::Account => by_account(costs, now),
        By::Region | By::Type | By::Unit | By::Tag | By::Bucket => by_name(costs, by, now),
    });
    let total = total(costs);
    let least = if costs.is_whole() { "" } else { "at least " };
    output::line(match &costs.past {
        None => format!(
            "{least}{total} this month, {least}{} at its end ({METHOD}). Macie's own estimates in list prices.",
            end(costs.forecast(total, now))
        ),
        Some(past) => {
            let month = past.month;
            format!("{least}{total} in {month}. Macie's own estimates in list prices.")
        }
    });
}

/// The headings of dollars: a month that is over has no end to be told.
fn headings(costs: &Costs) -> Vec<String> {
    match &costs.past {
        None => ["this month", "at its end"].map(str::to_owned).to_vec(),
        Some(past) => vec![past.month.to_string()],
    }
}

/// The dollars below them.
fn dollars(costs: &Costs, usd: Usd, forecast: Option<Usd>) -> Vec<String> {
    let end = costs.past.is_none().then(|| end(forecast));
    [usd.to_string()].into_iter().chain(end).collect()
}

fn by_account(costs: &Costs, now: Timestamp) -> Table {
    let names = ["account", "Region", "monitoring", "jobs", "others"].map(str::to_owned);
    let headings = [names.to_vec(), headings(costs), vec![String::new()]].concat();
    let mut table = output::table(&headings);
    for row in accounts(costs, now) {
        let names = [row.account.to_string(), row.region.to_string()];
        let kinds = [row.monitoring_usd, row.jobs_usd, row.others_usd].map(|usd| usd.to_string());
        let dollars = dollars(costs, row.month_to_date_usd, row.forecast_usd);
        let cells = [&names[..], &kinds, &dollars, &[remarks(costs, &row)]];
        table.add_row(cells.concat());
    }
    table
}

fn by_name(costs: &Costs, by: By, now: Timestamp) -> Table {
    let headings = [vec![String::new()], headings(costs)].concat();
    let mut table = output::table(&headings);
    for row in sums(costs, by, now) {
        let dollars = dollars(costs, row.month_to_date_usd, row.forecast_usd);
        table.add_row([vec![row.name], dollars].concat());
    }
    table
}

fn end(usd: Option<Usd>) -> String {
    usd.map_or("unknown".to_owned(), |usd| usd.to_string())
}

fn remarks(costs: &Costs, row: &AccountRow<'_>) -> String {
    let what = match costs.past {
        None => "monitoring is not charged yet",
        Some(_) => "monitoring was not charged until then",
    };
    let trial = row
        .trial_until
        .map(|until| format!("trial until {until}: {what}"));
    let quota = row
        .quota_met
        .then(|| "the month's quota is met: Macie has paused its jobs".to_owned());
    let remarks = trial.into_iter().chain(quota);
    remarks.collect::<Vec<_>>().join("; ")
}
