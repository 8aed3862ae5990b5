//! Jobs that will run or can be resumed.

use controller_core::{
    id::{AccountId, JobId, Region},
    observed::{Job, JobKind, JobStatus},
    plan::{Blocked, Note, Waiting},
    usage::month,
};
use jiff::Timestamp;
use serde::Serialize;

use super::{super::status, Facts, Look};

/// A job of the controller that has not ended.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveJob {
    /// Whose buckets it scans.
    pub account: AccountId,
    /// That account's name.
    pub name: String,
    /// The Region.
    pub region: Region,
    /// Macie's id.
    pub job: JobId,
    /// Its kind in a word.
    pub kind: &'static str,
    /// Its status in AWS's word.
    pub status: String,
    /// What becomes of it.
    pub next: String,
}

/// All of them, those first that somebody waits for.
pub fn live(facts: &Facts<'_>) -> Vec<LiveJob> {
    let jobs = facts.looks.iter().flat_map(|look| {
        let jobs = look.jobs.iter().flatten();
        let live = jobs.filter(|job| job.status.is_live());
        live.map(move |job| (look, job))
    });
    let mut jobs: Vec<(&Look, &Job)> = jobs.collect();
    jobs.sort_by_key(|(_, job)| order(job));
    let live = jobs.into_iter().map(|(look, job)| LiveJob {
        account: look.scope.account.clone(),
        name: look.status.name.clone(),
        region: look.scope.region.clone(),
        job: job.id.clone(),
        kind: job.kind.word(),
        status: status::status(&job.status).to_owned(),
        next: next(&look.status.notes, job, facts.now),
    });
    live.collect()
}

fn is_daily(job: &Job) -> bool {
    matches!(job.kind, JobKind::Daily { .. })
}

fn order(job: &Job) -> (u8, bool) {
    let first = match job.status {
        JobStatus::UserPaused | JobStatus::Unknown(_) => 0,
        JobStatus::Paused => 1,
        _ => 2,
    };
    (first, is_daily(job))
}

/// Whether the account's jobs are paused for its budget, and this one not by a person.
fn is_over_budget(notes: &[Note], job: &Job) -> bool {
    let person = Blocked::PausedByPerson {
        job: job.id.clone(),
    };
    let mut all = notes.iter();
    all.any(|note| matches!(note, Note::Waiting(Waiting::Budget { .. })))
        && !notes.contains(&Note::Blocked(person))
}

fn next(notes: &[Note], job: &Job, now: Timestamp) -> String {
    match (&job.status, is_daily(job)) {
        (JobStatus::UserPaused, _) if is_over_budget(notes, job) => {
            "the month's budget is spent: the controller resumes it when there is money again".to_owned()
        }
        (JobStatus::UserPaused, true) => {
            "a person has paused it: it runs when a person resumes it".to_owned()
        }
        (JobStatus::UserPaused, false) => {
            "a person has paused it: it goes on when a person resumes it, and Macie cancels it after 30 days"
                .to_owned()
        }
        (JobStatus::Paused, _) => {
            let renewed = month(now).map(|(_, next)| format!(" on {next:.0}"));
            format!(
                "the account's monthly quota is used up: Macie resumes it when that is renewed{}",
                renewed.unwrap_or_default()
            )
        }
        (JobStatus::Unknown(_), _) => "this release does not know the status".to_owned(),
        (JobStatus::Running, true) => "it is running, and runs every day".to_owned(),
        (_, true) => "it runs every day".to_owned(),
        (_, false) => "it is running, once".to_owned(),
    }
}
