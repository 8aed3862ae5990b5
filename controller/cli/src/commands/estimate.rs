//! `estimate`: what scanning opted-in buckets costs, before anybody pays for it.

mod gate;

use std::{collections::BTreeSet, slice};

use anyhow::{Context, Result};
use controller::{
    aws::Aws,
    config::Runtime,
    observe::{management, monitored, read_all, sized, usage},
    reconcile::Controller,
};
use controller_core::{
    estimate::{Amount, Progress, Range, Sized, Unknown, Volume, is_enrolled, monitoring, to_pay},
    id::{AccountId, BucketName, Region, Scope},
    money::Usd,
    observed::{ErrorClass, Fact, Observed, Trouble},
    policy::{Mode, Policy},
    prices::PriceList,
    usage::Usage,
    wants::Read,
};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};

pub use self::gate::{Earlier, Gate};
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
    /// Whether Macie is on there, so that monitoring is charged already; none when not known.
    pub enrolled: Option<bool>,
    /// `policy` or `list`; none when nobody told a price.
    pub prices: Option<&'static str>,
    /// The buckets that were asked for.
    pub buckets: Vec<Bucket>,
    /// What is still to be paid for their first scans together, as far as it is known: in a price
    /// list with tiers it is less than each alone.
    pub first_scans: Range,
    /// How much that is likely to analyse.
    pub first_scan_gigabytes: Decimal,
    /// What jobs may still analyse of the account in this month; none when not known, as in Regions of
    /// which this release has no list price.
    pub quota_left_gigabytes: Option<Decimal>,
    /// Buckets of the account that Macie monitors, or would: all of them, tagged or not.
    pub monitored_buckets: Option<u64>,
    /// What monitoring them costs.
    pub monitoring_per_month: Amount,
    /// Each gigabyte that is written later and analysed, in the first tier.
    pub analysed_gigabyte_usd: Option<Decimal>,
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
    /// How far its first scan is.
    pub progress: Progress,
    /// What is still to be paid for it, if nothing else is scanned in the month.
    pub first_scan: Amount,
    /// When Macie last read its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizes_as_of: Option<Timestamp>,
    /// As Macie's inventory has it.
    #[serde(skip)]
    pub seen: Option<Sized>,
}

/// Everything together.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Total {
    /// First scans that are still to be paid.
    pub first_scan: Range,
    /// Monitoring, of accounts where it is charged already too.
    pub monitoring_per_month: Range,
    /// Amounts that are not in the sums.
    pub unknown: usize,
    /// Accounts and Regions of which something could not be read.
    pub unread: usize,
}

/// Prints what is to be paid.
pub async fn run(global: &Global, args: &EstimateArgs) -> Result<Exit> {
    let earlier = args.baseline.as_deref().map(Earlier::read).transpose()?;
    let runtime = start(global).await?;
    let policy = runtime.policy.current().await;
    let rows = rows(&runtime, &policy, global, args).await?;
    let total = total(&rows);
    let gate = Gate::of(&rows, earlier.as_ref(), args.fail_over);
    match global.output {
        Format::Json => output::json(&document(&policy, &rows, &total, &gate))?,
        Format::Table | Format::Csv => print(&policy, &rows, &total, &gate, earlier.is_some()),
    }
    Ok(exit(&total, &gate))
}

/// 4 above the limit; 3 when something could not be read, or is unknown and there is a limit.
pub fn exit(total: &Total, gate: &Gate) -> Exit {
    let unsure = total.unread > 0 || (gate.limit_usd.is_some() && total.unknown > 0);
    match (gate.exceeded, unsure) {
        (true, _) => Exit::Over,
        (false, true) => Exit::Partial,
        (false, false) => Exit::Success,
    }
}

/// Looks at what was asked for.
pub async fn rows(
    runtime: &Runtime,
    policy: &Policy,
    global: &Global,
    args: &EstimateArgs,
) -> Result<Vec<Row>> {
    let mut rows = without_quotas(runtime, policy, global, args).await?;
    read_quotas(&runtime.controller.aws, &mut rows).await;
    Ok(rows)
}

/// Macie tells the usage of all enrolled accounts of a Region at once.
async fn read_quotas(aws: &Aws, rows: &mut [Row]) {
    let enrolled = rows.iter().filter(|row| row.enrolled == Some(true));
    let regions: BTreeSet<Region> = enrolled.map(|row| row.region.clone()).collect();
    let asked = stream::iter(regions).map(|region| async { (usage(aws, &region).await, region) });
    let answers: Vec<_> = asked.buffered(CONCURRENCY).collect().await;
    for (answer, region) in answers {
        let there = rows.iter_mut().filter(|row| row.region == region);
        for row in there.filter(|row| row.enrolled == Some(true)) {
            match &answer {
                Ok(usages) => {
                    let mut usages = usages.iter();
                    let own = usages.find(|usage| usage.account == row.account);
                    row.quota_left_gigabytes = own.and_then(Usage::quota_left);
                }
                Err(trouble) => row.trouble.push(trouble.to_string()),
            }
        }
    }
}

async fn without_quotas(
    runtime: &Runtime,
    policy: &Policy,
    global: &Global,
    args: &EstimateArgs,
) -> Result<Vec<Row>> {
    let controller = &runtime.controller;
    let mut accounts = chosen(runtime, args.account.as_ref()).await?;
    accounts.retain(|account| account.is_active);
    let scopes = scopes(global, policy, &accounts)?;
    let Some(bucket) = &args.bucket else {
        return Ok(opted_in(controller, policy, scopes, args.account.is_some()).await);
    };
    let reads = reads(policy, [Read::Member, Read::Jobs]);
    let found = find(controller, policy, scopes, bucket, reads).await;
    let found = found.with_context(|| {
        format!("no bucket `{bucket}` was found; name its account with --account to see why")
    })?;
    anyhow::ensure!(
        !is_excluded(policy, &found),
        "the policy excludes account {}: nothing of it is scanned",
        found.scope.account
    );
    Ok(vec![
        row(controller, policy, &found, [bucket.clone()].into()).await,
    ])
}

/// All opted-in buckets by the tagging index. Left out is who has nothing to do with Macie, whom the
/// policy excludes, and Regions that are off; one account that was asked for says so itself.
async fn opted_in(
    controller: &Controller,
    policy: &Policy,
    scopes: Vec<Scope>,
    one: bool,
) -> Vec<Row> {
    let management = management(&controller.aws).await;
    let bar = progress(scopes.len(), "estimating");
    let looks = stream::iter(scopes).map(|scope| {
        let (bar, management) = (&bar, &management);
        async move {
            let mut observed = controller.unread(&scope, &BTreeSet::new());
            let reads = reads(policy, [Read::Member, Read::Jobs, Read::Index]);
            read_all(&controller.aws, policy, &mut observed, reads).await;
            let names = observed.indexed();
            let row = match is_left_out(policy, &observed, management, one) {
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

/// These, and the units where the policy has rules for them.
pub fn reads<const N: usize>(policy: &Policy, reads: [Read; N]) -> BTreeSet<Read> {
    let units = policy.has_unit_rules().then_some(Read::Units);
    reads.into_iter().chain(units).collect()
}

/// Whether the policy wants nothing of the account scanned.
pub fn is_excluded(policy: &Policy, observed: &Observed) -> bool {
    let units = observed.units.known().map_or(&[][..], Vec::as_slice);
    policy.mode(&observed.scope.account, units) == Mode::Excluded
}

fn is_left_out(
    policy: &Policy,
    observed: &Observed,
    management: &Fact<AccountId>,
    one: bool,
) -> bool {
    let trouble = observed.index.trouble().map(|trouble| trouble.class);
    let idle = is_enrolled(observed) == Fact::Known(false)
        && trouble.is_none()
        && observed.indexed().is_empty()
        && !one;
    let no_role = has_no_role(observed, management) && !one;
    no_role || idle || is_excluded(policy, observed) || trouble == Some(ErrorClass::RegionDisabled)
}

/// StackSets give the management account no role, unless somebody deploys it there.
pub fn has_no_role(observed: &Observed, management: &Fact<AccountId>) -> bool {
    let trouble = observed.index.trouble().map(|trouble| trouble.class);
    management.known() == Some(&observed.scope.account) && trouble == Some(ErrorClass::Denied)
}

/// What these buckets cost; what was read before is not read again.
pub async fn row(
    controller: &Controller,
    policy: &Policy,
    observed: &Observed,
    names: BTreeSet<BucketName>,
) -> Row {
    let Scope { account, region } = &observed.scope;
    let enrolled = is_enrolled(observed);
    let (sizes, count) = match enrolled {
        Fact::Known(true) => as_macie_sees(controller, observed, &names).await,
        Fact::Known(false) => (
            Fact::Unread,
            all_buckets(controller, policy, observed).await,
        ),
        Fact::Unknown(_) | Fact::Unread => (Fact::Unread, Fact::Unread),
    };
    let now = controller.clock.now();
    let prices = policy.prices(region);
    let mut together = Volume::default();
    let buckets = names.iter().map(|name| {
        let (progress, volume) = to_pay(policy, observed, &sizes, name, now);
        together = together.plus(volume.clone().unwrap_or_default());
        let mut sizes = sizes.known().into_iter().flatten();
        let seen = sizes.find(|seen| seen.name == *name).cloned();
        Bucket {
            bucket: name.clone(),
            progress,
            first_scan: Amount::of(volume, policy, region),
            sizes_as_of: seen.as_ref().and_then(|seen| seen.updated_at),
            seen,
        }
    });
    let buckets = buckets.collect();
    let month = count
        .known()
        .map(|count| monitoring(policy, region, *count));
    let own = policy.own_prices.contains_key(region);
    let of_buckets = names
        .iter()
        .filter_map(|name| observed.bucket(name).trouble());
    let trouble: BTreeSet<&Trouble> = [
        observed.member.trouble(),
        observed.jobs.trouble(),
        observed.index.trouble(),
        observed.units.trouble(),
        sizes.trouble(),
        count.trouble(),
    ]
    .into_iter()
    .flatten()
    .chain(of_buckets)
    .collect();
    Row {
        account: account.clone(),
        region: region.clone(),
        enrolled: enrolled.known().copied(),
        prices: prices.map(|_| if own { "policy" } else { "list" }),
        buckets,
        first_scans: prices.map_or(Range::default(), |prices| together.cost(prices)),
        first_scan_gigabytes: together.likely,
        quota_left_gigabytes: None,
        monitored_buckets: count.known().copied(),
        monitoring_per_month: month.unwrap_or(Unknown::NotRead.into()),
        analysed_gigabyte_usd: prices.and_then(|prices| Some(prices.gigabyte.first()?.price)),
        trouble: trouble.into_iter().map(ToString::to_string).collect(),
    }
}

/// Sizes of the buckets, and how many the account has.
async fn as_macie_sees(
    controller: &Controller,
    observed: &Observed,
    names: &BTreeSet<BucketName>,
) -> (Fact<Vec<Sized>>, Fact<u64>) {
    let (aws, scope) = (&controller.aws, &observed.scope);
    let only = names.first().filter(|_| names.len() == 1);
    let count = async {
        match observed.inventory.known() {
            Some(inventory) => Ok(inventory.monitored),
            None => monitored(aws, scope).await,
        }
    };
    let (sizes, count) =
        futures::join!(sized(aws, scope, only.map_or(&[], slice::from_ref)), count);
    let sizes = sizes.map_or_else(Fact::Unknown, Fact::Known);
    let count = match count {
        Ok(count) => count.map_or(Fact::Unread, Fact::Known),
        Err(trouble) => Fact::Unknown(trouble),
    };
    (sizes, count)
}

/// How many buckets an enrolment would make Macie monitor.
async fn all_buckets(controller: &Controller, policy: &Policy, observed: &Observed) -> Fact<u64> {
    let mut observed = observed.clone();
    if observed.listing.is_unread() {
        let reads = BTreeSet::from([Read::Listing]);
        read_all(&controller.aws, policy, &mut observed, reads).await;
    }
    match observed.listing {
        Fact::Known(names) => u64::try_from(names.len()).map_or(Fact::Unread, Fact::Known),
        Fact::Unknown(trouble) => Fact::Unknown(trouble),
        Fact::Unread => Fact::Unread,
    }
}

/// The sums, and how much is not in them.
pub fn total(rows: &[Row]) -> Total {
    let mut total = Total::default();
    for row in rows {
        total.unread += usize::from(!row.trouble.is_empty());
        total.unknown += add(&mut total.monitoring_per_month, &row.monitoring_per_month);
        total.first_scan = total.first_scan.plus(row.first_scans);
        let unknown = |bucket: &&Bucket| matches!(bucket.first_scan, Amount::Unknown { .. });
        total.unknown += row.buckets.iter().filter(unknown).count();
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

/// The answer for programs: money as text.
pub fn document(policy: &Policy, rows: &[Row], total: &Total, gate: &Gate) -> Value {
    let list = PriceList::bundled();
    json!({
        "schemaVersion": output::SCHEMA_VERSION,
        "currency": "USD",
        "samplingPercentage": policy.jobs.sampling_percentage,
        "priceList": list.map(|list| json!({ "asOf": list.as_of, "source": list.source })),
        "estimates": rows,
        "total": total,
        "gate": gate,
    })
}

fn print(policy: &Policy, rows: &[Row], total: &Total, gate: &Gate, compared: bool) {
    if rows.is_empty() {
        return output::line("Nothing is opted in here, and no account is enrolled.");
    }
    let mut table = output::table(&["account", "Region", "what", "estimate", "why"]);
    for row in rows {
        for [what, amount, why] in lines(row) {
            let (account, region) = (row.account.to_string(), row.region.to_string());
            table.add_row([account, region, what, amount, why]);
        }
    }
    output::print(&table);
    let sampling = policy.jobs.sampling_percentage;
    output::line(format!(
        "Known: first scans {}, monitoring {} a month. Unknown: {} amounts. {sampling} % of the objects are analysed.",
        text(&total.first_scan),
        text(&total.monitoring_per_month),
        total.unknown
    ));
    let list = PriceList::bundled().map(|list| list.as_of.to_string());
    output::line(format!(
        "Prices: {} from the policy, {} from AWS's list of {}.",
        regions(rows, "policy"),
        regions(rows, "list"),
        list.unwrap_or_default()
    ));
    if let Some(verdict) = gate.text(compared, total.unknown) {
        output::line(verdict);
    }
}

/// The Regions whose prices are of a source.
pub fn regions<'a>(rows: impl IntoIterator<Item = &'a Row>, prices: &str) -> String {
    let rows = rows.into_iter();
    let rows = rows.filter(|row| row.prices == Some(prices));
    let regions: BTreeSet<&str> = rows.map(|row| row.region.as_str()).collect();
    match regions.is_empty() {
        true => "none".to_owned(),
        false => regions.into_iter().collect::<Vec<_>>().join(", "),
    }
}

fn lines(row: &Row) -> Vec<[String; 3]> {
    let mut lines: Vec<[String; 3]> = row.buckets.iter().map(line).collect();
    let count = row.monitored_buckets.map(|count| format!(" {count}"));
    let what = format!("monitoring all{} buckets", count.unwrap_or_default());
    let (amount, why) = match (&row.monitoring_per_month, row.enrolled) {
        (Amount::Known(range), Some(true)) => (monthly(range), "charged already".to_owned()),
        (Amount::Known(range), _) => (monthly(range), "once the account is enrolled".to_owned()),
        (Amount::Unknown { unknown }, _) => ("unknown".to_owned(), unknown.to_string()),
    };
    lines.push([what, amount, why]);
    if let Some(usd) = row.analysed_gigabyte_usd {
        let what = "scanning what is written later".to_owned();
        let amount = format!("{} a GB", Usd(usd));
        lines.push([what, amount, "how much is not known before".to_owned()]);
    }
    lines.extend(quota(row));
    lines.extend(
        row.trouble
            .iter()
            .map(|trouble| ["not read".to_owned(), String::new(), trouble.clone()]),
    );
    lines
}

/// What a first scan may still analyse in this month.
fn quota(row: &Row) -> Option<[String; 3]> {
    let left = row.quota_left_gigabytes?;
    let why = match row.first_scan_gigabytes > left {
        true => "first scans are larger: Macie pauses the jobs until the month turns",
        false => "enough for the first scans",
    };
    let what = "what jobs may analyse this month".to_owned();
    Some([what, format!("{left} GB"), why.to_owned()])
}

fn line(bucket: &Bucket) -> [String; 3] {
    let as_of = bucket.sizes_as_of.map(|at| format!("sizes of {at}"));
    let (amount, why) = match (bucket.progress, &bucket.first_scan) {
        (_, Amount::Unknown { unknown }) => ("unknown".to_owned(), unknown.to_string()),
        (Progress::Done, Amount::Known(_)) => {
            ("paid".to_owned(), "a job has scanned it".to_owned())
        }
        (Progress::Begun, Amount::Known(range)) => (
            text(range),
            "a job is scanning it: a part is paid".to_owned(),
        ),
        (Progress::Ahead, Amount::Known(range)) => (text(range), as_of.unwrap_or_default()),
    };
    [format!("first scan of {}", bucket.bucket), amount, why]
}

fn monthly(range: &Range) -> String {
    format!("{} a month", text(range))
}

/// A range for people.
pub fn text(range: &Range) -> String {
    let [low, likely, high] = [range.low, range.likely, range.high].map(cents);
    match low == high {
        true => likely,
        false => format!("{likely} ({low} to {high})"),
    }
}

/// What is less than a cent is not nothing.
pub fn cents(usd: Usd) -> String {
    match usd.0 > Decimal::ZERO && usd.0 < Decimal::new(1, 2) {
        true => "under $0.01".to_owned(),
        false => usd.to_string(),
    }
}
