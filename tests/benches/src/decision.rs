//! The decision alone, by criterion.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    programs::{root, target},
    results::Decision,
};

/// Runs the benchmark and reads what criterion left.
pub fn measure() -> Result<Vec<Decision>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["bench", "--locked"]);
    cargo.args(["-p", "controller-benches", "--bench", "decision", "--"]);
    cargo.args(["--noplot", "--warm-up-time", "1", "--measurement-time", "3"]);
    eprintln!("== {cargo:?}");
    let status = cargo
        .env("CARGO_TARGET_DIR", target()?)
        .stdout(std::io::stderr())
        .status()?;
    ensure!(
        status.success(),
        "the benchmark of the decision ended with {status}"
    );
    let mut decisions = SIZES.map(read).into_iter().collect::<Result<Vec<_>>>()?;
    decisions.sort_by_key(|decision| decision.accounts);
    Ok(decisions)
}

/// Accounts that are decided about.
pub const SIZES: [usize; 4] = [1, 100, 1_000, 10_000];

fn read(accounts: usize) -> Result<Decision> {
    let path = target()?.join(format!("criterion/decision/{accounts}/new/estimates.json"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let estimates: Value = serde_json::from_str(&text)?;
    let median = estimates.pointer("/median/point_estimate");
    let nanoseconds = median.and_then(Value::as_f64).context("a median")?;
    Ok(Decision {
        accounts,
        microseconds: nanoseconds / 1e3,
    })
}
