//! Every fault at every call of an account's whole life, one at a time: the end is the one without
//! faults, and at no moment does anything happen that must not.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::catch_unwind,
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

/// One fault in this many is tried, besides the first of each operation and kind.
/// `FAULTS=1` tries them all.
const SHARE: usize = 3;
/// Scripts that run at the same time.
const CONCURRENCY: usize = 4;

const KINDS: [(&str, Kind); 6] = [
    ("throttle", Kind::Throttle),
    ("deny", Kind::Deny),
    ("server error", Kind::ServerError),
    ("lost request", Kind::LoseRequest),
    ("lost reply", Kind::LoseReply),
    ("crash", Kind::Crash),
];

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

/// Drives, looks once more a while later, as a sweep does, and lets jobs end.
async fn settle(scenario: &mut Scenario) {
    drive(scenario).await;
    scenario.turn("PT10M");
    scenario.send_sweep();
    drive(scenario).await;
    scenario.turn("PT2M");
}

/// The whole life: opt-in, steady days, a second bucket, opt-out, grace, suspension, return.
async fn live(scenario: &mut Scenario) {
    scenario.opted_in_bucket(1, EU, "orders");
    settle(scenario).await;
    scenario.create_bucket(1, EU, "bills");
    scenario.put_object("bills", "old.csv");
    scenario.put_object("orders", "steady.csv");
    scenario.turn("P2D");
    scenario.tag_resource(1, EU, "bills");
    settle(scenario).await;
    scenario.untag(1, EU, "orders");
    settle(scenario).await;
    scenario.untag_resource(1, EU, "bills");
    settle(scenario).await;
    scenario.put_object("orders", "in-grace.csv");
    scenario.turn("P2D");
    settle(scenario).await;
    scenario.put_object("orders", "in-pause.csv");
    scenario.turn("P2D");
    scenario.tag(1, EU, "orders");
    settle(scenario).await;
    scenario.put_object("orders", "after.csv");
    scenario.turn("P2D");
}

/// The end, after the faults have passed and one more sweep.
async fn end(scenario: &mut Scenario) -> [String; 2] {
    scenario.heal();
    scenario.sweep().await;
    scenario.turn("P2D");
    [scenario.at(1, EU), scenario.at(2, EU)]
}

async fn fault_free() -> (Vec<String>, [String; 2]) {
    let mut scenario = Setup::new(2).start().await;
    let start = scenario.calls().len();
    live(&mut scenario).await;
    let calls = scenario.calls()[start..]
        .iter()
        .map(|call| call.operation.clone())
        .collect();
    let state = end(&mut scenario).await;
    (calls, state)
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
async fn with_fault(n: usize, kind: Kind) -> (String, [String; 2]) {
    let mut scenario = Setup::new(2).start().await;
    let start = scenario.calls().len();
    scenario.fault(at_call(n, kind));
    live(&mut scenario).await;
    let hit = scenario.calls().get(start + n).map(|call| call.operation.clone());
    let state = end(&mut scenario).await;
    (hit.unwrap_or_default(), state)
}

/// Every n-th case, and the first two of each operation and kind.
fn cases(calls: &[String]) -> Vec<(usize, usize)> {
    let share = std::env::var("FAULTS").ok().and_then(|text| text.parse().ok());
    let share = share.unwrap_or(SHARE);
    let mut seen: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    let mut cases = Vec::new();
    for (n, operation) in calls.iter().enumerate() {
        for kind in 0..KINDS.len() {
            let times = seen.entry((operation, kind)).or_default();
            *times += 1;
            if *times <= 2 || (n + kind) % share == 0 {
                cases.push((n, kind));
            }
        }
    }
    cases
}

/// An outcome: the operation that was hit and the end, or what panicked.
type Outcome = Result<(String, [String; 2]), String>;

/// Every case in a runtime of its own, some at a time.
fn try_all(cases: &[(usize, usize)]) -> Vec<(usize, &'static str, Outcome)> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    let worker = || {
        while let Some((n, kind)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (name, kind) = KINDS[*kind].clone();
            let outcome = catch_unwind(|| block_on(with_fault(*n, kind)));
            let outcome = outcome.map_err(|panic| match panic.downcast::<String>() {
                Ok(text) => *text,
                Err(_) => "a panic".to_owned(),
            });
            outcomes.lock().unwrap().push((*n, name, outcome));
        }
    };
    thread::scope(|scope| {
        (0..CONCURRENCY).for_each(|_| drop(scope.spawn(worker)));
    });
    outcomes.into_inner().unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

#[test]
fn every_fault_at_every_call_ends_where_the_fault_free_run_ends() {
    let (calls, expected) = block_on(fault_free());
    assert_eq!(
        expected,
        [
            "Enabled | daily | bills: old.csv, orders: old.csv steady.csv in-grace.csv in-pause.csv after.csv",
            "stranger |  | "
        ]
    );
    let cases = cases(&calls);
    let outcomes = try_all(&cases);
    let mut covered = BTreeSet::new();
    let mut wrong = Vec::new();
    for (n, name, outcome) in outcomes {
        match outcome {
            Ok((operation, state)) => {
                if state != expected {
                    wrong.push(format!("{name} at call {n} ({operation}): {state:?}"));
                }
                covered.insert((operation, name));
            }
            Err(error) => wrong.push(format!("{name} at call {n} ({}): {error}", calls[n])),
        }
    }
    wrong.sort();
    let operations: BTreeSet<&String> = calls.iter().collect();
    println!(
        "{} calls of {} operations; {} faults tried, {} of operation and kind",
        calls.len(),
        operations.len(),
        cases.len(),
        covered.len()
    );
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let missing: Vec<_> = operations
        .iter()
        .flat_map(|operation| KINDS.iter().map(move |(name, _)| ((*operation).clone(), *name)))
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
    assert!(!scenario.waiting_messages().is_empty(), "nobody will come back");
    scenario.heal();
    scenario.run().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), "Enabled | daily | orders: old.csv");
}

/// What an account that has left looks like when reading it fails: nobody is suspended on it.
#[tokio::test]
async fn no_failing_read_ever_suspends() {
    for operation in ["GetResources", "ListBuckets", "GetBucketTagging", "AssumeRole", "ListMembers", "GetMember"] {
        for (name, kind) in KINDS.iter().take(4).cloned() {
            let mut scenario = Setup::new(1).start().await;
            scenario.opted_in_bucket(1, EU, "orders");
            scenario.run_well().await;
            scenario.untag(1, EU, "orders");
            scenario.run_well().await;
            assert!(scenario.place(1, EU).leaving);
            scenario.turn("P2D");
            scenario.break_always(operation, kind);
            scenario.send_sweep();
            scenario.pump().await;
            let member = scenario.place(1, EU).member;
            assert_eq!(member, Some(Relationship::Enabled), "{name} of {operation}");
            scenario.heal();
            scenario.turn("PT10M");
            scenario.sweep().await;
            let member = scenario.place(1, EU).member;
            assert_eq!(member, Some(Relationship::Paused), "{name} of {operation}");
        }
    }
}
