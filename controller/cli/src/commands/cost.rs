//! `cost`: what Macie says that accounts have cost this month.

use std::collections::BTreeMap;

use anyhow::Result;
use controller::{config::Runtime, observe::usage};
use controller_core::{
    id::Region,
    money::Usd,
    observed::Trouble,
    usage::{Kind, Usage, forecast},
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
const METHOD: &str = "dollars so far x days of the month / days passed; unknown on the first day";

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub struct Costs {
    /// By account and Region.
    pub usages: Vec<Usage>,
    /// Regions that did not answer, and why.
    pub trouble: BTreeMap<Region, Trouble>,
}

/// Prints what has been spent.
pub async fn run(global: &Global, args: &CostArgs) -> Result<Exit> {
    let runtime = start(global).await?;
    let costs = costs(&runtime, global, args).await?;
    let now = runtime.controller.clock.now();
    match global.output {
        Format::Json => output::json(&document(&costs, args.by, now))?,
        Format::Table => print(&costs, args.by, now),
    }
    Ok(match (costs.trouble.is_empty(), costs.usages.is_empty()) {
        (true, _) => Exit::Success,
        (false, false) => Exit::Partial,
        (false, true) => Exit::Error,
    })
}

/// Asks each governed Region once.
pub async fn costs(runtime: &Runtime, global: &Global, args: &CostArgs) -> Result<Costs> {
    let policy = runtime.policy.current().await;
    let regions = regions(&policy, global.region.as_ref())?;
    let aws = &runtime.controller.aws;
    let asked = stream::iter(&regions).map(|region| usage(aws, region));
    let answers: Vec<_> = asked.buffered(CONCURRENCY).collect().await;
    let mut costs = Costs::default();
    for (region, answer) in regions.iter().zip(answers) {
        match answer {
            Ok(usages) => costs.usages.extend(usages),
            Err(trouble) => drop(costs.trouble.insert(region.clone(), trouble)),
        }
    }
    let asked_for = |usage: &Usage| {
        args.account
            .as_ref()
            .is_none_or(|only| *only == usage.account)
    };
    costs.usages.retain(asked_for);
    costs
        .usages
        .sort_by_key(|usage| std::cmp::Reverse(usage.total()));
    Ok(costs)
}

/// Sums by what was asked for, the largest first.
pub fn groups(costs: &Costs, by: By) -> Vec<(String, Usd)> {
    let mut sums: BTreeMap<String, Usd> = BTreeMap::new();
    for usage in &costs.usages {
        for (kind, usd) in &usage.usd {
            let key = match by {
                By::Account => usage.account.to_string(),
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
        "source": "macie2:GetUsageStatistics",
        "forecast": METHOD,
        "costs": costs.usages,
        "by": by,
        "groups": groups.collect::<Vec<_>>(),
        "total": { "monthToDateUsd": total, "forecastUsd": forecast(total, now) },
        "trouble": costs.trouble,
    })
}

fn total(costs: &Costs) -> Usd {
    let totals = costs.usages.iter().map(Usage::total);
    totals.fold(Usd::default(), |sum, usd| sum + usd)
}

fn print(costs: &Costs, by: By, now: Timestamp) {
    for (region, trouble) in &costs.trouble {
        eprintln!("{region} is not in these figures: {trouble}");
    }
    if costs.usages.is_empty() {
        return output::line("Macie told of no usage of what was asked for.");
    }
    let end = |usd| forecast(usd, now).map_or("unknown".to_owned(), |usd| usd.to_string());
    let mut table = match by {
        By::Account => output::table(&[
            "account",
            "Region",
            "monitoring",
            "jobs",
            "others",
            "this month",
            "at its end",
            "",
        ]),
        By::Region | By::Type => output::table(&["", "this month", "at its end"]),
    };
    match by {
        By::Account => costs.usages.iter().for_each(|usage| {
            let of = |kind: &Kind| usage.usd.get(kind).copied().unwrap_or_default();
            let (monitoring, jobs) = (of(&Kind::Monitoring), of(&Kind::Jobs));
            let total = usage.total();
            let others = Usd(total.0.saturating_sub(monitoring.0).saturating_sub(jobs.0));
            table.add_row([
                usage.account.to_string(),
                usage.region.to_string(),
                monitoring.to_string(),
                jobs.to_string(),
                others.to_string(),
                total.to_string(),
                end(total),
                remarks(usage, now),
            ]);
        }),
        By::Region | By::Type => groups(costs, by).into_iter().for_each(|(name, usd)| {
            table.add_row([name, usd.to_string(), end(usd)]);
        }),
    }
    output::print(&table);
    let total = total(costs);
    let least = if costs.trouble.is_empty() {
        ""
    } else {
        "at least "
    };
    output::line(format!(
        "{least}{total} this month, {least}{} at its end ({METHOD}). Macie's own estimates in list prices.",
        end(total)
    ));
}

fn remarks(usage: &Usage, now: Timestamp) -> String {
    const TRIAL: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);
    let until = usage
        .trial_since
        .and_then(|since| since.checked_add(TRIAL).ok());
    let trial = until
        .filter(|until| *until > now)
        .map(|until| format!("trial until {until}: monitoring is not charged yet"));
    let quota = usage
        .quota_met
        .then(|| "the month's quota is met: Macie has paused its jobs".to_owned());
    trial
        .into_iter()
        .chain(quota)
        .collect::<Vec<_>>()
        .join("; ")
}
