//! Standard output is data: tables for people, JSON for programs. Standard error is talk.

use std::{
    fmt::Display,
    io::{self, Write},
};

use comfy_table::{ContentArrangement, Table, presets};
use controller_core::{
    plan::{Cost, Note},
    report::Report,
};
use serde::Serialize;
use serde_json::json;

/// The version of every JSON document.
pub const SCHEMA_VERSION: u32 = controller_core::report::SCHEMA_VERSION;

/// Prints a line of data. A closed pipe is not an error: somebody has seen enough.
pub fn line(text: impl AsRef<str>) {
    let _closed = writeln!(io::stdout(), "{}", text.as_ref());
}

/// Prints a JSON document.
pub fn json(document: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(document)?);
    Ok(())
}

/// A table with these headings.
pub fn table<Heading: Display>(headings: &[Heading]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings);
    if !table.is_tty() {
        table.set_width(160);
    }
    table
}

/// Prints a table.
pub fn print(table: &Table) {
    line(table.to_string());
}

/// An estimate for people.
pub fn cost(cost: &Cost) -> String {
    let monthly = cost.monthly_usd.map(|usd| format!("{usd} a month"));
    let once = cost.once_usd.map(|usd| format!("{usd} once"));
    monthly
        .into_iter()
        .chain(once)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A note for people: what it is, and what to do.
pub fn note(note: &Note) -> (&'static str, String) {
    let (sign, text) = sign(note);
    match note {
        Note::Blocked(by) => (sign, format!("{text} (fix: {})", by.fix())),
        _ => (sign, text),
    }
}

/// A note for people: what it is.
pub fn sign(note: &Note) -> (&'static str, String) {
    match note {
        Note::Waiting(on) => ("waiting", on.to_string()),
        Note::Blocked(by) => ("blocked", by.to_string()),
        Note::OverBudget { .. } | Note::FirstScanOverBudget { .. } => {
            ("over budget", note.warning().unwrap_or_default())
        }
        Note::NearMiss {
            bucket,
            found,
            expected,
        } => (
            "near miss",
            format!("{bucket} is tagged `{found}`, an opt-in is `{expected}`"),
        ),
    }
}

/// Prints reports as a table, each with everything that it has to say.
pub fn reports(reports: &[Report]) {
    let mut table = table(&["account", "Region", "", "what", "why", "estimated cost"]);
    for report in reports {
        let place = [
            report.scope.account.to_string(),
            report.scope.region.to_string(),
        ];
        let mut row = |sign: &str, what: String, why: String, cost: String| {
            table.add_row([
                place[0].clone(),
                place[1].clone(),
                sign.to_owned(),
                what,
                why,
                cost,
            ]);
        };
        let sign = if report.dry_run { "would" } else { "did" };
        for change in &report.changes {
            row(
                sign,
                change.summary.clone(),
                change.why.to_string(),
                cost(&change.cost),
            );
        }
        for failure in &report.failures {
            row(
                "failed",
                failure.summary.clone(),
                failure.trouble.to_string(),
                String::new(),
            );
        }
        for (sign, text) in report.notes.iter().map(note) {
            row(sign, text, String::new(), String::new());
        }
        if let Some(violation) = &report.violation {
            row(
                "stopped",
                violation.to_string(),
                "a defect of the controller: nothing was done".to_owned(),
                String::new(),
            );
        }
        if report.unsettled {
            let what = "still asks for writes after many rounds".to_owned();
            row("unsettled", what, String::new(), String::new());
        }
        if let Some(why) = &report.unpublished {
            row("unpublished", why.clone(), String::new(), String::new());
        }
    }
    match table.row_count() {
        0 => line("Nothing to do: everything is as the policy wants it."),
        _ => print(&table),
    }
}

/// Reports as JSON.
pub fn reports_json(reports: &[Report], refused: &[String]) -> anyhow::Result<()> {
    let items: Vec<_> = reports
        .iter()
        .map(|report| {
            let mut item = json!(report);
            if let Some(item) = item.as_object_mut() {
                item.insert("outcome".to_owned(), json!(report.outcome()));
            }
            item
        })
        .collect();
    json(&json!({ "schemaVersion": SCHEMA_VERSION, "reports": items, "refused": refused }))
}
