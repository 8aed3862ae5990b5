//! One file per command.

pub mod adopt;
pub mod approve;
pub mod breaker;
pub mod cost;
mod demo;
pub mod dlq;
pub mod doctor;
pub mod estimate;
mod explain;
pub mod focus;
mod handle;
mod listed;
mod local;
mod plan;
pub mod prices;
pub mod report;
pub mod status;
pub mod uninstall;

use std::io::{self, IsTerminal};

use anyhow::Result;
use clap::{CommandFactory, Parser};
use controller::{
    aws::Tuning,
    clock::Clock,
    config::{Runtime, chain},
    survey::{self, Listed, accounts},
};
use controller_core::{
    id::{AccountId, Region, Scope},
    policy::Policy,
};
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;

use crate::{
    args::{Cli, Command, Global},
    exit::Exit,
};

/// Accounts and Regions that are looked at at the same time.
const CONCURRENCY: usize = 8;

/// Parses the command line and carries it out.
pub async fn main() -> Exit {
    let cli = match Cli::try_parse().and_then(Cli::checked) {
        Ok(cli) => cli,
        Err(error) => {
            let _closed = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Success
            };
        }
    };
    init_log(cli.global.verbose);
    match run(cli).await {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {}", chain(error.as_ref()));
            Exit::Error
        }
    }
}

async fn run(cli: Cli) -> Result<Exit> {
    let global = &cli.global;
    match cli.command {
        Command::Demo => demo::run(global).await,
        Command::Local { port, accounts } => local::run(global, port, accounts.into()).await,
        Command::Handle { file } => handle::run(global, &file).await,
        Command::Plan {
            scope,
            detailed_exitcode,
        } => plan::plan(global, &scope, detailed_exitcode).await,
        Command::Apply { scope } => plan::apply(global, &scope).await,
        Command::Status { scope, all } => status::run(global, &scope, all).await,
        Command::Explain { bucket, account } => explain::run(global, bucket, account).await,
        Command::Cost(args) => cost::run(global, &args).await,
        Command::Focus(args) => focus::run(global, &args).await,
        Command::Estimate(args) => estimate::run(global, &args).await,
        Command::Prices(args) => prices::run(global, &args).await,
        Command::Approve(args) => approve::run(global, &args).await,
        Command::Report(args) => report::run(global, &args).await,
        Command::Breaker { command } => breaker::run(global, &command).await,
        Command::Adopt(args) => adopt::run(global, &args).await,
        Command::Uninstall(args) => uninstall::run(global, &args).await,
        Command::Dlq(command) => dlq::run(global, &command).await,
        Command::Doctor(args) => doctor::run(global, &args).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "maciectl", &mut io::stdout());
            Ok(Exit::Success)
        }
    }
}

fn init_log(verbose: u8) {
    let level = match verbose {
        0 => "error",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("RUST_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
}

/// The controller against the AWS that the environment names.
async fn start(global: &Global) -> Result<Runtime> {
    Ok(Runtime::start(&global.settings(), Clock::system(), &Tuning::default()).await?)
}

/// The account that is asked for, or all of them.
async fn chosen(runtime: &Runtime, account: Option<&AccountId>) -> Result<Vec<Listed>> {
    match account {
        Some(id) => Ok(vec![Listed {
            id: id.clone(),
            name: String::new(),
            is_active: true,
        }]),
        None => Ok(accounts(&runtime.controller.aws).await?),
    }
}

/// The scopes that are asked for: every governed Region unless one is named, which must be governed.
fn scopes(global: &Global, policy: &Policy, accounts: &[Listed]) -> Result<Vec<Scope>> {
    let only = global.region.as_ref();
    regions(policy, only)?;
    Ok(survey::scopes(policy, accounts, only))
}

/// The governed Regions, or the one that is asked for, which must be governed.
fn regions(policy: &Policy, only: Option<&Region>) -> Result<Vec<Region>> {
    let governed = policy.regions.iter();
    let asked: Vec<Region> = governed
        .filter(|region| only.is_none_or(|only| only == *region))
        .cloned()
        .collect();
    if let (true, Some(only)) = (asked.is_empty(), only) {
        let governed: Vec<&str> = policy.regions.iter().map(Region::as_str).collect();
        anyhow::bail!(
            "the policy does not govern {only}; it governs {}",
            governed.join(", ")
        );
    }
    Ok(asked)
}

/// A bar on standard error, for people who watch.
fn progress(length: usize, what: &'static str) -> ProgressBar {
    if length < 2 || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX)).with_message(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
