//! Dead letters for people and for programs.

use anyhow::Result;
use serde_json::json;

use super::{Fate, Letter, Redriven};
use crate::{
    args::{DlqRedriveArgs, Format},
    output,
};

pub fn letters(format: Format, letters: &[Letter]) -> Result<()> {
    if format == Format::Json {
        let version = output::SCHEMA_VERSION;
        return output::json(&json!({ "schemaVersion": version, "deadLetters": letters }));
    }
    if letters.is_empty() {
        output::line("No dead letters.");
        return Ok(());
    }
    let mut table = output::table(&[
        "id", "age", "received", "what", "account", "Region", "bucket", "why",
    ]);
    for letter in letters {
        table.add_row(cells(letter));
    }
    output::print(&table);
    eprintln!("Next, when the cause is mended: maciectl dlq redrive --plan");
    Ok(())
}

pub fn redriven(format: Format, all: &[Redriven], args: &DlqRedriveArgs) -> Result<()> {
    let applied = args.mode.apply;
    if format == Format::Json {
        let version = output::SCHEMA_VERSION;
        return output::json(
            &json!({ "schemaVersion": version, "applied": applied, "deadLetters": all }),
        );
    }
    if all.is_empty() {
        output::line("No dead letters.");
        return Ok(());
    }
    let mut table = output::table(&["", "id", "what", "account", "Region", "bucket", "why"]);
    for one in all {
        let [id, _, _, what, account, region, bucket, why] = cells(&one.letter);
        let (sign, why) = sign(&one.fate, applied, why);
        table.add_row([sign.to_owned(), id, what, account, region, bucket, why]);
    }
    output::print(&table);
    if !applied && all.iter().any(|one| one.fate == Fate::Redriven) {
        eprintln!("Next: maciectl dlq redrive --apply, with the same filters");
    }
    Ok(())
}

fn sign(fate: &Fate, applied: bool, why: String) -> (&'static str, String) {
    match (fate, applied) {
        (Fate::Redriven, true) => ("put back", why),
        (Fate::Redriven, false) => ("would put back", why),
        (Fate::Poison, _) => ("stays", format!("{why} (nobody can read it)")),
        (Fate::Failed { trouble }, _) => ("failed", trouble.to_string()),
    }
}

fn cells(letter: &Letter) -> [String; 8] {
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    [
        letter.id.clone(),
        text(letter.age_seconds.map(age)),
        text(letter.received.map(|count| count.to_string())),
        letter.what.to_owned(),
        text(letter.account.as_ref().map(ToString::to_string)),
        text(letter.region.as_ref().map(ToString::to_string)),
        text(letter.bucket.as_ref().map(ToString::to_string)),
        letter.why.clone(),
    ]
}

/// The two units that matter.
fn age(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}
