//! A model check of the settle rule: controllers at the same time over one account and Region, in
//! every order of their calls, with people who tag and untag, crashes between any two calls, and
//! turns of the clock. The controllers are the real core; AWS and the shell's loop are modelled.
//!
//! `MODEL=large` makes everything larger, for a run in the night.

#[cfg(test)]
mod account;
#[cfg(test)]
mod beginning;
#[cfg(test)]
mod goal;
#[cfg(test)]
mod mind;
#[cfg(test)]
mod run;
#[cfg(test)]
mod system;
#[cfg(test)]
#[path = "../it/world/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the core's other tests use the rest"
)]
mod world;

use stateright::{Checker, Model};

use crate::{
    account::Aws,
    beginning::Beginning,
    goal::{CONVERGED, SUSPENDED, TWO_DAILIES},
    mind::Mind,
    run::Rules,
    system::{Budget, System, tell},
};

const RULES: Rules = Rules {
    settle: true,
    second_look: true,
    every_bucket: true,
};

/// Three controllers, somebody who changes his mind, and a crash.
const CRASH: Budget = Budget {
    controllers: 3,
    flips: 2,
    crashes: 1,
    turns: 0,
};

/// Two controllers that nothing happens to.
const CALM: Budget = Budget {
    controllers: 2,
    crashes: 0,
    ..CRASH
};

#[expect(
    clippy::disallowed_methods,
    reason = "a test may be told how long to take"
)]
fn is_large() -> bool {
    std::env::var("MODEL").is_ok_and(|size| size == "large")
}

fn system(rules: Rules, budget: Budget) -> System {
    System {
        mind: Mind::new(world::World::new()),
        aws: Aws {
            index_lags: false,
            remembers_tokens: false,
        },
        rules,
        any_order: false,
        budget,
        buckets: 1,
        beginnings: vec![
            Beginning::Stranger,
            Beginning::GraceOver,
            Beginning::Suspended,
        ],
    }
}

/// What the checker has found.
struct Found {
    /// Properties that do not hold in some state.
    not_so: Vec<&'static str>,
    /// What should happen in some state and does in none.
    never: Vec<&'static str>,
}

/// Looks at every state, and tells how it came to one that is not as it should be.
fn explore(name: &str, system: System) -> Found {
    let budget = system.budget;
    let checker = system.checker().threads(1).spawn_bfs().join();
    let (unique, all) = (checker.unique_state_count(), checker.state_count());
    println!("{name}: {unique} states ({all} with those seen before), {budget:?}");
    let (mut not_so, mut never) = (Vec::new(), Vec::new());
    for property in goal::properties() {
        let path = checker.discovery(property.name);
        match (property.expectation.discovery_is_failure(), path) {
            (true, Some(path)) => {
                not_so.push(property.name);
                println!("{name}: it is not so that {}:", property.name);
                for (state, happening) in path.into_vec() {
                    let line = happening.map(|happening| tell(&state, &happening));
                    line.iter().for_each(|line| println!("  {line}"));
                }
            }
            (false, None) => never.push(property.name),
            _ => {}
        }
    }
    Found { not_so, never }
}

fn holds(name: &str, system: System) -> Found {
    let found = explore(name, system);
    assert_eq!(found.not_so, [""; 0]);
    found
}

#[test]
fn in_every_order_of_calls_the_last_tags_count() {
    let found = holds("three controllers, a crash", system(RULES, CRASH));
    assert_eq!(found.never, [TWO_DAILIES]);
}

/// Two messages ask for the first jobs, and nothing makes Macie remember that it was asked.
#[test]
fn of_two_daily_jobs_one_is_left() {
    let mut enrolled = system(RULES, CALM);
    enrolled.beginnings = vec![Beginning::Enrolled];
    let found = holds("two daily jobs", enrolled);
    assert!(!found.never.contains(&TWO_DAILIES));
}

#[test]
fn a_day_later_the_last_tags_count() {
    let mut day = system(RULES, CALM);
    day.budget.turns = 1;
    holds("a day", day);
}

/// Reads of one answer in any order, two buckets, tokens that Macie remembers.
#[test]
fn in_every_order_of_reads_the_last_tags_count() {
    let mut any_order = system(RULES, CALM);
    any_order.any_order = true;
    holds("any order of reads", any_order);
    let mut two = system(RULES, CALM);
    two.buckets = 2;
    two.aws.remembers_tokens = true;
    holds("two buckets, tokens that last", two);
}

/// The model can find what it is there to find: without the settle rule a suspension that was
/// decided before a bucket was tagged stays.
#[test]
fn without_the_settle_read_an_opted_in_account_stays_suspended() {
    let rules = Rules {
        settle: false,
        ..RULES
    };
    let found = explore("no settle read", system(rules, CALM));
    assert!(found.not_so.contains(&SUSPENDED), "{:?}", found.not_so);
}

/// The second look before a suspension makes it rare that one has to be taken back; that it is
/// taken back is the settle read's doing alone.
#[test]
fn without_the_second_look_the_settle_read_still_heals() {
    let rules = Rules {
        second_look: false,
        ..RULES
    };
    let budget = Budget {
        controllers: 3,
        ..CALM
    };
    holds("no second look", system(rules, budget));
}

/// Whoever suspended reads every bucket again. If it only asked the tagging index who was tagged
/// meanwhile, a suspension that came too late could stay until the next sweep.
#[test]
fn an_index_that_lags_leaves_no_suspension_that_came_too_late() {
    let lagging = |rules| {
        let mut lagging = system(rules, CALM);
        lagging.aws.index_lags = true;
        lagging
    };
    holds("the index lags", lagging(RULES));
    let rules = Rules {
        every_bucket: false,
        ..RULES
    };
    let found = explore("the index lags, and only it is asked", lagging(rules));
    assert_eq!(found.not_so, [SUSPENDED, CONVERGED]);
}

/// Everything larger, for some hours of the night.
#[test]
fn the_large_model_holds() {
    if !is_large() {
        return println!("only with MODEL=large");
    }
    let large = |name, budget, beginning| {
        let mut large = system(RULES, budget);
        large.beginnings = vec![beginning];
        holds(name, large)
    };
    let day = Budget { turns: 1, ..CRASH };
    large("enrolled, a crash", CRASH, Beginning::Enrolled);
    large("suspended, a day, a crash", day, Beginning::Suspended);
    large("grace over, a day, a crash", day, Beginning::GraceOver);
    let often = Budget { flips: 3, ..CRASH };
    large(
        "a stranger who changes his mind",
        often,
        Beginning::Stranger,
    );
}
