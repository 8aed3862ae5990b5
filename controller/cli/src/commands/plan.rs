//! `plan` and `apply`.

use std::collections::BTreeSet;

use anyhow::Result;
use controller::config::Runtime;
use controller_core::{
    policy::Policy,
    report::{Outcome, Report},
};
use futures::{StreamExt, stream};

use super::{CONCURRENCY, chosen, progress, scopes, start};
use crate::{
    args::{Format, Global, ScopeArgs},
    exit::Exit,
    output,
};

/// What would change.
pub async fn plan(global: &Global, scope: &ScopeArgs, detailed_exitcode: bool) -> Result<Exit> {
    let reports = all(global, scope, false).await?;
    let changes: usize = reports.iter().map(|report| report.changes.len()).sum();
    print(global, &reports)?;
    if global.output == Format::Table && changes > 0 {
        eprintln!(
            "{changes} changes; jobs follow once an account is enrolled. Next: maciectl apply"
        );
    }
    match (exit(&reports), detailed_exitcode && changes > 0) {
        (Exit::Success, true) => Ok(Exit::Changes),
        (exit, _) => Ok(exit),
    }
}

/// Does it.
pub async fn apply(global: &Global, scope: &ScopeArgs) -> Result<Exit> {
    let reports = all(global, scope, true).await?;
    print(global, &reports)?;
    let wait = reports.iter().filter_map(Report::look_again_in).min();
    if let (Format::Table, Some(wait)) = (global.output, wait) {
        eprintln!("Something is still waiting. Next, in {wait:#}: maciectl apply");
    }
    Ok(exit(&reports))
}

async fn all(global: &Global, args: &ScopeArgs, write: bool) -> Result<Vec<Report>> {
    let runtime = start(global).await?;
    let policy = runtime.policy.current().await;
    let accounts = chosen(&runtime, args.account.as_ref()).await?;
    let scopes = scopes(global, &policy, &accounts)?;
    let bar = progress(scopes.len(), if write { "applying" } else { "planning" });
    let reports = stream::iter(scopes).map(|scope| {
        let (runtime, policy, bar) = (&runtime, &policy, &bar);
        async move {
            let report = one(runtime, policy, &scope, write).await;
            bar.inc(1);
            report
        }
    });
    let reports = reports.buffered(CONCURRENCY).collect().await;
    bar.finish_and_clear();
    Ok(reports)
}

async fn one(
    runtime: &Runtime,
    policy: &Policy,
    scope: &controller_core::id::Scope,
    write: bool,
) -> Report {
    let hints = BTreeSet::new();
    match write {
        true => runtime.controller.reconcile(policy, scope, &hints).await,
        false => runtime.controller.plan(policy, scope, &hints).await,
    }
}

fn print(global: &Global, reports: &[Report]) -> Result<()> {
    match global.output {
        Format::Json => output::reports_json(reports, &[])?,
        Format::Table | Format::Csv => output::reports(reports),
    }
    Ok(())
}

/// 3 when some failed or could not be read, 1 when all did.
pub fn exit(reports: &[Report]) -> Exit {
    let failed = reports
        .iter()
        .filter(|report| report.outcome() == Outcome::Failed || report.is_unread())
        .count();
    match failed {
        0 => Exit::Success,
        n if n == reports.len() => Exit::Error,
        _ => Exit::Partial,
    }
}
