//! A small world as the core sees it: reads fill an `Observed`, actions change the world by Macie's
//! rules, the clock turns, jobs run. There is no AWS, no wire and no failure but what a test breaks.

mod act;
mod clock;
pub mod make;
mod read;

pub use read::trouble;

use std::collections::{BTreeMap, BTreeSet};

use controller_core::{
    check::Violation,
    id::{AccountId, BucketName, JobId, Scope, UnitId},
    observed::{BucketReading, Job, JobKind, JobStatus, Member, Relationship, Standing},
    plan::{Action, Note},
    policy::Policy,
    wants::Read,
};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

pub const ACCOUNT: &str = "111122223333";
pub const ADMINISTRATOR: &str = "222233334444";
pub const MANAGEMENT: &str = "333344445555";
pub const EMAIL: &str = "payments-prod@example.com";

/// One account in one Region, and what the administrator has for it.
#[derive(Debug, Clone)]
pub struct World {
    pub policy: Policy,
    pub scope: Scope,
    pub administrator: AccountId,
    pub management: AccountId,
    pub now: Timestamp,
    pub member: Option<Member>,
    /// When a member that is being created becomes enabled.
    pub enabled_at: Option<Timestamp>,
    pub jobs: Vec<SimJob>,
    pub buckets: BTreeMap<BucketName, Bucket>,
    /// What the tagging index says beside the truth; none: it does not lag.
    pub index: Option<BTreeSet<BucketName>>,
    pub standing: Standing,
    pub units: Vec<UnitId>,
    /// Other members of the administrator.
    pub others: usize,
    /// When other members were suspended.
    pub others_suspended: Vec<Timestamp>,
    /// Since when other enrolled accounts have had no opted-in bucket.
    pub others_left: Vec<Timestamp>,
    /// Until when the account is not proven to have left.
    pub debounced_until: Option<Timestamp>,
    /// Reads that fail.
    pub broken: BTreeSet<Read>,
    /// Whether Macie accepts only one new job per 10 s.
    pub paced: bool,
    pub created_job_at: Option<Timestamp>,
    /// How long Macie's inventory takes to show a tag.
    pub inventory_lag: SignedDuration,
    /// How long a one-time job runs.
    pub run_time: SignedDuration,
    /// Buckets that carry a budget of their own.
    pub budget_tags: BTreeMap<BucketName, String>,
    /// Gigabytes in buckets that do not hold two.
    pub gigabytes: BTreeMap<BucketName, u64>,
    /// Buckets that Macie has not counted.
    pub uncounted: BTreeSet<BucketName>,
    /// What has been spent, by month (UTC): a dollar for each object of each scan.
    pub spent: BTreeMap<Date, u64>,
    /// Every write.
    pub log: Vec<(Timestamp, Action)>,
    /// Every read.
    pub reads: Vec<Read>,
}

/// A job with what the core does not see of it.
#[derive(Debug, Clone)]
pub struct SimJob {
    pub job: Job,
    pub token: String,
    pub last_run: Option<Timestamp>,
}

/// A bucket with what only its owner knows.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub truth: BucketReading,
    /// Whether its tags can be read.
    pub readable: bool,
    /// Since when Macie shows it with its present tag.
    pub visible_from: Timestamp,
    /// When each object was written, and how often it was scanned.
    pub objects: Vec<(Timestamp, u32)>,
}

impl Bucket {
    pub fn opted_in(&self) -> bool {
        self.truth == BucketReading::OptedIn
    }
}

/// What a reconcile came to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub actions: Vec<Action>,
    pub notes: Vec<Note>,
    pub violation: Option<Violation>,
    pub unsettled: bool,
    pub paced: bool,
}

pub fn bucket(name: &str) -> BucketName {
    name.parse().unwrap()
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub fn policy() -> Policy {
    let text = r#"{
        "version": 1, "homeRegion": "eu-west-1", "regions": ["eu-west-1"],
        "prices": { "eu-west-1": { "bucketMonth": "0.10", "gigabyte": "1.00" } }
    }"#;
    Policy::parse(text).unwrap()
}

impl World {
    /// An organization account without buckets that nobody enrolled.
    pub fn new() -> Self {
        Self {
            policy: policy(),
            scope: Scope {
                account: ACCOUNT.parse().unwrap(),
                region: "eu-west-1".parse().unwrap(),
            },
            administrator: ADMINISTRATOR.parse().unwrap(),
            management: MANAGEMENT.parse().unwrap(),
            now: at("2026-03-02T09:00:00.5Z"),
            member: None,
            enabled_at: None,
            jobs: Vec::new(),
            buckets: BTreeMap::new(),
            index: None,
            standing: Standing::Inside {
                email: EMAIL.to_owned(),
                state: controller_core::observed::AccountState::Active,
            },
            units: vec!["r-abcd".parse().unwrap()],
            others: 10,
            others_suspended: Vec::new(),
            others_left: Vec::new(),
            debounced_until: None,
            broken: BTreeSet::new(),
            paced: false,
            created_job_at: None,
            inventory_lag: SignedDuration::ZERO,
            run_time: SignedDuration::from_mins(30),
            budget_tags: BTreeMap::new(),
            gigabytes: BTreeMap::new(),
            uncounted: BTreeSet::new(),
            spent: BTreeMap::new(),
            log: Vec::new(),
            reads: Vec::new(),
        }
    }

    /// The first day of the month.
    pub fn month(&self) -> Date {
        let today = self.now.to_zoned(TimeZone::UTC).date();
        today.first_of_month()
    }

    /// Sets what a bucket's tags say, and when Macie will show it.
    pub fn set(&mut self, name: &str, truth: BucketReading) {
        let visible_from = self.now + self.inventory_lag;
        let bucket = self.buckets.entry(bucket(name)).or_insert(Bucket {
            truth: BucketReading::Gone,
            readable: true,
            visible_from,
            objects: vec![(self.now, 0)],
        });
        if bucket.truth != truth {
            bucket.truth = truth;
            bucket.visible_from = visible_from;
        }
    }

    pub fn tag(&mut self, name: &str) {
        self.set(name, BucketReading::OptedIn);
    }

    pub fn untag(&mut self, name: &str) {
        self.set(name, BucketReading::NotOptedIn);
    }

    pub fn status(&self) -> Option<&Relationship> {
        self.member.as_ref().map(|member| &member.status)
    }

    pub fn live(&self, daily: bool) -> Vec<&Job> {
        let jobs = self.jobs.iter().map(|job| &job.job);
        jobs.filter(|job| job.status.is_live())
            .filter(|job| matches!(job.kind, JobKind::Daily { .. }) == daily)
            .collect()
    }

    pub fn opted_in(&self) -> BTreeSet<BucketName> {
        let buckets = self.buckets.iter().filter(|(_, bucket)| bucket.opted_in());
        buckets.map(|(name, _)| name.clone()).collect()
    }

    pub fn job(&mut self, id: &JobId) -> &mut SimJob {
        self.jobs.iter_mut().find(|job| job.job.id == *id).unwrap()
    }

    /// A person sets a job's status.
    pub fn set_status(&mut self, id: &JobId, status: JobStatus) {
        self.job(id).job.status = status;
    }

    pub fn member_mut(&mut self) -> &mut Member {
        self.member.as_mut().unwrap()
    }
}
