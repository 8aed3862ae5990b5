//! The daily collection of costs.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use controller_core::event::collect_message;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use local_aws::{
    LocalAws, World, macie,
    organization::{self, results_bucket},
};

use crate::{
    function::Role,
    programs::{Programs, Subject},
    results::Collection,
    stage::Stage,
    world::{HOME, create_buckets, operations, organization, take_messages},
};

/// What is collected.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The latency of a call, in milliseconds.
    pub latency: u64,
    /// Enrolled accounts with a bucket each.
    pub accounts: usize,
}

/// Collects once without latency, makes that the snapshot of the day before, and collects once more
/// against the clock, by a process that has just started.
pub async fn measure(programs: &Programs, case: Case) -> Result<Collection> {
    let local = Arc::new(LocalAws::start(world(case.accounts)?, 0).await?);
    let attach = || {
        let local = local.clone();
        Stage::attach(programs, Subject::Controller, Role::Costs, local, &[HOME])
    };
    attach().await?.send(collect_message()).await?;
    let stage = attach().await?;
    stage.world(|world| {
        let kept = yesterdays(world);
        world.calls.clear();
        kept
    })?;
    stage.set_latency(case.latency);
    let processor = stage.function.processor_time()?;
    let began = Instant::now();
    stage.send(collect_message()).await?;
    let seconds = began.elapsed().as_secs_f64();
    // The administrator's own account has a row too.
    let (rows, bytes) = stage.world(newest)?;
    ensure!(
        rows == case.accounts + 1,
        "{rows} rows of {} accounts",
        case.accounts
    );
    Ok(Collection {
        latency: case.latency,
        accounts: case.accounts,
        seconds,
        calls: stage.world(|world| operations(world, 0)),
        snapshot_bytes: bytes,
        memory: stage.function.peak_memory()?,
        processor: (stage.function.processor_time()? - processor).as_secs_f64(),
    })
}

fn world(accounts: usize) -> Result<World> {
    let mut world = organization(accounts, &[HOME])?;
    organization::add_results(&mut world, HOME)?;
    for account in 1..=accounts {
        let id = organization::workload(account);
        macie::create_member(&mut world, HOME, &id, Default::default())?;
        create_buckets(&mut world, account, 1)?;
    }
    take_messages(&mut world);
    Ok(world)
}

/// Makes today's snapshot that of the day before.
fn yesterdays(world: &mut World) -> Result<()> {
    let today = today();
    let yesterday = today.checked_sub(1.day())?;
    let bucket = world.s3.buckets.get_mut(&results_bucket(HOME));
    let objects = &mut bucket.context("a results bucket")?.objects;
    let object = objects.remove(&key(today)).context("a snapshot")?;
    objects.insert(key(yesterday), object);
    Ok(())
}

/// Rows and bytes of today's snapshot.
fn newest(world: &mut World) -> Result<(usize, usize)> {
    let bucket = world.s3.buckets.get(&results_bucket(HOME));
    let object = bucket.and_then(|bucket| bucket.objects.get(&key(today())));
    let content = object.and_then(|object| object.content.as_ref());
    let content = content.context("a snapshot of today")?;
    let rows = content.iter().filter(|byte| **byte == b'\n').count();
    Ok((rows, content.len()))
}

/// The function goes by the machine's clock.
fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

fn key(date: Date) -> String {
    format!("usage/region={HOME}/date={date}/usage.jsonl")
}
