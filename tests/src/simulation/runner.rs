//! Many seeds on all processors.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use super::{Outcome, run};

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// What happened in all of them.
    pub counts: BTreeMap<&'static str, u64>,
    /// Lines of all logs.
    pub lines: u64,
    /// Seeds in which something happened that must never happen, the lowest first.
    pub failed: Vec<Outcome>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Runs seeds; stops taking new ones when so many have failed.
pub fn run_all(seeds: Range<u64>, most_failures: usize) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let summary = Mutex::new(Summary::default());
    let begun = Instant::now();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || summary.lock().unwrap().failed.len() >= most_failures {
                return;
            }
            let outcome = run(seed, false);
            summary.lock().unwrap().add(outcome);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut summary = summary.into_inner().unwrap();
    summary.seconds = begun.elapsed().as_secs_f64();
    summary.failed.sort_by_key(|outcome| outcome.seed);
    summary
}

impl Summary {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.lines += outcome.digest.0;
        for (kind, times) in &outcome.counts {
            *self.counts.entry(kind).or_default() += times;
        }
        if !outcome.violations.is_empty() {
            self.failed.push(outcome);
        }
    }

    /// The summary for people.
    pub fn text(&self) -> String {
        let Self {
            seeds,
            lines,
            seconds,
            ..
        } = self;
        let rate = *seeds as f64 / seconds;
        let mut text =
            format!("{seeds} seeds in {seconds:.1} s ({rate:.1} a second), {lines} lines\n");
        for (kind, times) in &self.counts {
            writeln!(text, "{times:>10} {kind}").unwrap();
        }
        for outcome in &self.failed {
            writeln!(
                text,
                "seed {}: {}",
                outcome.seed,
                outcome.violations.join("; ")
            )
            .unwrap();
        }
        text
    }
}
