//! The tables of the page, by the names of their markers.

use super::{
    promises,
    table::{calls, count, number, spread, table},
};
use crate::{
    chain::{chain, length},
    cost::{PRICES, of_a_million},
    kinds::Kind,
    plan::{BUCKETS, LATENCY},
    programs::Subject,
    results::{Burst, EventFigure, Results, Sweep},
};

/// Name and text of every section.
pub fn all(results: &Results) -> Vec<(&'static str, String)> {
    vec![
        ("machine", machine(results)),
        ("promises", promises::table(results)),
        ("cold", cold(results)),
        ("events", events(results)),
        ("latencies", latencies(results)),
        ("calls", event_calls(results)),
        ("chains", chains()),
        ("exponents", exponents(results)),
        ("growth", growth(results)),
        ("bursts", bursts(results)),
        ("sweeps", sweeps(results)),
        ("collections", collections(results)),
        ("load", load(results)),
        ("decisions", decisions(results)),
        ("costs", costs(results)),
    ]
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let bare = results.bare_call.iter();
    let bare: Vec<String> = bare
        .map(|(latency, took)| format!("{latency} ms became {} ms", number(took.median)))
        .collect();
    format!(
        "Taken on {} in one run of {} minutes, on {} processors ({}) with {} GiB, {}, {}, {}. \
         {} processes wanted to run when it began. A bare call took, in the median: {}.\n",
        results.taken,
        number(results.seconds / 60.0),
        machine.processors,
        machine.processor,
        machine.memory_gib,
        machine.system,
        machine.rust,
        machine.python,
        machine.load_at_start,
        bare.join(", ")
    )
}

fn cold(results: &Results) -> String {
    let rows = results.cold.iter().map(|cold| {
        vec![
            cold.subject.name().to_owned(),
            spread(&cold.milliseconds),
            spread(&cold.memory),
            spread(&cold.memory_after_events),
        ]
    });
    table(
        1,
        &[
            "",
            "cold start, ms",
            "memory at start, MiB",
            "memory after events, MiB",
        ],
        &rows.collect::<Vec<_>>(),
    )
}

/// A figure at the size and latency at which programs are compared.
pub(super) fn compared(results: &Results, kind: Kind, subject: Subject) -> Option<&EventFigure> {
    at(results, kind, subject, LATENCY)
}

fn at(results: &Results, kind: Kind, subject: Subject, latency: u64) -> Option<&EventFigure> {
    let mut found = results.events.iter().filter(|figure| {
        figure.kind == kind && figure.subject == subject && figure.latency == latency
    });
    // The first of its kind is the compared one; growth comes later.
    found.next()
}

/// The limit of a figure, in milliseconds.
pub(super) fn limit(figure: &EventFigure) -> f64 {
    (length(figure.kind, figure.buckets) as u64 * figure.latency) as f64
}

fn events(results: &Results) -> String {
    let rows = Kind::ALL.iter().filter_map(|kind| {
        let of = |subject| compared(results, *kind, subject);
        let ours = of(Subject::Controller)?;
        let mut row = vec![kind.name().to_owned(), count(ours.buckets)];
        row.extend(Subject::ALL.map(|subject| {
            of(subject).map_or("not run".to_owned(), |figure| spread(&figure.milliseconds))
        }));
        row.push(number(limit(ours)));
        row.push(number(ours.milliseconds.median / limit(ours)));
        let peer = of(Subject::Improved)?;
        row.push(number(peer.milliseconds.median / ours.milliseconds.median));
        Some(row)
    });
    table(
        1,
        &[
            "event",
            "buckets",
            "controller, ms",
            "Peer 1, ms",
            "Peer 2, ms",
            "limit, ms",
            "over the limit",
            "Peer 2 over ours",
        ],
        &rows.collect::<Vec<_>>(),
    )
}

fn latencies(results: &Results) -> String {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        for latency in [5, LATENCY, 100] {
            let Some(ours) = at(results, kind, Subject::Controller, latency) else {
                continue;
            };
            let mut row = vec![kind.name().to_owned(), latency.to_string()];
            row.extend(Subject::ALL.map(|subject| {
                at(results, kind, subject, latency).map_or("not run".to_owned(), |figure| {
                    number(figure.milliseconds.median)
                })
            }));
            row.push(number(ours.milliseconds.median / limit(ours)));
            rows.push(row);
        }
    }
    table(
        1,
        &[
            "event",
            "latency",
            "controller, ms",
            "Peer 1, ms",
            "Peer 2, ms",
            "over the limit",
        ],
        &rows,
    )
}

fn event_calls(results: &Results) -> String {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        for subject in Subject::ALL {
            if let Some(figure) = compared(results, kind, subject) {
                rows.push(vec![
                    kind.name().to_owned(),
                    subject.name().to_owned(),
                    calls(&figure.calls),
                    count(figure.calls.values().sum()),
                    count(figure.waves),
                ]);
            }
        }
    }
    table(
        2,
        &["event", "", "calls", "calls", "one after the other"],
        &rows,
    )
}

fn chains() -> String {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        for (number, link) in chain(kind).iter().enumerate() {
            let name = if number == 0 { kind.name() } else { "" };
            rows.push(vec![
                name.to_owned(),
                (number + 1).to_string(),
                link.calls.to_owned(),
                link.because.to_owned(),
            ]);
        }
    }
    table(4, &["event", "", "calls", "why not earlier"], &rows)
}

fn growth(results: &Results) -> String {
    let mut rows = Vec::new();
    for kind in [
        Kind::OptOutOthersLeft,
        Kind::OptOutLast,
        Kind::IrrelevantChange,
        Kind::FirstOptIn,
    ] {
        let figures = results.events.iter();
        let figures = figures.filter(|figure| figure.kind == kind && figure.latency == LATENCY);
        let mut sizes: Vec<(usize, usize)> = figures
            .map(|figure| (figure.buckets, figure.accounts))
            .collect();
        sizes.sort_unstable();
        sizes.dedup();
        for (buckets, accounts) in sizes {
            let mut row = vec![kind.name().to_owned(), count(buckets), count(accounts)];
            row.extend(
                Subject::ALL.map(|subject| sized(results, kind, subject, buckets, accounts)),
            );
            rows.push(row);
        }
    }
    table(
        1,
        &[
            "event",
            "buckets",
            "accounts",
            "controller, ms (calls)",
            "Peer 1, ms (calls)",
            "Peer 2, ms (calls)",
        ],
        &rows,
    )
}

fn sized(
    results: &Results,
    kind: Kind,
    subject: Subject,
    buckets: usize,
    accounts: usize,
) -> String {
    let figure = results.events.iter().find(|figure| {
        (figure.kind, figure.subject, figure.latency) == (kind, subject, LATENCY)
            && (figure.buckets, figure.accounts) == (buckets, accounts)
    });
    figure.map_or("not run".to_owned(), |figure| {
        let calls = figure.calls.values().sum::<usize>();
        format!("{} ({})", number(figure.milliseconds.median), count(calls))
    })
}

/// How figures grow from the smallest to the largest size.
fn exponents(results: &Results) -> String {
    let mut rows = Vec::new();
    let mut push = |name: &str, over: &str, grown: &dyn Fn(Subject) -> String| {
        let mut row = vec![name.to_owned(), over.to_owned()];
        row.extend(Subject::ALL.map(grown));
        rows.push(row);
    };
    for kind in [
        Kind::OptOutOthersLeft,
        Kind::OptOutLast,
        Kind::IrrelevantChange,
    ] {
        push(kind.name(), "buckets", &|subject| {
            over_buckets(results, kind, subject)
        });
    }
    for kind in [Kind::IrrelevantChange, Kind::FirstOptIn] {
        push(kind.name(), "accounts", &|subject| {
            over_accounts(results, kind, subject)
        });
    }
    for (name, of) in SWEPT {
        push(name, "accounts", &|subject| {
            let swept = results.sweeps.iter();
            let swept = swept.filter(|sweep| sweep.subject == subject && sweep.regions == 1);
            let points = swept.map(|sweep| (sweep.accounts as f64, of(sweep)));
            exponent(&points.collect::<Vec<_>>())
        });
    }
    table(
        2,
        &["figure", "over", "controller", "Peer 1", "Peer 2"],
        &rows,
    )
}

fn over_buckets(results: &Results, kind: Kind, subject: Subject) -> String {
    let figures = results.events.iter().filter(|figure| {
        (figure.kind, figure.subject, figure.latency) == (kind, subject, LATENCY)
            && figure.accounts < SMALL_ORGANIZATION
    });
    let points = figures.map(|figure| (figure.buckets as f64, figure.milliseconds.median));
    exponent(&points.collect::<Vec<_>>())
}

fn over_accounts(results: &Results, kind: Kind, subject: Subject) -> String {
    let figures = results.events.iter().filter(|figure| {
        (figure.kind, figure.subject, figure.latency) == (kind, subject, LATENCY)
            && figure.buckets < BUCKETS
    });
    let points = figures.map(|figure| (figure.accounts as f64, figure.milliseconds.median));
    exponent(&points.collect::<Vec<_>>())
}

/// Cases that are not about the number of accounts have fewer.
const SMALL_ORGANIZATION: usize = 1_000;

type OfSweep = (&'static str, fn(&Sweep) -> f64);

/// What of a sweep may grow.
const SWEPT: [OfSweep; 3] = [
    ("sweep, seconds", |sweep| sweep.seconds),
    ("sweep, calls", |sweep| {
        sweep.calls.values().sum::<usize>() as f64
    }),
    ("sweep, memory", |sweep| sweep.memory),
];

/// The exponent between the smallest and the largest size, in words.
fn exponent(points: &[(f64, f64)]) -> String {
    let by_size = |a: &&(f64, f64), b: &&(f64, f64)| a.0.total_cmp(&b.0);
    let ends = points
        .iter()
        .min_by(by_size)
        .zip(points.iter().max_by(by_size));
    let Some((least, most)) = ends.filter(|(least, most)| least.0 < most.0) else {
        return "one size".to_owned();
    };
    let exponent = (most.1 / least.1).ln() / (most.0 / least.0).ln();
    let word = match exponent {
        ..0.15 => "flat",
        0.15..0.75 => "less than linear",
        0.75..1.15 => "linear",
        _ => "more than linear",
    };
    format!("{exponent:.2}, {word}")
}

fn bursts(results: &Results) -> String {
    let rows = results.bursts.iter().map(|burst| {
        let all: usize = burst.calls.values().sum();
        vec![
            burst.subject.name().to_owned(),
            count(burst.events),
            count(burst.accounts),
            count(burst.invocations),
            number(burst.seconds),
            number(burst_limit(burst)),
            number(burst.events as f64 / burst.seconds),
            number(all as f64 / burst.events as f64),
            number(burst.processor * 1e3 / burst.events as f64),
            number(burst.memory),
        ]
    });
    table(
        1,
        &[
            "",
            "events",
            "accounts",
            "invocations",
            "seconds",
            "limit, seconds",
            "events a second",
            "calls an event",
            "processor ms an event",
            "memory, MiB",
        ],
        &rows.collect::<Vec<_>>(),
    )
}

/// What waiting alone takes: batch after batch, each the chain of a bucket that is not opted in. Nearly
/// every batch has such an event.
fn burst_limit(burst: &Burst) -> f64 {
    let links = chain(Kind::OptOutOthersLeft).len() * burst.invocations;
    links as f64 * burst.latency as f64 / 1e3
}

/// Calls that are pages of lists and the messages of a fan-out, which do not grow by account.
pub(super) fn list_calls(sweep: &Sweep) -> usize {
    let is_list = |name: &str| LISTS.contains(&name) || name.starts_with("sqs:SendMessage");
    let calls = sweep.calls.iter();
    calls
        .filter(|(name, _)| is_list(name))
        .map(|(_, count)| count)
        .sum()
}

/// Calls times latency over concurrency: as many calls as ever waited at the same time wait all the
/// time.
pub(super) fn sweep_limit(sweep: &Sweep) -> f64 {
    let calls: usize = sweep.calls.values().sum();
    calls as f64 * sweep.latency as f64 / 1e3 / sweep.in_flight.max(1) as f64
}

/// The same, but the pages of the longest list come one after the other, and first.
pub(super) fn sweep_limit_in_line(sweep: &Sweep) -> f64 {
    let pages = LISTS.iter().filter_map(|list| sweep.calls.get(*list)).max();
    let pages = pages.copied().unwrap_or(0) as f64;
    let rest = sweep.calls.values().sum::<usize>() as f64 - pages;
    (pages + rest / sweep.in_flight.max(1) as f64) * sweep.latency as f64 / 1e3
}

/// Lists whose next page is only known from the one before.
const LISTS: [&str; 5] = [
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
    "macie2:ListMembers",
    "macie2:ListClassificationJobs",
];

fn sweeps(results: &Results) -> String {
    let rows = results.sweeps.iter().map(|sweep| {
        let all: usize = sweep.calls.values().sum();
        vec![
            sweep.subject.name().to_owned(),
            count(sweep.accounts),
            count(sweep.regions),
            number(sweep.seconds),
            number(sweep_limit(sweep)),
            number(sweep_limit_in_line(sweep)),
            number(sweep.listing_seconds),
            count(all),
            number(all as f64 / (sweep.accounts * sweep.regions) as f64),
            count(sweep.in_flight),
            number(sweep.memory),
            number(sweep.processor),
            calls(&sweep.calls),
        ]
    });
    table(
        1,
        &[
            "",
            "accounts",
            "Regions",
            "seconds",
            "limit, seconds",
            "with the lists in line",
            "seconds for the lists",
            "calls",
            "calls an account and Region",
            "calls in flight, at most",
            "memory, MiB",
            "processor seconds",
            "which",
        ],
        &rows.collect::<Vec<_>>(),
    )
}

fn collections(results: &Results) -> String {
    if results.collections.is_empty() {
        return "Not measured in this run.\n".to_owned();
    }
    let rows = results.collections.iter().map(|collection| {
        let all: usize = collection.calls.values().sum();
        vec![
            count(collection.accounts),
            number(collection.seconds),
            // Each call needs the answer of the one before.
            number(all as f64 * collection.latency as f64 / 1_000.0),
            count(all),
            number(collection.memory),
            number(collection.processor),
            number(collection.snapshot_bytes as f64 / 1e6),
            calls(&collection.calls),
        ]
    });
    table(
        0,
        &[
            "accounts",
            "seconds",
            "limit, seconds",
            "calls",
            "memory, MiB",
            "processor seconds",
            "snapshot, MB",
            "which",
        ],
        &rows.collect::<Vec<_>>(),
    )
}

fn load(results: &Results) -> String {
    let Some(load) = &results.load else {
        return "Not run.\n".to_owned();
    };
    let pairs = [
        ("seed", load.seed.to_string()),
        ("messages", count(load.messages)),
        ("of these duplicates", count(load.duplicates)),
        ("of these poison", count(load.poison)),
        ("accounts", count(load.accounts)),
        (
            "opted in at the end, all of them enrolled and covered",
            count(load.covered),
        ),
        ("jobs created", count(load.jobs)),
        (
            "jobs that AWS refused for its rate",
            count(load.refused_jobs),
        ),
        ("dead letters, all of them poison", count(load.dead_letters)),
        (
            "seconds of the world until the last job",
            number(load.world_seconds),
        ),
        (
            "the same over AWS's pace of 10 s a job",
            number(load.world_seconds / (10.0 * load.jobs as f64)),
        ),
        ("invocations", count(load.invocations)),
        ("seconds of the machine", number(load.seconds)),
        ("largest memory of the function, MiB", number(load.memory)),
    ];
    let rows: Vec<Vec<String>> = pairs
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    table(1, &["", ""], &rows)
}

fn decisions(results: &Results) -> String {
    let rows = results.decisions.iter().map(|decision| {
        vec![
            count(decision.accounts),
            number(decision.microseconds / 1e3),
            number(decision.microseconds / decision.accounts as f64),
        ]
    });
    table(
        0,
        &["accounts", "all of them, ms", "one of them, µs"],
        &rows.collect::<Vec<_>>(),
    )
}

fn costs(results: &Results) -> String {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        for price in PRICES {
            let mut row = vec![kind.name().to_owned(), price.architecture.to_owned()];
            row.extend(Subject::ALL.map(|subject| {
                compared(results, kind, subject).map_or("not run".to_owned(), |figure| {
                    let milliseconds = figure.milliseconds.median;
                    number(of_a_million(price, results.function_memory, milliseconds))
                })
            }));
            rows.push(row);
        }
    }
    table(
        2,
        &["event", "", "controller, $", "Peer 1, $", "Peer 2, $"],
        &rows,
    )
}
