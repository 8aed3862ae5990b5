//! What a run keeps in a file: how things were found, and what `finish` needs.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{answer::Answer, args::Args};

/// The state of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The organization.
    pub organization: String,
    /// The Region.
    pub region: String,
    /// The prefix.
    pub prefix: String,
    /// The workload account.
    pub workload: String,
    /// The member as it was found, by AWS's name of its state; none for a stranger.
    pub member: Option<String>,
    /// Whether Macie was on, or suspended, in the workload account.
    pub macie_was_on: bool,
    /// The questions that take days.
    pub days: Option<Days>,
    /// Answers so far.
    pub answers: Vec<Answer>,
}

/// The questions that take days.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Days {
    /// The daily job.
    pub job: String,
    /// What the account's jobs had cost before, in dollars.
    pub base: Decimal,
    /// When the one-time job had ended.
    pub scanned_at: Timestamp,
    /// When its cost was last not to be seen; none if it was seen.
    pub unseen_at: Option<Timestamp>,
    /// When the member was suspended.
    pub suspended_at: Timestamp,
    /// When it was resumed.
    pub resumed_at: Option<Timestamp>,
}

impl State {
    /// Reads the file; none if there is no such file.
    pub fn read(file: &Path) -> Result<Option<Self>> {
        match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .with_context(|| format!("`{}` is not a state of this version", file.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read `{}`", file.display())),
        }
    }

    /// Writes the file.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
    }

    /// Refuses a file of another run.
    pub fn check(&self, args: &Args, workload: &str) -> Result<()> {
        let ours = [
            &self.organization,
            &self.region,
            &self.prefix,
            &self.workload,
        ];
        let ours = ours.map(String::as_str);
        let asked = [
            args.organization.as_str(),
            args.region.as_str(),
            args.prefix.as_str(),
            workload,
        ];
        ensure!(
            ours == asked,
            "the state file is of {ours:?}, and the command line is about {asked:?}: name the \
             right one by --state"
        );
        Ok(())
    }
}
