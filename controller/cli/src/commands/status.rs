//! `status`: who is enrolled, what is scanned, what waits.

mod line;

use std::collections::BTreeSet;

use anyhow::Result;
use controller::{config::Runtime, observe::read_all, survey::Listed};
use controller_core::{
    decide::jobs::JobsView,
    id::{BucketName, Scope},
    observed::{Fact, Job, JobStatus, Membership, Observed},
    plan::Note,
    policy::Policy,
    report::Report,
    wants::Read,
};
use futures::{StreamExt, stream};
use jiff::SignedDuration;
use serde::Serialize;

pub use self::line::{Place, Wish};
use super::{CONCURRENCY, chosen, progress, scopes, start};
use crate::{
    args::{Format, Global, ScopeArgs},
    exit::Exit,
    output,
};

/// One account in one Region.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The account.
    pub account: String,
    /// Its name.
    pub name: String,
    /// The Region.
    pub region: String,
    /// Its relationship, or why it is not known.
    pub member: String,
    /// Opted-in buckets by the tagging index; none when it cannot be read.
    pub opted_in: Option<BTreeSet<BucketName>>,
    /// Opted-in buckets that a baseline job has.
    pub covered: BTreeSet<BucketName>,
    /// The daily job's status, or `none`.
    pub daily_job: String,
    /// One-time jobs that still run.
    pub one_time_jobs: usize,
    /// What waits, is blocked or worth telling.
    pub notes: Vec<Note>,
    /// A defect of the controller that keeps the account as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
    /// Its place in the line for new jobs; none for who needs none, and when not every account was
    /// looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<Place>,
    /// What the next reconcile would do.
    pub next: Vec<String>,
    /// What its place in the line is made from.
    #[serde(skip)]
    pub wish: Option<Wish>,
}

/// Prints the status of all accounts that have to do with Macie.
pub async fn run(global: &Global, args: &ScopeArgs, all: bool) -> Result<Exit> {
    let runtime = start(global).await?;
    let policy = runtime.policy.current().await;
    let accounts = chosen(&runtime, args.account.as_ref()).await?;
    let scopes = scopes(global, &policy, &accounts)?;
    let mut rows = rows(&runtime, &accounts, scopes).await;
    if args.account.is_none() {
        line_up(&mut rows, runtime.controller.pace.interval());
    }
    rows.retain(|row| all || is_interesting(row));
    match global.output {
        Format::Json => output::json(
            &serde_json::json!({ "schemaVersion": output::SCHEMA_VERSION, "accounts": rows }),
        )?,
        Format::Table | Format::Csv => print(&rows),
    }
    Ok(Exit::Success)
}

/// Looks at every scope.
pub async fn rows(runtime: &Runtime, accounts: &[Listed], scopes: Vec<Scope>) -> Vec<Row> {
    let policy = runtime.policy.current().await;
    let bar = progress(scopes.len(), "looking");
    let rows = stream::iter(scopes).map(|scope| {
        let (controller, policy, bar) = (&runtime.controller, &policy, &bar);
        async move {
            let mut unread = controller.unread(&scope, &BTreeSet::new());
            let reads = BTreeSet::from([Read::Member, Read::Jobs, Read::Index]);
            read_all(&controller.aws, policy, &mut unread, reads).await;
            let (observed, report) = controller.look(policy, unread).await;
            bar.inc(1);
            row(policy, accounts, &observed, report)
        }
    });
    let rows: Vec<Row> = rows.buffered(CONCURRENCY).collect().await;
    bar.finish_and_clear();
    rows
}

/// Tells everybody's place in the line; only of use when everybody was looked at.
pub fn line_up<'a>(rows: impl IntoIterator<Item = &'a mut Row>, interval: SignedDuration) {
    let rows: Vec<&mut Row> = rows.into_iter().collect();
    let wishes: Vec<_> = rows
        .iter()
        .map(|row| (row.region.as_str(), row.wish))
        .collect();
    let places = line::places(&wishes, interval);
    for (row, place) in rows.into_iter().zip(places) {
        row.line = place;
    }
}

/// Whether it has to do with Macie.
pub fn is_interesting(row: &Row) -> bool {
    let idle = row.member == "not a member" || row.member == "administrator";
    let asks = row
        .opted_in
        .as_ref()
        .is_none_or(|buckets| !buckets.is_empty());
    row.defect.is_some()
        || !idle
        || asks
        || !row.notes.is_empty()
        || !row.next.is_empty()
        || row.daily_job != "none"
}

/// What was seen of a scope, and what would be done about it.
pub fn row(policy: &Policy, accounts: &[Listed], observed: &Observed, report: Report) -> Row {
    let scope = &observed.scope;
    let jobs: &[Job] = observed.jobs.known().map_or(&[], Vec::as_slice);
    let view = JobsView::new(policy, scope, jobs, observed.known_member());
    let opted_in = observed.index.known().map(|_| observed.indexed());
    let covered = view.baselined_before(jiff::Timestamp::MAX);
    let name = accounts
        .iter()
        .find(|account| account.id == scope.account)
        .map(|account| account.name.clone());
    Row {
        account: scope.account.to_string(),
        name: name.unwrap_or_default(),
        region: scope.region.to_string(),
        member: relationship(observed),
        covered: opted_in
            .iter()
            .flatten()
            .filter(|name| covered.contains(*name))
            .cloned()
            .collect(),
        opted_in,
        daily_job: daily(&view),
        one_time_jobs: jobs
            .iter()
            .filter(|job| job.status.is_live() && job.kind.word() != "daily")
            .count(),
        line: None,
        wish: Wish::of(&report, observed.known_member()),
        defect: report.violation.as_ref().map(ToString::to_string),
        notes: report.notes,
        next: report
            .changes
            .into_iter()
            .map(|change| change.summary)
            .collect(),
    }
}

/// The relationship in AWS's word.
pub fn relationship(observed: &Observed) -> String {
    match &observed.member {
        _ if observed.is_administrator() => "administrator".to_owned(),
        Fact::Known(Membership::Stranger) => "not a member".to_owned(),
        Fact::Known(Membership::Member(member)) => format!("{:?}", member.status),
        Fact::Unknown(_) | Fact::Unread => "unknown".to_owned(),
    }
}

fn daily(view: &JobsView<'_>) -> String {
    let job = view.right().into_iter().chain(view.drifted()).next();
    job.map_or_else(|| "none".to_owned(), |job| status(&job.status).to_owned())
}

/// A job's status in AWS's word.
pub fn status(status: &JobStatus) -> &str {
    match status {
        JobStatus::Running => "RUNNING",
        JobStatus::Idle => "IDLE",
        JobStatus::Paused => "PAUSED",
        JobStatus::UserPaused => "USER_PAUSED",
        JobStatus::Cancelled => "CANCELLED",
        JobStatus::Complete => "COMPLETE",
        JobStatus::Unknown(other) => other,
    }
}

fn print(rows: &[Row]) {
    if rows.is_empty() {
        return output::line(
            "No account is enrolled or asks to be. Tag a bucket to opt it in; `--all` shows every account.",
        );
    }
    let mut table = output::table(&[
        "account",
        "Region",
        "member",
        "opted in",
        "covered",
        "daily job",
        "remarks",
    ]);
    for row in rows {
        let remarks: Vec<String> = row
            .notes
            .iter()
            .map(output::note)
            .map(|(sign, text)| format!("{sign}: {text}"))
            .chain(row.defect.iter().map(|defect| format!("stopped: {defect}")))
            .chain(row.line.iter().map(Place::text))
            .chain(row.next.iter().map(|next| format!("next: {next}")))
            .collect();
        table.add_row([
            format!("{} {}", row.account, row.name),
            row.region.clone(),
            row.member.clone(),
            row.opted_in
                .as_ref()
                .map_or_else(|| "unknown".to_owned(), |buckets| buckets.len().to_string()),
            row.covered.len().to_string(),
            row.daily_job.clone(),
            remarks.join("\n"),
        ]);
    }
    output::print(&table);
}
