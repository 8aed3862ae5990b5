//! Classification jobs: created, listed, paused, resumed, cancelled; never changed or deleted.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Scope,
    definition::{Definition, JobType},
    job_list,
    runs::{self, CurrentRun, Since},
    schedule::Schedule,
    session::{self, Status},
    wire::{Outcome, Tags, conflict, denied, done, id, input, invalid, missing, set, throttled},
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// A job or run that is paused by a user while running expires after 30 days.
const EXPIRY: SignedDuration = SignedDuration::from_hours(24 * 30);

/// A classification job.
#[derive(Debug, Clone)]
pub struct Job {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The account that created it, the only one that sees it.
    pub scope: Scope,
    /// As it was created.
    pub definition: Definition,
    /// Current tags.
    pub tags: Tags,
    /// What it does.
    pub status: JobStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the last run started.
    pub last_run_at: Timestamp,
    /// Whether an account or a bucket could not be analysed in the last run.
    pub last_run_failed: bool,
    /// How many runs have started.
    pub run_count: u32,
    /// The buckets that it has matched so far: owner and name.
    pub matched: BTreeSet<(String, String)>,
    pub(super) schedule: Option<Schedule>,
    pub(super) next_run: Timestamp,
    pub(super) current: Option<CurrentRun>,
    pub(super) since: Option<Since>,
    pub(super) pause: Option<Pause>,
    /// When a job that Macie has paused for the monthly quota goes on.
    pub(super) resumes_at: Timestamp,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// A run is in progress.
    Running,
    /// Between two runs of a recurring job.
    Idle,
    /// Paused by Macie: the monthly quota of an account is used up.
    Paused,
    /// Paused by a user.
    UserPaused,
    /// Stopped for good.
    Cancelled,
    /// A one-time job that has ended.
    Complete,
}

impl JobStatus {
    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Idle => "IDLE",
            Self::Paused => "PAUSED",
            Self::UserPaused => "USER_PAUSED",
            Self::Cancelled => "CANCELLED",
            Self::Complete => "COMPLETE",
        }
    }

    fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Complete)
    }
}

/// A pause by a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pause {
    at: Timestamp,
    /// Whether Macie tells of it.
    is_told: bool,
    /// None when the job was paused between two runs.
    pub(super) expires_at: Option<Timestamp>,
    /// How long the run would have gone on.
    remaining: SignedDuration,
}

impl Job {
    /// AWS's name for it.
    pub fn arn(&self) -> String {
        let Scope { region, account } = &self.scope;
        format!(
            "arn:aws:macie2:{region}:{account}:classification-job/{}",
            self.id
        )
    }

    /// When something happens to the job by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match self.status {
            JobStatus::Running => self.current.as_ref().map(|run| run.ends_at),
            JobStatus::Idle => Some(self.next_run),
            JobStatus::Paused => Some(self.resumes_at),
            JobStatus::UserPaused => self.pause.and_then(|pause| pause.expires_at),
            JobStatus::Cancelled | JobStatus::Complete => None,
        }
    }

    pub(super) fn cancel(&mut self) {
        self.status = JobStatus::Cancelled;
        self.current = None;
        self.pause = None;
    }

    fn pause(&mut self, now: Timestamp, tells_every_pause: bool) {
        let running = self.status == JobStatus::Running;
        // A one-time job has no schedule to wait for: it expires however it was paused.
        let expires = running || self.definition.job_type == JobType::OneTime;
        let ends_at = self.current.as_ref().map_or(now, |run| run.ends_at);
        self.pause = Some(Pause {
            at: now,
            is_told: running || tells_every_pause,
            expires_at: expires.then(|| now.checked_add(EXPIRY).unwrap_or(Timestamp::MAX)),
            remaining: if running {
                ends_at.duration_since(now)
            } else {
                SignedDuration::ZERO
            },
        });
        self.status = JobStatus::UserPaused;
    }

    /// Goes on with the run that was paused, or waits for the next one.
    fn resume(&mut self, now: Timestamp) {
        let remaining = self.pause.take().map(|pause| pause.remaining);
        match &mut self.current {
            Some(run) => {
                run.ends_at = now
                    .checked_add(remaining.unwrap_or_default())
                    .unwrap_or(now);
                self.status = JobStatus::Running;
            }
            None => {
                self.next_run = self.schedule.map_or(Timestamp::MAX, |schedule| {
                    schedule.next(self.created_at, now)
                });
                self.status = JobStatus::Idle;
            }
        }
    }
}

/// Cancels everything that an account has created; AWS does that when its Macie is suspended.
pub(super) fn cancel_all_of(world: &mut World, scope: &Scope) {
    for job in &mut world.macie.jobs {
        if job.scope == *scope && !job.status.is_final() {
            job.cancel();
        }
    }
}

/// A member was suspended: its own jobs are cancelled for good. The administrator's jobs skip it,
/// unless the switch says that those that name no one else are cancelled too.
pub(super) fn member_suspended(world: &mut World, member: &Scope) {
    cancel_all_of(world, member);
    if !world.switches.suspend_cancels_admin_jobs {
        return;
    }
    for job in &mut world.macie.jobs {
        let only = job
            .definition
            .s3_job_definition
            .only_account(&member.account);
        if job.scope.region == member.region && only && !job.status.is_final() {
            job.cancel();
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    job_status: JobStatus,
}

pub(super) fn perform(world: &mut World, call: &Call, operation: &str) -> Outcome {
    let scope = Scope::of(call);
    session::required(world, &scope)?;
    match operation {
        "CreateClassificationJob" => create(world, &scope, input(call)?),
        "DescribeClassificationJob" => describe(find(world, &scope, id(call)?)?),
        "ListClassificationJobs" => job_list::list(world, &scope, &input(call)?),
        _ => update(world, &scope, id(call)?, input::<Update>(call)?.job_status),
    }
}

fn find<'w>(world: &'w World, scope: &Scope, id: &str) -> Result<&'w Job, ApiError> {
    world
        .macie
        .jobs_of(&scope.region, &scope.account)
        .find(|job| job.id == id)
        .ok_or_else(|| missing(format!("the job `{id}` does not exist")))
}

fn create(world: &mut World, scope: &Scope, definition: Definition) -> Outcome {
    if session::required(world, scope)?.status == Status::Paused {
        return Err(denied("Macie is suspended for the account"));
    }
    definition.check()?;
    let schedule = definition.schedule()?;
    if let Some(job) = replayed(world, scope, &definition)? {
        return Ok(Reply::json(json!({ "jobArn": job.arn(), "jobId": job.id })));
    }
    check_rate(world, scope)?;
    let job = new_job(world, scope, definition, schedule);
    let reply = json!({ "jobArn": job.arn(), "jobId": job.id });
    let now = job.created_at;
    world.macie.jobs.push(job);
    runs::start(world, world.macie.jobs.len() - 1, now);
    Ok(Reply::json(reply))
}

fn new_job(
    world: &mut World,
    scope: &Scope,
    definition: Definition,
    schedule: Option<Schedule>,
) -> Job {
    let now = world.now();
    let since = Since::now(world, &definition.s3_job_definition, now);
    let only_new = definition.job_type == JobType::Scheduled && !definition.initial_run;
    Job {
        id: world.uuid().replace('-', ""),
        scope: scope.clone(),
        tags: definition.tags.clone(),
        definition,
        status: JobStatus::Running,
        created_at: now,
        last_run_at: now,
        last_run_failed: false,
        run_count: 0,
        matched: BTreeSet::new(),
        schedule,
        next_run: now,
        current: None,
        since: only_new.then_some(since),
        pause: None,
        resumes_at: now,
    }
}

/// The job that the same token has created, cancelled or not. A token that comes back with other
/// settings is a ConflictException. AWS documents neither, nor how long it remembers a token.
fn replayed<'w>(
    world: &'w World,
    scope: &Scope,
    definition: &Definition,
) -> Result<Option<&'w Job>, ApiError> {
    let mut jobs = world.macie.jobs_of(&scope.region, &scope.account);
    match jobs.find(|job| job.definition.client_token == definition.client_token) {
        None => Ok(None),
        Some(job) if world.switches.client_token_replays && job.definition == *definition => {
            Ok(Some(job))
        }
        Some(job) => Err(conflict(format!(
            "`clientToken` was used before, for the job `{}`",
            job.id
        ))),
    }
}

/// A refused call does not count against the rate.
fn check_rate(world: &World, scope: &Scope) -> Result<(), ApiError> {
    let last = world.macie.jobs_of(&scope.region, &scope.account).last();
    let interval = world.switches.create_job_interval;
    match last {
        Some(job) if world.now().duration_since(job.created_at) < interval => {
            Err(throttled("Rate exceeded"))
        }
        _ => Ok(()),
    }
}

/// Somebody in the job's own account pauses, resumes or cancels it.
pub fn update_job(world: &mut World, id: &str, status: JobStatus) -> Result<(), ApiError> {
    let job = world.macie.jobs.iter().find(|job| job.id == id);
    let Some(scope) = job.map(|job| job.scope.clone()) else {
        return Err(missing(format!("the job `{id}` does not exist")));
    };
    update(world, &scope, id, status).map(|_| ())
}

/// Changes a job's status as far as AWS's table of legal changes allows; AWS does not document
/// the error for the others.
fn update(world: &mut World, scope: &Scope, id: &str, status: JobStatus) -> Outcome {
    find(world, scope, id)?;
    let now = world.now();
    let tells_every_pause = world.switches.tells_every_pause;
    let Some(job) = world.macie.jobs.iter_mut().find(|job| job.id == id) else {
        return Err(missing(format!("the job `{id}` does not exist")));
    };
    match (job.status, status) {
        (current, JobStatus::Cancelled) if !current.is_final() => job.cancel(),
        (JobStatus::Idle | JobStatus::Paused | JobStatus::Running, JobStatus::UserPaused) => {
            job.pause(now, tells_every_pause);
        }
        (JobStatus::UserPaused, JobStatus::Running) => job.resume(now),
        (current, wanted) => {
            return Err(invalid(format!(
                "the job `{id}` is {}: it cannot become {}",
                current.as_str(),
                wanted.as_str()
            )));
        }
    }
    super::settle(world);
    Ok(done())
}

fn describe(job: &Job) -> Outcome {
    let mut document = json!(job.definition);
    set(&mut document, "tags", Some(json!(job.tags)));
    set(&mut document, "jobArn", Some(job.arn()));
    set(
        &mut document,
        "lastRunTime",
        Some(job.last_run_at.to_string()),
    );
    let left = job.current.as_ref().map_or(0, |run| run.objects_left);
    let statistics = json!({
        "approximateNumberOfObjectsToProcess": left,
        "numberOfRuns": job.run_count,
    });
    set(&mut document, "statistics", Some(statistics));
    set_state(&mut document, job);
    Ok(Reply::json(document))
}

pub(super) fn summary(job: &Job) -> Value {
    let definition = &job.definition.s3_job_definition;
    let mut document = json!({
        "jobType": job.definition.job_type,
        "name": job.definition.name,
    });
    let criteria = definition
        .bucket_criteria
        .as_ref()
        .map(|criteria| json!(criteria));
    set(&mut document, "bucketCriteria", criteria);
    let buckets = definition
        .bucket_definitions
        .as_ref()
        .map(|buckets| json!(buckets));
    set(&mut document, "bucketDefinitions", buckets);
    set_state(&mut document, job);
    document
}

fn set_state(document: &mut Value, job: &Job) {
    set(document, "jobId", Some(job.id.clone()));
    set(document, "jobStatus", Some(job.status.as_str()));
    set(document, "createdAt", Some(job.created_at.to_string()));
    let code = if job.last_run_failed { "ERROR" } else { "NONE" };
    set(
        document,
        "lastRunErrorStatus",
        Some(json!({ "code": code })),
    );
    // Macie API Reference, UserPausedDetails: only of a job that was paused while it was running.
    let paused = job.pause.filter(|pause| pause.is_told).map(|pause| {
        let mut details = json!({ "jobPausedAt": pause.at.to_string() });
        set(
            &mut details,
            "jobExpiresAt",
            pause.expires_at.map(|at| at.to_string()),
        );
        details
    });
    set(document, "userPausedDetails", paused);
}
