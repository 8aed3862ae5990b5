//! Everybody who is not a controller: teams, people, the organization, the schedule, AWS's
//! weather. What each does and when is the seed's choice.

mod organization;
mod people;
mod teams;
mod weather;

pub use self::teams::{SCANS, size_of};

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use local_aws::{
    iam::Role,
    scheduler,
    sqs::{self, Message},
};
use serde_json::Value;
use tokio::time::sleep;

use controller_core::sweep::Pass;

use super::{
    dice::Dice,
    sim::Shared,
    source::{POISON, queue, sweep_queue},
};

/// Everybody.
#[derive(Debug)]
pub struct Actors {
    pub(super) sim: Shared,
    dice: Dice,
    /// The policy in force.
    policy: Value,
    /// Messages that have been seen: what befalls an event befalls it once.
    seen: BTreeSet<String>,
    poison: u32,
    /// Roles that were taken away.
    roles: Vec<((String, String), Role)>,
    /// Objects that buckets of a name have had.
    objects: BTreeMap<String, u32>,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Team,
    Person,
    Organization,
    Policy,
    Sweep,
    Weather,
    Poison,
}

const ACTS: [(u32, Act); 7] = [
    (60, Act::Team),
    (12, Act::Person),
    (6, Act::Organization),
    (4, Act::Policy),
    (10, Act::Sweep),
    (8, Act::Weather),
    (2, Act::Poison),
];

impl Actors {
    /// Everybody in a simulation.
    pub fn new(sim: Shared, dice: Dice) -> Self {
        let policy = sim.setting.policy.clone();
        Self {
            sim,
            dice,
            policy,
            seen: BTreeSet::new(),
            poison: 0,
            roles: Vec::new(),
            objects: BTreeMap::new(),
        }
    }

    /// All that happens before everything becomes quiet.
    pub async fn play(&mut self) {
        self.weather_begins();
        for _ in 0..self.sim.setting.steps {
            sleep(self.pause()).await;
            match self.dice.weighted(&ACTS) {
                Act::Team => self.team().await,
                Act::Person => self.person(),
                Act::Organization => self.organization(),
                Act::Policy => self.change_policy(),
                Act::Sweep => self.sweeps(),
                Act::Weather => self.storm(),
                Act::Poison => self.poison(),
            }
            self.shake();
        }
    }

    /// Most things happen while the controllers are at work; some, days later.
    fn pause(&mut self) -> Duration {
        const SECOND: u64 = 1_000;
        const HOUR: u64 = 3_600 * SECOND;
        let (least, most) = self.dice.weighted(&[
            (40, (1, SECOND)),
            (25, (SECOND, 60 * SECOND)),
            (15, (60 * SECOND, HOUR)),
            (13, (HOUR, 24 * HOUR)),
            (7, (24 * HOUR, 4 * 24 * HOUR)),
        ]);
        self.dice.time(least, most)
    }

    fn sweeps(&mut self) {
        match self.dice.happens(250) {
            true => self.schedule(&Pass::PENDING),
            false => self.sweep(),
        }
        if self.dice.happens(200) {
            self.sweep();
        }
    }

    /// The sweep of everything.
    pub fn sweep(&self) {
        self.schedule(&Pass::EVERYTHING);
    }

    /// The schedule puts its message on the sweep's queue.
    fn schedule(&self, pass: &Pass) {
        self.sim.note("schedule", format_args!("{pass:?}"));
        self.sim.count(match pass.only_pending {
            true => "sweeps of what is pending",
            false => "sweeps",
        });
        self.sim
            .world(|world| scheduler::send(world, &sweep_queue(), pass.message()))
            .unwrap();
        self.sim.news.notify_waiters();
    }

    fn poison(&mut self) {
        self.poison += 1;
        let body = format!("{POISON} {}", self.poison);
        self.sim.note("somebody", &body);
        let queue = self.dice.pick(&[queue(), sweep_queue()]);
        self.sim
            .world(|world| sqs::send(world, &queue, body))
            .unwrap();
    }

    /// Poison messages that were put on the queue.
    pub fn poisoned(&self) -> u32 {
        self.poison
    }

    /// What the transport does to events that have just arrived: loses them, delivers them twice
    /// or late.
    fn shake(&mut self) {
        let trouble = self.sim.trouble();
        let (sim, seen, dice) = (self.sim.clone(), &mut self.seen, &mut self.dice);
        sim.world(|world| {
            let now = world.now();
            let queue = world.sqs.queues.get_mut(&queue()).unwrap();
            let mut shaken = Vec::new();
            for mut message in std::mem::take(&mut queue.messages) {
                let is_new = message.receives == 0 && message.sent == now;
                let is_event = is_new && message.body.contains("detail-type");
                if !is_event || !seen.insert(message.id.clone()) {
                    shaken.push(message);
                    continue;
                }
                if dice.happens(trouble.lost) {
                    sim.count("events lost");
                    continue;
                }
                if dice.happens(trouble.late) {
                    sim.count("events late");
                    message.visible_at = now + dice.time(1, 600_000);
                }
                if dice.happens(trouble.doubled) {
                    sim.count("events doubled");
                    let id = format!("{}-again", message.id);
                    seen.insert(id.clone());
                    shaken.push(Message {
                        id,
                        ..message.clone()
                    });
                }
                shaken.push(message);
            }
            queue.messages = shaken;
        });
        self.sim.news.notify_waiters();
    }
}
