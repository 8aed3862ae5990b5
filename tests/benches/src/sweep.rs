//! A look at every account, when nothing has changed since the last one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use controller_core::event::sweep_of_all;
use jiff::{SignedDuration, Timestamp};
use local_aws::{World, organization, s3, sqs, world::CallRecord};
use serde_json::json;

use crate::{
    events::RUNS_END,
    programs::{Programs, Subject},
    results::Sweep,
    source::{batch, drain},
    stage::Stage,
    template::Template,
    world::{OPT_IN, REGIONS, daily_jobs, member, operations, organization, queue, take_messages},
};

/// One account of so many is enrolled.
const ENROLLED: usize = 10;
/// Buckets of each account in each Region.
const BUCKETS: usize = 3;

/// What is swept.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Whose sweep.
    pub subject: Subject,
    /// The latency of a call, in milliseconds.
    pub latency: u64,
    /// Workload accounts.
    pub accounts: usize,
    /// Governed Regions, one or two.
    pub regions: usize,
}

/// Sweeps once without latency, which enrols whoever is tagged, and then once more against the
/// clock, by the same process.
pub async fn measure(programs: &Programs, case: Case) -> Result<Sweep> {
    let regions = REGIONS.get(..case.regions).context("one or two Regions")?;
    let world = world(case.accounts, regions)?;
    let stage = Stage::start_in(programs, case.subject, world, regions).await?;
    sweep(&stage).await?;
    check(&stage, case.accounts)?;
    stage.world(|world| {
        world.advance(RUNS_END);
        world.calls.clear();
    });
    stage.set_latency(case.latency);
    let processor = stage.function.processor_time()?;
    let began = Instant::now();
    let (invocations, listing) = sweep(&stage).await?;
    let seconds = began.elapsed().as_secs_f64();
    check(&stage, case.accounts)?;
    Ok(Sweep {
        subject: case.subject,
        latency: case.latency,
        accounts: case.accounts,
        regions: case.regions,
        enrolled: case.accounts / ENROLLED,
        invocations,
        seconds,
        listing_seconds: listing.as_secs_f64(),
        calls: stage.world(|world| operations(world, 0)),
        in_flight: stage.world(|world| in_flight(&world.calls, case.latency)),
        memory: stage.function.peak_memory()?,
        processor: (stage.function.processor_time()? - processor).as_secs_f64(),
    })
}

/// Every account has a few buckets; one account of ten has opted one of them in.
fn world(accounts: usize, regions: &[&str]) -> Result<World> {
    let mut world = organization(accounts, regions)?;
    world.switches.trail = false;
    for account in 1..=accounts {
        let team = organization::admin(&organization::workload(account));
        for region in regions {
            for number in 0..BUCKETS {
                let name = format!("bucket-{account:05}-{region}-{number}");
                let opted_in = number == 0 && account % ENROLLED == 0;
                let tags = if opted_in { &OPT_IN[..] } else { &[] };
                s3::create_bucket(&mut world, &team, region, &name, tags)?;
            }
        }
    }
    world.switches.trail = true;
    take_messages(&mut world);
    Ok(world)
}

/// Starts a sweep as its schedule does, and lets it end: the invocations, and how long the first
/// one took.
async fn sweep(stage: &Stage) -> Result<(usize, Duration)> {
    if stage.subject != Subject::Controller {
        let event = json!({ "source": "aws.scheduler", "detail-type": "Scheduled Event" });
        let invoked = stage.send(event.to_string()).await?;
        return Ok((1, invoked.took));
    }
    stage.world(|world| sqs::send(world, &queue(), sweep_of_all()))?;
    let most = Template::read()?.batch_size;
    let first = batch(stage, most).await?.context("the sweep's message")?;
    let rest = drain(stage, most).await?;
    Ok((1 + rest, first.took))
}

/// Exactly the tagged accounts are enrolled and have one daily job.
fn check(stage: &Stage, accounts: usize) -> Result<()> {
    for account in 1..=accounts {
        let (status, jobs) =
            stage.world(|world| (member(world, account), daily_jobs(world, account)));
        let expected = match account % ENROLLED {
            0 => ("Enabled", 1),
            _ => ("stranger", 0),
        };
        ensure!(
            (status.as_str(), jobs) == expected,
            "after the sweep of {}, account {account} is {status} with {jobs} daily jobs",
            stage.subject.name()
        );
    }
    Ok(())
}

/// The largest number of calls that waited for their answers at the same time.
fn in_flight(calls: &[CallRecord], latency: u64) -> usize {
    let latency = SignedDuration::from_millis(i64::try_from(latency).unwrap_or(0));
    let at: Vec<Timestamp> = calls.iter().map(|call| call.at).collect();
    let mut first = 0;
    let mut most = 0;
    for (number, now) in at.iter().enumerate() {
        while at
            .get(first)
            .is_some_and(|then| now.duration_since(*then) >= latency && first < number)
        {
            first += 1;
        }
        most = most.max(number + 1 - first);
    }
    most
}
