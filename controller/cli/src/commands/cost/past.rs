//! A month that is over: Macie does not tell it any more, the snapshots of the daily collection do.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use controller::{config::Runtime, snapshots::Snapshots};
use controller_core::{
    collection::{months, row::Row},
    id::Region,
    month::Month,
    observed::{ErrorClass, Trouble},
};
use futures::{StreamExt, stream};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use super::{
    super::{CONCURRENCY, regions},
    Costs,
};
use crate::args::{By, CostArgs, Global};

/// Where the figures of a month that is over are from.
#[derive(Debug)]
pub struct Past {
    /// The month.
    pub month: Month,
    /// The last snapshot of each Region that has one.
    pub snapshots: BTreeMap<Region, Snapshot>,
    /// Regions whose month is not whole, and why.
    pub incomplete: BTreeMap<Region, String>,
}

/// When a Region's last snapshot was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Its day.
    pub date: Date,
    /// When Macie was asked; not known of a snapshot without accounts.
    pub collected_at: Option<Timestamp>,
}

/// The month that is asked for, if it is over; the running one is Macie's to tell.
pub fn month(args: &CostArgs, now: Timestamp) -> Result<Option<Month>> {
    let running = Month::of(now);
    let Some(month) = args.month.filter(|month| *month != running) else {
        return Ok(None);
    };
    if month > running {
        anyhow::bail!("{month} has not begun: give --month {running} or an earlier one");
    }
    if args.by == By::Bucket {
        anyhow::bail!(
            "--by bucket shares out by what the buckets hold now, and nobody knows what they held in {month}: \
             leave --month out, or give another --by"
        );
    }
    Ok(Some(month))
}

/// Reads the last snapshot of the month of each governed Region.
pub async fn costs(
    runtime: &Runtime,
    global: &Global,
    args: &CostArgs,
    month: Month,
) -> Result<Costs> {
    let policy = runtime.policy.current().await;
    let (aws, home) = (&runtime.controller.aws, &policy.home_region);
    let regions = regions(&policy, global.region.as_ref())?;
    let owner = aws.identity.account.clone();
    let bucket = args.results_bucket.clone().filter(|name| !name.is_empty());
    let bucket = bucket.with_context(|| {
        format!(
            "{month} is over, and no bucket is named that has its snapshots: set MACIECTL_RESULTS_BUCKET or \
             --results-bucket, by the templates macie-self-service-results-{owner}-{home}; \
             delegated-admin/costs.yaml keeps a snapshot a day from its deployment on"
        )
    })?;
    let snapshots = &Snapshots::new(aws.own_s3(home), owner, bucket);
    let asked = stream::iter(&regions).map(|region| snapshots.last(region, month));
    let answers: Vec<_> = asked.buffered(CONCURRENCY).collect().await;
    let mut costs = Costs::default();
    let mut past = Past::of(month);
    for (region, answer) in regions.into_iter().zip(answers) {
        match answer {
            Ok(last) => {
                let rows = past.add(&region, last);
                costs.usages.extend(rows.iter().map(Row::usage));
                costs.regions.push(region);
            }
            Err(trouble) => drop(costs.trouble.insert(region, trouble)),
        }
    }
    costs.past = Some(past);
    costs.choose(args.account.as_ref());
    Ok(costs)
}

impl Past {
    fn of(month: Month) -> Self {
        Self {
            month,
            snapshots: BTreeMap::new(),
            incomplete: BTreeMap::new(),
        }
    }

    /// What a Region's last snapshot means, and its rows.
    fn add(&mut self, region: &Region, last: Option<(Date, Vec<Row>)>) -> Vec<Row> {
        let date = last.as_ref().map(|(date, _)| *date);
        if let Some(gap) = months::gap(date, self.month) {
            self.incomplete.insert(region.clone(), gap.to_string());
        }
        let Some((date, rows)) = last else {
            return Vec::new();
        };
        let collected_at = rows.first().map(|row| row.collected_at);
        let snapshot = Snapshot { date, collected_at };
        self.snapshots.insert(region.clone(), snapshot);
        rows
    }

    /// Says which Regions are incomplete, and what to do when the snapshots are closed to the caller.
    pub fn warn<'t>(&self, mut trouble: impl Iterator<Item = &'t Trouble>) {
        for (region, gap) in &self.incomplete {
            eprintln!("{region} is incomplete: {gap}");
        }
        if trouble.any(|trouble| trouble.class == ErrorClass::Denied) {
            eprintln!(
                "fix: deploy delegated-admin/costs.yaml with OperatorRole=macie-self-service-operator, and run this as that role"
            );
        }
    }

    /// Whether a Region's month is not whole.
    pub fn has_gaps(&self) -> bool {
        !self.incomplete.is_empty()
    }

    /// Until when the figures are whole in each Region that has some.
    pub fn as_of(&self) -> Option<Timestamp> {
        let times = self.snapshots.values();
        times.filter_map(|snapshot| snapshot.collected_at).min()
    }

    /// A line for people for each time at which a snapshot was made.
    pub fn dates(&self) -> Vec<String> {
        let mut regions: BTreeMap<&Snapshot, Vec<&str>> = BTreeMap::new();
        for (region, snapshot) in &self.snapshots {
            regions.entry(snapshot).or_default().push(region.as_str());
        }
        let lines = regions.into_iter().map(|(snapshot, regions)| {
            let at = match snapshot.collected_at {
                Some(at) => at.to_string(),
                None => snapshot.date.to_string(),
            };
            let missing = match snapshot.date == self.month.last() {
                true => "the last hours of the month are not in it",
                false => "the days after it are not in it",
            };
            format!("As of {at} in {}; {missing}.", regions.join(", "))
        });
        lines.collect()
    }
}
