//! Times in which nobody scanned. A daily job only looks at what changed since its preceding run
//! (Macie User Guide, discovery-jobs-scope), so whatever was written while an account was
//! suspended or opted out, or between two daily jobs, must be caught up by a one-time job.
//!
//! An absence of the account is put on record first, as a tag on the member, and caught up with
//! afterwards; a handover between two daily jobs is on record in the list of jobs.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::jobs::JobsView;
use crate::{
    id::{BucketName, JobId},
    job_name::whole_second,
    observed::{Fact, Interval, Job, Member, OPTED_OUT_SINCE, Observed},
};

/// The last run before an absence is no longer known when it ends, and what was written after
/// that run went unscanned too. A daily job runs once a day, Macie does not say at what time.
const BEFORE_ABSENCE: SignedDuration = SignedDuration::from_hours(48);

/// What an absence means, now that the account has an opted-in bucket again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// Nobody ran in it, or nothing was scanned before it: the daily and baseline jobs have it all.
    Unnoticed,
    /// It is on record, to be caught up with.
    Recorded,
    /// It must be put on record.
    Unrecorded(Interval),
}

/// What became of the time between two daily jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handover {
    /// There is none, or catch-up jobs have it.
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

/// The account's absence, as its member's tags remember it.
pub fn of_absence(
    view: &JobsView<'_>,
    member: &Member,
    observed: &Observed,
    now: Timestamp,
) -> Absence {
    let Some(since) = member.time(OPTED_OUT_SINCE).filter(|since| *since <= now) else {
        return Absence::Unnoticed;
    };
    let resumed = resumed_at(member, since);
    let recorded = member.unscanned();
    let again = whole_second(resumed.unwrap_or(since));
    if recorded.is_some_and(|interval| interval.end >= again) {
        return Absence::Recorded;
    }
    let nothing_lost = resumed.is_none() && !ran_since(view, observed, since) && is_shown(observed);
    if nothing_lost || view.baselined_before(Timestamp::MAX).is_empty() {
        return Absence::Unnoticed;
    }
    let begin = since.saturating_sub(BEFORE_ABSENCE).unwrap_or(since);
    Absence::Unrecorded(Interval {
        begin: recorded.map_or(begin, |interval| interval.begin.min(begin)),
        end: whole_second(now),
    })
}

/// Whether a daily job may have passed the account's buckets by since then. A run that cannot be
/// told counts.
fn ran_since(view: &JobsView<'_>, observed: &Observed, since: Timestamp) -> bool {
    let right = view.right();
    let Some(job) = right.first().filter(|job| job.created_at <= since) else {
        return true;
    };
    match observed.last_runs.get(&job.id) {
        Some(Fact::Known(last)) => last.is_some_and(|last| last > since),
        Some(Fact::Unknown(_) | Fact::Unread) | None => true,
    }
}

/// Whether Macie shows what is opted in: the next run passes by what it does not.
fn is_shown(observed: &Observed) -> bool {
    let inventory = observed.inventory.known();
    let is_shown = |name| inventory.is_some_and(|shown| shown.buckets.contains_key(name));
    observed.confirmed().iter().all(is_shown)
}

/// When Macie was resumed after a suspension within the absence.
fn resumed_at(member: &Member, since: Timestamp) -> Option<Timestamp> {
    member.updated_at.filter(|at| *at > since)
}

/// The recorded absence and the buckets that no job has caught up with, none of them when it is
/// over.
pub fn recorded(view: &JobsView<'_>, member: &Member, observed: &Observed) -> Option<Gap> {
    let interval = member.unscanned()?;
    let caught_up = view
        .catch_ups()
        .filter(|(job, from)| job.created_at >= interval.end && *from <= interval.begin);
    let done: BTreeSet<BucketName> = caught_up
        .flat_map(|(job, _)| job.buckets.iter().cloned())
        .collect();
    let buckets = scanned_until(view, observed, interval.end);
    Some(Gap {
        since: interval.begin,
        buckets: buckets.difference(&done).cloned().collect(),
    })
}

/// The time between the last run of a daily job that died or drifted and its successor.
pub fn of_predecessor(view: &JobsView<'_>, observed: &Observed) -> Handover {
    let Some((predecessor, buckets)) = handover(view, observed) else {
        return Handover::Done;
    };
    match observed.last_runs.get(&predecessor.id) {
        Some(Fact::Known(last)) => Handover::Open(Gap {
            since: last.unwrap_or(predecessor.created_at),
            buckets,
        }),
        Some(Fact::Unknown(_) | Fact::Unread) | None => Handover::Unknown,
    }
}

/// The oldest daily job whose successor was not caught up with, and the buckets that wait for it.
/// Later ones may have died before anything was caught up.
fn handover<'a>(
    view: &JobsView<'a>,
    observed: &Observed,
) -> Option<(&'a Job, BTreeSet<BucketName>)> {
    let line = view.line();
    let right = line.last()?;
    let waiting = |since: Timestamp| -> BTreeSet<BucketName> {
        let done: BTreeSet<BucketName> = view
            .catch_ups()
            .filter(|(job, _)| job.created_at >= since)
            .flat_map(|(job, _)| job.buckets.iter().cloned())
            .collect();
        let buckets = scanned_until(view, observed, since);
        buckets.difference(&done).cloned().collect()
    };
    let successors = line.iter().skip(1);
    let (predecessor, _) = line
        .iter()
        .zip(successors)
        .find(|(_, successor)| !waiting(successor.created_at).is_empty())?;
    Some((predecessor, waiting(right.created_at)))
}

/// Opted-in buckets of which a baseline scanned what they held before a time, and none did since.
fn scanned_until(
    view: &JobsView<'_>,
    observed: &Observed,
    time: Timestamp,
) -> BTreeSet<BucketName> {
    let candidates: BTreeSet<BucketName> = observed
        .confirmed()
        .union(&observed.indexed())
        .cloned()
        .collect();
    let since = view.baselined_since(time);
    let before = view.baselined_before(time);
    before
        .intersection(&candidates)
        .filter(|name| !since.contains(*name))
        .cloned()
        .collect()
}

/// One gap that holds all open ones, so that nothing is scanned twice.
pub fn open(view: &JobsView<'_>, member: Option<&Member>, observed: &Observed) -> Option<Gap> {
    // Without a daily job a gap is still growing: the job comes first.
    let _right = view.right().first()?;
    let handover = match of_predecessor(view, observed) {
        Handover::Open(gap) => Some(gap),
        Handover::Done => None,
        // A job for the absence alone would look as if it had caught up with the handover too.
        Handover::Unknown => return None,
    };
    let absence = member
        .and_then(|member| recorded(view, member, observed))
        .filter(|gap| !gap.buckets.is_empty());
    absence
        .into_iter()
        .chain(handover)
        .reduce(|one, other| Gap {
            since: one.since.min(other.since),
            buckets: one.buckets.union(&other.buckets).cloned().collect(),
        })
}

/// Whether a gap may be open, before the last runs are known.
pub fn may_be_open(view: &JobsView<'_>, member: Option<&Member>, observed: &Observed) -> bool {
    member.is_some_and(super::member::is_returning) || handover(view, observed).is_some()
}

/// Jobs of which the last run tells whether a gap is open.
pub fn jobs_to_describe(
    view: &JobsView<'_>,
    member: Option<&Member>,
    observed: &Observed,
) -> Vec<JobId> {
    let left = member.and_then(|member| {
        let since = member.time(OPTED_OUT_SINCE)?;
        resumed_at(member, since).is_none().then_some(since)
    });
    let right = view
        .right()
        .first()
        .filter(|job| left.is_some_and(|since| job.created_at <= since))
        .map(|job| job.id.clone());
    right
        .into_iter()
        .chain(handover(view, observed).map(|(predecessor, _)| predecessor.id.clone()))
        .collect()
}
