//! What a scenario starts from.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use controller::aws::Tuning;
use local_aws::{Clock, Switches, organization::Organization};
use maciectl::sandbox::{DEFAULT_POLICY, Sandbox};
use serde_json::Value;

use crate::scenario::{EU, NOT_GOVERNED, START, Scenario, US};

/// What a scenario starts from.
#[derive(Debug, Clone)]
pub struct Setup {
    workloads: usize,
    policy: Value,
    switches: Switches,
    tuning: Tuning,
}

impl Setup {
    /// So many workload accounts, the local organization's policy, AWS as it is assumed to be.
    pub fn new(workloads: usize) -> Self {
        let tuning = Tuning {
            attempts: 1,
            backoff: std::time::Duration::from_millis(1),
            adaptive: false,
            ..Tuning::default()
        };
        Self {
            workloads,
            policy: serde_json::from_str(DEFAULT_POLICY).unwrap(),
            switches: Switches::default(),
            tuning,
        }
    }

    /// Replaces members of the policy, at any depth.
    #[must_use]
    pub fn policy(mut self, over: Value) -> Self {
        merge(&mut self.policy, over);
        self
    }

    /// Answers to what AWS leaves open.
    #[must_use]
    pub fn switches(mut self, set: impl FnOnce(&mut Switches)) -> Self {
        set(&mut self.switches);
        self
    }

    /// Attempts per call.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.tuning.attempts = attempts;
        self
    }

    /// Builds the organization and attaches the controller.
    pub async fn start(self) -> Scenario {
        let clock = Clock::Frozen(START.parse().unwrap());
        let regions = [EU, US, NOT_GOVERNED];
        let mut world = Organization::new(self.workloads, &regions, clock)
            .build()
            .unwrap();
        world.switches = self.switches;
        let policy = self.policy.to_string();
        let sandbox = Sandbox::start(world, 0, &policy, &self.tuning)
            .await
            .unwrap();
        Scenario {
            sandbox,
            policy,
            tuning: self.tuning,
            monitored: AtomicBool::new(true),
            sizes: BTreeMap::new(),
        }
    }
}

pub(crate) fn merge(into: &mut Value, over: Value) {
    match (into, over) {
        (Value::Object(into), Value::Object(over)) => {
            for (key, value) in over {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, over) => *into = over,
    }
}
