//! `cost`: what Macie says that accounts have cost this month, or in one that is over.

pub mod bill;
pub mod buckets;
pub mod past;
mod print;
mod rows;
pub mod tags;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use controller::{
    aws::Aws,
    config::Runtime,
    observe::{unit, usage},
};
use controller_core::{
    id::{AccountId, Region, UnitId},
    money::Usd,
    month::Month,
    observed::Trouble,
    usage::{SOURCE, Usage, forecast},
};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};

use self::past::Past;
use super::{CONCURRENCY, regions, start};
use crate::{
    args::{By, CostArgs, Format, Global},
    exit::Exit,
    output,
};

/// How the end of the month is reckoned; published with the figures.
pub const METHOD: &str =
    "dollars so far x days of the month / days passed; unknown on the first day";

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub struct Costs {
    /// Regions that answered.
    pub regions: Vec<Region>,
    /// By account and Region.
    pub usages: Vec<Usage>,
    /// Regions that did not answer, and why.
    pub trouble: BTreeMap<Region, Trouble>,
    /// The unit of each account, when that was asked for.
    pub units: BTreeMap<AccountId, UnitId>,
    /// The value of each account's tag, when that was asked for; none where it has no such tag.
    pub tags: BTreeMap<AccountId, Option<String>>,
    /// Accounts whose unit or tag could not be read, and why.
    pub unplaced: BTreeMap<AccountId, Trouble>,
    /// Where the figures of a month that is over are from; none for the running one.
    pub past: Option<Past>,
}

/// An account in a Region, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Account<'a> {
    #[serde(flatten)]
    usage: &'a Usage,
    quota_used_percent: Option<Decimal>,
}

/// Prints what has been spent.
pub async fn run(global: &Global, args: &CostArgs) -> Result<Exit> {
    let runtime = start(global).await?;
    let now = runtime.controller.clock.now();
    let costs = read(&runtime, global, args).await?;
    if args.by == By::Bucket {
        let shares = buckets::shares(&runtime, global, args, &costs).await?;
        buckets::print(global.output, &costs, &shares, now)?;
        return Ok(costs.exit());
    }
    if args.bill {
        return bill::run(&runtime, global, args, &costs).await;
    }
    print(global.output, &costs, args.by, now)?;
    Ok(costs.exit())
}

/// What was asked for: the running month from Macie, one that is over from its snapshots.
pub async fn read(runtime: &Runtime, global: &Global, args: &CostArgs) -> Result<Costs> {
    let account = args.account.as_ref();
    let mut costs = match past::month(args, runtime.controller.clock.now())? {
        None => costs(runtime, global, account).await?,
        Some(month) => past::costs(runtime, global, args, month).await?,
    };
    if args.by == By::Unit {
        place(&runtime.controller.aws, &mut costs).await;
    }
    if let Some(key) = &args.tag {
        tags::read(&runtime.controller.aws, &mut costs, key).await;
    }
    Ok(costs)
}

fn print(format: Format, costs: &Costs, by: By, now: Timestamp) -> Result<()> {
    match format {
        Format::Json => output::json(&document(costs, by, now)),
        Format::Csv => print::csv(costs, by, now),
        Format::Table => {
            print::table(costs, by, now);
            Ok(())
        }
    }
}

impl Costs {
    /// 3 when a Region did not answer or is incomplete, or a unit or tag could not be read; 1 when no
    /// Region answered.
    pub fn exit(&self) -> Exit {
        let is_whole = self.is_whole() && self.unplaced.is_empty();
        match (is_whole, self.regions.is_empty()) {
            (true, _) => Exit::Success,
            (false, false) => Exit::Partial,
            (false, true) => Exit::Error,
        }
    }

    /// Whether each Region's month is in the figures.
    pub fn is_whole(&self) -> bool {
        let gaps = self.past.as_ref().is_some_and(Past::has_gaps);
        self.trouble.is_empty() && !gaps
    }

    /// Keeps what is asked for, the largest first.
    fn choose(&mut self, account: Option<&AccountId>) {
        let usages = &mut self.usages;
        usages.retain(|usage| account.is_none_or(|only| *only == usage.account));
        usages.sort_by_key(|usage| std::cmp::Reverse(usage.total()));
    }

    /// The month.
    pub fn month(&self, now: Timestamp) -> Month {
        let past = self.past.as_ref();
        past.map_or_else(|| Month::of(now), |past| past.month)
    }

    /// What dollars make at the month's end; none when the month is over.
    pub fn forecast(&self, usd: Usd, now: Timestamp) -> Option<Usd> {
        match self.past {
            None => forecast(usd, now),
            Some(_) => None,
        }
    }

    /// Says which Regions are missing or incomplete, and why.
    pub fn warn(&self) {
        for (region, trouble) in &self.trouble {
            eprintln!("{region} is not in these figures: {trouble}");
        }
        if let Some(past) = &self.past {
            past.warn(self.trouble.values());
        }
        for (account, trouble) in &self.unplaced {
            eprintln!("where {account} belongs is not known: {trouble}");
        }
    }
}

/// Asks each governed Region once.
pub async fn costs(
    runtime: &Runtime,
    global: &Global,
    account: Option<&AccountId>,
) -> Result<Costs> {
    let policy = runtime.policy.current().await;
    let regions = regions(&policy, global.region.as_ref())?;
    let aws = &runtime.controller.aws;
    let asked = stream::iter(&regions).map(|region| usage(aws, region));
    let answers: Vec<_> = asked.buffered(CONCURRENCY).collect().await;
    let mut costs = Costs::default();
    for (region, answer) in regions.iter().zip(answers) {
        match answer {
            Ok(usages) => {
                costs.regions.push(region.clone());
                costs.usages.extend(usages);
            }
            Err(trouble) => drop(costs.trouble.insert(region.clone(), trouble)),
        }
    }
    costs.choose(account);
    Ok(costs)
}

/// Asks for the unit of every account that has costs.
pub async fn place(aws: &Aws, costs: &mut Costs) {
    let accounts: BTreeSet<AccountId> = costs
        .usages
        .iter()
        .map(|usage| usage.account.clone())
        .collect();
    let asked = stream::iter(&accounts).map(|account| unit(aws, account));
    let answers: Vec<_> = asked.buffered(CONCURRENCY).collect().await;
    for (account, answer) in accounts.into_iter().zip(answers) {
        match answer {
            Ok(unit) => drop(costs.units.insert(account, unit)),
            Err(trouble) => drop(costs.unplaced.insert(account, trouble)),
        }
    }
}

/// Sums by what was asked for, the largest first; by account where that is no sum.
pub fn groups(costs: &Costs, by: By) -> Vec<(String, Usd)> {
    let mut sums: BTreeMap<String, Usd> = BTreeMap::new();
    for usage in &costs.usages {
        let tag = tags::name(costs, usage);
        for (kind, usd) in &usage.usd {
            let key = match by {
                By::Account | By::Bucket => usage.account.to_string(),
                By::Unit => match costs.units.get(&usage.account) {
                    Some(unit) => unit.to_string(),
                    None => "unknown".to_owned(),
                },
                By::Tag => match &tag {
                    Some(tag) => tag.clone(),
                    None => continue,
                },
                By::Region => usage.region.to_string(),
                By::Type => kind.name().to_owned(),
            };
            let sum = sums.entry(key).or_default();
            *sum = *sum + *usd;
        }
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, usd)| std::cmp::Reverse(*usd));
    sums
}

/// The answer for programs: money as text.
pub fn document(costs: &Costs, by: By, now: Timestamp) -> Value {
    let groups = groups(costs, by).into_iter().map(|(name, usd)| {
        json!({ "name": name, "monthToDateUsd": usd, "forecastUsd": costs.forecast(usd, now) })
    });
    let total = total(costs);
    let accounts = costs.usages.iter().map(|usage| Account {
        usage,
        quota_used_percent: usage.quota_used_percent(),
    });
    let past = costs.past.as_ref();
    json!({
        "schemaVersion": output::SCHEMA_VERSION,
        "currency": "USD",
        "month": costs.month(now),
        "asOf": past.map_or(Some(now), Past::as_of),
        "source": SOURCE,
        "forecast": past.is_none().then_some(METHOD),
        "costs": accounts.collect::<Vec<_>>(),
        "by": by,
        "groups": groups.collect::<Vec<_>>(),
        "total": { "monthToDateUsd": total, "forecastUsd": costs.forecast(total, now) },
        "snapshots": past.map(|past| &past.snapshots),
        "incomplete": past.map(|past| &past.incomplete),
        "trouble": costs.trouble,
        "tags": costs.tags,
        "unplaced": costs.unplaced,
    })
}

/// Everything together.
pub fn total(costs: &Costs) -> Usd {
    let totals = costs.usages.iter().map(Usage::total);
    totals.fold(Usd::default(), |sum, usd| sum + usd)
}
