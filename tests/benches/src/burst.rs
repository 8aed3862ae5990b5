//! Many events at once.

use std::time::Instant;

use anyhow::{Result, ensure};
use local_aws::sqs;

use crate::{
    events::RUNS_END,
    kinds::Kind,
    load::Dice,
    programs::{Programs, Subject},
    results::Burst,
    source::drain,
    stage::Stage,
    template::Template,
    world::{daily_jobs, event_of, member, operations, organization, queue, tag},
};

/// Events of an account in a burst.
pub const PER_ACCOUNT: usize = 10;
/// One event of so many is there twice.
const DUPLICATES: usize = 5;
/// For the order of the events.
const SEED: u64 = 20_260_101;

/// Accounts that are enrolled, and then tags of their buckets change all at once.
pub async fn measure(
    programs: &Programs,
    subject: Subject,
    latency: u64,
    events: usize,
) -> Result<Burst> {
    let accounts = (events / PER_ACCOUNT).max(1);
    let mut world = organization(accounts, &[crate::world::HOME])?;
    let mut before = Vec::new();
    for account in 1..=accounts {
        before.extend(Kind::IrrelevantChange.prepare(&mut world, account, PER_ACCOUNT)?);
    }
    let stage = Stage::start(programs, subject, world).await?;
    send(&stage, before)?;
    let batch = Template::read()?.batch_size;
    drain(&stage, &queue(), batch).await?;
    stage.world(|world| world.advance(RUNS_END));
    let bodies = happen(&stage, accounts, events)?;
    send(&stage, bodies)?;
    stage.set_latency(latency);
    timed(&stage, latency, events, accounts, batch).await
}

async fn timed(
    stage: &Stage,
    latency: u64,
    events: usize,
    accounts: usize,
    batch: usize,
) -> Result<Burst> {
    let (start, processor) = (
        stage.world(|world| world.calls.len()),
        stage.function.processor_time()?,
    );
    let began = Instant::now();
    let invocations = drain(stage, &queue(), batch).await?;
    let seconds = began.elapsed().as_secs_f64();
    for account in 1..=accounts {
        let (status, jobs) =
            stage.world(|world| (member(world, account), daily_jobs(world, account)));
        ensure!(
            (status.as_str(), jobs) == ("Enabled", 1),
            "account {account} ends {status} with {jobs} daily jobs"
        );
    }
    Ok(Burst {
        subject: stage.subject,
        latency,
        events,
        accounts,
        invocations,
        seconds,
        calls: stage.world(|world| operations(world, start)),
        memory: stage.function.peak_memory()?,
        processor: (stage.function.processor_time()? - processor).as_secs_f64(),
    })
}

/// Tags of every account's buckets change; a fifth of the events is there twice; shuffled.
fn happen(stage: &Stage, accounts: usize, events: usize) -> Result<Vec<String>> {
    let single = events - events / DUPLICATES;
    let mut bodies = Vec::with_capacity(events);
    stage.world(|world| {
        for number in 0..single {
            let (account, bucket) = (1 + number % accounts, number / accounts);
            let value = number.to_string();
            let first = [("macie", "true"), ("change", value.as_str())];
            let other = [("change", value.as_str())];
            let tags: &[(&str, &str)] = if bucket == 0 { &first } else { &other };
            bodies.push(event_of(world, |world| tag(world, account, bucket, tags))?);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    let mut dice = Dice::new(SEED);
    for _ in single..events {
        let again = bodies.get(dice.below(single)).cloned();
        bodies.extend(again);
    }
    dice.shuffle(&mut bodies);
    Ok(bodies)
}

fn send(stage: &Stage, bodies: Vec<String>) -> Result<()> {
    stage.world(|world| {
        for body in bodies {
            sqs::send(world, &queue(), body)?;
        }
        Ok(())
    })
}
