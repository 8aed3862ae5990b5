//! `adopt`: accounts that were members before the controller become its own, by the ownership tag
//! on the member.

mod decide;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use controller::{aws::trouble, config::Runtime, observe::read_all};
use controller_core::{
    id::{AccountId, Region, Scope},
    observed::Trouble,
    policy::Policy,
    wants::Read,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

pub use self::decide::Verdict;
use super::{
    CONCURRENCY,
    listed::{self, ListedJob},
    progress, regions, start,
};
use crate::{
    args::{AdoptArgs, Format, Global},
    exit::Exit,
    output,
};

/// What adopting did or would do for an account in a Region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// Whether it can be adopted, and what follows.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Live jobs of others that scan its buckets too: who opts in pays twice.
    pub other_jobs: Vec<String>,
    /// Why the tag was not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Trouble>,
}

/// Shows or carries out an adoption.
pub async fn run(global: &Global, args: &AdoptArgs) -> Result<Exit> {
    let runtime = start(global).await?;
    let rows = adopt(&runtime, global.region.as_ref(), args).await?;
    print(global.output, &rows, args)?;
    Ok(exit(&rows))
}

/// Looks at the accounts in every governed Region or the one that is asked for, and with `apply`
/// writes the tags.
pub async fn adopt(
    runtime: &Runtime,
    region: Option<&Region>,
    args: &AdoptArgs,
) -> Result<Vec<Row>> {
    let policy = runtime.policy.current().await;
    let regions = regions(&policy, region)?;
    let jobs = jobs(runtime, &regions).await?;
    let accounts: BTreeSet<AccountId> = match args.all_members {
        true => others(runtime, &policy, &regions).await?,
        false => args.accounts.iter().cloned().collect(),
    };
    let places = accounts.iter().flat_map(|account| {
        let regions = jobs.iter();
        regions.map(move |(region, jobs)| (account.clone(), region.clone(), jobs))
    });
    let places: Vec<_> = places.collect();
    let bar = progress(places.len(), "looking");
    let looks = stream::iter(places).map(|(account, region, jobs)| {
        let (policy, bar) = (&policy, &bar);
        async move {
            let row = look(runtime, policy, Scope { account, region }, jobs).await;
            bar.inc(1);
            row
        }
    });
    let mut rows: Vec<Row> = looks.buffered(CONCURRENCY).collect().await;
    bar.finish_and_clear();
    refuse_strangers(&mut rows);
    if args.mode.apply {
        for row in &mut rows {
            row.failure = write(runtime, &policy, row).await.err();
        }
    }
    Ok(rows)
}

/// The administrator's jobs, listed once for all accounts.
async fn jobs(runtime: &Runtime, regions: &[Region]) -> Result<BTreeMap<Region, Vec<ListedJob>>> {
    let aws = &runtime.controller.aws;
    let reads = stream::iter(regions).map(|region| async move {
        let jobs = listed::jobs(&aws.macie(region)).await?;
        Ok::<_, anyhow::Error>((region.clone(), jobs))
    });
    reads.buffered(CONCURRENCY).try_collect().await
}

/// Members that the controller does not own.
async fn others(
    runtime: &Runtime,
    policy: &Policy,
    regions: &[Region],
) -> Result<BTreeSet<AccountId>> {
    let mut accounts = BTreeSet::new();
    for region in regions {
        let members = listed::members(&runtime.controller.aws.macie(region)).await?;
        let others = members
            .into_iter()
            .filter(|member| !member.is_owned(&policy.ownership));
        accounts.extend(others.map(|member| member.account));
    }
    Ok(accounts)
}

async fn look(runtime: &Runtime, policy: &Policy, scope: Scope, jobs: &[ListedJob]) -> Row {
    let controller = &runtime.controller;
    let mut observed = controller.unread(&scope, &BTreeSet::new());
    let mut reads = BTreeSet::from([Read::Account, Read::Member, Read::Index]);
    if policy.has_unit_rules() {
        reads.insert(Read::Units);
    }
    read_all(&controller.aws, policy, &mut observed, reads).await;
    let Scope { account, region } = scope;
    let scans = |job: &&ListedJob| {
        let named = job.accounts.as_ref();
        named.is_none_or(|accounts| accounts.contains(account.as_str()))
    };
    let others = jobs
        .iter()
        .filter(|job| job.is_live && job.owner().is_none());
    Row {
        verdict: decide::decide(policy, &observed),
        other_jobs: others.filter(scans).map(|job| job.name.clone()).collect(),
        account,
        region,
        failure: None,
    }
}

/// An account that is a member nowhere was named by mistake.
fn refuse_strangers(rows: &mut [Row]) {
    let here = |row: &&Row| row.verdict != Verdict::NotHere;
    let known: BTreeSet<AccountId> = rows
        .iter()
        .filter(here)
        .map(|row| row.account.clone())
        .collect();
    for row in rows.iter_mut().filter(|row| !known.contains(&row.account)) {
        let why =
            "it is not a member in any of these Regions: it is enrolled when it tags a bucket";
        row.verdict = Verdict::Refused(why.to_owned());
    }
}

/// `TagResource` with tags that are there already changes nothing.
async fn write(runtime: &Runtime, policy: &Policy, row: &Row) -> Result<(), Trouble> {
    if !matches!(row.verdict, Verdict::Adopt(_)) {
        return Ok(());
    }
    let aws = &runtime.controller.aws;
    let scope = Scope {
        account: row.account.clone(),
        region: row.region.clone(),
    };
    let ownership = &policy.ownership;
    let macie = aws.macie(&row.region);
    let request = macie.tag_resource().resource_arn(aws.member_arn(&scope));
    let written = request.tags(&ownership.key, &ownership.value).send().await;
    written
        .map(|_| ())
        .map_err(|error| trouble("macie2:TagResource", &error))
}

/// 3 when some accounts were refused or failed and others were not, 1 when all were.
pub fn exit(rows: &[Row]) -> Exit {
    let bad = |row: &&Row| row.failure.is_some() || matches!(row.verdict, Verdict::Refused(_));
    match rows.iter().filter(bad).count() {
        0 => Exit::Success,
        all if all == rows.len() => Exit::Error,
        _ => Exit::Partial,
    }
}

fn print(format: Format, rows: &[Row], args: &AdoptArgs) -> Result<()> {
    let applied = args.mode.apply;
    if format == Format::Json {
        return output::json(&serde_json::json!({
            "schemaVersion": output::SCHEMA_VERSION, "applied": applied, "accounts": rows,
        }));
    }
    if rows.is_empty() {
        output::line("Nothing to do: every member is the controller's.");
        return Ok(());
    }
    let mut table = output::table(&["account", "Region", "", "what follows", "other live jobs"]);
    for row in rows {
        let (sign, text) = sign(row, applied);
        let jobs = row.other_jobs.join("\n");
        table.add_row([
            row.account.as_str(),
            row.region.as_str(),
            sign,
            &text,
            &jobs,
        ]);
    }
    output::print(&table);
    let adopt = rows
        .iter()
        .filter(|row| matches!(row.verdict, Verdict::Adopt(_)));
    let accounts: BTreeSet<&str> = adopt.map(|row| row.account.as_str()).collect();
    if !applied && !accounts.is_empty() {
        let accounts: Vec<&str> = accounts.into_iter().collect();
        eprintln!("Next: maciectl adopt --apply {}", accounts.join(" "));
    }
    Ok(())
}

fn sign(row: &Row, applied: bool) -> (&'static str, String) {
    match (&row.failure, &row.verdict) {
        (Some(trouble), _) => ("failed", trouble.to_string()),
        (None, Verdict::Adopt(follows)) if applied => ("adopted", follows.clone()),
        (None, Verdict::Adopt(follows)) => ("would adopt", follows.clone()),
        (None, Verdict::Owned) => (
            "owned",
            "nothing: it is the controller's already".to_owned(),
        ),
        (None, Verdict::NotHere) => ("-", "nothing: it is not a member here".to_owned()),
        (None, Verdict::Refused(why)) => ("refused", why.clone()),
    }
}
