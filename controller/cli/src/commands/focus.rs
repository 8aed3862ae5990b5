//! `focus`: what accounts have cost this month, as files for a table beside AWS's own FOCUS export.

mod encode;
pub(super) mod file;

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, Result};
use controller::{config::Runtime, observe::management, survey::accounts};
use controller_core::{
    focus::{Bill, Release, columns},
    id::{AccountId, Region},
    money::Usd,
    observed::Fact,
    usage::{SOURCE, Usage},
};
use serde::Serialize;
use serde_json::json;

use super::{
    cost::{Costs, costs},
    start,
};
use crate::{
    args::{FocusArgs, FocusVersion, Format, Global},
    exit::Exit,
    output,
};

/// A file that was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// The Region that it has.
    pub region: Region,
    /// Where it is.
    pub path: PathBuf,
    /// Rows in it.
    pub rows: usize,
    /// The sum of `ListCost`.
    pub list_usd: Usd,
}

/// Writes the files and says where they are.
pub async fn run(global: &Global, args: &FocusArgs) -> Result<Exit> {
    let runtime = start(global).await?;
    let costs = costs(&runtime, global, None).await?;
    costs.warn();
    let bill = bill(&runtime).await?;
    let files = write(&bill, &costs, args)?;
    match global.output {
        Format::Json => output::json(&json!({
            "schemaVersion": output::SCHEMA_VERSION,
            "source": SOURCE,
            "files": files,
            "trouble": costs.trouble,
        }))?,
        Format::Table | Format::Csv => files.iter().for_each(|file| {
            let (path, rows, usd) = (file.path.display(), file.rows, file.list_usd);
            output::line(format!("{path}: {rows} rows, {usd} in list prices"));
        }),
    }
    Ok(costs.exit())
}

/// Who pays, and what the accounts are called.
pub async fn bill(runtime: &Runtime) -> Result<Bill> {
    let aws = &runtime.controller.aws;
    let payer = match management(aws).await {
        Fact::Known(payer) => payer,
        Fact::Unknown(trouble) => {
            return Err(trouble).context("FOCUS wants the account that pays the bill");
        }
        Fact::Unread => anyhow::bail!("nobody asked for the account that pays the bill"),
    };
    let listed = accounts(aws).await.context("FOCUS wants accounts' names")?;
    let names: BTreeMap<AccountId, String> = listed
        .into_iter()
        .filter(|account| !account.name.is_empty())
        .map(|account| (account.id, account.name))
        .collect();
    let now = runtime.controller.clock.now();
    Bill::new(payer, names, now).with_context(|| format!("`{now}` is in no month of the calendar"))
}

/// One file for each Region that answered. A Region that did not keeps the file that it has.
pub fn write(bill: &Bill, costs: &Costs, args: &FocusArgs) -> Result<Vec<Written>> {
    let columns = columns(args.focus_version.into());
    let folder = args.to.join(format!("billing_period={}", bill.period()));
    let files = costs.regions.iter().map(|region| {
        let usages = costs.usages.iter().filter(|usage| usage.region == *region);
        let charges = bill.charges(usages.clone());
        let path = file::path(&folder, region, args.format)?;
        file::replace(&path, &encode::encode(args.format, &columns, &charges)?)?;
        Ok(Written {
            region: region.clone(),
            path,
            rows: charges.len(),
            list_usd: usages
                .map(Usage::total)
                .fold(Usd::default(), |sum, usd| sum + usd),
        })
    });
    files.collect()
}

impl From<FocusVersion> for Release {
    fn from(version: FocusVersion) -> Self {
        match version {
            FocusVersion::V1_2 => Self::V1_2,
            FocusVersion::V1_4 => Self::V1_4,
        }
    }
}
