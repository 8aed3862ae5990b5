//! What was promised, beside what was measured.

use super::{
    figures::{compared, limit, list_calls, sweep_limit, sweep_limit_in_line},
    table::{self, number},
};
use crate::{
    kinds::Kind,
    programs::Subject,
    results::{Cold, Results},
};

/// A promise, its bound, the figure, and whether it is kept.
struct Promise {
    what: String,
    bound: String,
    measured: String,
    kept: bool,
}

/// All of them.
pub fn table(results: &Results) -> String {
    let mut promises = over_the_limit(results);
    promises.extend(against_peer(results));
    promises.extend(start(results));
    promises.extend(sweep(results));
    promises.extend(collection(results));
    promises.extend(load(results));
    let rows = promises.into_iter().map(|promise| {
        let kept = if promise.kept { "yes" } else { "**no**" };
        vec![
            promise.what,
            promise.bound,
            promise.measured,
            kept.to_owned(),
        ]
    });
    let head = ["measure", "bound", "measured", "kept"];
    table::table(4, &head, &rows.collect::<Vec<_>>())
}

fn at_most(what: String, bound: f64, measured: f64) -> Promise {
    Promise {
        what,
        bound: format!("at most {bound}"),
        measured: number(measured),
        kept: measured <= bound,
    }
}

fn at_least(what: String, bound: f64, measured: f64) -> Promise {
    Promise {
        what,
        bound: format!("at least {bound}"),
        measured: number(measured),
        kept: measured >= bound,
    }
}

fn over_the_limit(results: &Results) -> Vec<Promise> {
    let promises = Kind::ALL.iter().filter_map(|kind| {
        let ours = compared(results, *kind, Subject::Controller)?;
        let what = format!("warm time over its chain at 20 ms: {}", kind.name());
        Some(at_most(what, 1.25, ours.milliseconds.median / limit(ours)))
    });
    promises.collect()
}

fn against_peer(results: &Results) -> Vec<Promise> {
    let promises = Kind::ALL.iter().filter_map(|kind| {
        let ours = compared(results, *kind, Subject::Controller)?;
        let peer = compared(results, *kind, Subject::Improved)?;
        let bound = match kind {
            Kind::FirstOptIn | Kind::SecondBucket => 2.0,
            Kind::OptOutOthersLeft => 5.0,
            _ => 1.0,
        };
        let what = format!("Peer 2's warm time over ours: {}", kind.name());
        let times = peer.milliseconds.median / ours.milliseconds.median;
        Some(at_least(what, bound, times))
    });
    promises.collect()
}

fn start(results: &Results) -> Vec<Promise> {
    let of = |subject| -> Option<&Cold> {
        let mut cold = results.cold.iter();
        cold.find(|cold| cold.subject == subject)
    };
    let (Some(ours), Some(peer)) = (of(Subject::Controller), of(Subject::Improved)) else {
        return Vec::new();
    };
    let times = |of: fn(&Cold) -> f64| of(peer) / of(ours);
    vec![
        at_least(
            "Peer 2's cold start over ours".to_owned(),
            20.0,
            times(|cold| cold.milliseconds.median),
        ),
        at_least(
            "Peer 2's memory at start over ours".to_owned(),
            5.0,
            times(|cold| cold.memory.median),
        ),
        at_least(
            "Peer 2's memory after events over ours".to_owned(),
            5.0,
            times(|cold| cold.memory_after_events.median),
        ),
    ]
}

fn sweep(results: &Results) -> Vec<Promise> {
    let ours = results.sweeps.iter();
    let Some(largest) = ours
        .filter(|sweep| sweep.subject == Subject::Controller)
        .max_by_key(|sweep| sweep.accounts)
    else {
        return Vec::new();
    };
    let accounts = largest.accounts;
    let of = |name: &str| largest.calls.get(name).copied().unwrap_or(0);
    let sessions = of("sts:AssumeRole");
    let rest = largest.calls.values().sum::<usize>() - sessions - list_calls(largest);
    // The management and the administrator account are looked at too.
    let looked_at = (accounts + 2) as f64;
    let scopes = looked_at * largest.regions as f64;
    vec![
        at_most(
            format!("time of a sweep of {accounts} accounts over its limit"),
            1.3,
            largest.seconds / sweep_limit(largest),
        ),
        at_most(
            "the same, with the longest list's pages one after the other".to_owned(),
            1.3,
            largest.seconds / sweep_limit_in_line(largest),
        ),
        at_most(
            "memory of it, MB".to_owned(),
            100.0,
            largest.memory * 1.048_576,
        ),
        at_most(
            "AssumeRole an account".to_owned(),
            1.0,
            sessions as f64 / looked_at,
        ),
        at_most(
            "other calls an account and Region, but for lists and messages".to_owned(),
            1.1,
            rest as f64 / scopes,
        ),
    ]
}

fn collection(results: &Results) -> Vec<Promise> {
    let largest = results.collections.iter();
    let Some(largest) = largest.max_by_key(|collection| collection.accounts) else {
        return Vec::new();
    };
    vec![at_most(
        format!("memory of collecting {} accounts, MB", largest.accounts),
        100.0,
        largest.memory * 1.048_576,
    )]
}

fn load(results: &Results) -> Vec<Promise> {
    let Some(load) = &results.load else {
        return Vec::new();
    };
    let lost = load.poison.abs_diff(load.dead_letters);
    vec![
        at_most(
            "lost events, wrong suspensions, second daily jobs under load".to_owned(),
            0.0,
            lost as f64,
        ),
        at_most(
            "memory under load, MB".to_owned(),
            100.0,
            load.memory * 1.048_576,
        ),
    ]
}
