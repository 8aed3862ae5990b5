//! `demo`: the whole life of an opt-in on a local AWS.

mod closing;
mod stage;
mod story;

use anyhow::Result;

use self::stage::Stage;
use crate::{
    args::{Format, Global},
    exit::Exit,
    output,
};

/// Tells the story and exits.
pub async fn run(global: &Global) -> Result<Exit> {
    let talks = global.output == Format::Table;
    let mut stage = Stage::set(talks).await?;
    story::tell(&mut stage).await?;
    let accounts = closing::accounts(&stage).await?;
    match global.output {
        Format::Table | Format::Csv => closing::print(&accounts),
        Format::Json => output::json(&serde_json::json!({
            "schemaVersion": output::SCHEMA_VERSION,
            "timeline": stage.timeline,
            "accounts": accounts,
            "next": closing::NEXT,
        }))?,
    }
    Ok(Exit::Success)
}
