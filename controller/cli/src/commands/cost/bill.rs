//! What was billed beside what Macie says: AWS Cost Explorer's figures, which cost $0.01 a request (AWS
//! Cost Management User Guide, ce-api).

mod ask;
mod print;

use std::collections::BTreeSet;

use anyhow::Result;
use controller::{
    aws::{Aws, ConnectError, Tuning, base_config},
    config::{Runtime, Settings},
    observe::management,
};
use controller_core::{
    bill::{Bill, Compared, Estimates, Line, Total, compare},
    id::{AccountId, Region},
    observed::{ErrorClass, Fact},
};

pub use self::{
    ask::{SOURCE, ask},
    print::{document, print},
};
use super::Costs;
use crate::{
    args::{CostArgs, Global},
    exit::Exit,
};

/// What Cost Explorer shows, and to whom (AWS Cost Management User Guide, ce-access).
const WHO: &str = "Cost Explorer shows a member account only its own costs: run it with credentials of the management account by `--bill-profile NAME`";

/// Prints both sides.
pub(super) async fn run(
    runtime: &Runtime,
    global: &Global,
    args: &CostArgs,
    costs: &Costs,
) -> Result<Exit> {
    let beside = beside(runtime, global, args, costs).await;
    let now = runtime.controller.clock.now();
    print(global.output, costs, &beside, now)?;
    Ok(exit(costs, &beside))
}

/// Both sides.
#[derive(Debug)]
pub struct Beside {
    /// The bill.
    pub bill: Bill,
    /// By account and Region.
    pub rows: Vec<Compared>,
    /// Together.
    pub total: Total,
}

/// Asks for the bill of the same month as who is meant to, and compares.
async fn beside(
    runtime: &Runtime,
    global: &Global,
    args: &CostArgs,
    costs: &Costs,
) -> Result<Beside> {
    let payer = payer(runtime, global, args).await?;
    beside_by(&payer, runtime, global, args, costs).await
}

/// Asks for the bill of the same month and compares.
pub async fn beside_by(
    payer: &Aws,
    runtime: &Runtime,
    global: &Global,
    args: &CostArgs,
    costs: &Costs,
) -> Result<Beside> {
    let month = costs.month(runtime.controller.clock.now());
    let policy = runtime.policy.current().await;
    let config = payer.in_region(&policy.home_region);
    let (lines, is_final) = ask(&config, month).await.map_err(|trouble| {
        let is_denied = trouble.class == ErrorClass::Denied;
        let error = anyhow::Error::new(trouble);
        match is_denied {
            true => error.context(WHO),
            false => error,
        }
    })?;
    let only = only(runtime, &payer.identity.account, &lines).await;
    let mut bill = Bill {
        lines,
        is_final,
        only,
    };
    bill.lines.retain(|line| is_asked(global, args, line));
    let missing = costs.trouble.keys().chain(gaps(costs));
    let partial: BTreeSet<Region> = missing.cloned().collect();
    let governed = costs.regions.iter().chain(costs.trouble.keys());
    let estimates = Estimates {
        usages: &costs.usages,
        governed: &governed.cloned().collect(),
        partial: &partial,
        month,
    };
    let (rows, total) = compare(&estimates, &bill);
    Ok(Beside { bill, rows, total })
}

/// 3 when the bill is not known or the two cannot be compared throughout.
pub fn exit(costs: &Costs, beside: &Result<Beside>) -> Exit {
    let both = beside.as_ref().ok().map(|both| both.total.difference_usd);
    match (costs.exit(), both.flatten()) {
        (Exit::Success, None) => Exit::Partial,
        (exit, _) => exit,
    }
}

fn gaps(costs: &Costs) -> impl Iterator<Item = &Region> {
    let past = costs.past.iter();
    past.flat_map(|past| past.incomplete.keys())
}

/// The accounts and Regions of the command line, as of Macie's side.
fn is_asked(global: &Global, args: &CostArgs, line: &Line) -> bool {
    let region = global.region.as_ref().map(Region::as_str);
    let account = args.account.as_ref();
    region.is_none_or(|only| only == line.region)
        && account.is_none_or(|only| *only == line.account)
}

/// Whose bill is asked for: the caller's, or that of the profile which is only for this.
async fn payer(runtime: &Runtime, global: &Global, args: &CostArgs) -> Result<Aws> {
    let home = runtime.policy.current().await.home_region.clone();
    let clock = runtime.controller.clock.clone();
    let config = match &args.bill_profile {
        None => runtime.controller.aws.in_region(&home),
        Some(profile) => {
            let settings = Settings {
                profile: Some(profile.clone()),
                region: Some(home.to_string()),
                ..global.settings()
            };
            base_config(&settings, &clock, &Tuning::default()).await
        }
    };
    let payer = Aws::as_caller(config, &home, &global.member_role, clock).await;
    payer.map_err(|error| match error {
        ConnectError::WhoAmI(trouble) => anyhow::Error::new(trouble)
            .context("cannot tell who asks for the bill; see that the profile has credentials"),
        other => other.into(),
    })
}

/// The account whose bill it is, unless it is the organization's: a bill that names others is.
async fn only(runtime: &Runtime, payer: &AccountId, lines: &[Line]) -> Option<AccountId> {
    if lines.iter().any(|line| line.account != *payer) {
        return None;
    }
    let management = management(&runtime.controller.aws).await;
    (management != Fact::Known(payer.clone())).then(|| payer.clone())
}
