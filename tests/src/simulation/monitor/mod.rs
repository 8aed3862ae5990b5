//! The monitor: it knows nothing of how the controller decides. It sees every request when it
//! arrives, knows what its sender had read by then, and names whatever must never happen.

mod judge;
mod money;
mod reading;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use controller_core::policy::Policy;
use jiff::Timestamp;
use local_aws::{World, macie::Relationship};
use tokio::sync::Notify;

use self::judge::lists;
use super::setting::Setting;

pub use self::{
    judge::Judge,
    reading::{Reading, Readings, ever_opted_in, opted_in, opted_in_at},
    write::{Place, Write},
};

/// What is known about one controller.
#[derive(Debug, Default)]
struct Watched {
    readings: Arc<Readings>,
    /// The policy that it read last; it may go by any later one too.
    policy: usize,
    /// When its batch began.
    begun: Timestamp,
    /// Calls of this batch.
    calls: u32,
    /// Whether AWS refused or lost a call of this batch, so that the batch may fail.
    spoiled: bool,
    /// Suspensions that a tag overtook, and the places of S3's history at which they arrived.
    overtaken: Vec<(Place, usize)>,
    /// The call of this batch at which it dies.
    dies_at: Option<u32>,
    killed: Arc<Notify>,
}

/// When an account was suspended, and where.
type Suspension = (Timestamp, Place);

/// Whether a person has released the member from the circuit breaker.
fn is_released(world: &World, (account, region): &Place) -> bool {
    let member = world.macie.member(region, account);
    member.is_some_and(|member| {
        member
            .tags
            .contains_key("macie-self-service:suspension-released")
    })
}

/// The monitor of a simulation.
#[derive(Debug)]
pub struct Monitor {
    controllers: Vec<Watched>,
    /// How many of them may write; the others only sweep.
    writers: usize,
    /// Every policy that was in force, oldest first.
    policies: Vec<Policy>,
    /// Jobs that people paused, and when.
    paused: BTreeMap<String, Timestamp>,
    /// Jobs that controllers paused.
    ours: BTreeSet<String>,
    suspensions: Vec<Suspension>,
    violations: Vec<String>,
    races: BTreeMap<&'static str, u64>,
}

impl Monitor {
    /// A monitor of controllers and sweepers.
    pub fn new(setting: &Setting, policy: Policy) -> Self {
        let functions = 0..setting.functions();
        Self {
            writers: setting.controllers,
            controllers: functions.map(|_| Watched::default()).collect(),
            policies: vec![policy],
            paused: BTreeMap::new(),
            ours: BTreeSet::new(),
            suspensions: Vec::new(),
            violations: Vec::new(),
            races: BTreeMap::new(),
        }
    }

    /// A controller begins a batch: what it knew before does not count.
    pub fn begins(
        &mut self,
        controller: usize,
        now: Timestamp,
        dies_at: Option<u32>,
    ) -> Arc<Notify> {
        let watched = &mut self.controllers[controller];
        watched.readings = Arc::default();
        watched.begun = now;
        watched.calls = 0;
        watched.spoiled = false;
        watched.overtaken.clear();
        watched.dies_at = dies_at;
        watched.killed = Arc::default();
        watched.killed.clone()
    }

    /// A controller ends a batch: how many calls it took, and whether it may have failed.
    pub fn ends(&mut self, controller: usize) -> (u32, bool) {
        let watched = &mut self.controllers[controller];
        watched.dies_at = None;
        (watched.calls, watched.spoiled)
    }

    /// Whoever suspends reads again: at the end of a batch in which nothing failed, no account is
    /// left suspended whose tag had overtaken the suspension, unless the policy excludes it. Only a
    /// tagging index that lags can hide it.
    pub fn settled(&mut self, world: &World, controller: usize) {
        let watched = &mut self.controllers[controller];
        let lags = world.switches.index_lag.is_positive();
        let policies = self.policies.get(watched.policy..).unwrap_or_default();
        let overtaken = std::mem::take(&mut watched.overtaken).into_iter();
        for (place, at) in overtaken.filter(|_| !lags && !watched.spoiled) {
            let (account, region) = &place;
            let excludes = |policy: &Policy| lists(&policy.accounts.excluded, account);
            if policies.iter().any(excludes) {
                continue;
            }
            let paused = Relationship::of(world, region, account) == Some(Relationship::Paused);
            let before = opted_in_at(world, &place, at);
            let still = opted_in(world, &place).into_iter();
            let left: Vec<String> = still.filter(|name| before.contains(name)).collect();
            if paused && !left.is_empty() {
                let text = format!("{place:?} is left suspended with {left:?} opted in");
                self.violations.push(text);
            }
        }
    }

    /// A call of a controller did not get the answer that it hoped for.
    pub fn spoils(&mut self, controller: usize) {
        self.controllers[controller].spoiled = true;
    }

    /// A controller sends a request; whether it dies of it.
    pub fn sends(&mut self, controller: usize) -> bool {
        let watched = &mut self.controllers[controller];
        watched.calls += 1;
        watched.dies_at == Some(watched.calls)
    }

    /// Ends a controller's batch at once.
    pub fn kill(&mut self, controller: usize) {
        self.controllers[controller].killed.notify_one();
    }

    /// What a controller has read in this batch.
    pub fn readings(&self, controller: usize) -> Arc<Readings> {
        self.controllers[controller].readings.clone()
    }

    /// A controller got an answer.
    pub fn learns(&mut self, controller: usize, reading: Reading) {
        let watched = &mut self.controllers[controller];
        match reading {
            Reading::Policy(latest) => watched.policy = watched.policy.max(latest),
            reading => Arc::make_mut(&mut watched.readings).add(reading),
        }
    }

    /// A new policy is in force.
    pub fn policy_changes(&mut self, policy: Policy) {
        self.policies.push(policy);
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policies[self.policies.len() - 1]
    }

    /// Which policy that is.
    pub fn latest_policy(&self) -> usize {
        self.policies.len() - 1
    }

    /// A person paused a job, or resumed it.
    pub fn job_changes(&mut self, job: &str, paused_at: Option<Timestamp>) {
        match paused_at {
            Some(at) => drop(self.paused.insert(job.to_owned(), at)),
            None => drop(self.paused.remove(job)),
        }
    }

    /// Jobs that people paused, and nobody resumed.
    pub fn paused_by_people(&self) -> BTreeSet<String> {
        self.paused.keys().cloned().collect()
    }

    /// Judges a write before it takes effect.
    pub fn judge(&mut self, world: &World, controller: usize, known: &Readings, write: &Write) {
        if controller >= self.writers {
            return self.violate(format!("sweeper {controller}: {write:?}"));
        }
        if let Write::Suspend(place) = write {
            self.count_suspension(world, place);
        }
        let watched = &self.controllers[controller];
        let paused = self.paused.iter().filter(|(_, at)| **at < watched.begun);
        let judge = Judge {
            world,
            known,
            policies: &self.policies[watched.policy..],
            paused: paused.map(|(job, _)| job.as_str()).collect(),
            ours: &self.ours,
        };
        let verdict = judge.judge(write);
        if let Write::Update { job, status } = write
            && status == "USER_PAUSED"
        {
            self.ours.insert(job.clone());
        }
        match verdict {
            Ok(None) => {}
            Ok(Some(race)) => {
                *self.races.entry(race).or_default() += 1;
                if let Write::Suspend(place) = write {
                    let place = (place.clone(), world.s3.history.len());
                    self.controllers[controller].overtaken.push(place);
                }
            }
            Err(violation) => self.violate(format!("controller {controller}: {violation}")),
        }
    }

    /// Never more suspensions within a window than the circuit breaker allows, however many
    /// controllers there are and whenever they die. That needs a grace period: without one,
    /// accounts are due before anybody can have seen it.
    fn count_suspension(&mut self, world: &World, place: &Place) {
        let now = world.now();
        let least = self.policies.iter().map(|policy| policy.grace_period).min();
        let breaker = &self.policy().circuit_breaker;
        let limit = usize::try_from(breaker.max_suspensions).unwrap();
        let begin = now - breaker.window;
        let is_paused = |(account, region): &Place| {
            Relationship::of(world, region, account) == Some(Relationship::Paused)
                && !is_released(world, &(account.clone(), region.clone()))
        };
        let lately = self.suspensions.iter().filter(|(at, _)| *at > begin);
        let mut others: BTreeSet<&Place> = lately.map(|(_, other)| other).collect();
        others.retain(|other| *other != place && other.1 == place.1 && is_paused(other));
        let many = others.len() >= limit && !is_released(world, place);
        if many && least.is_some_and(|grace| grace.as_hours() >= 1) {
            let text = format!("{place:?} is suspended, and within the window {others:?} were");
            self.violations.push(text);
        }
        self.suspensions.push((now, place.clone()));
    }

    /// Something happened that must never happen.
    pub fn violate(&mut self, what: String) {
        self.violations.push(what);
    }

    /// Everything that must never happen and did.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Races that nobody could win.
    pub fn races(&self) -> &BTreeMap<&'static str, u64> {
        &self.races
    }
}
