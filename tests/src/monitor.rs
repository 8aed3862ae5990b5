//! The safety monitor: it knows nothing of how the controller decides. It reads the calls that
//! arrived, S3's history and the runs of jobs, and names whatever must never happen.

use std::collections::BTreeSet;

use jiff::Timestamp;
use local_aws::{
    World,
    macie::{Job, JobStatus, JobType},
    organization::{ADMINISTRATOR, COSTS_ROLE, MEMBER_ROLE},
    world::CallRecord,
};

use crate::{
    scenario::Scenario,
    state::{controllers_jobs, kind},
};

/// Calls that change something in AWS; publishing and the queue are not meant.
const WRITES: [&str; 5] = ["Create", "Update", "Put", "Tag", "Untag"];
/// Writes that the controller is there to make.
const ALLOWED: [&str; 8] = [
    "macie2:UpdateAutomatedDiscoveryConfiguration",
    "macie2:UpdateOrganizationConfiguration",
    "macie2:CreateMember",
    "macie2:UpdateMemberSession",
    "macie2:TagResource",
    "macie2:UntagResource",
    "macie2:CreateClassificationJob",
    "macie2:UpdateClassificationJob",
];

/// The one write of the collection of costs.
fn is_snapshot(call: &CallRecord, name: &str) -> bool {
    name == "s3:PutObject" && call.role.as_deref() == Some(COSTS_ROLE)
}

/// Whether an operation (`service:Operation`) writes, apart from publishing and the queue.
pub fn is_write(name: &str) -> bool {
    let (service, operation) = name.split_once(':').unwrap_or_default();
    let removes = ["Delete", "Disassociate", "Disable", "Enable", "Batch"];
    !matches!(service, "sqs" | "events" | "sts")
        && WRITES
            .iter()
            .chain(&removes)
            .any(|verb| operation.starts_with(verb))
}

impl Scenario {
    /// Panics with everything that must never happen and did.
    pub fn assert_safe(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "unsafe:\n{}", violations.join("\n"));
    }

    /// Everything that must never happen and did.
    pub fn violations(&self) -> Vec<String> {
        let policy = self.policy();
        let opts_in =
            |key: &str, value: &str| policy.tag.key == key && policy.tag.values.contains(value);
        let ownership = (&*policy.ownership.key, &*policy.ownership.value);
        self.world(|world| {
            let monitor = Monitor {
                world,
                opts_in: &opts_in,
                ownership: ownership.0,
                mandatory: policy
                    .accounts
                    .mandatory
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            };
            monitor.violations()
        })
    }
}

struct Monitor<'a> {
    world: &'a World,
    opts_in: &'a dyn Fn(&str, &str) -> bool,
    ownership: &'a str,
    mandatory: BTreeSet<String>,
}

impl Monitor<'_> {
    fn violations(&self) -> Vec<String> {
        let mut violations = self.forbidden_calls();
        violations.extend(self.suspensions());
        violations.extend(self.foreign_members());
        violations.extend(self.scans());
        violations.extend(self.daily_jobs());
        violations.extend(self.resumed());
        violations
    }

    /// All calls on the wire are the controller's: teams and others act on the world directly.
    fn controllers(&self) -> impl Iterator<Item = &CallRecord> {
        self.world.calls.iter().filter(|call| {
            call.account == ADMINISTRATOR || call.role.as_deref() == Some(MEMBER_ROLE)
        })
    }

    fn forbidden_calls(&self) -> Vec<String> {
        self.controllers()
            .map(|call| (call, format!("{}:{}", call.service, call.operation)))
            .filter(|(_, name)| is_write(name) && !ALLOWED.contains(&name.as_str()))
            .filter(|(call, name)| !is_snapshot(call, name))
            .map(|(call, name)| format!("{} {name} {:?}", call.at, call.target))
            .collect()
    }

    /// Whether a bucket was opted in at a time; the last change up to then tells.
    fn was_opted_in(&self, bucket: &str, at: Timestamp) -> bool {
        let mut changes = self.world.s3.history.iter();
        let last = changes.rfind(|change| change.bucket == bucket && change.at <= at);
        let tags = last.and_then(|change| change.tags.as_ref());
        tags.is_some_and(|tags| tags.iter().any(|(key, value)| (self.opts_in)(key, value)))
    }

    fn opted_in_buckets(&self, account: &str, region: &str, at: Timestamp) -> BTreeSet<&str> {
        let changes = self.world.s3.history.iter();
        changes
            .filter(|change| change.account == account && change.region == region)
            .map(|change| change.bucket.as_str())
            .filter(|bucket| self.was_opted_in(bucket, at))
            .collect()
    }

    /// Even an attempt to suspend an account that has an opted-in bucket is one too many.
    fn suspensions(&self) -> Vec<String> {
        let paused = |call: &&CallRecord| {
            call.operation == "UpdateMemberSession"
                && call
                    .target
                    .as_deref()
                    .is_some_and(|to| to.ends_with("PAUSED"))
        };
        let attempts = self.controllers().filter(paused);
        attempts
            .filter_map(|call| {
                let account = call.target.as_deref()?.split(' ').next()?;
                let buckets = self.opted_in_buckets(account, &call.region, call.at);
                let wrong = !buckets.is_empty() || self.mandatory.contains(account);
                wrong.then(|| {
                    let CallRecord { at, region, .. } = call;
                    format!("{at} suspended {account}/{region} with opted-in {buckets:?}")
                })
            })
            .collect()
    }

    /// Only members that bear the ownership tag, by the calls that were made, are suspended,
    /// resumed or marked.
    fn foreign_members(&self) -> Vec<String> {
        let mut owned: BTreeSet<(String, String)> = BTreeSet::new();
        let mut violations = Vec::new();
        for call in self.controllers().filter(|call| call.service == "macie2") {
            let target = call.target.clone().unwrap_or_default();
            let mut words = target.split(' ');
            let first = words.next().unwrap_or_default();
            let account = first.rsplit('/').next().unwrap_or_default().to_owned();
            let place = (account, call.region.clone());
            let claims = words.any(|key| key == self.ownership);
            match call.operation.as_str() {
                "CreateMember" | "TagResource" if claims => drop(owned.insert(place)),
                "UpdateMemberSession" | "TagResource" | "UntagResource"
                    if !owned.contains(&place) =>
                {
                    violations.push(format!(
                        "{} {} on {place:?}, which is not the controller's",
                        call.at, call.operation
                    ));
                }
                _ => {}
            }
        }
        violations
    }

    /// A bucket that was not opted in when a run started is not scanned. Allowed is only what
    /// Macie's own view makes unavoidable: it does not watch `UntagResource` and may then go by a
    /// tag that is up to a day old (Macie User Guide, monitoring-s3-how-it-works).
    fn scans(&self) -> Vec<String> {
        let mut violations = Vec::new();
        for run in &self.world.macie.runs {
            let jobs = &self.world.macie.jobs;
            let Some(job) = jobs.iter().find(|job| job.id == run.job_id) else {
                continue;
            };
            if !job.definition.name.starts_with("macie-self-service/") {
                continue;
            }
            for scan in &run.scans {
                let known = self.was_opted_in(&scan.bucket, run.started_at);
                if !known && !self.macie_could_not_know(job, &scan.bucket, run.started_at) {
                    violations.push(format!(
                        "{} {} scanned {}, which was not opted in",
                        run.started_at, job.definition.name, scan.bucket
                    ));
                }
            }
        }
        violations
    }

    fn macie_could_not_know(&self, job: &Job, bucket: &str, at: Timestamp) -> bool {
        let last = self
            .world
            .s3
            .history
            .iter()
            .rfind(|change| change.bucket == bucket && change.at <= at);
        let day = jiff::SignedDuration::from_hours(24);
        job.definition.job_type == JobType::Scheduled
            && last.is_some_and(|change| {
                let lag = match change.operation {
                    "UntagResource" | "TagResource" => day,
                    _ => self.world.switches.inventory_lag,
                };
                at.duration_since(change.at) <= lag
            })
    }

    /// Only jobs that the controller paused before are resumed.
    fn resumed(&self) -> Vec<String> {
        let mut paused = BTreeSet::new();
        let updates = self
            .controllers()
            .filter(|call| call.operation == "UpdateClassificationJob");
        let mut violations = Vec::new();
        for call in updates {
            let target = call.target.as_deref().unwrap_or_default();
            match target.split_once(' ') {
                Some((job, "USER_PAUSED")) => drop(paused.insert(job)),
                Some((job, "RUNNING")) if !paused.contains(job) => violations.push(format!(
                    "{} resumed job {job}, which the controller never paused",
                    call.at
                )),
                _ => {}
            }
        }
        violations
    }

    /// When everything is quiet, no account has two live daily jobs in a Region.
    fn daily_jobs(&self) -> Vec<String> {
        let world = self.world;
        let mut violations = Vec::new();
        for region in world.macie.administrations.keys() {
            for account in world.organizations.accounts.keys() {
                let live = controllers_jobs(world, region, account)
                    .filter(|job| kind(job) == "daily" && job.status != JobStatus::Cancelled);
                let live = live.count();
                if live > 1 {
                    violations.push(format!("{account}/{region} has {live} live daily jobs"));
                }
            }
        }
        violations
    }
}
