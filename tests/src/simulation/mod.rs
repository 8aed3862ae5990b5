//! Deterministic simulation: the real reconcile code, with the AWS SDK's serializers and parsers,
//! against the local AWS's world in the same process. Time is virtual, and one seed decides
//! everything: who does what when, in which order messages come, which call fails, where a
//! controller dies.

pub mod actors;
pub mod dice;
pub mod end;
pub mod monitor;
pub mod quiet;
pub mod runner;
pub mod setting;
pub mod sim;
pub mod source;
pub mod wire;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use local_aws::{
    Clock, World,
    organization::{ADMINISTRATOR, Organization, POLICY_PARAMETER},
    ssm,
};

use tokio::{
    sync::mpsc,
    task::{LocalSet, spawn_local},
};

use self::{
    actors::Actors,
    dice::Dice,
    setting::Setting,
    sim::{Shared, Sim},
    source::{Function, POISON},
};
use crate::{
    EU, US,
    scenario::{NOT_GOVERNED, START},
};

/// Parts of a simulation, each with dice of its own.
const SETTING: u64 = 1;
const NETWORK: u64 = 2;
const ACTORS: u64 = 3;
const MEDDLER: u64 = 4;
const BUDGET: u64 = 5;
const FUNCTION: u64 = 100;

/// What came of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Everything that must never happen and did.
    pub violations: Vec<String>,
    /// What happened, how often.
    pub counts: BTreeMap<&'static str, u64>,
    /// How many lines the log has, and their digest.
    pub digest: (u64, u64),
    /// The lines, if they were asked for.
    pub trace: Vec<String>,
}

/// Runs a seed, on the calling thread.
pub fn run(seed: u64, trace: bool) -> Outcome {
    let ran = catch_unwind(AssertUnwindSafe(|| {
        // The SDK's own random pauses come from here.
        fastrand::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, simulate(seed, trace))
    }));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome {
            seed,
            violations: vec![format!("panic: {}", text.unwrap_or_default())],
            counts: BTreeMap::new(),
            digest: (0, 0),
            trace: Vec::new(),
        }
    })
}

async fn simulate(seed: u64, trace: bool) -> Outcome {
    let mut setting = Setting::draw(&mut Dice::new(seed, SETTING));
    setting.add_budget(&mut Dice::new(seed, BUDGET));
    let world = world(&setting);
    let (moments, seized) = mpsc::unbounded_channel();
    let network = Dice::new(seed, NETWORK);
    let sim = Arc::new(Sim::new(setting, world, network, moments, trace));
    sim.note("seed", format_args!("{seed}: {:?}", sim.setting));
    let controllers = (0..sim.setting.controllers).map(Function::controller);
    let sweepers = sim.setting.controllers..sim.setting.functions();
    for function in controllers.chain(sweepers.map(Function::sweeper)) {
        let dice = Dice::new(seed, FUNCTION + function.number as u64);
        spawn_local(source::run(sim.clone(), function, dice));
    }
    let meddler = Actors::new(sim.clone(), Dice::new(seed, MEDDLER));
    spawn_local(meddler.meddle(seized));
    let mut dice = Dice::new(seed, ACTORS);
    let [resumes, opens, releases] = [700, 700, 600].map(|often| dice.happens(often));
    let mut actors = Actors::new(sim.clone(), dice);
    actors.play().await;
    sim.note("end", "everything becomes quiet");
    sim.calm();
    actors.unlock();
    if resumes {
        actors.resume_jobs();
    }
    if opens {
        actors.open_accounts();
    }
    let settled = quiet::settle(&sim, &actors, releases).await;
    outcome(seed, &sim, &actors, settled)
}

fn world(setting: &Setting) -> World {
    let regions = [EU, US, NOT_GOVERNED];
    let clock = Clock::Frozen(START.parse().unwrap());
    let mut world = Organization::new(setting.workloads, &regions, clock)
        .build()
        .unwrap();
    world.switches = setting.switches.clone();
    let policy = setting.policy.to_string();
    ssm::put_parameter(&mut world, ADMINISTRATOR, EU, POLICY_PARAMETER, &policy);
    world
}

fn outcome(seed: u64, sim: &Shared, actors: &Actors, settled: Vec<String>) -> Outcome {
    let mut violations = sim.monitor().violations().to_vec();
    if violations.is_empty() {
        violations.extend(settled);
        violations.extend(end::differences(sim));
        violations.extend(end::unscanned(sim));
        violations.extend(letters(sim, actors));
    }
    let mut counts = sim.counts();
    for (race, times) in sim.monitor().races() {
        counts.insert(race, *times);
    }
    Outcome {
        seed,
        violations,
        counts,
        digest: sim.digest(),
        trace: sim.trace(),
    }
}

/// Poison ends in the dead-letter queue, all of it; what else does was failed by AWS or by a crash
/// each time that it was handed over.
fn letters(sim: &Shared, actors: &Actors) -> Option<String> {
    let letters = quiet::dead_letters(sim);
    let poison = letters.iter().filter(|body| body.starts_with(POISON));
    let poison = u32::try_from(poison.count()).unwrap();
    for letter in letters.iter().filter(|body| !body.starts_with(POISON)) {
        sim.count("dead letters that faults made");
        sim.note("end", letter);
        if sim.setting.trouble.is_none() {
            return Some(format!("without any fault a dead letter: {letter}"));
        }
    }
    let sent = actors.poisoned();
    (poison != sent).then(|| format!("{poison} of {sent} poison messages are dead letters"))
}
