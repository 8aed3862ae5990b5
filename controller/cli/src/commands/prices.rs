//! `prices`: what Macie costs where, as far as it is known, and what AWS's price list says.

mod list;
mod print;
mod refresh;

use std::collections::BTreeSet;

use anyhow::Result;
use controller_core::{
    id::Region,
    policy::Policy,
    prices::{PriceList, Prices},
};
use serde::Serialize;

pub use self::refresh::{Found, Refresh, State, refresh};
use super::{regions, start};
use crate::{
    args::{Format, Global, PricesArgs, PricesCommand, RefreshArgs},
    exit::Exit,
    output,
};

/// What counts in a Region now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The Region.
    pub region: Region,
    /// `policy`, or `list` of this release; none where nobody has told.
    pub from: Option<&'static str>,
    /// The prices.
    pub prices: Option<Prices>,
}

/// Prints what is known, or what AWS says.
pub async fn run(global: &Global, args: &PricesArgs) -> Result<Exit> {
    let runtime = start(global).await?;
    let policy = runtime.policy.current().await;
    if let Some(PricesCommand::Refresh(args)) = &args.command {
        let found = refresh(&runtime, &policy, global, args.all_regions).await?;
        let today = runtime.controller.clock.now();
        return written(&found, &policy, args, global.output, found.snapshot(today));
    }
    let rows = known(&policy, global, args.all_regions)?;
    match global.output {
        Format::Json => output::json(&print::document(&rows))?,
        Format::Table | Format::Csv => print::table(&rows),
    }
    let unknown = rows.iter().filter(|row| row.prices.is_none()).count();
    Ok(exit(unknown, rows.len()))
}

/// What counts in each Region that is asked for.
pub fn known(policy: &Policy, global: &Global, all: bool) -> Result<Vec<Row>> {
    let listed = PriceList::bundled().into_iter();
    let listed = listed.flat_map(|list| list.regions.keys().cloned());
    let regions = asked(policy, global, all.then(|| listed.collect()))?;
    Ok(regions
        .into_iter()
        .map(|region| row(policy, region))
        .collect())
}

fn row(policy: &Policy, region: Region) -> Row {
    let own = policy.own_prices.contains_key(&region);
    let prices = policy.prices(&region).cloned();
    Row {
        from: prices.as_ref().map(|_| if own { "policy" } else { "list" }),
        prices,
        region,
    }
}

/// The governed Regions, or the one of them that is asked for; with others, everything that has a
/// price anywhere.
fn asked(
    policy: &Policy,
    global: &Global,
    others: Option<BTreeSet<Region>>,
) -> Result<BTreeSet<Region>> {
    let Some(others) = others else {
        return Ok(regions(policy, global.region.as_ref())?
            .into_iter()
            .collect());
    };
    let mut all = others;
    all.extend(
        policy
            .regions
            .iter()
            .chain(policy.own_prices.keys())
            .cloned(),
    );
    all.retain(|region| global.region.as_ref().is_none_or(|only| only == region));
    anyhow::ensure!(
        !all.is_empty(),
        "no price list and no policy names the Region that `--region` asks for"
    );
    Ok(all)
}

fn written(
    found: &Refresh,
    policy: &Policy,
    args: &RefreshArgs,
    format: Format,
    snapshot: PriceList,
) -> Result<Exit> {
    match format {
        _ if args.for_policy => {
            found.warn();
            output::line(serde_json::to_string(&found.for_policy(policy))?);
        }
        Format::Json => output::json(&print::refreshed_document(found))?,
        Format::Table | Format::Csv => print::refreshed(found),
    }
    match &args.to {
        Some(path) if snapshot.regions.is_empty() => {
            eprintln!("`{}` is left as it is: no price was found", path.display());
        }
        Some(path) => {
            let text = serde_json::to_string_pretty(&snapshot)?;
            super::focus::file::replace(path, format!("{text}\n").as_bytes())?;
        }
        None => {}
    }
    Ok(found.exit())
}

/// 3 when some are unknown, 1 when all are.
fn exit(unknown: usize, all: usize) -> Exit {
    match unknown {
        0 => Exit::Success,
        unknown if unknown < all => Exit::Partial,
        _ => Exit::Error,
    }
}
