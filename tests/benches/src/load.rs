//! The load test: many accounts opt in at AWS's real pace of jobs, with duplicates and poison
//! between their events. Nothing may be lost, and the dead-letter queue holds exactly the poison.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use local_aws::{
    Clock, LocalAws, World,
    macie::{JobStatus, JobType},
    organization::{self, ADMINISTRATOR, Organization},
    sqs::{self, Message, QueueId},
};

use crate::{
    clock::AheadFile,
    function::{Function, Role, Start},
    programs::{Programs, Subject},
    results::Load,
    source,
    stage::{Stage, ahead},
    template::Template,
    world::{
        HOME, OPT_IN, bucket, create_buckets, daily_jobs, is_leaving, member, queue, tag,
        take_messages,
    },
};

/// Buckets of an account.
const BUCKETS: usize = 4;
/// Moments at which teams act, with the controller's work between them.
const ROUNDS: usize = 10;
/// The time between two of them.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// Of so many messages, one is there twice, and one of so many is poison.
const DUPLICATES: usize = 5;
const POISON: usize = 20;
/// One account of so many ends without an opted-in bucket.
const OUT: usize = 10;
/// What nobody can understand, each with a number so that it can be told from others.
const NONSENSE: [&str; 4] = [
    "poison",
    "{\"poison\":",
    "[1, 2",
    "{\"detail-type\": \"none\"}",
];

/// How large the test is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Messages, all told.
    pub messages: usize,
    /// Accounts.
    pub accounts: usize,
    /// By which it can be repeated.
    pub seed: u64,
}

/// A linear congruential generator (Knuth's MMIX), so that a run can be repeated from its seed.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below a bound, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound.max(1)
    }

    /// Puts things into another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

/// What the teams and the transport did.
#[derive(Debug, Default)]
struct History {
    messages: usize,
    duplicates: usize,
    poison: BTreeSet<String>,
    /// Accounts and buckets, both counted, that are opted in.
    opted_in: BTreeSet<(usize, usize)>,
}

/// Runs the test; an error says what was lost.
pub async fn run(programs: &Programs, size: Size) -> Result<Load> {
    let mut world = world(size.accounts)?;
    for account in 1..=size.accounts {
        create_buckets(&mut world, account, BUCKETS)?;
    }
    take_messages(&mut world);
    let clock = AheadFile::create(
        &programs
            .scratch
            .join(format!("clock-{}", std::process::id())),
    )?;
    let stage = open(programs, world, &clock).await?;
    let began = Instant::now();
    let start = stage.world(|world| world.now());
    let mut dice = Dice::new(size.seed);
    let mut history = History::default();
    let mut invocations = 0;
    for round in 0..ROUNDS {
        let bodies = stage.world(|world| act(world, size, round, &mut dice, &mut history))?;
        stage.world(|world| send(world, bodies))?;
        invocations += work(&stage, &clock, Some(PAUSE)).await?;
    }
    invocations += work(&stage, &clock, None).await?;
    let mut load = judge(&stage, size, &history)?;
    load.invocations = invocations;
    load.seconds = began.elapsed().as_secs_f64();
    let last = stage.world(|world| world.macie.jobs.iter().map(|job| job.created_at).max());
    let world_time = last.context("a job")?.duration_since(start);
    load.world_seconds = world_time.as_secs_f64();
    Ok(load)
}

/// AWS as it is assumed to be: a member takes 30 s to become enabled, and one job per 10 s.
fn world(accounts: usize) -> Result<World> {
    let clock = Clock::Running {
        ahead: SignedDuration::ZERO,
    };
    let mut world = Organization::new(accounts, &[HOME], clock).build()?;
    world.switches.tag_change_events = false;
    Ok(world)
}

async fn open(programs: &Programs, world: World, clock: &AheadFile) -> Result<Stage> {
    let local = Arc::new(LocalAws::start(world, 0).await?);
    let endpoint = local.endpoint();
    let start = Start {
        subject: Subject::Controller,
        role: Role::Controller,
        endpoint: &endpoint,
        regions: &[HOME],
        clock: Some(clock),
    };
    let function = Function::start(programs, start).await?;
    Ok(Stage {
        subject: Subject::Controller,
        local,
        function,
    })
}

/// A round of the teams: opt-ins, changes of other tags, and now and then a change of mind. The
/// last round says for good who is opted in.
fn act(
    world: &mut World,
    size: Size,
    round: usize,
    dice: &mut Dice,
    history: &mut History,
) -> Result<Vec<String>> {
    let waiting = take_queue(world);
    // Duplicates and poison come on top of the teams' events.
    let single =
        size.messages * (POISON * DUPLICATES - POISON - DUPLICATES) / (POISON * DUPLICATES);
    let last = round + 1 == ROUNDS;
    let most = match last {
        true => single,
        false => single.saturating_sub(size.accounts * BUCKETS) * (round + 1) / (ROUNDS - 1),
    };
    if last {
        for account in 1..=size.accounts {
            for number in 0..BUCKETS {
                let chosen = account % OUT != 0 && number < 2;
                set(world, history, account, number, chosen)?;
            }
        }
    }
    let mut bodies = take_messages(world);
    while history.messages + bodies.len() < most {
        let (account, number) = (1 + dice.below(size.accounts), dice.below(BUCKETS));
        let chosen = match last {
            true => history.opted_in.contains(&(account, number)),
            false => dice.below(4) > 0,
        };
        set(world, history, account, number, chosen)?;
        bodies.extend(take_messages(world));
    }
    world
        .sqs
        .queues
        .entry(queue())
        .and_modify(|queue| queue.messages = waiting);
    Ok(mix(bodies, dice, history))
}

/// What is still on the queue, which no new event may be mixed up with.
fn take_queue(world: &mut World) -> Vec<Message> {
    let queue = world.sqs.queues.get_mut(&queue());
    queue
        .map(|queue| std::mem::take(&mut queue.messages))
        .unwrap_or_default()
}

/// A team sets the tags of a bucket; each time an event comes.
fn set(
    world: &mut World,
    history: &mut History,
    account: usize,
    number: usize,
    chosen: bool,
) -> Result<()> {
    let tags = if chosen {
        &OPT_IN[..]
    } else {
        &[("team", "a")]
    };
    match chosen {
        true => history.opted_in.insert((account, number)),
        false => history.opted_in.remove(&(account, number)),
    };
    tag(world, account, number, tags)
}

/// Adds duplicates and poison in their shares, and shuffles.
fn mix(mut bodies: Vec<String>, dice: &mut Dice, history: &mut History) -> Vec<String> {
    let single = bodies.len();
    history.messages += single;
    let all = single * POISON * DUPLICATES / (POISON * DUPLICATES - POISON - DUPLICATES);
    for _ in 0..all / DUPLICATES {
        bodies.extend(bodies.get(dice.below(single)).cloned());
        history.duplicates += 1;
    }
    for _ in 0..all / POISON {
        let number = history.poison.len();
        let nonsense = NONSENSE.get(number % NONSENSE.len()).unwrap_or(&"poison");
        let poison = format!("{nonsense} {number}");
        history.poison.insert(poison.clone());
        bodies.push(poison);
    }
    dice.shuffle(&mut bodies);
    bodies
}

fn send(world: &mut World, bodies: Vec<String>) -> Result<()> {
    for body in bodies {
        sqs::send(world, &queue(), body)?;
    }
    Ok(())
}

/// Hands over what is to be had, turning the clocks while everything waits: for so long, or until
/// the queue is empty.
async fn work(stage: &Stage, clock: &AheadFile, time: Option<SignedDuration>) -> Result<usize> {
    let most = Template::read()?.batch_size;
    let now = stage.world(|world| world.now());
    let end = time.map(|time| now.checked_add(time)).transpose()?;
    let mut invocations = 0;
    loop {
        if source::batch(stage, &queue(), most).await?.is_some() {
            invocations += 1;
            continue;
        }
        let (now, next) = stage.world(|world| (world.now(), source::next(world, &queue())));
        let left = end.map(|end| end.duration_since(now).max(SignedDuration::ZERO));
        let by = match (next, left) {
            (None, None) => return Ok(invocations),
            (next, Some(left)) if next.is_none_or(|next| next > left) => {
                turn(stage, clock, left)?;
                return Ok(invocations);
            }
            (next, _) => next.unwrap_or_default(),
        };
        turn(stage, clock, by + SignedDuration::from_millis(1))?;
    }
}

/// The world and the process go on together. Nothing runs meanwhile.
fn turn(stage: &Stage, clock: &AheadFile, by: SignedDuration) -> Result<()> {
    stage.world(|world| world.advance(by));
    clock.set(stage.world(|world| ahead(world)))
}

/// Whether everything ended as the teams want it.
fn judge(stage: &Stage, size: Size, history: &History) -> Result<Load> {
    let mut covered = 0;
    for account in 1..=size.accounts {
        let wanted: BTreeSet<String> = (0..BUCKETS)
            .filter(|number| history.opted_in.contains(&(account, *number)))
            .map(|number| bucket(account, number))
            .collect();
        stage.world(|world| ended_well(world, account, &wanted))?;
        covered += usize::from(!wanted.is_empty());
    }
    let dead = dead_letters(stage);
    let expected: BTreeMap<String, usize> = history
        .poison
        .iter()
        .map(|body| (body.clone(), 1))
        .collect();
    ensure!(
        dead == expected,
        "{} dead letters instead of {} poisonous messages",
        dead.values().sum::<usize>(),
        expected.len()
    );
    let created = "CreateClassificationJob";
    let refused = stage.world(|world| {
        let calls = world.calls.iter();
        calls
            .filter(|call| call.operation == created && call.error.is_some())
            .count()
    });
    Ok(Load {
        seed: size.seed,
        messages: history.messages + history.duplicates + history.poison.len(),
        accounts: size.accounts,
        duplicates: history.duplicates,
        poison: history.poison.len(),
        covered,
        jobs: stage.world(|world| world.macie.jobs.len()),
        refused_jobs: refused,
        world_seconds: 0.0,
        seconds: 0.0,
        invocations: 0,
        memory: stage.function.peak_memory()?,
        dead_letters: dead.values().sum(),
    })
}

/// Opted in: enrolled, one daily job, every bucket in a baseline. Opted out: never enrolled, or
/// marked.
fn ended_well(world: &World, account: usize, wanted: &BTreeSet<String>) -> Result<()> {
    let (status, jobs) = (member(world, account), daily_jobs(world, account));
    let leaving = is_leaving(world, account);
    if wanted.is_empty() {
        ensure!(
            status == "stranger" || (status == "Enabled" && leaving),
            "account {account} has no opted-in bucket and is {status}"
        );
        return Ok(());
    }
    ensure!(
        (status.as_str(), jobs, leaving) == ("Enabled", 1, false),
        "account {account} is opted in and ends {status} with {jobs} daily jobs"
    );
    let baselined = baselined(world, account);
    let missing: Vec<&String> = wanted.difference(&baselined).collect();
    ensure!(
        missing.is_empty(),
        "account {account}: no baseline of {missing:?}"
    );
    Ok(())
}

/// Buckets of an account that a one-time job names.
fn baselined(world: &World, account: usize) -> BTreeSet<String> {
    let id = organization::workload(account);
    let jobs = world.macie.jobs_of(HOME, ADMINISTRATOR);
    jobs.filter(|job| job.definition.job_type == JobType::OneTime)
        .filter(|job| job.status != JobStatus::Cancelled)
        .flat_map(|job| {
            job.definition
                .s3_job_definition
                .bucket_definitions
                .iter()
                .flatten()
        })
        .filter(|definition| definition.account_id == id)
        .flat_map(|definition| definition.buckets.clone())
        .collect()
}

fn dead_letters(stage: &Stage) -> BTreeMap<String, usize> {
    let id = QueueId::new(ADMINISTRATOR, HOME, organization::DEAD_LETTERS);
    let bodies = stage.world(|world| sqs::bodies(world, &id));
    let mut counts = BTreeMap::new();
    for body in bodies {
        *counts.entry(body).or_default() += 1;
    }
    counts
}
