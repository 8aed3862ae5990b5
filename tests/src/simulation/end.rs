//! Where everything must have ended once it is quiet: the world is as the policy wants it.

use std::collections::BTreeSet;

use controller_core::{
    money::Usd,
    policy::{OverBudget, Policy},
};
use local_aws::{
    World,
    macie::{Job, JobStatus, JobType, Member, Relationship, Status, month_to_date},
    organization::{self, workload},
    s3::Bucket,
};

use super::{
    actors::{SCANS, size_of},
    monitor::{Place, opted_in},
    sim::Shared,
};
use crate::{
    EU, US,
    state::{controllers_jobs, kind},
};

/// Since when a member is opted out.
const LEFT: &str = "macie-self-service:opted-out-since";
/// Which absence a person has released from the circuit breaker.
const RELEASED: &str = "macie-self-service:suspension-released";

/// Everything that is not as the policy wants it.
pub fn differences(sim: &Shared) -> Vec<String> {
    let policy = sim.monitor().policy().clone();
    let places = places(sim);
    // With a member go its tags, and with them what tells the controller's pause from a person's.
    let lost = sim.counts().contains_key("members that people changed");
    let paused = (!lost).then(|| sim.monitor().paused_by_people());
    sim.world(|world| {
        let differences = places.iter().filter_map(|place| {
            let end = End::new(world, &policy, place);
            let why = end.judge().and_then(|()| end.goes_on(&paused)).err()?;
            Some(format!("{} {}: {why}", place.0, place.1))
        });
        let unasked = world.macie.administrations.iter();
        let unasked = unasked.filter(|(region, administration)| {
            [EU, US].contains(&region.as_str()) && administration.auto_enable
        });
        let unasked = unasked.map(|(region, _)| format!("autoEnable is on in {region}"));
        differences.chain(unasked).collect()
    })
}

/// Accounts that asked and are not served though every event arrived, nothing failed and nobody
/// but teams did anything: events alone must have done it, without a sweep.
pub fn unserved(sim: &Shared) -> Vec<String> {
    let counts = sim.counts();
    let meddled = MEDDLED.iter().any(|kind| counts.contains_key(kind));
    let switches = &sim.setting.switches;
    // Where neither is so, Macie sees a tag of the newer API once a day.
    let seen = switches.describe_buckets_refreshes_members || switches.inventory_sees_tag_resource;
    let lags = switches.index_lag.is_positive();
    let told = switches.trail && switches.tag_change_events && seen && !lags;
    if meddled || !told || !sim.setting.trouble.is_none() || sim.setting.has_budget {
        return Vec::new();
    }
    sim.count("ends that were judged before a sweep");
    let policy = sim.monitor().policy().clone();
    sim.world(|world| {
        let ends = places(sim).into_iter().filter_map(|place| {
            let end = End::new(world, &policy, &place);
            let why = (!end.wanted.is_empty())
                .then(|| end.served().err())
                .flatten()?;
            Some(format!("before a sweep: {} {}: {why}", place.0, place.1))
        });
        ends.collect()
    })
}

/// Objects that no job scanned, of buckets that were opted in from the beginning to the end, of
/// accounts that nobody but their team touched. Whatever failed meanwhile, each was promised a scan.
pub fn unscanned(sim: &Shared) -> Vec<String> {
    let counts = sim.counts();
    if sim.setting.has_budget || MEDDLED.iter().any(|kind| counts.contains_key(kind)) {
        return Vec::new();
    }
    sim.count("ends of which every object was looked at");
    sim.world(|world| {
        let own = places(sim);
        let buckets = world.s3.buckets.values().filter(|bucket| {
            let place = (bucket.account.clone(), bucket.region.clone());
            own.contains(&place) && was_always_opted_in(world, bucket)
        });
        buckets
            .flat_map(|bucket| unscanned_of(world, bucket))
            .collect()
    })
}

fn was_always_opted_in(world: &World, bucket: &Bucket) -> bool {
    let changes = world.s3.history.iter();
    let mut own =
        changes.filter(|change| change.bucket == bucket.name && change.at >= bucket.created_at);
    own.all(|change| {
        let tags = change.tags.as_ref();
        tags.and_then(|tags| tags.get("macie"))
            .is_some_and(|value| value == "true")
    })
}

/// The sum of what was scanned, read in a system of so many digits, tells how often each was.
fn unscanned_of(world: &World, bucket: &Bucket) -> Vec<String> {
    let scans = world.macie.scans_of(&bucket.region, &bucket.account);
    let bytes: u64 = scans
        .filter(|(_, scan)| scan.bucket == bucket.name)
        .map(|(_, scan)| scan.bytes)
        .sum();
    let missed = bucket
        .objects
        .keys()
        .filter(|key| size_of(key).is_some_and(|size| (bytes / size).is_multiple_of(SCANS)));
    let told = |key: &String| format!("{} of {} was never scanned", key, bucket.name);
    missed.map(told).collect()
}

/// What nobody tells the controllers by an event.
const MEDDLED: [&str; 5] = [
    "roles and buckets locked",
    "accounts closed, opened or without a Region",
    "jobs that people changed",
    "members that people changed",
    "policies changed",
];

fn places(sim: &Shared) -> Vec<Place> {
    let accounts = (1..=sim.setting.workloads).map(workload);
    let places =
        accounts.flat_map(|account| [EU, US].map(|region| (account.clone(), region.to_owned())));
    places.collect()
}

struct End<'a> {
    world: &'a World,
    policy: &'a Policy,
    place: &'a Place,
    wanted: BTreeSet<String>,
    member: Option<Relationship>,
    jobs: Vec<&'a Job>,
}

impl<'a> End<'a> {
    fn new(world: &'a World, policy: &'a Policy, place: &'a Place) -> Self {
        let (account, region) = place;
        Self {
            world,
            policy,
            place,
            wanted: opted_in(world, place).into_iter().collect(),
            member: Relationship::of(world, region, account),
            jobs: controllers_jobs(world, region, account).collect(),
        }
    }

    fn judge(&self) -> Result<(), String> {
        let accounts = &self.policy.accounts;
        let listed = |ids: &BTreeSet<controller_core::id::AccountId>| {
            ids.iter().any(|id| id.as_str() == self.place.0)
        };
        let account = &self.world.organizations.accounts[&self.place.0];
        let off = account.disabled_regions.contains(&self.place.1);
        if account.state != "ACTIVE" || off {
            return Ok(());
        }
        if listed(&accounts.excluded) {
            return self.excluded();
        }
        match (self.wanted.is_empty(), listed(&accounts.mandatory)) {
            (false, _) => self.served(),
            (true, true) => self.enabled().map(drop),
            (true, false) => self.left(),
        }
    }

    /// Whether the member is the controller's to suspend and resume.
    fn is_owned(&self) -> bool {
        let member = self.world.macie.member(&self.place.1, &self.place.0);
        member.is_some_and(|member| member.tags.contains_key("managed-by"))
    }

    /// Whether Macie is on; a member of somebody else who is suspended stays so, and an account
    /// that suspended Macie itself must resume it itself.
    fn enabled(&self) -> Result<bool, String> {
        let session = self.world.macie.session(&self.place.1, &self.place.0);
        let own_doing = session.is_some_and(|session| session.status == Status::Paused);
        match self.member {
            Some(Relationship::Enabled) => Ok(true),
            Some(Relationship::Paused) if !self.is_owned() => Ok(false),
            None | Some(Relationship::Removed) if own_doing => Ok(false),
            other => Err(format!("is {other:?} with {:?} opted in", self.wanted)),
        }
    }

    fn live(&self) -> impl Iterator<Item = &&'a Job> {
        let ended = [JobStatus::Cancelled, JobStatus::Complete];
        self.jobs
            .iter()
            .filter(move |job| !ended.contains(&job.status))
    }

    fn excluded(&self) -> Result<(), String> {
        match (self.live().next(), self.member) {
            (Some(job), Some(Relationship::Enabled)) => {
                Err(format!("is excluded and has {}", job.definition.name))
            }
            _ => Ok(()),
        }
    }

    /// Enabled, one daily job as the policy says, every bucket covered; or held by a budget.
    fn served(&self) -> Result<(), String> {
        if !self.enabled()? {
            return Ok(());
        }
        if let Some(action) = self.over_budget() {
            return self.held(action);
        }
        let dailies: Vec<&&Job> = self.live().filter(|job| kind(job) == "daily").collect();
        let paused = dailies
            .iter()
            .any(|job| job.status == JobStatus::UserPaused);
        let sampling = i64::from(self.policy.jobs.sampling_percentage);
        let right = dailies
            .iter()
            .filter(|job| job.definition.sampling_percentage == sampling);
        let right = right.count();
        if !paused && (dailies.len() != 1 || right != 1) {
            return Err(format!(
                "has {} live daily jobs, {right} as wanted",
                dailies.len()
            ));
        }
        if dailies.is_empty() {
            return Err("has no daily job".to_owned());
        }
        let covered = self.covered();
        let missing: Vec<&String> = self.wanted.difference(&covered).collect();
        missing
            .is_empty()
            .then_some(())
            .ok_or_else(|| format!("has no baseline for {missing:?}"))
    }

    /// What the policy does to an account that has spent its month.
    fn over_budget(&self) -> Option<OverBudget> {
        let cap = self.policy.budgets.organization.month?;
        let spent = Usd(month_to_date(self.world, &self.place.1, &self.place.0));
        (spent >= cap.usd && cap.action != OverBudget::Warn).then_some(cap.action)
    }

    /// No second daily job, and none at work that had to be paused.
    fn held(&self, action: OverBudget) -> Result<(), String> {
        let dailies = self.live().filter(|job| kind(job) == "daily").count();
        let mut at_work =
            (self.live()).filter(|job| matches!(job.status, JobStatus::Running | JobStatus::Idle));
        match at_work.next() {
            _ if dailies > 1 => Err(format!("has {dailies} live daily jobs")),
            Some(job) if action == OverBudget::Pause && self.is_owned() => {
                let name = &job.definition.name;
                Err(format!("has spent its month, and {name} is at work"))
            }
            _ => Ok(()),
        }
    }

    /// Within its budget nothing is paused but what people paused.
    fn goes_on(&self, paused: &Option<BTreeSet<String>>) -> Result<(), String> {
        let Some(paused) = paused else {
            return Ok(());
        };
        let is_served = self.member == Some(Relationship::Enabled) && self.is_owned();
        if !is_served || self.over_budget().is_some() {
            return Ok(());
        }
        let mut jobs = self.live();
        let stuck =
            jobs.find(|job| job.status == JobStatus::UserPaused && !paused.contains(&job.id));
        stuck.map_or(Ok(()), |job| {
            Err(format!("{} is left paused", job.definition.name))
        })
    }

    fn covered(&self) -> BTreeSet<String> {
        let baselines = self.jobs.iter().filter(|job| {
            job.definition.job_type == JobType::OneTime
                && kind(job) == "baseline"
                && job.status != JobStatus::Cancelled
        });
        let named =
            baselines.flat_map(|job| job.definition.s3_job_definition.bucket_definitions.iter());
        let named = named
            .flatten()
            .flat_map(|definition| definition.buckets.iter().cloned());
        named.collect()
    }

    /// Whether the circuit breaker holds suspensions in the Region: more accounts are due than it
    /// allows, and nobody released this one.
    fn is_held(&self) -> bool {
        let released = |member: &Member| member.tags.get(RELEASED) == member.tags.get(LEFT);
        let due = |member: &Member| {
            member.status == Relationship::Enabled
                && member.tags.contains_key(LEFT)
                && !released(member)
        };
        let mut members = self.world.macie.members(&self.place.1);
        let own = self.world.macie.member(&self.place.1, &self.place.0);
        let all = members.by_ref().filter(|(_, member)| due(member)).count();
        let limit = usize::try_from(self.policy.circuit_breaker.max_suspensions).unwrap();
        own.is_some_and(due) && all > limit
    }

    /// Nothing is opted in: suspended if it is the controller's.
    fn left(&self) -> Result<(), String> {
        let special = [organization::MANAGEMENT, organization::ADMINISTRATOR];
        match self.member {
            Some(Relationship::Enabled)
                if self.is_owned()
                    && !special.contains(&self.place.0.as_str())
                    && !self.is_held() =>
            {
                Err("has nothing opted in and is still enabled".to_owned())
            }
            _ => Ok(()),
        }
    }
}
