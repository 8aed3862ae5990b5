//! `breaker`: what the circuit breaker holds and why, and a person's release of accounts that may
//! go all the same.

use std::collections::BTreeSet;

use anyhow::Result;
use controller::{aws::trouble, config::Runtime, observe::read_census};
use controller_core::{
    decide::{breaker::Demand, member::grace_ends_at},
    id::{AccountId, Region, Scope},
    observed::{Census, Member, OPTED_OUT_SINCE, Relationship, SUSPENSION_RELEASED, Trouble},
    policy::Policy,
};
use jiff::Timestamp;
use serde::Serialize;

use super::{regions, start};
use crate::{
    args::{BreakerCommand, Format, Global, ReleaseArgs},
    exit::Exit,
    output,
};

/// The circuit breaker of a Region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The Region.
    pub region: Region,
    /// Whether suspensions are held.
    pub held: bool,
    /// Members, suspended ones included.
    pub members: usize,
    /// Suspended within the past window.
    pub suspended: usize,
    /// Due now or within the next window, and not released.
    pub due: usize,
    /// How many of both there may be.
    pub limit: usize,
    /// Accounts without an opted-in bucket that are not suspended, the first due first.
    pub leaving: Vec<Leaving>,
}

/// An account on its way to a suspension.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// The account.
    pub account: AccountId,
    /// Since when it has had no opted-in bucket.
    pub since: Timestamp,
    /// When its grace period ends.
    pub due: Timestamp,
    /// Whether a person has released its suspension.
    pub released: bool,
}

/// What became of a release.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// Whether it is, or would be, released.
    pub released: bool,
    /// Why not, or what follows.
    pub why: String,
    /// Why the tag was not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Trouble>,
}

/// Carries a subcommand out.
pub async fn run(global: &Global, command: &BreakerCommand) -> Result<Exit> {
    let runtime = start(global).await?;
    let only = global.region.as_ref();
    match command {
        BreakerCommand::Show => {
            let states = show(&runtime, only).await?;
            print_states(global.output, &states)?;
            Ok(Exit::Success)
        }
        BreakerCommand::Release(args) => {
            let rows = release(&runtime, only, args).await?;
            print_rows(global.output, &rows, args)?;
            Ok(exit(&rows))
        }
    }
}

/// The circuit breaker of every governed Region, or of one.
pub async fn show(runtime: &Runtime, only: Option<&Region>) -> Result<Vec<State>> {
    let policy = runtime.policy.current().await;
    let now = runtime.controller.clock.now();
    let mut states = Vec::new();
    for region in regions(&policy, only)? {
        let census = read_census(&runtime.controller.aws, &region).await?;
        states.push(state(&policy, region, &census, now));
    }
    Ok(states)
}

fn state(policy: &Policy, region: Region, census: &Census, now: Timestamp) -> State {
    let demand = Demand::of(policy, census, now);
    let leaving = census
        .leaving
        .iter()
        .filter(|(_, member)| member.status == Relationship::Enabled)
        .filter(|(_, member)| member.is_owned(&policy.ownership));
    let mut leaving: Vec<Leaving> = leaving
        .filter_map(|(account, member)| leaver(policy, account, member, now))
        .collect();
    leaving.sort_by_key(|account| account.due);
    State {
        region,
        held: demand.is_held(),
        members: census.members,
        suspended: demand.suspended,
        due: demand.due,
        limit: demand.limit,
        leaving,
    }
}

fn leaver(
    policy: &Policy,
    account: &AccountId,
    member: &Member,
    now: Timestamp,
) -> Option<Leaving> {
    Some(Leaving {
        account: account.clone(),
        since: member.time(OPTED_OUT_SINCE)?,
        due: grace_ends_at(policy, member, now)?,
        released: member.is_released(),
    })
}

/// Releases accounts that are on their way to a suspension, in every governed Region or in one.
pub async fn release(
    runtime: &Runtime,
    only: Option<&Region>,
    args: &ReleaseArgs,
) -> Result<Vec<Row>> {
    let asked: BTreeSet<&AccountId> = args.accounts.iter().collect();
    let mut rows = Vec::new();
    for state in show(runtime, only).await? {
        let leaving = state
            .leaving
            .iter()
            .filter(|one| asked.contains(&one.account));
        for one in leaving {
            let failure = match args.mode.apply && !one.released {
                true => write(runtime, &state.region, one).await.err(),
                false => None,
            };
            let (account, region) = (one.account.clone(), state.region.clone());
            let why = format!("no opted-in bucket since {}, due {}", one.since, one.due);
            rows.push(Row {
                account,
                region,
                released: failure.is_none(),
                why,
                failure,
            });
        }
    }
    let found: BTreeSet<AccountId> = rows.iter().map(|row| row.account.clone()).collect();
    for account in asked
        .into_iter()
        .filter(|account| !found.contains(*account))
    {
        let why = "it is not on its way to a suspension: `maciectl breaker show` lists who is";
        for region in regions(&*runtime.policy.current().await, only)? {
            let (account, why) = (account.clone(), why.to_owned());
            rows.push(Row {
                account,
                region,
                released: false,
                why,
                failure: None,
            });
        }
    }
    Ok(rows)
}

/// The absence's own time as the value: the release is of no use to another absence.
async fn write(runtime: &Runtime, region: &Region, leaving: &Leaving) -> Result<(), Trouble> {
    let aws = &runtime.controller.aws;
    let scope = Scope {
        account: leaving.account.clone(),
        region: region.clone(),
    };
    let macie = aws.macie(region);
    let request = macie.tag_resource().resource_arn(aws.member_arn(&scope));
    let request = request.tags(SUSPENSION_RELEASED, leaving.since.to_string());
    let written = request.send().await;
    written
        .map(|_| ())
        .map_err(|error| trouble("macie2:TagResource", &error))
}

/// 3 when some accounts were not released and others were, 1 when none was.
pub fn exit(rows: &[Row]) -> Exit {
    match rows.iter().filter(|row| !row.released).count() {
        0 => Exit::Success,
        all if all == rows.len() => Exit::Error,
        _ => Exit::Partial,
    }
}

fn print_states(format: Format, states: &[State]) -> Result<()> {
    if format == Format::Json {
        return output::json(&serde_json::json!({
            "schemaVersion": output::SCHEMA_VERSION, "regions": states,
        }));
    }
    for state in states {
        let verdict = match state.held {
            true => "HELD: no account is suspended",
            false => "closed",
        };
        output::line(format!(
            "{}: {verdict}. {} suspended lately, {} due, limit {} ({} members)",
            state.region, state.suspended, state.due, state.limit, state.members
        ));
        if state.leaving.is_empty() {
            continue;
        }
        let mut table = output::table(&["account", "without a bucket since", "due", "released"]);
        for one in &state.leaving {
            let released = if one.released { "yes" } else { "no" };
            let (since, due) = (one.since.to_string(), one.due.to_string());
            table.add_row([one.account.as_str(), &since, &due, released]);
        }
        output::print(&table);
    }
    if states.iter().any(|state| state.held) {
        eprintln!("Next: maciectl breaker release --plan ACCOUNT...");
    }
    Ok(())
}

fn print_rows(format: Format, rows: &[Row], args: &ReleaseArgs) -> Result<()> {
    let applied = args.mode.apply;
    if format == Format::Json {
        return output::json(&serde_json::json!({
            "schemaVersion": output::SCHEMA_VERSION, "applied": applied, "accounts": rows,
        }));
    }
    let mut table = output::table(&["account", "Region", "", "why"]);
    for row in rows {
        let (sign, why) = match (&row.failure, row.released) {
            (Some(trouble), _) => ("failed", trouble.to_string()),
            (None, true) if applied => ("released", row.why.clone()),
            (None, true) => ("would release", row.why.clone()),
            (None, false) => ("refused", row.why.clone()),
        };
        table.add_row([row.account.as_str(), row.region.as_str(), sign, &why]);
    }
    output::print(&table);
    if applied {
        eprintln!(
            "Released accounts are suspended by the next hourly pass, or by `maciectl apply --account ACCOUNT`."
        );
    }
    Ok(())
}
