//! What AWS's price list says, beside what is known now.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use controller::config::Runtime;
use controller_core::{
    id::Region,
    observed::ErrorClass,
    policy::Policy,
    price_list::{KNOWN, Names, Reading},
    prices::{PriceList, Prices},
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{Row, asked, exit, list, row};
use crate::{args::Global, exit::Exit};

/// Where a snapshot is from.
const SOURCE: &str = "https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html (AWS's Price List, service code AmazonMacie, by the prices of us-east-1)";

/// What was found.
#[derive(Debug)]
pub struct Refresh {
    /// By which usage types.
    pub names: Names,
    /// Each Region that was asked for.
    pub rows: Vec<Found>,
}

/// A Region's prices in AWS's price list, and now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// How they differ.
    pub state: State,
    /// What counts now.
    #[serde(flatten)]
    pub now: Row,
    /// What AWS's price list says.
    pub found: Option<Prices>,
    /// Why it says nothing.
    pub why: Option<String>,
}

/// How a Region's price in the list differs from the one that counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It does not.
    Same,
    /// There was none.
    New,
    /// It does.
    Changed,
    /// The list says nothing that is understood.
    Unknown,
}

/// Reads the price list and looks the Regions up.
pub async fn refresh(
    runtime: &Runtime,
    policy: &Policy,
    global: &Global,
    all: bool,
) -> Result<Refresh> {
    let region: Region = KNOWN.parse()?;
    let bundled = PriceList::bundled().and_then(|list| list.regions.get(&region));
    let known = bundled.with_context(|| {
        format!("this release has no prices of {KNOWN}, by which the others are found")
    })?;
    // AWS answers for all Regions in a few of them, of which this is one (AWS Billing User Guide,
    // using-price-list-query-api).
    let products = list::products(&runtime.controller.aws, &region).await;
    let products = products.map_err(|trouble| {
        let fix = match trouble.class {
            ErrorClass::Denied => {
                " (fix: the role needs `pricing:GetProducts`, as in policies/operator.json)"
            }
            _ => "",
        };
        anyhow::Error::new(trouble).context(format!("AWS's price list cannot be read{fix}"))
    })?;
    let reading = Reading::of(&products, known).context(
        "no price is known from AWS's price list (fix: put what you pay into `prices` of the policy)",
    )?;
    let others: BTreeSet<Region> = reading.regions.keys().cloned().collect();
    let regions = asked(policy, global, all.then_some(others))?;
    let rows = regions
        .into_iter()
        .map(|region| beside(&reading, row(policy, region)));
    let rows = rows.collect();
    Ok(Refresh {
        names: reading.names,
        rows,
    })
}

fn beside(reading: &Reading, now: Row) -> Found {
    let (found, why) = match reading.prices(&now.region) {
        Ok(prices) => (Some(prices.clone()), None),
        Err(why) => (None, Some(why.to_string())),
    };
    let state = match (&found, &now.prices) {
        (None, _) => State::Unknown,
        (Some(_), None) => State::New,
        (found, known) if found == known => State::Same,
        _ => State::Changed,
    };
    Found {
        state,
        now,
        found,
        why,
    }
}

impl Refresh {
    /// 3 when some Regions are unknown, 1 when all are.
    pub fn exit(&self) -> Exit {
        let unknown = self.rows.iter().filter(|row| row.found.is_none()).count();
        exit(unknown, self.rows.len())
    }

    /// Says which Regions are unknown, and why.
    pub fn warn(&self) {
        for Found { now, why, .. } in &self.rows {
            if let Some(why) = why {
                eprintln!("{} is unknown: {why}", now.region);
            }
        }
    }

    /// What was found, in the form of `controller/core/prices.json`.
    pub fn snapshot(&self, now: Timestamp) -> PriceList {
        PriceList {
            as_of: now.to_zoned(TimeZone::UTC).date(),
            currency: "USD".to_owned(),
            source: SOURCE.to_owned(),
            regions: self.found().collect(),
        }
    }

    /// `prices` of the policy: what was found, and the policy's own where nothing was.
    pub fn for_policy(&self, policy: &Policy) -> BTreeMap<Region, Prices> {
        let mut prices = policy.own_prices.clone();
        prices.extend(self.found());
        prices
    }

    fn found(&self) -> impl Iterator<Item = (Region, Prices)> + '_ {
        let found = self.rows.iter();
        found.filter_map(|row| Some((row.now.region.clone(), row.found.clone()?)))
    }
}
