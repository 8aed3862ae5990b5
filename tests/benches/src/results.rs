//! Everything that was measured, as `docs/benchmarks/results.json` keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{kinds::Kind, machine::Machine, programs::Subject, stats::Spread};

/// One run of everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The version of this document's form.
    pub schema: u32,
    /// The day.
    pub taken: String,
    /// Whether it was the quick run, whose figures mean nothing.
    pub quick: bool,
    /// How long all of it took, in seconds.
    pub seconds: f64,
    /// On what.
    pub machine: Machine,
    /// What a bare call takes, by the latency that was set: both in milliseconds.
    pub bare_call: BTreeMap<u64, Spread>,
    /// MB of the function, by the template.
    pub function_memory: usize,
    /// Cold starts.
    pub cold: Vec<Cold>,
    /// Single events.
    pub events: Vec<EventFigure>,
    /// Bursts.
    pub bursts: Vec<Burst>,
    /// Sweeps.
    pub sweeps: Vec<Sweep>,
    /// Daily collections of costs.
    #[serde(default)]
    pub collections: Vec<Collection>,
    /// The load test.
    pub load: Option<Load>,
    /// The decision alone.
    pub decisions: Vec<Decision>,
}

/// From the start of a process to its first request for work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cold {
    /// Whose.
    pub subject: Subject,
    /// Milliseconds.
    pub milliseconds: Spread,
    /// The largest resident memory at that moment, in MiB.
    pub memory: Spread,
    /// The same after a few events.
    pub memory_after_events: Spread,
}

/// One kind of event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventFigure {
    /// Whose.
    pub subject: Subject,
    /// Which kind.
    pub kind: Kind,
    /// The latency of a call, in milliseconds.
    pub latency: u64,
    /// Buckets of the account.
    pub buckets: usize,
    /// Workload accounts of the organization.
    pub accounts: usize,
    /// Milliseconds from taking the event to the answer.
    pub milliseconds: Spread,
    /// Calls by operation, of the run in the middle.
    pub calls: BTreeMap<String, usize>,
    /// Groups of calls that were made at the same time, one after the other.
    pub waves: usize,
}

/// Many events at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Burst {
    /// Whose.
    pub subject: Subject,
    /// The latency of a call, in milliseconds.
    pub latency: u64,
    /// Events.
    pub events: usize,
    /// Accounts that they are about.
    pub accounts: usize,
    /// Invocations.
    pub invocations: usize,
    /// Seconds until the queue was empty.
    pub seconds: f64,
    /// Calls by operation.
    pub calls: BTreeMap<String, usize>,
    /// The largest resident memory, in MiB.
    pub memory: f64,
    /// Seconds of the processor.
    pub processor: f64,
}

/// A look at every account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Whose.
    pub subject: Subject,
    /// The latency of a call, in milliseconds.
    pub latency: u64,
    /// Workload accounts.
    pub accounts: usize,
    /// Governed Regions.
    pub regions: usize,
    /// Accounts that are enrolled.
    pub enrolled: usize,
    /// Invocations.
    pub invocations: usize,
    /// Seconds until nothing was left to do.
    pub seconds: f64,
    /// Of these, until the last page of the lists was there.
    pub listing_seconds: f64,
    /// Calls by operation.
    pub calls: BTreeMap<String, usize>,
    /// The largest number of calls that waited for their answers at the same time.
    pub in_flight: usize,
    /// The largest resident memory, in MiB.
    pub memory: f64,
    /// Seconds of the processor.
    pub processor: f64,
}

/// A day's costs of every account, in one Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collection {
    /// The latency of a call, in milliseconds.
    pub latency: u64,
    /// Enrolled accounts.
    pub accounts: usize,
    /// Seconds from the message to the answer.
    pub seconds: f64,
    /// Calls by operation.
    pub calls: BTreeMap<String, usize>,
    /// What is written, in bytes.
    pub snapshot_bytes: usize,
    /// The largest resident memory, in MiB.
    pub memory: f64,
    /// Seconds of the processor.
    pub processor: f64,
}

/// The load test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// By which it can be repeated.
    pub seed: u64,
    /// Messages, all told.
    pub messages: usize,
    /// Accounts.
    pub accounts: usize,
    /// Messages that were there twice.
    pub duplicates: usize,
    /// Messages that nobody can understand.
    pub poison: usize,
    /// Accounts that ended opted in, enrolled and covered.
    pub covered: usize,
    /// Jobs that were created.
    pub jobs: usize,
    /// Jobs that AWS refused because of its rate.
    pub refused_jobs: usize,
    /// Seconds of the world from the first message to the last job.
    pub world_seconds: f64,
    /// Seconds of the machine.
    pub seconds: f64,
    /// Invocations.
    pub invocations: usize,
    /// The largest resident memory, in MiB.
    pub memory: f64,
    /// Messages in the dead-letter queue.
    pub dead_letters: usize,
}

/// Decisions about many accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Accounts.
    pub accounts: usize,
    /// Microseconds for all of them, as criterion's median.
    pub microseconds: f64,
}
