//! `handle`: what the function would do with these events.

use std::io::Read;

use anyhow::{Context, Result};
use controller::lambda::handle;

use super::{plan, start};
use crate::{
    args::{Format, Global},
    exit::Exit,
    output,
};

/// Feeds a file to the controller.
pub async fn run(global: &Global, file: &str) -> Result<Exit> {
    let payload = read(file)?;
    let runtime = start(global).await?;
    let handled = handle(&runtime, &payload, None).await;
    let refused: Vec<String> = handled.refused.iter().map(|(_, why)| why.clone()).collect();
    if handled.reports.is_empty() && refused.is_empty() {
        anyhow::bail!(
            "`{file}` holds no event; expected one event, an array, JSON lines or an SQS batch"
        );
    }
    match global.output {
        Format::Json => output::reports_json(&handled.reports, &refused)?,
        Format::Table | Format::Csv => {
            if !handled.reports.is_empty() {
                output::reports(&handled.reports);
            }
            refused
                .iter()
                .for_each(|why| output::line(format!("refused  {why}")));
        }
    }
    match (
        handled.reports.is_empty(),
        refused.is_empty(),
        plan::exit(&handled.reports),
    ) {
        (true, false, _) => Ok(Exit::Error),
        (false, false, Exit::Success) => Ok(Exit::Partial),
        (.., exit) => Ok(exit),
    }
}

fn read(file: &str) -> Result<String> {
    if file != "-" {
        return std::fs::read_to_string(file).with_context(|| format!("cannot read `{file}`"));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("cannot read standard input")?;
    Ok(text)
}
