//! The month's dollars of an account, shared out to its buckets: an estimate, for Macie tells dollars of
//! accounts only.

use std::io;

use anyhow::{Context, Result};
use controller::config::Runtime;
use controller_core::{
    id::{AccountId, BucketName, Region},
    money::{UNPACKED, Usd, analysed},
    policy::Policy,
    usage::{Kind, SOURCE, Usage},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::{
        estimate,
        report::{Known, counted},
    },
    Costs,
};
use crate::{
    args::{CostArgs, EstimateArgs, Format, Global},
    output,
};

/// How dollars are shared out; published with the figures.
pub const METHOD: &str = "an estimate, for Macie tells dollars of accounts only: monitoring is shared evenly by all buckets that Macie monitors, jobs by what one scan of each tagged bucket would analyse now";

/// A tagged bucket's share of the month, or that of all the others together.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// The bucket; none for those without the tag.
    pub bucket: Option<BucketName>,
    /// Of monitoring.
    pub monitoring_usd: Known<Usd>,
    /// Of jobs; those of automated discovery are in no share.
    pub jobs_usd: Known<Usd>,
}

/// Looks at the account's buckets and shares its dollars out.
pub async fn shares(
    runtime: &Runtime,
    global: &Global,
    args: &CostArgs,
    costs: &Costs,
) -> Result<Vec<Share>> {
    let policy = runtime.policy.current().await;
    let account = args.account.clone();
    let account = account.context("--by bucket is of one account: name it with --account")?;
    let asked = EstimateArgs::of_account(account);
    let rows = estimate::rows(runtime, &policy, global, &asked).await?;
    let usages = costs.usages.iter().filter_map(|usage| {
        let row = rows.iter().find(|row| row.region == usage.region)?;
        Some(share_out(&policy, usage, row))
    });
    Ok(usages.flatten().collect())
}

/// The shares of an account's buckets in a Region.
pub fn share_out(policy: &Policy, usage: &Usage, row: &estimate::Row) -> Vec<Share> {
    let of = |kind: &Kind| usage.usd.get(kind).copied().unwrap_or_default();
    let (monitoring, jobs) = (of(&Kind::Monitoring), of(&Kind::Jobs));
    let tagged = u64::try_from(row.buckets.len()).unwrap_or(u64::MAX);
    let monitored = row.monitored_buckets.filter(|count| *count >= tagged);
    let each = |count: u64| {
        let share = monitored.and_then(|all| part(monitoring, count.into(), all.into()));
        Known::or(share, "the account's buckets could not be counted")
    };
    let volumes = volumes(policy, row);
    let whole = volumes.then(|volumes| Known::Yes(volumes.iter().sum::<Decimal>()));
    let share = |bucket: Option<BucketName>, monitoring_usd, jobs_usd| Share {
        account: usage.account.clone(),
        region: usage.region.clone(),
        bucket,
        monitoring_usd,
        jobs_usd,
    };
    let buckets = row.buckets.iter().enumerate().map(|(n, bucket)| {
        let own =
            volumes.then(|volumes| Known::or(volumes.get(n).copied(), "its size is not known"));
        let jobs = own.then(|own| {
            whole.then(|whole| {
                Known::or(
                    part(jobs, *own, *whole),
                    "nothing that can be analysed is in a tagged bucket",
                )
            })
        });
        share(Some(bucket.bucket.clone()), each(1), jobs)
    });
    let others = monitored.unwrap_or(tagged).saturating_sub(tagged);
    let others = (others > 0 || monitored.is_none())
        .then(|| share(None, each(others), Known::Yes(Usd::default())));
    buckets.chain(others).collect()
}

/// What a scan of each bucket would analyse, in the order of the row.
fn volumes(policy: &Policy, row: &estimate::Row) -> Known<Vec<Decimal>> {
    let volume = |bucket: &estimate::Bucket| {
        let size = &counted(bucket)?.size;
        analysed(policy, size, UNPACKED)
    };
    let mut volumes = Vec::new();
    for bucket in &row.buckets {
        match volume(bucket) {
            Some(volume) => volumes.push(volume),
            None => return Known::unknown(format!("Macie tells no size of {}", bucket.bucket)),
        }
    }
    Known::Yes(volumes)
}

/// Of nothing everything is nothing; a part of nothing is not known.
fn part(usd: Usd, own: Decimal, whole: Decimal) -> Option<Usd> {
    if usd == Usd::default() {
        return Some(usd);
    }
    let part = usd.0.checked_mul(own)?.checked_div(whole)?;
    Some(Usd(part.round_dp(6).normalize()))
}

/// The answer for programs.
pub fn document(costs: &Costs, shares: &[Share], now: Timestamp) -> Value {
    json!({
        "schemaVersion": output::SCHEMA_VERSION,
        "currency": "USD",
        "asOf": now,
        "source": SOURCE,
        "method": METHOD,
        "shares": shares,
        "trouble": costs.trouble,
    })
}

/// Prints the shares.
pub fn print(format: Format, costs: &Costs, shares: &[Share], now: Timestamp) -> Result<()> {
    costs.warn();
    match format {
        Format::Json => output::json(&document(costs, shares, now)),
        Format::Csv => csv(shares),
        Format::Table => {
            table(shares);
            Ok(())
        }
    }
}

fn name(share: &Share) -> &str {
    let bucket = share.bucket.as_ref();
    bucket.map_or("(without the tag)", BucketName::as_str)
}

fn csv(shares: &[Share]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(io::stdout());
    writer.write_record(["account", "region", "bucket", "monitoringUsd", "jobsUsd"])?;
    for share in shares {
        let usd = |usd: &Known<Usd>| usd.value().map(|usd| usd.0.to_string()).unwrap_or_default();
        let bucket = share.bucket.as_ref().map_or("", BucketName::as_str);
        writer.write_record([
            share.account.as_str(),
            share.region.as_str(),
            bucket,
            &usd(&share.monitoring_usd),
            &usd(&share.jobs_usd),
        ])?;
    }
    Ok(writer.flush()?)
}

fn table(shares: &[Share]) {
    let text = |usd: &Known<Usd>| match usd {
        Known::Yes(usd) => usd.to_string(),
        Known::No { unknown } => format!("unknown: {unknown}"),
    };
    let mut table = output::table(&["bucket", "Region", "monitoring", "jobs"]);
    for share in shares {
        let region = share.region.to_string();
        let (monitoring, jobs) = (text(&share.monitoring_usd), text(&share.jobs_usd));
        table.add_row([name(share).to_owned(), region, monitoring, jobs]);
    }
    output::print(&table);
    output::line(format!("This month, {METHOD}."));
}
