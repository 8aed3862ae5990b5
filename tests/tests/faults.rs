//! Every fault at every call of an account's whole life, one at a time: the end is the one without
//! faults, and at no moment does anything happen that must not.
//!
//! The life is told in phases. A fault hits one call of a phase; then that phase and the next one
//! are played, and the end is compared with that of the same two phases without a fault.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use controller_tests::{EU, Scenario, Setup};
use local_aws::{
    faults::{Fault, Kind},
    macie::Relationship,
};

/// Scripts that run at the same time.
const CONCURRENCY: usize = 2;

const KINDS: [(&str, Kind); 6] = [
    ("throttle", Kind::Throttle),
    ("deny", Kind::Deny),
    ("server error", Kind::ServerError),
    ("lost request", Kind::LoseRequest),
    ("lost reply", Kind::LoseReply),
    ("crash", Kind::Crash),
];

type Act = fn(&mut Scenario);

/// What a team does, and how long it takes until the controller is looked at.
const PHASES: [(&str, Act); 8] = [
    ("opt-in", |s| s.opted_in_bucket(1, EU, "orders")),
    ("a second bucket", |s| {
        s.create_bucket(1, EU, "bills");
        s.put_object("bills", "old.csv");
        s.put_object("orders", "steady.csv");
        s.turn("P2D");
        s.tag_resource(1, EU, "bills");
    }),
    ("one bucket less", |s| {
        s.turn("P3D");
        s.untag(1, EU, "orders");
    }),
    ("the last bucket goes", |s| s.untag_resource(1, EU, "bills")),
    ("the grace period passes", |s| {
        s.put_object("orders", "in-grace.csv");
        s.turn("P2D");
    }),
    ("a bucket comes back", |s| {
        s.put_object("orders", "in-pause.csv");
        s.turn("P2D");
        s.tag(1, EU, "orders");
    }),
    ("a steady day", |s| {
        s.put_object("orders", "after.csv");
        s.turn("P1D");
    }),
    ("it goes and comes back at once", |s| {
        s.untag(1, EU, "orders");
        s.turn("PT1M");
        s.tag(1, EU, "orders");
    }),
];

/// Where it all ends.
const END: &str = "Enabled | daily | bills: old.csv, orders: old.csv steady.csv in-grace.csv in-pause.csv after.csv";

/// Lets everything be done. A consumer of the queue that fails comes again; a controller that
/// crashed starts again.
async fn drive(scenario: &mut Scenario) {
    for _ in 0..5 {
        let done = scenario.sandbox.run_until_quiet().await;
        if scenario.world(|world| world.faults.is_dead()) {
            scenario.heal();
            scenario.restart().await;
            continue;
        }
        if done.is_ok() {
            return;
        }
    }
    panic!("the queue does not become empty");
}

/// One phase, and the look of a sweep a while later.
async fn play(scenario: &mut Scenario, act: Act) {
    act(scenario);
    drive(scenario).await;
    scenario.turn("PT10M");
    scenario.send_look(1, EU);
    drive(scenario).await;
    scenario.turn("PT2M");
}

/// The state after one more sweep.
async fn end(scenario: &mut Scenario) -> String {
    scenario.heal();
    scenario.turn("PT10M");
    scenario.send_look(1, EU);
    drive(scenario).await;
    scenario.turn("PT2M");
    scenario.at(1, EU)
}

/// A phase without faults: what was before, which calls it makes, and how it and the next end.
struct Phase {
    number: usize,
    before: Scenario,
    calls: Vec<String>,
    expected: String,
}

async fn two_phases(scenario: &mut Scenario, number: usize) -> String {
    for (_, act) in PHASES.iter().skip(number).take(2) {
        play(scenario, *act).await;
    }
    end(scenario).await
}

async fn fault_free() -> Vec<Phase> {
    let mut scenario = Setup::new(1).start().await;
    let mut phases = Vec::new();
    for (number, (_, act)) in PHASES.iter().enumerate() {
        let before = scenario.fork().await;
        let mut measured = before.fork().await;
        let start = measured.calls().len();
        play(&mut measured, *act).await;
        let calls = measured.calls().split_off(start);
        let expected = two_phases(&mut before.fork().await, number).await;
        phases.push(Phase {
            number,
            before,
            calls: calls.into_iter().map(|call| call.operation).collect(),
            expected,
        });
        play(&mut scenario, *act).await;
    }
    assert_eq!(end(&mut scenario).await, END);
    phases
}

/// The fault that hits only the n-th call.
fn at_call(n: usize, kind: Kind) -> Fault {
    Fault {
        operation: None,
        account: None,
        kind,
        probability: 1.0,
        skip: u32::try_from(n).unwrap(),
        times: Some(1),
    }
}

/// The end with one fault, and the operation that it hit.
async fn with_fault(phase: &Phase, n: usize, kind: Kind) -> (String, String) {
    let mut scenario = phase.before.fork().await;
    let start = scenario.calls().len();
    scenario.fault(at_call(n, kind));
    let state = two_phases(&mut scenario, phase.number).await;
    let hit = scenario.calls()[start + n].operation.clone();
    (hit, state)
}

/// A fault to try: phase, call, kind.
type Case = (usize, usize, usize);

/// Every single one; only the first of each operation and kind in each phase with `FAULTS=few`.
fn cases(phases: &[Phase]) -> Vec<Case> {
    let all = std::env::var("FAULTS").map_or(true, |value| value != "few");
    let mut cases = Vec::new();
    for phase in phases {
        let mut seen = BTreeSet::new();
        for (n, operation) in phase.calls.iter().enumerate() {
            for kind in 0..KINDS.len() {
                if seen.insert((operation, kind)) || all {
                    cases.push((phase.number, n, kind));
                }
            }
        }
    }
    cases
}

/// An outcome: the operation that was hit and the end, or what panicked.
type Outcome = Result<(String, String), String>;

/// Every case in a runtime of its own, some at a time.
fn try_all(phases: &[Phase], cases: &[Case]) -> Vec<(Case, Outcome)> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    let worker = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (phase, n, kind) = *case;
            let run = || block_on(with_fault(&phases[phase], n, KINDS[kind].1.clone()));
            let outcome = catch_unwind(AssertUnwindSafe(run));
            let outcome = outcome.map_err(|panic| match panic.downcast::<String>() {
                Ok(text) => *text,
                Err(_) => "a panic".to_owned(),
            });
            outcomes.lock().unwrap().push((*case, outcome));
        }
    };
    thread::scope(|scope| {
        (0..CONCURRENCY).for_each(|_| drop(scope.spawn(worker)));
    });
    outcomes.into_inner().unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

#[test]
fn every_fault_at_every_call_ends_where_the_fault_free_run_ends() {
    // The servers of the forked scenarios live on this runtime's thread, which is never polled
    // again: only their worlds are read.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let phases = runtime.block_on(fault_free());
    let cases = cases(&phases);
    let (mut covered, mut wrong) = (BTreeSet::new(), Vec::new());
    for ((phase, n, kind), outcome) in try_all(&phases, &cases) {
        let (title, kind) = (PHASES[phase].0, KINDS[kind].0);
        let phase = &phases[phase];
        match outcome {
            Ok((operation, state)) => {
                if state != phase.expected {
                    wrong.push(format!(
                        "{title}: {kind} at call {n} ({operation}): {state}\n   instead of {}",
                        phase.expected
                    ));
                }
                covered.insert((operation, kind));
            }
            Err(error) => {
                let operation = &phase.calls[n];
                wrong.push(format!(
                    "{title}: {kind} at call {n} ({operation}): {error}"
                ));
            }
        }
    }
    wrong.sort();
    let calls: BTreeMap<&String, usize> =
        phases
            .iter()
            .flat_map(|phase| &phase.calls)
            .fold(BTreeMap::new(), |mut calls, name| {
                *calls.entry(name).or_default() += 1;
                calls
            });
    let total: usize = calls.values().sum();
    println!(
        "{total} calls of {} operations; {} of {} faults tried: {calls:?}",
        calls.len(),
        cases.len(),
        total * KINDS.len(),
    );
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    let missing: Vec<_> = calls
        .keys()
        .flat_map(|name| KINDS.iter().map(move |(kind, _)| ((*name).clone(), *kind)))
        .filter(|case| !covered.contains(case))
        .collect();
    assert!(missing.is_empty(), "not covered: {missing:?}");
}

#[tokio::test]
async fn an_hour_of_throttling_is_caught_up_by_itself() {
    let mut scenario = Setup::new(1).start().await;
    for operation in ["GetMember", "CreateMember", "GetResources"] {
        scenario.break_always(operation, Kind::Throttle);
    }
    scenario.opted_in_bucket(1, EU, "orders");
    for _ in 0..60 {
        scenario.pump().await;
        scenario.turn("PT1M");
    }
    assert_eq!(scenario.at(1, EU), "stranger |  | ");
    assert!(!scenario.waiting_messages().is_empty(), "nobody comes back");
    scenario.heal();
    scenario.run().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), "Enabled | daily | orders: old.csv");
}

/// What an account that has left looks like when reading it fails: nobody is suspended on it.
#[tokio::test]
async fn no_failing_read_ever_suspends() {
    let mut left = Setup::new(1).start().await;
    left.opted_in_bucket(1, EU, "orders");
    left.run_well().await;
    left.untag(1, EU, "orders");
    left.run_well().await;
    assert!(left.place(1, EU).leaving);
    left.turn("P2D");
    for operation in [
        "GetResources",
        "ListBuckets",
        "GetBucketTagging",
        "AssumeRole",
        "ListMembers",
        "GetMember",
    ] {
        for (name, kind) in KINDS.iter().take(4).cloned() {
            let scenario = left.fork().await;
            scenario.break_always(operation, kind);
            scenario.send_look(1, EU);
            scenario.pump().await;
            let member = scenario.place(1, EU).member;
            assert_eq!(member, Some(Relationship::Enabled), "{name} of {operation}");
            scenario.heal();
            scenario.turn("PT10M");
            scenario.send_look(1, EU);
            scenario.run().await;
            let member = scenario.place(1, EU).member;
            assert_eq!(member, Some(Relationship::Paused), "{name} of {operation}");
        }
    }
}
