//! `estimate`: what scanning opted-in buckets costs, before anybody pays for it.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};
use controller::{
    config::Runtime,
    observe::{read_all, sized},
    reconcile::Controller,
};
use controller_core::{
    decide::jobs::JobsView,
    estimate::{Amount, Range, Unknown, first_scan, monitoring},
    id::{AccountId, BucketName, Region, Scope},
    money::Usd,
    observed::{Fact, Job, Membership, Observed, Relationship, Trouble},
    policy::Policy,
    prices::PriceList,
    wants::Read,
};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CONCURRENCY, chosen, explain::find, progress, scopes, start};
use crate::{
    args::{EstimateArgs, Format, Global},
    exit::Exit,
    output,
};

/// One account in one Region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// Whether Macie is on there, so that monitoring is already paid for.
    pub enrolled: bool,
    /// The buckets that were asked for.
    pub buckets: Vec<Bucket>,
    /// All buckets of the account, tagged or not.
    pub monitored_buckets: Option<usize>,
    /// What monitoring them costs.
    pub monitoring_per_month: Amount,
    /// What is written later costs this much a gigabyte, in the first tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gigabyte_usd: Option<Decimal>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trouble: Vec<String>,
}

/// A bucket.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// Its name.
    pub bucket: BucketName,
    /// Whether its first scan was paid for: a baseline job has it.
    pub scanned_before: bool,
    /// What is still to be paid for it.
    pub first_scan: Amount,
    /// When Macie last read its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizes_as_of: Option<Timestamp>,
}

/// Everything together.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Total {
    /// First scans that are still to be paid.
    pub first_scan: Range,
    /// Monitoring of all buckets.
    pub monitoring_per_month: Range,
    /// Amounts that are not in the sums.
    pub unknown: usize,
}

/// What an earlier document says, as far as it is compared.
#[derive(Debug, Deserialize)]
pub struct Before {
    total: BeforeTotal,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BeforeTotal {
    first_scan: BeforeRange,
    monitoring_per_month: BeforeRange,
}

#[derive(Debug, Deserialize)]
struct BeforeRange {
    usd: Decimal,
}

/// Prints what is to be paid; with a limit, ends with 4 when it is more.
pub async fn run(global: &Global, args: &EstimateArgs) -> Result<Exit> {
    let before = args.baseline.as_deref().map(read_before).transpose()?;
    let runtime = start(global).await?;
    let rows = rows(&runtime, global, args).await?;
    let total = total(&rows);
    let document = document(&*runtime.policy.current().await, &rows, &total);
    match global.output {
        Format::Json => output::json(&document)?,
        Format::Table => print(&rows, &total),
    }
    Ok(args.fail_over.map_or(Exit::Success, |limit| {
        let (more, exit) = gate(&total, before.as_ref(), limit);
        eprintln!(
            "{} more than before, {} unknown; the limit is {}",
            more,
            total.unknown,
            Usd(limit)
        );
        exit
    }))
}

/// Looks at what was asked for.
pub async fn rows(runtime: &Runtime, global: &Global, args: &EstimateArgs) -> Result<Vec<Row>> {
    let policy = runtime.policy.current().await;
    let accounts = chosen(runtime, args.account.as_ref()).await?;
    let scopes = scopes(global, &policy, &accounts)?;
    let controller = &runtime.controller;
    let Some(bucket) = &args.bucket else {
        return Ok(opted_in(controller, &policy, scopes).await);
    };
    let found = find(controller, &policy, scopes, bucket).await;
    let found = found.with_context(|| format!("no bucket `{bucket}` was found"))?;
    let names = BTreeSet::from([bucket.clone()]);
    Ok(vec![row(controller, &policy, &found, names).await])
}

/// All opted-in buckets; accounts without one are left out unless only one was asked for.
async fn opted_in(controller: &Controller, policy: &Policy, scopes: Vec<Scope>) -> Vec<Row> {
    let one = scopes.len() == 1;
    let bar = progress(scopes.len(), "estimating");
    let looks = stream::iter(scopes).map(|scope| {
        let bar = &bar;
        async move {
            let mut observed = controller.unread(&scope, &BTreeSet::new());
            let reads = BTreeSet::from([Read::Member, Read::Jobs, Read::Index]);
            read_all(&controller.aws, policy, &mut observed, reads).await;
            let names = observed.indexed();
            let row = match names.is_empty() && observed.index.trouble().is_none() && !one {
                true => None,
                false => Some(row(controller, policy, &observed, names).await),
            };
            bar.inc(1);
            row
        }
    });
    let rows: Vec<Option<Row>> = looks.buffered(CONCURRENCY).collect().await;
    bar.finish_and_clear();
    rows.into_iter().flatten().collect()
}

async fn row(
    controller: &Controller,
    policy: &Policy,
    observed: &Observed,
    names: BTreeSet<BucketName>,
) -> Row {
    let Scope { account, region } = &observed.scope;
    let enrolled = is_enrolled(observed);
    let mut trouble: Vec<&Trouble> = Vec::new();
    trouble.extend(observed.member.trouble());
    trouble.extend(observed.jobs.trouble());
    trouble.extend(observed.index.trouble());
    let mut trouble: Vec<String> = trouble.into_iter().map(ToString::to_string).collect();
    let (sizes, monitored) = match enrolled {
        true => {
            let sizes = sized(&controller.aws, &observed.scope).await;
            let sizes = sizes.map_err(|error| trouble.push(error.to_string())).ok();
            let monitored = sizes.as_ref().map(Vec::len);
            (sizes, monitored)
        }
        false => (
            None,
            all_buckets(controller, policy, observed, &mut trouble).await,
        ),
    };
    let covered = covered(policy, observed);
    let now = controller.clock.now();
    let bucket = |name: BucketName| {
        let scanned_before = covered.contains(&name);
        let seen = sizes.iter().flatten().find(|bucket| bucket.name == name);
        Bucket {
            scanned_before,
            first_scan: match (seen, &sizes) {
                _ if scanned_before => Amount::Known(Range::default()),
                (Some(seen), _) => first_scan(policy, region, seen, now),
                (None, Some(_)) => Unknown::NotSeen.into(),
                (None, None) if enrolled => Unknown::NotRead.into(),
                (None, None) => Unknown::NotEnrolled.into(),
            },
            sizes_as_of: seen.and_then(|seen| seen.updated_at),
            bucket: name,
        }
    };
    let count = monitored.and_then(|count| u64::try_from(count).ok());
    let month = count.map(|count| monitoring(policy, region, count));
    let prices = policy.prices(region);
    Row {
        account: account.clone(),
        region: region.clone(),
        enrolled,
        buckets: names.into_iter().map(bucket).collect(),
        monitored_buckets: monitored,
        monitoring_per_month: month.unwrap_or(Unknown::NotRead.into()),
        gigabyte_usd: prices.and_then(|prices| Some(prices.gigabyte.first()?.price)),
        trouble,
    }
}

fn is_enrolled(observed: &Observed) -> bool {
    observed.is_administrator()
        || matches!(
            observed.member.known(),
            Some(Membership::Member(member)) if member.status == Relationship::Enabled
        )
}

/// How many buckets an enrolment would make Macie monitor.
async fn all_buckets(
    controller: &Controller,
    policy: &Policy,
    observed: &Observed,
    trouble: &mut Vec<String>,
) -> Option<usize> {
    let mut observed = observed.clone();
    let reads = BTreeSet::from([Read::Listing]);
    read_all(&controller.aws, policy, &mut observed, reads).await;
    match &observed.listing {
        Fact::Known(names) => Some(names.len()),
        Fact::Unknown(error) => {
            trouble.push(error.to_string());
            None
        }
        Fact::Unread => None,
    }
}

fn covered(policy: &Policy, observed: &Observed) -> BTreeSet<BucketName> {
    let jobs: &[Job] = observed.jobs.known().map_or(&[], Vec::as_slice);
    let member = match observed.member.known() {
        Some(Membership::Member(member)) => Some(member),
        Some(Membership::Stranger) | None => None,
    };
    JobsView::new(policy, &observed.scope, jobs, member).baselined_before(Timestamp::MAX)
}

/// The sums, and how much is not in them.
pub fn total(rows: &[Row]) -> Total {
    let mut total = Total::default();
    for row in rows {
        total.unknown += add(&mut total.monitoring_per_month, &row.monitoring_per_month);
        total.unknown += row.trouble.len();
        for bucket in &row.buckets {
            total.unknown += add(&mut total.first_scan, &bucket.first_scan);
        }
    }
    total
}

/// Adds what is known; 1 for what is not.
fn add(sum: &mut Range, amount: &Amount) -> usize {
    match amount {
        Amount::Known(range) => {
            *sum = sum.plus(*range);
            0
        }
        Amount::Unknown { .. } => 1,
    }
}

fn read_before(path: &Path) -> Result<Before> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the earlier estimate {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is not what `maciectl estimate --output json` prints",
            path.display()
        )
    })
}

/// What is unknown could be anything, so it does not pass.
pub fn gate(total: &Total, before: Option<&Before>, limit: Decimal) -> (Usd, Exit) {
    let now = (total.first_scan.likely + total.monitoring_per_month.likely).0;
    let earlier = before.map_or(Decimal::ZERO, |before| {
        let Before { total } = before;
        total
            .first_scan
            .usd
            .saturating_add(total.monitoring_per_month.usd)
    });
    let more = Usd(now.saturating_sub(earlier));
    match more.0 > limit || total.unknown > 0 {
        true => (more, Exit::Over),
        false => (more, Exit::Success),
    }
}

/// The answer for programs: money as text.
pub fn document(policy: &Policy, rows: &[Row], total: &Total) -> Value {
    let list = PriceList::bundled();
    serde_json::json!({
        "schemaVersion": output::SCHEMA_VERSION,
        "currency": "USD",
        "samplingPercentage": policy.jobs.sampling_percentage,
        "prices": list.map(|list| serde_json::json!({ "asOf": list.as_of, "source": list.source })),
        "ownPrices": policy.own_prices.keys().collect::<Vec<_>>(),
        "estimates": rows,
        "total": total,
    })
}

fn print(rows: &[Row], total: &Total) {
    let mut table = output::table(&["account", "Region", "what", "estimate", "why"]);
    for row in rows {
        let mut line = |what: String, amount: String, why: String| {
            table.add_row([
                row.account.to_string(),
                row.region.to_string(),
                what,
                amount,
                why,
            ]);
        };
        for bucket in &row.buckets {
            let (amount, why) = match (&bucket.first_scan, bucket.scanned_before) {
                (_, true) => ("paid".to_owned(), "a baseline job has it".to_owned()),
                (Amount::Unknown { unknown }, _) => ("unknown".to_owned(), unknown.to_string()),
                (Amount::Known(range), _) => (text(range), as_of(bucket)),
            };
            line(format!("first scan of {}", bucket.bucket), amount, why);
        }
        let count = row.monitored_buckets.map(|count| format!(" {count}"));
        let count = count.unwrap_or_default();
        let (amount, why) = match &row.monitoring_per_month {
            Amount::Known(range) if row.enrolled => (text(range), "charged already".to_owned()),
            Amount::Known(range) => (text(range), "once the account is enrolled".to_owned()),
            Amount::Unknown { unknown } => ("unknown".to_owned(), unknown.to_string()),
        };
        line(
            format!("each month: monitoring of all{count} buckets"),
            amount,
            why,
        );
        if let Some(usd) = row.gigabyte_usd {
            let what = "each month: scanning of what is written".to_owned();
            line(
                what,
                format!("{} a GB", Usd(usd)),
                "not known before".to_owned(),
            );
        }
        for trouble in &row.trouble {
            line("not read".to_owned(), "unknown".to_owned(), trouble.clone());
        }
    }
    match table.row_count() {
        0 => output::line(
            "Nothing is opted in: nothing is scanned, and Macie is paid for nowhere by the controller.",
        ),
        _ => output::print(&table),
    }
    output::line(format!(
        "First scans {}, monitoring {} a month; {} unknown.",
        text(&total.first_scan),
        text(&total.monitoring_per_month),
        total.unknown
    ));
}

fn as_of(bucket: &Bucket) -> String {
    bucket
        .sizes_as_of
        .map(|at| format!("sizes of {at}"))
        .unwrap_or_default()
}

fn text(range: &Range) -> String {
    match range.low == range.high {
        true => range.likely.to_string(),
        false => format!("{} ({} to {})", range.likely, range.low, range.high),
    }
}
