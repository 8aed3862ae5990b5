//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use controller_core::id::Region;
use rust_decimal::Decimal;

/// The exit codes for `--help`.
const EXITS: &str = "\
Exit codes:
  0   every question that was asked is answered as we assume
  1   error: refused, or the clean-up left something
  2   some answers differ: see what to change
  3   partial: some questions have no answer yet
  64  the command line is wrong";

/// Ask AWS, in a sandbox organization, what its documents leave open.
///
/// Creates buckets, an event rule, a queue and Macie jobs whose names begin with the prefix, makes
/// the workload account a Macie member, and puts everything back.
#[derive(Debug, Clone, Parser)]
#[command(name = "live-check", version, after_help = EXITS)]
pub struct Args {
    /// Without it: ask. `clean`: only remove what a run has left.
    #[arg(value_enum)]
    pub action: Option<Action>,
    /// The sandbox organization's id, `o-...`; any other one is refused.
    #[arg(long)]
    pub organization: String,
    /// Profile that leads into the delegated Macie administrator account.
    #[arg(long)]
    pub administrator_profile: String,
    /// Profile that leads into the workload account that is played with.
    #[arg(long)]
    pub workload_profile: String,
    /// The Region.
    #[arg(long)]
    pub region: Region,
    /// What the names of everything that is created begin with; bucket names are known worldwide.
    #[arg(long, value_parser = prefix)]
    pub prefix: String,
    /// The most that it may cost, in dollars; an estimate above is refused.
    #[arg(long)]
    pub max_dollars: Decimal,
    /// Only these questions.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// `start` also begins the questions that take days, and leaves everything in place; `finish`
    /// answers them later and cleans up.
    #[arg(long, value_enum)]
    pub phase: Option<Phase>,
    /// Where a run keeps what it needs for `finish` and `clean`; `PREFIX.live-check.json` if absent.
    #[arg(long)]
    pub state: Option<PathBuf>,
    /// Folder for the events that are caught; `PREFIX-events` if absent.
    #[arg(long)]
    pub events: Option<PathBuf>,
    /// The workload account may be a member, or have Macie on, already.
    #[arg(long)]
    pub member_may_change: bool,
    /// Do it. Without it, only what would be done and its cost are shown.
    #[arg(long)]
    pub yes: bool,
    /// A table for people, or JSON with a `schemaVersion`.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// A local AWS on loopback instead of AWS; profiles are then account ids.
    #[arg(long)]
    pub endpoint: Option<String>,
}

/// What to do instead of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Action {
    /// Remove what a run has left.
    Clean,
}

/// Parts of a run that takes days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Phase {
    /// Begin.
    Start,
    /// Answer.
    Finish,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl Args {
    /// The state file.
    pub fn state_file(&self) -> PathBuf {
        let default = || format!("{}.live-check.json", self.prefix).into();
        self.state.clone().unwrap_or_else(default)
    }

    /// The folder for events.
    pub fn events_folder(&self) -> PathBuf {
        let default = || format!("{}-events", self.prefix).into();
        self.events.clone().unwrap_or_else(default)
    }
}

/// A prefix of which bucket, queue and rule names can be made.
fn prefix(text: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
    match (4..=40).contains(&text.len()) && begins && text.bytes().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err("expected 4 to 40 of a-z, 0-9 and `-`, a letter first".to_owned()),
    }
}
