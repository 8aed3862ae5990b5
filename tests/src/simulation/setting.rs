//! What a seed's simulation starts from: the organization, the policy, the answers to what AWS
//! leaves open, the number of controllers, how much goes wrong.

use controller::aws::Tuning;
use jiff::SignedDuration;
use local_aws::Switches;
use maciectl::sandbox::DEFAULT_POLICY;
use serde_json::{Value, json};

use super::dice::Dice;
use crate::setup::merge;

/// How much goes wrong, each in so many of 1,000 cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trouble {
    /// An event is lost.
    pub lost: u32,
    /// An event comes twice.
    pub doubled: u32,
    /// An event comes up to 10 minutes later.
    pub late: u32,
    /// A controller dies while it handles a batch.
    pub crash: u32,
    /// A call takes up to 12 seconds.
    pub slow: u32,
    /// A call fails, at any time.
    pub faulty: u32,
}

impl Trouble {
    /// Whether nothing goes wrong.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// What a simulation starts from.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Workload accounts.
    pub workloads: usize,
    /// Controllers that take from the same queue.
    pub controllers: usize,
    /// Sweepers that take from the sweep's queue.
    pub sweepers: usize,
    /// Steps in which somebody does something.
    pub steps: usize,
    /// The policy.
    pub policy: Value,
    /// Whether the policy began with a cap of the month.
    pub has_budget: bool,
    /// AWS's behaviour.
    pub switches: Switches,
    /// The clients' patience.
    pub tuning: Tuning,
    /// What goes wrong.
    pub trouble: Trouble,
}

impl Setting {
    /// Controllers and sweepers.
    pub fn functions(&self) -> usize {
        self.controllers + self.sweepers
    }

    /// The setting of a seed.
    pub fn draw(dice: &mut Dice) -> Self {
        let attempts = dice.pick(&[1, 1, 1, 2, 3]);
        Self {
            workloads: 2 + dice.below(3),
            controllers: dice.pick(&[1, 1, 2, 2, 3]),
            sweepers: dice.pick(&[1, 1, 2]),
            steps: 8 + dice.below(15),
            policy: policy(dice),
            has_budget: false,
            switches: switches(dice),
            tuning: Tuning {
                attempts,
                adaptive: false,
                ..Tuning::default()
            },
            trouble: trouble(dice),
        }
    }
}

impl Setting {
    /// A cap of the month in some seeds, with dice of its own. The organization's objects are small, and
    /// so are its caps.
    pub fn add_budget(&mut self, dice: &mut Dice) {
        if !dice.happens(300) {
            return;
        }
        self.has_budget = true;
        self.switches.tells_every_pause = dice.happens(500);
        let usd = dice.pick(&["0.01", "0.05", "0.3"]);
        let action = dice.pick(&["hold", "pause", "pause"]);
        merge(&mut self.policy, month(usd, action));
    }
}

/// A cap of the month for every account.
pub fn month(usd: &str, action: &str) -> Value {
    json!({ "budgets": { "month": { "usd": usd, "action": action } } })
}

fn policy(dice: &mut Dice) -> Value {
    let mut policy: Value = serde_json::from_str(DEFAULT_POLICY).unwrap();
    let breaker = json!({
        "maxSuspensions": dice.pick(&[1, 3, 3, 10]),
        "maxPercent": 5,
        "window": dice.pick(&["PT1H", "PT1H", "PT6H"]),
    });
    let over = json!({
        "gracePeriod": dice.pick(&["PT0S", "PT1H", "PT24H", "PT24H"]),
        "minimumEnrolledTime": dice.pick(&["PT0S", "PT0S", "PT24H"]),
        "circuitBreaker": breaker,
    });
    merge(&mut policy, over);
    policy
}

fn switches(dice: &mut Dice) -> Switches {
    let seconds = |dice: &mut Dice, of: &[i64]| SignedDuration::from_secs(dice.pick(of));
    Switches {
        index_lag: seconds(dice, &[0, 0, 1, 30, 600]),
        inventory_lag: seconds(dice, &[0, 0, 10, 300]),
        describe_buckets_refreshes_members: dice.happens(700),
        inventory_sees_tag_resource: dice.happens(300),
        enabling_takes: seconds(dice, &[0, 1, 30, 30, 1_200]),
        stranger_is_validation: dice.happens(500),
        suspend_cancels_admin_jobs: dice.happens(300),
        schedule_backfills: dice.happens(300),
        client_token_replays: dice.happens(600),
        tag_change_events: dice.happens(800),
        trail: dice.happens(900),
        create_job_interval: seconds(dice, &[0, 10, 10, 60]),
        ..Switches::default()
    }
}

/// A quarter of all seeds has no trouble at all: the races alone must be right.
fn trouble(dice: &mut Dice) -> Trouble {
    if dice.happens(250) {
        return Trouble::default();
    }
    Trouble {
        lost: dice.pick(&[0, 50, 300]),
        doubled: dice.pick(&[0, 100, 300]),
        late: dice.pick(&[0, 150, 500]),
        crash: dice.pick(&[0, 0, 100, 400]),
        slow: dice.pick(&[0, 5, 50]),
        faulty: dice.pick(&[0, 0, 20, 100]),
    }
}
