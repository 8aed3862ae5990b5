//! How much more is to be paid than before, against a limit: for pipelines.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use controller_core::{
    estimate::Amount,
    id::{AccountId, BucketName, Region},
    money::Usd,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::output;

/// What opted-in buckets add.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// What was allowed, if there is a limit.
    pub limit_usd: Option<Usd>,
    /// First scans that are still to be paid and a month's monitoring that is not charged yet; with
    /// an earlier estimate, what is not in it. What is unknown is not counted.
    pub more_usd: Usd,
    /// Whether that is over the limit.
    pub exceeded: bool,
}

/// An earlier estimate: what was known of each amount. Monitoring has no bucket.
#[derive(Debug)]
pub struct Earlier(BTreeMap<Key, Option<Decimal>>);

type Key = (AccountId, Region, Option<BucketName>);

impl Gate {
    /// Judges an estimate.
    pub fn of(rows: &[Row], earlier: Option<&Earlier>, limit: Option<Decimal>) -> Self {
        let amounts = rows.iter().flat_map(|row| {
            let scans = row.buckets.iter().map(|bucket| {
                let name = Some(bucket.bucket.clone());
                more(row, name, &bucket.first_scan, earlier)
            });
            scans.chain([more(row, None, &row.monitoring_per_month, earlier)])
        });
        let more_usd = amounts.fold(Usd::default(), |sum, amount| sum + amount);
        Self {
            limit_usd: limit.map(Usd),
            more_usd,
            exceeded: limit.is_some_and(|limit| more_usd.0 > limit),
        }
    }

    /// The verdict for people; none when nobody asked for one.
    pub fn text(&self, compared: bool, unknown: usize) -> Option<String> {
        let more = match compared {
            true => format!("{} more than in the earlier estimate", self.more_usd),
            false => format!("{} are new", self.more_usd),
        };
        match (self.limit_usd, self.exceeded) {
            (None, _) => compared.then(|| format!("{more}.")),
            (Some(limit), true) => Some(format!("{more}: over the limit of {limit}.")),
            (Some(limit), false) if unknown > 0 => Some(format!(
                "{more}: within the limit of {limit} as far as is known."
            )),
            (Some(limit), false) => Some(format!("{more}: within the limit of {limit}.")),
        }
    }
}

/// How much an amount adds. What has become less lets nothing else pass.
fn more(row: &Row, bucket: Option<BucketName>, now: &Amount, earlier: Option<&Earlier>) -> Usd {
    let Amount::Known(now) = now else {
        return Usd::default();
    };
    let charged = bucket.is_none() && row.enrolled == Some(true);
    let key = (row.account.clone(), row.region.clone(), bucket);
    let before = match earlier {
        None if charged => now.likely.0,
        None => Decimal::ZERO,
        Some(Earlier(known)) => known.get(&key).copied().flatten().unwrap_or_default(),
    };
    Usd(now.likely.0.saturating_sub(before).max(Decimal::ZERO))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    estimates: Vec<Estimate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Estimate {
    account: AccountId,
    region: Region,
    buckets: Vec<FirstScan>,
    monitoring_per_month: Known,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirstScan {
    bucket: BucketName,
    first_scan: Known,
}

#[derive(Deserialize)]
struct Known {
    usd: Option<Decimal>,
}

impl Earlier {
    /// Reads what `--output json` wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the earlier estimate {shown}"))?;
        Self::parse(&text).with_context(|| format!("{shown}: not an earlier estimate"))
    }

    /// Of what `--output json` wrote.
    pub fn parse(text: &str) -> Result<Self> {
        let document: Document = serde_json::from_str(text)
            .context("expected what `maciectl estimate --output json` prints")?;
        let version = document.schema_version;
        ensure!(
            version == output::SCHEMA_VERSION,
            "its `schemaVersion` is {version}, expected {}: make a new one",
            output::SCHEMA_VERSION
        );
        let known = document.estimates.into_iter().flat_map(|estimate| {
            let Estimate {
                account, region, ..
            } = estimate;
            let scans = estimate.buckets.into_iter();
            let scans = scans.map(|scan| (Some(scan.bucket), scan.first_scan.usd));
            let month = [(None, estimate.monitoring_per_month.usd)];
            let amounts: Vec<_> = scans.chain(month).collect();
            let key = move |bucket| (account.clone(), region.clone(), bucket);
            amounts
                .into_iter()
                .map(move |(bucket, usd)| (key(bucket), usd))
        });
        Ok(Self(known.collect()))
    }
}
