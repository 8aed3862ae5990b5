//! Runs the benchmarks and writes their page.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use controller_benches::{
    plan::{Part, Plan},
    programs::{Build, Programs},
    report,
    results::Results,
    run::run,
};

/// Measures the controller beside two Python programs on the local AWS, and writes
/// docs/benchmarks.md with its charts.
///
/// Builds and installs what it needs first. A full run takes about a quarter of an hour after
/// that, on a machine that does nothing else.
#[derive(Debug, Parser)]
#[command(name = "benchmarks")]
struct Arguments {
    /// Few repetitions and small sizes, to see that it runs; the page is left alone
    #[arg(long)]
    quick: bool,
    /// Measures this part only; may be given several times. The page is left alone
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Measures this binary of the function instead of building one
    #[arg(long, value_name = "FILE")]
    controller: Option<PathBuf>,
    /// What is printed at the end
    #[arg(long, value_enum, default_value_t = Output::Tables)]
    output: Output,
    /// Measures nothing, and writes the page again from the kept results
    #[arg(long, conflicts_with_all = ["quick", "only"])]
    render: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// The tables of the page
    Tables,
    /// Everything as JSON
    Json,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let results = match arguments.render {
        true => report::read()?,
        false => measured(&arguments).await?,
    };
    let all = !arguments.quick && arguments.only.is_empty();
    if all {
        report::write(&results)?;
    }
    match arguments.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&results)?),
        Output::Tables => print!("{}", report::tables(&results)),
    }
    Ok(())
}

async fn measured(arguments: &Arguments) -> Result<Results> {
    let plan = match arguments.quick {
        true => Plan::quick(Build::Release),
        false => Plan::full(),
    };
    let parts = match arguments.only.as_slice() {
        [] => &Part::ALL,
        only => only,
    };
    let programs = match &arguments.controller {
        None => Programs::prepare(plan.build)?,
        Some(file) => Programs::with_controller(file)?,
    };
    run(&programs, &plan, parts).await
}
