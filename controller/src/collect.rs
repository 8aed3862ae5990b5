//! The daily collection of costs: a snapshot for every governed Region, once a day however often it is
//! asked for.
//!
//! What a day tells is published and printed **before** its snapshot is written. A crash between the two
//! tells it again, and never loses it; a day whose snapshot is there tells nothing any more.

use std::collections::BTreeMap;

use controller_core::{
    collection::{Alert, Day, Snapshot, date, figures, snapshot},
    id::{AccountId, Region, UnitId},
    money::Usd,
    observed::Trouble,
    policy::Policy,
    usage::Usage,
};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::{
    config::{Results, Runtime},
    observe::{usage, usage_totals},
    publish::publish_all,
    snapshots::Snapshots,
    survey::below_units,
};

/// Regions at the same time: each is a few calls, and Macie's quotas are per Region.
const CONCURRENCY: usize = 4;

/// A day could not be collected everywhere; the next try does what is missing.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Nobody said where snapshots are kept.
    #[error(
        "no place to keep what is collected: set MACIECTL_RESULTS_BUCKET and MACIECTL_RESULTS_KEY"
    )]
    NoBucket,
    /// AWS refused.
    #[error("{0}")]
    Aws(#[from] Trouble),
    /// An alert was not published.
    #[error("{0}")]
    Unpublished(String),
    /// These Regions have no snapshot of the day.
    #[error("not collected: {0}")]
    Regions(String),
}

/// One day, as far as all Regions share it.
struct Collection<'a> {
    runtime: &'a Runtime,
    snapshots: Snapshots,
    key: String,
    policy: &'a Policy,
    units: OnceCell<BTreeMap<AccountId, Vec<UnitId>>>,
    now: Timestamp,
}

/// Collects what is not there yet of the day. Regions that fail are named, and the others done.
pub async fn collect(runtime: &Runtime) -> Result<(), CollectError> {
    let aws = &runtime.controller.aws;
    let Results { bucket, key } = runtime.results.clone().ok_or(CollectError::NoBucket)?;
    let policy = runtime.policy.current().await;
    let s3 = aws.own_s3(&policy.home_region);
    let collection = &Collection {
        runtime,
        snapshots: Snapshots::new(s3, aws.identity.account.clone(), bucket),
        key,
        policy: &policy,
        units: OnceCell::new(),
        now: runtime.controller.clock.now(),
    };
    let regions = stream::iter(&policy.regions).map(|region| async move {
        let error = collection.over(region).await.err()?;
        tracing::error!(%region, %error, "a Region is not collected");
        Some(format!("{region}: {error}"))
    });
    let failed: Vec<Option<String>> = regions.buffered(CONCURRENCY).collect().await;
    let failed: Vec<String> = failed.into_iter().flatten().collect();
    let whole = figures::of_collection(failed.is_empty(), collection.now);
    runtime.metrics.print(&whole);
    match failed.is_empty() {
        true => Ok(()),
        false => Err(CollectError::Regions(failed.join("; "))),
    }
}

impl Collection<'_> {
    async fn over(&self, region: &Region) -> Result<(), CollectError> {
        let today = date(self.now);
        let kept = self.snapshots.kept(region, today).await?;
        if kept.today {
            tracing::info!(%region, date = %today, "costs are collected already");
            return Ok(());
        }
        let usages = usage(&self.runtime.controller.aws, region).await?;
        let difference = self.difference(region, &usages).await;
        let previous = match &kept.newest {
            Some(key) => self.snapshots.read(key).await?,
            None => BTreeMap::new(),
        };
        let day = Day {
            policy: self.policy,
            units: self.units().await?,
            previous: &previous,
            now: self.now,
        };
        let Snapshot { rows, alerts } = snapshot(&day, &usages);
        self.tell(&alerts).await?;
        let figures = figures::of_region(region, &rows, difference, self.now);
        self.runtime.metrics.print(&figures);
        let written = self.snapshots.write(region, today, &rows, &self.key);
        written.await?;
        let (accounts, alerts) = (rows.len(), alerts.len());
        tracing::info!(%region, date = %today, accounts, alerts, "costs collected");
        Ok(())
    }

    /// How far Macie's own totals are from the sum of the accounts; none when they cannot be read. They
    /// only check, so they stop nothing.
    async fn difference(&self, region: &Region, usages: &[Usage]) -> Option<Usd> {
        let totals = usage_totals(&self.runtime.controller.aws, region).await;
        let totals = totals.inspect_err(|error| {
            tracing::warn!(%region, %error, "the sum of the accounts is not checked");
        });
        let difference = figures::difference(usages, &totals.ok()?);
        if difference != Usd::default() {
            tracing::warn!(%region, %difference, "the accounts are not Macie's totals");
        }
        Some(difference)
    }

    /// The accounts below the units that have caps, listed once for all Regions. Without them a cap
    /// would be a guess, so nothing is collected.
    async fn units(&self) -> Result<&BTreeMap<AccountId, Vec<UnitId>>, Trouble> {
        let units = self.policy.budgets.units.keys().cloned().collect();
        let read = || below_units(&self.runtime.controller.aws, units);
        self.units.get_or_try_init(read).await
    }

    async fn tell(&self, alerts: &[Alert]) -> Result<(), CollectError> {
        for Alert { reason, row } in alerts {
            let (account, region) = (&row.account, &row.region);
            tracing::warn!(%account, %region, ?reason, "alert");
        }
        let events: Vec<_> = alerts.iter().map(Alert::published).collect();
        match publish_all(&self.runtime.controller, &events).await {
            None => Ok(()),
            Some(failure) => Err(CollectError::Unpublished(failure)),
        }
    }
}
