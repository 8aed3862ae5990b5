//! `approve`: a person lets an account cost more than its budget, for a time.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use controller::{aws::trouble, config::Runtime, observe::read_all};
use controller_core::{
    decide::budget::caps,
    id::{Region, Scope},
    money::Usd,
    observed::{APPROVED, Approval, Fact, Member, Observed},
    policy::{Cap, Caps, Policy},
    wants::Read,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{regions, start};
use crate::{
    args::{ApproveArgs, Format, Global},
    exit::Exit,
    output,
};

/// What an approval would change, or has changed.
#[derive(Debug)]
pub struct Approved {
    observed: Observed,
    caps: Option<Caps>,
    before: Option<Approval>,
    after: Option<Approval>,
}

/// Writes the approval on the member, or shows what it would change.
pub async fn run(global: &Global, args: &ApproveArgs) -> Result<Exit> {
    let runtime = start(global).await?;
    let approved = approve(&runtime, global.region.as_ref(), args).await?;
    match global.output {
        Format::Json => output::json(&document(args, &approved))?,
        Format::Table | Format::Csv => print(args, &approved),
    }
    Ok(Exit::Success)
}

/// Reads the account, and writes when it is told to.
pub async fn approve(
    runtime: &Runtime,
    region: Option<&Region>,
    args: &ApproveArgs,
) -> Result<Approved> {
    let policy = runtime.policy.current().await;
    let scope = Scope {
        account: args.account.clone(),
        region: only_region(&policy, region)?,
    };
    let observed = look(runtime, &policy, &scope).await;
    let member = owned(&policy, &observed)?;
    let now = runtime.controller.clock.now();
    let before = member.tags.get(APPROVED);
    let before = before.and_then(|text| Approval::parse(text));
    let after = approval(args, now)?;
    if args.mode.apply {
        write(runtime, &scope, after).await?;
    }
    Ok(Approved {
        caps: caps(&policy, &observed),
        before: before.filter(|before| now < before.until),
        after,
        observed,
    })
}

/// An approval counts in one Region: one that is meant for all of them would be spent in each.
fn only_region(policy: &Policy, asked: Option<&Region>) -> Result<Region> {
    match &regions(policy, asked)?[..] {
        [region] => Ok(region.clone()),
        several => {
            let names: Vec<&str> = several.iter().map(Region::as_str).collect();
            bail!(
                "an approval is of one Region: name it with `--region`, one of {}",
                names.join(", ")
            )
        }
    }
}

async fn look(runtime: &Runtime, policy: &Policy, scope: &Scope) -> Observed {
    let controller = &runtime.controller;
    let mut observed = controller.unread(scope, &BTreeSet::new());
    let units = policy.has_unit_rules().then_some(Read::Units);
    let reads = [Read::Member, Read::Spent].into_iter().chain(units);
    read_all(&controller.aws, policy, &mut observed, reads.collect()).await;
    observed
}

/// The controller heeds what stands on its own members only.
fn owned<'a>(policy: &Policy, observed: &'a Observed) -> Result<&'a Member> {
    let Scope { account, region } = &observed.scope;
    if let Fact::Unknown(trouble) = &observed.member {
        bail!("the member {account} in {region} could not be read: {trouble}");
    }
    match observed.known_member() {
        Some(member) if member.is_owned(&policy.ownership) => Ok(member),
        Some(_) => bail!(
            "the member {account} in {region} is not the controller's: adopt it first, or set its cap in `budgets.accounts` of the policy"
        ),
        None => bail!(
            "{account} is no Macie member in {region}: set its cap in `budgets.accounts` of the policy"
        ),
    }
}

/// None revokes.
fn approval(args: &ApproveArgs, now: Timestamp) -> Result<Option<Approval>> {
    let Some(usd) = args.usd else {
        return Ok(None);
    };
    let until = now.checked_add(SignedDuration::from_hours(24 * args.days))?;
    Ok(Some(Approval { usd, until }))
}

async fn write(runtime: &Runtime, scope: &Scope, approval: Option<Approval>) -> Result<()> {
    let aws = &runtime.controller.aws;
    let (macie, arn) = (aws.macie(&scope.region), aws.member_arn(scope));
    match approval {
        Some(approval) => {
            let request = macie.tag_resource().resource_arn(arn);
            let request = request.tags(APPROVED, approval.to_string());
            let written = request.send().await;
            written.map_err(|error| trouble("macie2:TagResource", &error))?;
        }
        None => {
            let request = macie.untag_resource().resource_arn(arn);
            let written = request.tag_keys(APPROVED).send().await;
            written.map_err(|error| trouble("macie2:UntagResource", &error))?;
        }
    }
    Ok(())
}

fn document(args: &ApproveArgs, approved: &Approved) -> Value {
    let Approved {
        observed,
        caps,
        before,
        after,
    } = approved;
    let usd = |cap: Option<Cap>| cap.map(|cap| cap.usd);
    let shown = |approval: &Option<Approval>| {
        approval.map(|approval| json!({ "usd": approval.usd, "until": approval.until }))
    };
    json!({
        "schemaVersion": output::SCHEMA_VERSION,
        "applied": args.mode.apply,
        "account": observed.scope.account,
        "region": observed.scope.region,
        "spentUsd": observed.spent.known(),
        "firstScanUsd": caps.and_then(|caps| usd(caps.first_scan)),
        "monthUsd": caps.and_then(|caps| usd(caps.month)),
        "before": shown(before),
        "approval": shown(after),
    })
}

fn print(args: &ApproveArgs, approved: &Approved) {
    let Scope { account, region } = &approved.observed.scope;
    let spent = approved.observed.spent.known();
    let spent = spent.map_or("unknown".to_owned(), Usd::to_string);
    output::line(format!(
        "{account} in {region}: {spent} this month; {}",
        described(approved.caps)
    ));
    let did = if args.mode.apply { "" } else { "would be " };
    if let (Some(before), Some(_)) = (approved.before, approved.after) {
        let Approval { usd, until } = before;
        output::line(format!("approved before: {usd} until {until:.0}"));
    }
    output::line(match (approved.before, approved.after) {
        (_, Some(after)) => format!(
            "{did}approved: {} for each first scan and for the month, where the policy allows less, until {:.0}",
            after.usd, after.until
        ),
        (Some(before), None) => format!("{did}revoked: {} until {:.0}", before.usd, before.until),
        (None, None) => "nothing is approved".to_owned(),
    });
    if args.mode.apply && approved.after.is_some() {
        eprintln!(
            "What was held begins with the next sweep, or by `maciectl apply --account {account}`."
        );
    }
}

fn described(caps: Option<Caps>) -> String {
    let Some(Caps { first_scan, month }) = caps else {
        return "its budget is unknown, for its units could not be read".to_owned();
    };
    let cap = |what: &str, cap: Option<Cap>| match cap {
        None => format!("no budget for {what}"),
        Some(Cap { usd, action }) => format!("{usd} for {what} ({})", action.name()),
    };
    format!(
        "{}, {}",
        cap("a first scan", first_scan),
        cap("the month", month)
    )
}
