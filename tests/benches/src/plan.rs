//! How much is measured.

use crate::{
    collection,
    events::Case,
    kinds::Kind,
    load,
    programs::{Build, Subject},
    sweep,
};

/// The parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Cold starts and memory.
    Cold,
    /// Single events, and how they grow with buckets and accounts.
    Events,
    /// Many events at once.
    Burst,
    /// Looks at every account.
    Sweep,
    /// The daily collection of costs.
    Collection,
    /// The load test.
    Load,
    /// The decision alone.
    Decision,
}

impl Part {
    /// In the order of the run.
    pub const ALL: [Self; 7] = [
        Self::Cold,
        Self::Events,
        Self::Burst,
        Self::Sweep,
        Self::Collection,
        Self::Load,
        Self::Decision,
    ];
}

/// The latency at which the promises are made, in milliseconds.
pub const LATENCY: u64 = 20;
/// The other latencies.
pub const OTHERS: [u64; 2] = [5, 100];
/// Buckets of an account that looks at its others.
pub const BUCKETS: usize = 1_000;
/// Buckets of an account that does not.
const FEW: usize = 10;

/// A burst: whose, and how many events.
pub type BurstCase = (Subject, usize);

/// What a run measures.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether it is the quick run.
    pub quick: bool,
    /// How the controller is built.
    pub build: Build,
    /// Starts of each program.
    pub starts: usize,
    /// Events by which memory is looked at.
    pub work: usize,
    /// Single events.
    pub events: Vec<Case>,
    /// Bursts.
    pub bursts: Vec<BurstCase>,
    /// Sweeps.
    pub sweeps: Vec<sweep::Case>,
    /// Collections of costs.
    pub collections: Vec<collection::Case>,
    /// The load test.
    pub load: load::Size,
}

impl Plan {
    /// Everything, in about a quarter of an hour.
    pub fn full() -> Self {
        Self {
            quick: false,
            build: Build::Release,
            starts: 20,
            work: 20,
            events: full_events(),
            bursts: vec![
                (Subject::Controller, 1_000),
                (Subject::Controller, 10_000),
                (Subject::Improved, 1_000),
                (Subject::Recipe, 300),
            ],
            sweeps: full_sweeps(),
            collections: [100, 1_000, 10_000].map(collected).to_vec(),
            load: load::Size {
                messages: 10_000,
                accounts: 1_000,
                seed: 1,
            },
        }
    }

    /// The same code with few repetitions and small sizes, to see that it runs.
    pub fn quick(build: Build) -> Self {
        let case = |kind| Case {
            kind,
            latency: LATENCY,
            buckets: 4,
            accounts: 0,
            subjects: Subject::ALL.to_vec(),
            repetitions: 1,
        };
        let sweep = |subject| sweep::Case {
            subject,
            latency: 5,
            accounts: 10,
            regions: 2,
        };
        Self {
            quick: true,
            build,
            starts: 1,
            work: 1,
            events: Kind::ALL.map(case).to_vec(),
            bursts: Subject::ALL.map(|subject| (subject, 20)).to_vec(),
            sweeps: Subject::ALL.map(sweep).to_vec(),
            collections: vec![collected(10)],
            load: load::Size {
                messages: 100,
                accounts: 10,
                seed: 1,
            },
        }
    }
}

/// The size of an account at which a kind of event is compared.
fn compared(kind: Kind) -> usize {
    if kind.looks_at_others() { BUCKETS } else { FEW }
}

fn case(kind: Kind, latency: u64, buckets: usize, repetitions: usize) -> Case {
    Case {
        kind,
        latency,
        buckets,
        accounts: 0,
        subjects: Subject::ALL.to_vec(),
        repetitions,
    }
}

fn full_events() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in Kind::ALL {
        let repetitions = if kind.looks_at_others() { 5 } else { 15 };
        cases.push(case(kind, LATENCY, compared(kind), repetitions));
    }
    for latency in OTHERS {
        for kind in Kind::ALL {
            let repetitions = if kind.looks_at_others() { 3 } else { 7 };
            let mut case = case(kind, latency, compared(kind), repetitions);
            // One by one, a thousand buckets at 100 ms take minutes for one event.
            if latency > LATENCY && kind.looks_at_others() {
                case.subjects.retain(|subject| *subject != Subject::Recipe);
            }
            cases.push(case);
        }
    }
    cases.extend(growth());
    cases
}

/// The same events in accounts with more buckets, and in larger organizations.
fn growth() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in [Kind::OptOutOthersLeft, Kind::OptOutLast] {
        for buckets in [10, 100] {
            cases.push(case(kind, LATENCY, buckets, 3));
        }
    }
    for kind in [Kind::IrrelevantChange, Kind::FirstOptIn] {
        cases.push(case(kind, LATENCY, BUCKETS, 3));
        for accounts in [1_000, 10_000] {
            let mut case = case(kind, LATENCY, FEW, 5);
            case.accounts = accounts;
            cases.push(case);
        }
    }
    cases
}

fn collected(accounts: usize) -> collection::Case {
    collection::Case {
        latency: LATENCY,
        accounts,
    }
}

fn full_sweeps() -> Vec<sweep::Case> {
    let sizes = [
        (Subject::Controller, 100, 1),
        (Subject::Improved, 100, 1),
        (Subject::Recipe, 100, 1),
        (Subject::Controller, 1_000, 1),
        (Subject::Improved, 1_000, 1),
        (Subject::Controller, 1_000, 2),
        (Subject::Controller, 10_000, 1),
    ];
    let case = |(subject, accounts, regions)| sweep::Case {
        subject,
        latency: LATENCY,
        accounts,
        regions,
    };
    sizes.map(case).to_vec()
}
