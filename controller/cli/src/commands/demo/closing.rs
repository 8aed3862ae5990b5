//! How every account stands at the end.

use std::collections::BTreeSet;

use anyhow::Result;
use controller::{aws::Tuning, observe::usage};
use controller_core::usage::Usage;
use local_aws::organization::{self, OPERATOR_ROLE};
use rust_decimal::Decimal;
use serde::Serialize;

use super::stage::{REGIONS, Stage, name};
use crate::{
    output,
    sandbox::{DEFAULT_POLICY, attach_as},
};

/// What to try next.
pub const NEXT: [&str; 3] = [
    "maciectl local            # the same local AWS, to try by hand with the ordinary aws CLI",
    "maciectl explain --help   # why a bucket is or is not scanned",
    "./tests/check             # every test and check",
];

/// An account in a Region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    account: String,
    name: String,
    region: String,
    member: String,
    jobs: Vec<String>,
    covered_buckets: Vec<String>,
    /// What Macie says that the account has cost this month.
    estimated_cost_usd: Decimal,
}

/// Every member, from the world and from Macie's own usage figures.
pub async fn accounts(stage: &Stage) -> Result<Vec<Standing>> {
    let local = &stage.sandbox.local;
    let reader = attach_as(OPERATOR_ROLE, local, DEFAULT_POLICY, &Tuning::default()).await?;
    let mut standings = Vec::new();
    for region in REGIONS {
        // The controller may not ask: it has no need to.
        let usages = usage(&reader.controller.aws, &region.parse()?).await?;
        let cost = |account: &str| {
            let mut usages = usages.iter();
            let usage = usages.find(|usage| usage.account.as_str() == account);
            usage.map(Usage::total).unwrap_or_default().0
        };
        let members: Vec<(String, String)> = {
            let world = stage.sandbox.local.world().lock();
            world
                .macie
                .members(region)
                .map(|(account, member)| (account.to_owned(), format!("{:?}", member.status)))
                .collect()
        };
        for (account, member) in members {
            let estimated_cost_usd = cost(&account);
            let (jobs, covered_buckets) = work(stage, region, &account);
            let name = name(&account);
            standings.push(Standing {
                account,
                name,
                region: region.to_owned(),
                member,
                jobs,
                covered_buckets,
                estimated_cost_usd,
            });
        }
    }
    Ok(standings)
}

/// The controller's jobs for an account by kind, and its covered buckets: opted in, and listed by a
/// baseline job that was not cancelled.
fn work(stage: &Stage, region: &str, account: &str) -> (Vec<String>, Vec<String>) {
    let world = stage.sandbox.local.world().lock();
    let prefix = format!("macie-self-service/{account}/");
    let (mut jobs, mut covered) = (Vec::new(), BTreeSet::new());
    for job in world.macie.jobs_of(region, organization::ADMINISTRATOR) {
        let Some(rest) = job.definition.name.strip_prefix(&prefix) else {
            continue;
        };
        let kind = rest.split('/').next().unwrap_or_default();
        jobs.push(format!("{kind} {}", job.status.as_str()));
        let lists = job
            .definition
            .s3_job_definition
            .bucket_definitions
            .iter()
            .flatten();
        if kind == "baseline" && job.status.as_str() != "CANCELLED" {
            covered.extend(lists.flat_map(|list| list.buckets.iter().cloned()));
        }
    }
    let opted_in = |name: &String| {
        let tags = world.s3.buckets.get(name).map(|bucket| &bucket.tags);
        tags.is_some_and(|tags| tags.get("macie").is_some_and(|value| value == "true"))
    };
    covered.retain(opted_in);
    (jobs, covered.into_iter().collect())
}

/// The closing table and what to try next.
pub fn print(standings: &[Standing]) {
    output::line("\n── Every enrolled account, and what Macie says it has cost this month");
    let mut table = output::table(&[
        "account",
        "Region",
        "member",
        "jobs",
        "covered buckets",
        "cost so far",
    ]);
    for standing in standings {
        table.add_row([
            format!("{} {}", standing.account, standing.name),
            standing.region.clone(),
            standing.member.clone(),
            standing.jobs.join("\n"),
            standing.covered_buckets.join("\n"),
            format!("${}", standing.estimated_cost_usd.round_dp(2)),
        ]);
    }
    output::print(&table);
    output::line("\nWhat to try next:");
    NEXT.iter()
        .for_each(|next| output::line(format!("  {next}")));
}
