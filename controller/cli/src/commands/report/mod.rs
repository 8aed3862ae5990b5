//! `report`: one page of what is spent, scanned, waiting and blocked.

mod accounts;
mod budgets;
mod coverage;
mod exceptions;
mod jobs;
mod known;
mod look;
mod page;
mod scans;
mod spend;
mod target;

use anyhow::{Result, ensure};
use controller::{config::Runtime, observe::management};
use controller_core::policy::Policy;

use self::target::Target;
pub use self::{
    accounts::{Account, Quota, Trial, counted},
    budgets::{Budget, Budgets, Close},
    coverage::{Coverage, Stage, State},
    exceptions::{Exception, Sign},
    jobs::LiveJob,
    known::Known,
    look::Look,
    page::{About, Facts, Page, Unanswered},
    scans::Scan,
    spend::{Share, Spend},
};
use super::{
    chosen,
    cost::{Costs, costs},
    scopes, start, status,
};
use crate::{
    args::{Format, Global, ReportArgs},
    exit::Exit,
    output,
};

/// Writes the page.
pub async fn run(global: &Global, args: &ReportArgs) -> Result<Exit> {
    let is_json = global.output == Format::Json;
    ensure!(
        is_json || args.html.is_some(),
        "a report is a page or a document: name a file with --html, or ask for --output json"
    );
    ensure!(
        !is_json || args.html.as_deref() != Some("-"),
        "standard output is one thing: name a file with --html, or leave --output json out"
    );
    // What cannot be written is better known before all that is read.
    let target = args.html.as_deref().map(Target::open).transpose()?;
    let runtime = start(global).await?;
    let policy = runtime.policy.current().await;
    let page = page(&runtime, &policy, global, args).await?;
    if let Some(target) = target {
        target.write(&page)?;
    }
    if is_json {
        output::json(&page)?;
    }
    page.unanswered
        .iter()
        .for_each(|region| eprintln!("{region}"));
    Ok(page.exit())
}

/// Reads everything once, costs and accounts at the same time.
pub async fn page(
    runtime: &Runtime,
    policy: &Policy,
    global: &Global,
    args: &ReportArgs,
) -> Result<Page> {
    let looks = async {
        let aws = &runtime.controller.aws;
        let (accounts, management) =
            futures::join!(chosen(runtime, args.account.as_ref()), management(aws));
        let mut accounts = accounts?;
        accounts.retain(|account| account.is_active);
        let scopes = scopes(global, policy, &accounts)?;
        let looks = look::looks(runtime, policy, &accounts, &management, scopes).await;
        anyhow::Ok((accounts, looks))
    };
    let (costs, (accounts, mut looks)): (Costs, _) =
        futures::try_join!(costs(runtime, global, args.account.as_ref()), looks)?;
    if args.account.is_none() {
        let rows = looks.iter_mut().map(|look| &mut look.status);
        status::line_up(rows, runtime.controller.pace.interval());
    }
    Ok(Page::of(&Facts {
        policy,
        now: runtime.controller.clock.now(),
        costs: &costs,
        looks: &looks,
        names: accounts
            .into_iter()
            .map(|account| (account.id, account.name))
            .collect(),
    }))
}
