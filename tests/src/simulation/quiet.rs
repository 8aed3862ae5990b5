//! Quiet: nothing goes wrong any more, nobody does anything, and the sweep comes until it finds
//! nothing to write.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::SignedDuration;
use local_aws::{
    organization::{ADMINISTRATOR, DEAD_LETTERS},
    sqs::{self, QueueId},
};
use tokio::time::sleep;

use super::{
    actors::Actors,
    end::unserved,
    sim::Shared,
    source::{queue, sweep_queue},
};
use crate::EU;

/// Sweeps after which nothing is written any more: each can suspend at least one account more.
const SWEEPS: usize = 14;
/// Longer than a grace period and than a day, after which jobs may be made again.
const BETWEEN: Duration = Duration::from_secs(26 * 3_600);
/// What was put back comes for the last time within this.
const DRAINED: SignedDuration = SignedDuration::from_hours(12);

/// Writes of the controllers, by what is counted.
const WRITES: [&str; 11] = [
    "settings turned off",
    "enrolments",
    "suspensions",
    "resumptions",
    "marks on members",
    "daily jobs",
    "catch-up jobs",
    "baseline jobs",
    "cancelled jobs",
    "jobs paused for a budget",
    "jobs resumed within a budget",
];

/// Everything becomes quiet; says what does not.
pub async fn settle(sim: &Shared, actors: &Actors, releases: bool) -> Vec<String> {
    let drained = drain(sim).await.err();
    let mut wrong: Vec<String> = drained.into_iter().chain(unserved(sim)).collect();
    wrong.extend(sweep_until_unchanged(sim, actors, releases).await.err());
    // Two runs of every daily job.
    sleep(2 * BETWEEN).await;
    // What they cost may be the end of a budget, and so may the month.
    if sim.setting.has_budget {
        wrong.extend(sweep_until_unchanged(sim, actors, releases).await.err());
    }
    wrong
}

async fn sweep_until_unchanged(
    sim: &Shared,
    actors: &Actors,
    releases: bool,
) -> Result<(), String> {
    for sweep in 0..SWEEPS {
        let before = writes(sim);
        if releases {
            actors.release();
        }
        actors.sweep();
        drain(sim).await?;
        // The first one may find only accounts that are in their grace period.
        if sweep > 0 && writes(sim) == before {
            return Ok(());
        }
        sleep(BETWEEN).await;
    }
    Err(format!("still writing after {SWEEPS} sweeps"))
}

/// Waits until the queue is empty and nobody is at work.
async fn drain(sim: &Shared) -> Result<(), String> {
    let end = sim.now() + DRAINED;
    while sim.now() < end {
        let waiting = sim.world(|world| {
            let queues = [queue(), sweep_queue()];
            queues.map(|queue| world.sqs.queues[&queue].messages.len())
        });
        if waiting == [0, 0] && sim.busy.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        if !sim.monitor().violations().is_empty() {
            return Ok(());
        }
        sleep(Duration::from_secs(10)).await;
    }
    let waiting = sim.world(|world| sqs::bodies(world, &queue()));
    Err(format!("the queue does not become empty: {waiting:?}"))
}

fn writes(sim: &Shared) -> u64 {
    let counts = sim.counts();
    WRITES.iter().filter_map(|kind| counts.get(kind)).sum()
}

/// What is in the dead-letter queue.
pub fn dead_letters(sim: &Shared) -> Vec<String> {
    let dead = QueueId::new(ADMINISTRATOR, EU, DEAD_LETTERS);
    sim.world(|world| sqs::bodies(world, &dead))
}
