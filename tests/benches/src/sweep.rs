//! A look at every account, when nothing has changed since the last one.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use controller_core::sweep::Pass;
use jiff::{SignedDuration, Timestamp};
use local_aws::{LocalAws, World, organization, s3, sqs, world::CallRecord};
use serde_json::json;

use crate::{
    events::RUNS_END,
    function::{Function, Role},
    programs::{Programs, Subject},
    results::Sweep,
    source::drain,
    stage::Stage,
    template::Template,
    world::{
        OPT_IN, REGIONS, daily_jobs, member, operations, organization, queue, sweep_queue,
        take_messages,
    },
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

/// The functions that a sweep needs.
struct Cast {
    controller: Stage,
    /// The peers have one function.
    sweeper: Option<Stage>,
}

impl Cast {
    async fn start(
        programs: &Programs,
        subject: Subject,
        world: World,
        regions: &[&str],
    ) -> Result<Self> {
        Self::attach(
            programs,
            subject,
            Arc::new(LocalAws::start(world, 0).await?),
            regions,
        )
        .await
    }

    async fn attach(
        programs: &Programs,
        subject: Subject,
        local: Arc<LocalAws>,
        regions: &[&str],
    ) -> Result<Self> {
        let attach = |role| Stage::attach(programs, subject, role, local.clone(), regions);
        let controller = attach(Role::Controller).await?;
        let sweeper = match subject {
            Subject::Controller => Some(attach(Role::Sweeper).await?),
            _ => None,
        };
        Ok(Self {
            controller,
            sweeper,
        })
    }

    /// The function that reads everything.
    fn reader(&self) -> &Function {
        &self.sweeper.as_ref().unwrap_or(&self.controller).function
    }

    /// Starts a sweep as its schedule does, and lets it end: the invocations.
    async fn sweep(&self) -> Result<usize> {
        let Some(sweeper) = &self.sweeper else {
            let event = json!({ "source": "aws.scheduler", "detail-type": "Scheduled Event" });
            self.controller.send(event.to_string()).await?;
            return Ok(1);
        };
        let message = Pass::EVERYTHING.message();
        sweeper.world(|world| sqs::send(world, &sweep_queue(), message))?;
        let (most, most_of_sweep) = (
            Template::read()?.batch_size,
            Template::of_sweep()?.batch_size,
        );
        let (sweeps, events) = (sweep_queue(), queue());
        let mut invocations = 0;
        // What the one hands over comes to the other's queue.
        loop {
            let (swept, reconciled) = tokio::try_join!(
                drain(sweeper, &sweeps, most_of_sweep),
                drain(&self.controller, &events, most),
            )?;
            if swept + reconciled == 0 {
                return Ok(invocations);
            }
            invocations += swept + reconciled;
        }
    }
}

/// Sweeps once without latency, which enrols whoever is tagged, and then once more against the
/// clock, by processes that have just started: sweeps are hours apart, and no session is so old.
pub async fn measure(programs: &Programs, case: Case) -> Result<Sweep> {
    let regions = REGIONS.get(..case.regions).context("one or two Regions")?;
    let world = world(case.accounts, regions)?;
    let cast = Cast::start(programs, case.subject, world, regions).await?;
    cast.sweep().await?;
    let local = cast.controller.local.clone();
    drop(cast);
    let cast = Cast::attach(programs, case.subject, local, regions).await?;
    let stage = &cast.controller;
    check(stage, case.accounts)?;
    stage.world(|world| {
        world.advance(RUNS_END);
        world.calls.clear();
    });
    stage.set_latency(case.latency);
    let processor = cast.reader().processor_time()?;
    let (began, start) = (Instant::now(), stage.world(|world| world.now()));
    let invocations = cast.sweep().await?;
    let seconds = began.elapsed().as_secs_f64();
    check(stage, case.accounts)?;
    let calls = stage.world(|world| world.calls.clone());
    Ok(Sweep {
        subject: case.subject,
        latency: case.latency,
        accounts: case.accounts,
        regions: case.regions,
        enrolled: case.accounts / ENROLLED,
        invocations,
        seconds,
        listing_seconds: until_first_account(&calls, start),
        calls: stage.world(|world| operations(world, 0)),
        in_flight: in_flight(&calls, case.latency),
        memory: cast.reader().peak_memory()?,
        processor: (cast.reader().processor_time()? - processor).as_secs_f64(),
    })
}

/// Seconds until the first workload account is looked into: the lists come first.
fn until_first_account(calls: &[CallRecord], start: Timestamp) -> f64 {
    let mut looks = calls
        .iter()
        .filter(|call| ["s3", "tagging"].contains(&call.service));
    let first = looks.next().map(|call| call.at.duration_since(start));
    first.unwrap_or_default().as_secs_f64()
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
