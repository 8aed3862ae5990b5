//! Runs of jobs: what they match when they start, what they scan when they end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    Scope,
    criteria::Candidate,
    definition::{JobType, S3JobDefinition},
    inventory,
    jobs::{Job, JobStatus},
    members::Relationship,
    sample::Sample,
    schedule::next_month,
    scope::extension,
};
use crate::{s3, world::World};

/// How long a run takes here.
const RUN_TAKES: SignedDuration = SignedDuration::from_mins(1);

/// What a run has done. A run that the quota has interrupted leaves one of these per part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The job.
    pub job_id: String,
    /// The job's Region.
    pub region: String,
    /// When it started: its criteria were evaluated then.
    pub started_at: Timestamp,
    /// When it ended: its bytes count in that month.
    pub ended_at: Timestamp,
    /// The buckets that it matched: owner and name.
    pub matched: Vec<(String, String)>,
    /// What it scanned, per bucket; a bucket without new objects is left out.
    pub scans: Vec<Scan>,
    /// What it could not scan.
    pub errors: Vec<RunError>,
}

/// What a run has scanned of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The bucket's owner, to whom the cost and the quota are counted.
    pub account: String,
    /// The bucket.
    pub bucket: String,
    /// Objects analysed, rounded up when the job samples.
    pub objects: u64,
    /// Uncompressed bytes analysed, 3:1 for compressed files of which nobody said otherwise.
    pub bytes: u64,
}

/// Why an account or a bucket was not scanned, with Macie's log event as its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    /// `ACCOUNT_SUSPENDED`, `ACCOUNT_DISASSOCIATED`, `BUCKET_ACCESS_DENIED`, ...
    pub code: &'static str,
    /// The owner.
    pub account: String,
    /// The bucket.
    pub bucket: String,
}

/// A run that is in progress.
#[derive(Debug, Clone)]
pub(super) struct CurrentRun {
    pub(super) started_at: Timestamp,
    pub(super) ends_at: Timestamp,
    /// About how many objects are still to be processed.
    pub(super) objects_left: u64,
    buckets: Vec<(String, String)>,
    since: Since,
    /// Objects that were scanned before the quota interrupted the run.
    done: BTreeSet<(String, String)>,
}

/// The start of the preceding run.
#[derive(Debug, Clone)]
pub(super) struct Since {
    at: Timestamp,
    /// Objects that were there already with exactly that time; tells apart what was written at
    /// the same instant, for the world's clock may stand still.
    there: BTreeSet<(String, String)>,
}

impl Since {
    pub(super) fn now(world: &World, definition: &S3JobDefinition, at: Timestamp) -> Self {
        let buckets = world.s3.buckets.values();
        let there = buckets
            .filter(|bucket| definition.may_concern(&bucket.account))
            .flat_map(|bucket| {
                bucket
                    .objects
                    .iter()
                    .map(move |(key, object)| (bucket, key, object))
            })
            .filter(|(_, _, object)| object.modified_at == at)
            .map(|(bucket, key, _)| (bucket.name.clone(), key.clone()))
            .collect();
        Self { at, there }
    }

    fn is_newer(&self, bucket: &str, key: &str, object: &s3::Object) -> bool {
        object.modified_at > self.at
            || object.modified_at == self.at
                && !self.there.contains(&(bucket.to_owned(), key.to_owned()))
    }
}

/// Does what has fallen due for a job.
pub(super) fn happen(world: &mut World, index: usize, at: Timestamp) {
    match world.macie.jobs.get(index).map(|job| job.status) {
        Some(JobStatus::Running) => finish(world, index, at),
        Some(JobStatus::Idle) => start(world, index, at),
        Some(JobStatus::Paused) => quota_lifted(world, index, at),
        Some(JobStatus::UserPaused) => expire(world, index),
        _ => {}
    }
}

/// Starts a run: the criteria are evaluated now, against the inventory as it is now.
pub(super) fn start(world: &mut World, index: usize, at: Timestamp) {
    let Some(job) = world.macie.jobs.get_mut(index) else {
        return;
    };
    job.status = JobStatus::Running;
    job.last_run_at = at;
    job.run_count += 1;
    let run = world
        .macie
        .jobs
        .get(index)
        .map(|job| new_run(world, job, at));
    if let Some(job) = world.macie.jobs.get_mut(index) {
        job.current = run;
    }
}

fn new_run(world: &World, job: &Job, at: Timestamp) -> CurrentRun {
    let mut run = CurrentRun {
        started_at: at,
        ends_at: at.checked_add(RUN_TAKES).unwrap_or(Timestamp::MAX),
        objects_left: 0,
        buckets: match_buckets(world, job, at),
        since: Since::now(world, &job.definition.s3_job_definition, at),
        done: BTreeSet::new(),
    };
    run.objects_left = run
        .buckets
        .iter()
        .filter_map(|(_, name)| world.s3.buckets.get(name))
        .map(|bucket| eligible(world, job, &run, bucket).count() as u64)
        .sum();
    run
}

/// The buckets of a run: those that are named, or those that match the criteria.
fn match_buckets(world: &World, job: &Job, at: Timestamp) -> Vec<(String, String)> {
    let definition = &job.definition.s3_job_definition;
    if definition.bucket_definitions.is_some() {
        let own = |(account, bucket): (&str, &str)| (account.to_owned(), bucket.to_owned());
        return definition.named().map(own).collect();
    }
    inventory::seen(world, &job.scope, at, |account| {
        definition.may_concern(account)
    })
    .into_iter()
    .filter(|bucket| {
        definition.matches(&Candidate {
            account: &bucket.account,
            name: &bucket.name,
            tags: bucket.tags.as_ref(),
            discovery: false,
        })
    })
    .map(|bucket| (bucket.account, bucket.name))
    .collect()
}

/// The objects of a bucket that a run analyses: that have an extension, are in scope, and were
/// created or changed after the preceding run and before this one.
fn eligible<'w>(
    world: &'w World,
    job: &'w Job,
    run: &'w CurrentRun,
    bucket: &'w s3::Bucket,
) -> impl Iterator<Item = (&'w String, &'w s3::Object)> {
    let first_match = job.run_count > 1
        && !job
            .matched
            .contains(&(bucket.account.clone(), bucket.name.clone()));
    let everything = world.switches.schedule_backfills && first_match;
    let since = job.since.as_ref().filter(|_| !everything);
    let scoping = job.definition.s3_job_definition.scoping.as_ref();
    bucket.objects.iter().filter(move |(key, object)| {
        extension(key).is_some()
            && !run.since.is_newer(&bucket.name, key, object)
            && since.is_none_or(|since| since.is_newer(&bucket.name, key, object))
            && scoping.is_none_or(|scoping| scoping.matches(key, object))
            && !run.done.contains(&(bucket.name.clone(), (*key).clone()))
    })
}

/// Ends a run: scans what it matched, and pauses the job if an account is over its quota.
fn finish(world: &mut World, index: usize, at: Timestamp) {
    let Some(job) = world.macie.jobs.get(index) else {
        return;
    };
    let Some(run) = &job.current else {
        return;
    };
    let scanning = Scanning::carry_out(world, job, run, at);
    let record = Run {
        job_id: job.id.clone(),
        region: job.scope.region.clone(),
        started_at: run.started_at,
        ended_at: at,
        matched: run.buckets.clone(),
        scans: scanning.scans,
        errors: scanning.errors,
    };
    for (account, bytes) in &scanning.used {
        let scope = Scope::new(&record.region, account);
        world
            .macie
            .ledgers
            .entry(scope)
            .or_default()
            .analysed(at, *bytes);
    }
    for account in &scanning.over_quota {
        let scope = Scope::new(&record.region, account);
        world.macie.ledgers.entry(scope).or_default().limited(at);
    }
    if let Some(job) = world.macie.jobs.get_mut(index) {
        job.last_run_failed = !record.errors.is_empty();
        job.matched.extend(record.matched.iter().cloned());
        if scanning.over_quota.is_empty() {
            conclude(job, at);
        } else {
            pause_for_quota(job, scanning.done, at);
        }
    }
    world.macie.runs.push(record);
}

fn conclude(job: &mut Job, at: Timestamp) {
    job.since = job.current.take().map(|run| run.since);
    match job.schedule {
        None => job.status = JobStatus::Complete,
        Some(schedule) => {
            job.status = JobStatus::Idle;
            job.next_run = schedule.next(job.created_at, at);
        }
    }
}

/// The run goes on when the month starts, or gives way to the next scheduled run.
fn pause_for_quota(job: &mut Job, done: BTreeSet<(String, String)>, at: Timestamp) {
    job.status = JobStatus::Paused;
    let scheduled = job
        .schedule
        .map(|schedule| schedule.next(job.created_at, at));
    job.resumes_at = scheduled.unwrap_or(Timestamp::MAX).min(next_month(at));
    if let Some(run) = &mut job.current {
        run.done.extend(done);
    }
}

fn quota_lifted(world: &mut World, index: usize, at: Timestamp) {
    let Some(job) = world.macie.jobs.get_mut(index) else {
        return;
    };
    let ended_at = job.current.as_ref().map_or(at, |run| run.ends_at);
    if next_month(ended_at) > at {
        conclude(job, at);
        start(world, index, at);
        return;
    }
    job.status = JobStatus::Running;
    if let Some(run) = &mut job.current {
        run.ends_at = at.checked_add(RUN_TAKES).unwrap_or(Timestamp::MAX);
    }
}

/// A user's pause has lasted 30 days: a one-time job is cancelled, a recurring job loses the run.
fn expire(world: &mut World, index: usize) {
    let Some(job) = world.macie.jobs.get_mut(index) else {
        return;
    };
    match job.definition.job_type {
        JobType::OneTime => job.cancel(),
        JobType::Scheduled => {
            job.current = None;
            if let Some(pause) = &mut job.pause {
                pause.expires_at = None;
            }
        }
    }
}

/// The outcome of scanning the buckets of a run.
#[derive(Default)]
struct Scanning {
    scans: Vec<Scan>,
    errors: Vec<RunError>,
    done: BTreeSet<(String, String)>,
    /// Bytes by owner.
    used: BTreeMap<String, u64>,
    over_quota: BTreeSet<String>,
}

impl Scanning {
    fn carry_out(world: &World, job: &Job, run: &CurrentRun, at: Timestamp) -> Self {
        let visible: BTreeSet<Scope> = inventory::visible(world, &job.scope).into_iter().collect();
        let mut scanning = Self::default();
        for (account, name) in &run.buckets {
            let scope = Scope::new(&job.scope.region, account);
            let bucket = if visible.contains(&scope) {
                accessible(world, &scope, name)
            } else {
                Err(account_error(world, &scope))
            };
            match bucket {
                Ok(bucket) => scanning.scan(world, job, run, bucket, at),
                Err(code) => scanning.errors.push(RunError {
                    code,
                    account: account.clone(),
                    bucket: name.clone(),
                }),
            }
        }
        scanning
    }

    /// Scans a bucket until its owner's quota is used up; the owner's other buckets are then
    /// left alone as well.
    fn scan(
        &mut self,
        world: &World,
        job: &Job,
        run: &CurrentRun,
        bucket: &s3::Bucket,
        at: Timestamp,
    ) {
        let sample = Sample::of(world, job);
        let quota = world.macie.figures.quota_bytes();
        let scope = Scope::new(&job.scope.region, &bucket.account);
        let before = world
            .macie
            .ledgers
            .get(&scope)
            .map_or(0, |ledger| ledger.analysed_in_month(at));
        let (mut objects, mut bytes) = (0_u64, 0_u64);
        let sampled =
            eligible(world, job, run, bucket).filter(|(key, _)| sample.has(&bucket.name, key));
        for (key, object) in sampled {
            let used = self.used.entry(bucket.account.clone()).or_default();
            let cost = sample.bytes(key, object);
            let total = before.saturating_add(*used).saturating_add(cost);
            if total > quota || self.over_quota.contains(&bucket.account) {
                self.over_quota.insert(bucket.account.clone());
                break;
            }
            *used = used.saturating_add(cost);
            bytes = bytes.saturating_add(cost);
            objects += 1;
            self.done.insert((bucket.name.clone(), key.clone()));
        }
        if objects > 0 {
            self.scans.push(Scan {
                account: bucket.account.clone(),
                bucket: bucket.name.clone(),
                objects: sample.count(objects),
                bytes,
            });
        }
    }
}

fn accessible<'w>(
    world: &'w World,
    scope: &Scope,
    name: &str,
) -> Result<&'w s3::Bucket, &'static str> {
    let bucket = world.s3.buckets.get(name).ok_or("BUCKET_DOES_NOT_EXIST")?;
    match bucket {
        _ if bucket.account != scope.account => Err("BUCKET_OWNER_CHANGED"),
        _ if bucket.region != scope.region => Err("BUCKET_IN_DIFFERENT_REGION"),
        _ if bucket.locked => Err("BUCKET_ACCESS_DENIED"),
        _ => Ok(bucket),
    }
}

fn account_error(world: &World, scope: &Scope) -> &'static str {
    match Relationship::of(world, &scope.region, &scope.account) {
        Some(Relationship::Paused) => "ACCOUNT_SUSPENDED",
        Some(Relationship::RegionDisabled) => "ACCOUNT_REGION_DISABLED",
        Some(Relationship::AccountSuspended) => "ACCOUNT_ISOLATED",
        Some(Relationship::Created) => "ACCOUNT_DISABLED",
        _ => "ACCOUNT_DISASSOCIATED",
    }
}
