//! The worlds that are measured in.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use local_aws::{
    Clock, World,
    faults::{Fault, Kind},
    macie::{JobStatus, JobType, Relationship},
    organization::{self, ADMINISTRATOR, Organization},
    s3,
    sqs::{self, QueueId},
};

/// The Region of the queue and of every bucket, unless more are asked for.
pub const HOME: &str = "eu-west-1";
/// Further Regions of a sweep.
pub const REGIONS: [&str; 2] = [HOME, "us-east-1"];
/// The tag that opts a bucket in.
pub const OPT_IN: [(&str, &str); 1] = [("macie", "true")];

/// An organization in which nothing makes one wait: what is measured is the program, not AWS's
/// pace. One change of tags is one event.
pub fn organization(accounts: usize, regions: &[&str]) -> Result<World> {
    let clock = Clock::Running {
        ahead: SignedDuration::ZERO,
    };
    let mut world = Organization::new(accounts, regions, clock).build()?;
    world.switches.enabling_takes = SignedDuration::ZERO;
    world.switches.create_job_interval = SignedDuration::ZERO;
    world.switches.tag_change_events = false;
    Ok(world)
}

/// From now on every call takes so many milliseconds.
pub fn set_latency(world: &mut World, milliseconds: u64) {
    world.faults.clear();
    if milliseconds > 0 {
        world.faults.add(Fault {
            operation: None,
            account: None,
            kind: Kind::Delay(milliseconds),
            probability: 1.0,
            skip: 0,
            times: None,
        });
    }
}

/// The controller's queue.
pub fn queue() -> QueueId {
    QueueId::new(ADMINISTRATOR, HOME, organization::QUEUE)
}

/// The sweep's queue.
pub fn sweep_queue() -> QueueId {
    QueueId::new(ADMINISTRATOR, HOME, organization::SWEEP_QUEUE)
}

/// The name of a bucket of a workload account, both counted.
pub fn bucket(account: usize, number: usize) -> String {
    format!("bucket-{account:05}-{number:05}")
}

/// Creates so many buckets without tags in an account.
pub fn create_buckets(world: &mut World, account: usize, count: usize) -> Result<()> {
    let team = organization::admin(&organization::workload(account));
    for number in 0..count {
        s3::create_bucket(world, &team, HOME, &bucket(account, number), &[])?;
    }
    Ok(())
}

/// Replaces the tags of a bucket, as its team does.
pub fn tag(world: &mut World, account: usize, number: usize, tags: &[(&str, &str)]) -> Result<()> {
    let team = organization::admin(&organization::workload(account));
    let name = bucket(account, number);
    Ok(s3::put_bucket_tagging(world, &team, HOME, &name, tags)?)
}

/// Takes every message off the queue.
pub fn take_messages(world: &mut World) -> Vec<String> {
    let bodies = sqs::bodies(world, &queue());
    if let Some(queue) = world.sqs.queues.get_mut(&queue()) {
        queue.messages.clear();
    }
    bodies
}

/// Does something by which exactly one event comes, and takes it off the queue.
pub fn event_of(world: &mut World, act: impl FnOnce(&mut World) -> Result<()>) -> Result<String> {
    take_messages(world);
    act(world)?;
    let mut bodies = take_messages(world);
    ensure!(bodies.len() == 1, "{} events instead of one", bodies.len());
    bodies.pop().context("one event")
}

/// The account's relationship in the home Region, in words; `stranger` without one.
pub fn member(world: &World, account: usize) -> String {
    let id = organization::workload(account);
    match Relationship::of(world, HOME, &id) {
        Some(status) => format!("{status:?}"),
        None => "stranger".to_owned(),
    }
}

/// How many jobs that run every day look at an account.
pub fn daily_jobs(world: &World, account: usize) -> usize {
    let id = organization::workload(account);
    let jobs = world.macie.jobs_of(HOME, ADMINISTRATOR);
    jobs.filter(|job| job.definition.name.contains(&id))
        .filter(|job| job.definition.job_type == JobType::Scheduled)
        .filter(|job| !matches!(job.status, JobStatus::Cancelled | JobStatus::Complete))
        .count()
}

/// Whether the member is marked as opted out.
pub fn is_leaving(world: &World, account: usize) -> bool {
    let id = organization::workload(account);
    let member = world.macie.member(HOME, &id);
    member.is_some_and(|member| {
        member
            .tags
            .contains_key("macie-self-service:opted-out-since")
    })
}

/// Calls by operation since a moment, as `service:Operation`.
pub fn operations(world: &World, since: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in world.calls.iter().skip(since) {
        let name = format!("{}:{}", call.service, call.operation);
        *counts.entry(name).or_default() += 1;
    }
    counts
}
