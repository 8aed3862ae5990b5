//! Times in which nobody scanned. A daily job only looks at what changed since its preceding run
//! (Macie User Guide, discovery-jobs-scope), so whatever was written while an account was
//! suspended or opted out, or between two daily jobs, must be caught up by a one-time job.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::jobs::JobsView;
use crate::{
    id::{BucketName, JobId},
    job_name::whole_second,
    observed::{Fact, Job, Member, OPTED_OUT_SINCE, Observed},
};

/// What became of the time in which the account had no opted-in bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// Nobody ran in it: the next daily run looks back far enough.
    Unnoticed,
    /// A catch-up job has it.
    CaughtUp,
    /// Objects since this time are not scanned.
    Open(Gap),
}

/// What became of the time between two daily jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handover {
    /// There is none, or a catch-up job has it.
    Done,
    /// It cannot be told when the predecessor last ran.
    Unknown,
    /// Objects since this time are not scanned.
    Open(Gap),
}

/// A time in which nobody scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Since when.
    pub since: Timestamp,
    /// Buckets whose objects from before were scanned: what they got since then was not.
    pub buckets: BTreeSet<BucketName>,
}

/// The account's absence, as its member's tag remembers it.
pub fn of_absence(view: &JobsView<'_>, member: &Member, observed: &Observed) -> Absence {
    let Some(since) = member.time(OPTED_OUT_SINCE) else {
        return Absence::Unnoticed;
    };
    let until = resumed_at(member, since);
    let ran = view
        .right()
        .first()
        .is_none_or(|job| match observed.last_runs.get(&job.id) {
            Some(Fact::Known(Some(last))) => *last > since,
            Some(Fact::Known(None)) => false,
            Some(Fact::Unknown(_) | Fact::Unread) | None => true,
        });
    if until.is_none() && !ran {
        return Absence::Unnoticed;
    }
    let begin = whole_second(until.unwrap_or(since));
    let caught_up = view
        .catch_ups()
        .any(|(job, from)| from <= since && job.created_at >= begin);
    let buckets = waiting(view, observed, until.unwrap_or(Timestamp::MAX));
    match caught_up || buckets.is_empty() {
        true => Absence::CaughtUp,
        false => Absence::Open(Gap { since, buckets }),
    }
}

/// When Macie was resumed after a suspension within the absence.
fn resumed_at(member: &Member, since: Timestamp) -> Option<Timestamp> {
    member.updated_at.filter(|at| *at > since)
}

/// The time between the last run of a daily job that died or drifted and its successor.
pub fn of_predecessor(view: &JobsView<'_>, observed: &Observed) -> Handover {
    let Some((right, predecessor)) = handover(view) else {
        return Handover::Done;
    };
    let buckets = waiting(view, observed, right.created_at);
    if buckets.is_empty() {
        return Handover::Done;
    }
    match observed.last_runs.get(&predecessor.id) {
        Some(Fact::Known(last)) => Handover::Open(Gap {
            since: last.unwrap_or(predecessor.created_at),
            buckets,
        }),
        Some(Fact::Unknown(_) | Fact::Unread) | None => Handover::Unknown,
    }
}

/// A right daily job and the one it took over from, unless a catch-up job followed.
fn handover<'a>(view: &JobsView<'a>) -> Option<(&'a Job, &'a Job)> {
    let right = *view.right().first()?;
    let predecessor = view.predecessor(right)?;
    let caught_up = view
        .catch_ups()
        .any(|(job, _)| job.created_at >= right.created_at);
    (!caught_up).then_some((right, predecessor))
}

/// Opted-in buckets that a baseline scanned before a time.
fn waiting(view: &JobsView<'_>, observed: &Observed, before: Timestamp) -> BTreeSet<BucketName> {
    let candidates: BTreeSet<BucketName> = observed
        .confirmed()
        .union(&observed.indexed())
        .cloned()
        .collect();
    view.baselined_before(before)
        .intersection(&candidates)
        .cloned()
        .collect()
}

/// One gap that holds all open ones, so that nothing is scanned twice.
pub fn open(view: &JobsView<'_>, member: Option<&Member>, observed: &Observed) -> Option<Gap> {
    let absence = member.map(|member| of_absence(view, member, observed));
    let absence = match absence {
        Some(Absence::Open(gap)) => Some(gap),
        Some(Absence::Unnoticed | Absence::CaughtUp) | None => None,
    };
    let handover = match of_predecessor(view, observed) {
        Handover::Open(gap) => Some(gap),
        Handover::Done | Handover::Unknown => None,
    };
    // Without a daily job a gap is still growing: the job comes first.
    let _right = view.right().first()?;
    absence
        .into_iter()
        .chain(handover)
        .reduce(|one, other| Gap {
            since: one.since.min(other.since),
            buckets: one.buckets.union(&other.buckets).cloned().collect(),
        })
}

/// Whether a gap may be open, before the last runs are known.
pub fn may_be_open(view: &JobsView<'_>, member: Option<&Member>) -> bool {
    member.is_some_and(super::member::has_left)
        || handover(view)
            .is_some_and(|(right, _)| !view.baselined_before(right.created_at).is_empty())
}

/// Jobs of which the last run tells whether a gap is open.
pub fn jobs_to_describe(view: &JobsView<'_>, member: Option<&Member>) -> Vec<JobId> {
    let returning = member.is_some_and(|member| {
        member
            .time(OPTED_OUT_SINCE)
            .is_some_and(|since| resumed_at(member, since).is_none())
    });
    let right = view
        .right()
        .first()
        .filter(|_| returning)
        .map(|job| job.id.clone());
    right
        .into_iter()
        .chain(handover(view).map(|(_, predecessor)| predecessor.id.clone()))
        .collect()
}
