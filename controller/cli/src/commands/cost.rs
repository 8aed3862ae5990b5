//! `cost`: what Macie says that accounts have cost this month.

pub mod buckets;
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
    observed::Trouble,
    usage::{SOURCE, Usage, forecast},
};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

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
}

/// Prints what has been spent.
pub async fn run(global: &Global, args: &CostArgs) -> Result<Exit> {
    let runtime = start(global).await?;
    let mut costs = costs(&runtime, global, args.account.as_ref()).await?;
    let now = runtime.controller.clock.now();
    if args.by == By::Bucket {
        let shares = buckets::shares(&runtime, global, args, &costs).await?;
        buckets::print(global.output, &costs, &shares, now)?;
        return Ok(costs.exit());
    }
    if args.by == By::Unit {
        place(&runtime.controller.aws, &mut costs).await;
    }
    if let Some(key) = &args.tag {
        tags::read(&runtime.controller.aws, &mut costs, key).await;
    }
    match global.output {
        Format::Json => output::json(&document(&costs, args.by, now))?,
        Format::Csv => print::csv(&costs, args.by, now)?,
        Format::Table => print::table(&costs, args.by, now),
    }
    Ok(costs.exit())
}

impl Costs {
    /// 3 when a Region did not answer or a unit or tag could not be read, 1 when no Region did.
    pub fn exit(&self) -> Exit {
        let is_whole = self.trouble.is_empty() && self.unplaced.is_empty();
        match (is_whole, self.regions.is_empty()) {
            (true, _) => Exit::Success,
            (false, false) => Exit::Partial,
            (false, true) => Exit::Error,
        }
    }

    /// Says which Regions are missing, and why.
    pub fn warn(&self) {
        for (region, trouble) in &self.trouble {
            eprintln!("{region} is not in these figures: {trouble}");
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
    costs
        .usages
        .retain(|usage| account.is_none_or(|only| *only == usage.account));
    costs
        .usages
        .sort_by_key(|usage| std::cmp::Reverse(usage.total()));
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
        json!({ "name": name, "monthToDateUsd": usd, "forecastUsd": forecast(usd, now) })
    });
    let total = total(costs);
    json!({
        "schemaVersion": output::SCHEMA_VERSION,
        "currency": "USD",
        "asOf": now,
        "source": SOURCE,
        "forecast": METHOD,
        "costs": costs.usages,
        "by": by,
        "groups": groups.collect::<Vec<_>>(),
        "total": { "monthToDateUsd": total, "forecastUsd": forecast(total, now) },
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
