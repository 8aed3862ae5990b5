//! The state of the whole organization.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::{
    clock::Clock, cloudformation, cloudtrail, cost_explorer, events, faults::Faults, iam::Iam,
    lambda, macie, organizations, s3, sqs, ssm,
};

/// Everything that exists, and the time.
#[derive(Debug, Clone)]
pub struct World {
    /// What time it is.
    pub clock: Clock,
    /// Answers to what AWS's documents leave open.
    pub switches: Switches,
    /// Accounts, organizational units, delegated administrators.
    pub organizations: organizations::State,
    /// Roles and sessions.
    pub iam: Iam,
    /// Buckets, their tags and objects; the tagging index is read from their history.
    pub s3: s3::State,
    /// Buses, rules and what was delivered.
    pub events: events::State,
    /// Queues.
    pub sqs: sqs::State,
    /// Macie per account and Region.
    pub macie: macie::State,
    /// What functions were asked to do.
    pub lambda: lambda::State,
    /// StackSets.
    pub cloudformation: cloudformation::State,
    /// Trails.
    pub cloudtrail: cloudtrail::State,
    /// Functions: their settings.
    pub functions: lambda::settings::State,
    /// Parameters.
    pub ssm: ssm::State,
    /// How the bill differs from list prices.
    pub bill: cost_explorer::State,
    /// Faults to inject.
    pub faults: Faults,
    /// Every call that arrived, in order.
    pub calls: Vec<CallRecord>,
    counter: u64,
}

/// A call that arrived, for budgets and least-privilege tables.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CallRecord {
    /// When, by the world's clock.
    pub at: Timestamp,
    /// The service.
    pub service: &'static str,
    /// The operation.
    pub operation: String,
    /// The Region of the signature.
    pub region: String,
    /// The calling account.
    pub account: String,
    /// The calling role, if a role.
    pub role: Option<String>,
    /// What the call names, in a few words: an account, a bucket, a job's name, a status. For
    /// people and safety monitors, not a copy of the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The code of the error that it got.
    pub error: Option<String>,
}

/// Behaviour that AWS does not document; the tests pass with each value.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Switches {
    /// How long the tagging index lags behind S3.
    pub index_lag: SignedDuration,
    /// How long Macie's inventory lags behind a tagging event that it watches
    /// (`PutBucketTagging`, `DeleteBucketTagging`, `CreateBucket`, `DeleteBucket`).
    pub inventory_lag: SignedDuration,
    /// Whether `DescribeBuckets` by the administrator refreshes the members' bucket metadata.
    pub describe_buckets_refreshes_members: bool,
    /// Whether Macie also watches `TagResource` and `UntagResource`.
    pub inventory_sees_tag_resource: bool,
    /// How long a new member stays `Created`.
    pub enabling_takes: SignedDuration,
    /// Whether `GetMember` for a stranger says `ValidationException` (else `ResourceNotFoundException`).
    pub stranger_is_validation: bool,
    /// Whether suspending a member cancels the administrator's jobs that name only that account.
    pub suspend_cancels_admin_jobs: bool,
    /// Whether Macie tells the time of a pause of a job that was not running, too.
    pub tells_every_pause: bool,
    /// Whether a scheduled job scans old objects of a bucket at its first match.
    pub schedule_backfills: bool,
    /// Whether `CreateClassificationJob` with a known `clientToken` answers with that job
    /// (else `ConflictException`).
    pub client_token_replays: bool,
    /// Whether S3 sends `aws.tag` Tag Change on Resource besides CloudTrail's events.
    pub tag_change_events: bool,
    /// Whether a CloudTrail trail feeds EventBridge in every account.
    pub trail: bool,
    /// The rate of CreateClassificationJob: one per this long (AWS: 10 s).
    pub create_job_interval: SignedDuration,
    /// How long a designation that was ended stays `DISABLING_IN_PROGRESS`.
    pub disabling_takes: SignedDuration,
    /// Whether ending the designation in the last Region also ends the delegation in Organizations.
    pub disabling_deregisters: bool,
    /// How long after `EnableAWSServiceAccess` a designation is still a `ConflictException`.
    pub trusted_access_takes: SignedDuration,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            index_lag: SignedDuration::ZERO,
            inventory_lag: SignedDuration::ZERO,
            describe_buckets_refreshes_members: true,
            inventory_sees_tag_resource: false,
            enabling_takes: SignedDuration::from_secs(30),
            stranger_is_validation: false,
            suspend_cancels_admin_jobs: false,
            tells_every_pause: false,
            schedule_backfills: false,
            client_token_replays: true,
            tag_change_events: true,
            trail: true,
            create_job_interval: SignedDuration::from_secs(10),
            disabling_takes: SignedDuration::ZERO,
            disabling_deregisters: true,
            trusted_access_takes: SignedDuration::ZERO,
        }
    }
}

impl World {
    /// An empty world at a time.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            switches: Switches::default(),
            organizations: organizations::State::default(),
            iam: Iam::default(),
            s3: s3::State::default(),
            events: events::State::default(),
            sqs: sqs::State::default(),
            macie: macie::State::default(),
            lambda: lambda::State::default(),
            cloudformation: cloudformation::State::default(),
            cloudtrail: cloudtrail::State::default(),
            functions: lambda::settings::State::default(),
            ssm: ssm::State::default(),
            bill: cost_explorer::State::default(),
            faults: Faults::default(),
            calls: Vec::new(),
            counter: 0,
        }
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Turns the clock forward and lets everything happen that falls due, in order of time.
    pub fn advance(&mut self, by: SignedDuration) {
        self.clock.advance(by);
        self.settle();
    }

    /// Lets everything happen that has fallen due; called before every operation.
    pub fn settle(&mut self) {
        macie::settle(self);
    }

    /// A number that no one else got.
    pub fn serial(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// A new identifier in the form of a UUID; the same in every run.
    pub fn uuid(&mut self) -> String {
        let n = self.serial();
        format!(
            "{:08x}-0000-4000-8000-{n:012x}",
            n.wrapping_mul(0x9e37_79b9) as u32
        )
    }
}

/// The world as the server and the tests share it.
#[derive(Debug, Clone)]
pub struct SharedWorld(Arc<Mutex<World>>);

impl SharedWorld {
    /// Shares a world.
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// The world, alone. Not to be held across an await.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
