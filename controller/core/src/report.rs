//! What a reconcile did, would do, waits for, is blocked by and failed at. Every view (log line,
//! published event, CLI table, JSON) is a view of this one value.

use std::{collections::BTreeSet, fmt};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    check::Violation,
    id::{BucketName, Scope},
    observed::{JobKind, OPTED_OUT_SINCE, Trouble},
    plan::{Action, Blocked, Cost, Note, Step, Waiting, Why},
};

/// The version of the JSON form.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of reconciling one account in one Region.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Where.
    pub scope: Scope,
    /// When it ended.
    pub at: Timestamp,
    /// What was written, or would be written by a dry run.
    pub changes: Vec<Change>,
    /// Whether this was a dry run.
    pub dry_run: bool,
    /// What was attempted and did not succeed.
    pub failures: Vec<Failure>,
    /// What is waiting, blocked or worth telling.
    pub notes: Vec<Note>,
    /// A defect that stopped a plan before anything of it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violation: Option<Violation>,
    /// Whether the last reading still asked for writes when the rounds were used up.
    pub unsettled: bool,
    /// Whether a bucket that an event named is opted in.
    #[serde(skip)]
    pub wanted: bool,
    /// Why what happened could not be published; it never fails a reconcile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublished: Option<String>,
}

/// One write that happened, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What it means to the account's team.
    pub kind: ChangeKind,
    /// One sentence.
    pub summary: String,
    /// Why.
    pub why: Why,
    /// The buckets it is about.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub buckets: BTreeSet<BucketName>,
    /// The job it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What it costs.
    pub cost: Cost,
}

/// A write that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What was attempted.
    pub summary: String,
    /// Why it failed.
    pub trouble: Trouble,
}

/// Kinds of change, each published under its own `detail-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "detail_type says what each is")]
pub enum ChangeKind {
    AccountEnrolled,
    AccountAdopted,
    AccountMarked,
    AccountResumed,
    AccountCaughtUp,
    SuspensionPending,
    SuspensionCancelled,
    AccountSuspended,
    DailyJobCreated,
    BucketCovered,
    CatchUpStarted,
    JobCancelled,
    JobPaused,
    JobResumed,
}

impl ChangeKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::AccountEnrolled,
        Self::AccountAdopted,
        Self::AccountMarked,
        Self::AccountResumed,
        Self::AccountCaughtUp,
        Self::SuspensionPending,
        Self::SuspensionCancelled,
        Self::AccountSuspended,
        Self::DailyJobCreated,
        Self::BucketCovered,
        Self::CatchUpStarted,
        Self::JobCancelled,
        Self::JobPaused,
        Self::JobResumed,
    ];

    /// The `detail-type` of the published event.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::AccountEnrolled => "Account Enrolled",
            Self::AccountAdopted => "Account Adopted",
            Self::AccountMarked => "Account Marked",
            Self::AccountResumed => "Account Resumed",
            Self::AccountCaughtUp => "Account Caught Up",
            Self::SuspensionPending => "Suspension Pending",
            Self::SuspensionCancelled => "Suspension Cancelled",
            Self::AccountSuspended => "Account Suspended",
            Self::DailyJobCreated => "Daily Job Created",
            Self::BucketCovered => "Bucket Covered",
            Self::CatchUpStarted => "Catch-Up Started",
            Self::JobCancelled => "Job Cancelled",
            Self::JobPaused => "Job Paused",
            Self::JobResumed => "Job Resumed",
        }
    }

    /// What happened, for a team that reads the event.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::AccountEnrolled => "The account was enrolled as a Macie member in this Region.",
            Self::AccountAdopted => {
                "A member that was enrolled by somebody else is managed by the controller from now on."
            }
            Self::AccountMarked => {
                "Something was put on record on the member: the time in which the account went unscanned, or which job is paused for the budget."
            }
            Self::AccountResumed => "Macie was resumed for the account.",
            Self::AccountCaughtUp => {
                "Nothing that was written while the account was away is left unscanned or without a job."
            }
            Self::SuspensionPending => {
                "The last opted-in bucket is gone: the account will be suspended when the grace period is over."
            }
            Self::SuspensionCancelled => {
                "A bucket was opted in again within the grace period: the account stays enrolled."
            }
            Self::AccountSuspended => {
                "Macie was suspended for the account: nothing is scanned or charged any more."
            }
            Self::DailyJobCreated => {
                "The account has a daily job that scans what is written to opted-in buckets."
            }
            Self::BucketCovered => {
                "A one-time job scans what newly opted-in buckets already held; the daily job does the rest."
            }
            Self::CatchUpStarted => {
                "A one-time job scans what was written while nobody was scanning."
            }
            Self::JobCancelled => "A job of the controller was cancelled.",
            Self::JobPaused => {
                "The account's budget of the month is spent: a job is paused until the month turns, the budget is raised or more is approved."
            }
            Self::JobResumed => {
                "The account is within its budget again: a job that the controller paused goes on."
            }
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail_type())
    }
}

/// How a reconcile ended, in one word; the worst of what it met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was as it should be.
    Unchanged,
    /// Something was written.
    Changed,
    /// Somebody else has to move first.
    Waiting,
    /// A person has to do something.
    Blocked,
    /// A write failed, or a defect stopped the plan.
    Failed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
        })
    }
}

impl Report {
    /// A report in which nothing has happened yet.
    pub fn new(scope: Scope, at: Timestamp) -> Self {
        Self {
            scope,
            at,
            changes: Vec::new(),
            dry_run: false,
            failures: Vec::new(),
            notes: Vec::new(),
            violation: None,
            unsettled: false,
            wanted: false,
            unpublished: None,
        }
    }

    /// Adds something to wait for, once.
    pub fn wait(&mut self, on: Waiting) {
        let note = Note::Waiting(on);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        let failed = !self.failures.is_empty() || self.violation.is_some() || self.unsettled;
        let waits = self.waiting().next().is_some();
        match (
            failed,
            self.blocked().next().is_some(),
            waits,
            self.changes.is_empty(),
        ) {
            (true, ..) => Outcome::Failed,
            (_, true, ..) => Outcome::Blocked,
            (_, _, true, _) => Outcome::Waiting,
            (.., false) => Outcome::Changed,
            (.., true) => Outcome::Unchanged,
        }
    }

    /// What it waits for.
    pub fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.notes.iter().filter_map(|note| match note {
            Note::Waiting(waiting) => Some(waiting),
            _ => None,
        })
    }

    /// What it is blocked by.
    pub fn blocked(&self) -> impl Iterator<Item = &Blocked> {
        self.notes.iter().filter_map(|note| match note {
            Note::Blocked(blocked) => Some(blocked),
            _ => None,
        })
    }

    /// What this round has to tell. That a first scan was dear is told by the round that begins it alone,
    /// so it stays.
    pub fn tell(&mut self, notes: &[Note]) {
        let is_kept =
            |note: &Note| matches!(note, Note::FirstScanOverBudget { .. }) && !notes.contains(note);
        self.notes.retain(is_kept);
        self.notes.extend_from_slice(notes);
    }

    /// What exceeds its budget and goes on all the same.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.notes.iter().filter_map(Note::warning)
    }

    /// Whether a suspension is held because too many others happened in the window.
    pub fn is_held_by_circuit_breaker(&self) -> bool {
        self.blocked()
            .any(|by| matches!(by, Blocked::CircuitBreaker { .. }))
    }

    /// Whether something could not be read, so that the report is not the whole truth.
    pub fn is_unread(&self) -> bool {
        let blocked = self
            .blocked()
            .any(|by| matches!(by, Blocked::Unreadable { .. }));
        blocked || self.waiting().any(|on| matches!(on, Waiting::Retry { .. }))
    }

    /// When to look again; none when the next event or sweep is soon enough.
    pub fn look_again_in(&self) -> Option<SignedDuration> {
        self.waiting()
            .filter_map(|waiting| waiting.look_again_in(self.at))
            .min()
    }
}

impl Change {
    /// The change that a step makes.
    pub fn of(step: &Step, job: Option<String>) -> Self {
        let (kind, buckets) = kind(step);
        Self {
            kind,
            summary: summary(&step.action),
            why: step.why.clone(),
            buckets,
            job,
            cost: step.cost.clone(),
        }
    }
}

fn kind(step: &Step) -> (ChangeKind, BTreeSet<BucketName>) {
    let buckets = match &step.why {
        Why::OptedIn { buckets } => buckets.iter().cloned().collect(),
        Why::BucketLeft { bucket } => BTreeSet::from([bucket.clone()]),
        _ => BTreeSet::new(),
    };
    match &step.action {
        Action::CreateMember { .. } => (ChangeKind::AccountEnrolled, buckets),
        Action::ResumeMember => (ChangeKind::AccountResumed, buckets),
        Action::SuspendMember => (ChangeKind::AccountSuspended, buckets),
        Action::TagMember { tags } => match (tags.contains_key(OPTED_OUT_SINCE), &step.why) {
            (_, Why::RememberGap) => (ChangeKind::AccountMarked, buckets),
            (_, Why::OverBudget { .. }) => (ChangeKind::AccountMarked, buckets),
            (true, _) => (ChangeKind::SuspensionPending, buckets),
            (false, _) => (ChangeKind::AccountAdopted, buckets),
        },
        Action::UntagMember { .. } => match step.why {
            Why::RememberGap | Why::WithinBudget => (ChangeKind::AccountMarked, buckets),
            Why::BackInTime => (ChangeKind::SuspensionCancelled, buckets),
            _ => (ChangeKind::AccountCaughtUp, buckets),
        },
        Action::CreateJob(job) => match job.kind {
            JobKind::Daily { .. } => (ChangeKind::DailyJobCreated, buckets),
            JobKind::Baseline { .. } => (ChangeKind::BucketCovered, job.buckets.clone()),
            JobKind::CatchUp { .. } => (ChangeKind::CatchUpStarted, job.buckets.clone()),
        },
        Action::CancelJob { .. } => (ChangeKind::JobCancelled, buckets),
        Action::PauseJob { .. } => (ChangeKind::JobPaused, buckets),
        Action::ResumeJob { .. } => (ChangeKind::JobResumed, buckets),
    }
}

/// A step in one sentence.
pub fn summary(action: &Action) -> String {
    match action {
        Action::CreateMember { .. } => "enrol the account as a Macie member".to_owned(),
        Action::ResumeMember => "resume Macie for the account".to_owned(),
        Action::SuspendMember => "suspend Macie for the account".to_owned(),
        Action::TagMember { tags } => format!("tag the member with {}", join(tags.keys())),
        Action::UntagMember { keys } => format!("remove the member's tag {}", join(keys)),
        Action::CreateJob(job) => match (&job.kind, job.buckets.len()) {
            (JobKind::Daily { .. }, _) => "create the daily job".to_owned(),
            (JobKind::Baseline { .. }, n) => {
                format!("create a baseline job for {n} bucket{}", plural(n))
            }
            (JobKind::CatchUp { since }, n) => {
                format!(
                    "create a catch-up job for {n} bucket{} since {since}",
                    plural(n)
                )
            }
        },
        Action::CancelJob { job, kind } => format!("cancel the {} job {job}", kind.word()),
        Action::PauseJob { job, kind } => format!("pause the {} job {job}", kind.word()),
        Action::ResumeJob { job, kind } => format!("resume the {} job {job}", kind.word()),
    }
}

impl JobKind {
    /// The kind in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Daily { .. } => "daily",
            Self::Baseline { .. } => "baseline",
            Self::CatchUp { .. } => "catch-up",
        }
    }
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn join<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words
        .into_iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
