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

use stateright::{Checker, CheckerBuilder, HasDiscoveries, Model};

use crate::{
    account::Aws,
    beginning::Beginning,
    goal::{CONVERGED, HEALED, SUSPENDED},
    mind::Mind,
    run::Rules,
    system::{Budget, System, tell},
};

const RULES: Rules = Rules {
    settle: true,
    second_look: true,
    every_bucket: false,
};

/// Three controllers, somebody who changes his mind, and a crash.
const CRASH: Budget = Budget {
    controllers: 3,
    flips: 2,
    crashes: 1,
    turns: 0,
};

/// Two controllers, of which one may begin a day later.
const DAY: Budget = Budget {
    controllers: 2,
    flips: 2,
    crashes: 1,
    turns: 1,
};

/// Two controllers that nothing happens to.
const CALM: Budget = Budget {
    crashes: 0,
    turns: 0,
    ..DAY
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
            Beginning::Enrolled,
        ],
    }
}

/// Looks at every state; tells what it found under which names.
fn explore(name: &str, system: System, until: HasDiscoveries) -> Vec<&'static str> {
    let budget = system.budget;
    let checker: CheckerBuilder<System> = system.checker().finish_when(until);
    let checker = checker.threads(1).spawn_bfs().join();
    let (unique, all) = (checker.unique_state_count(), checker.state_count());
    println!("{name}: {unique} states ({all} with those seen before), {budget:?}");
    let properties = goal::properties();
    let mut found = Vec::new();
    for property in properties {
        let path = checker.discovery(property.name);
        match (property.expectation.discovery_is_failure(), path) {
            (true, Some(path)) => {
                println!("not so: {}", property.name);
                found.push(property.name);
                for (state, happening) in path.into_vec() {
                    let line = happening.map(|happening| tell(&state, &happening));
                    line.iter().for_each(|line| println!("  {line}"));
                }
            }
            (false, None) => println!("never: {}", property.name),
            _ => {}
        }
    }
    found
}

fn holds(name: &str, system: System) {
    assert_eq!(explore(name, system, HasDiscoveries::All), [""; 0]);
}

#[test]
fn in_every_order_of_calls_the_last_tags_count() {
    holds("three controllers, a crash", system(RULES, CRASH));
}

#[test]
fn a_day_later_the_last_tags_count() {
    let mut day = system(RULES, DAY);
    day.beginnings = vec![Beginning::GraceOver, Beginning::Suspended];
    holds("two controllers, a day, a crash", day);
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
    let found = explore("no settle read", system(rules, CALM), HasDiscoveries::All);
    assert!(found.contains(&SUSPENDED), "{found:?}");
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

/// A limit: whoever suspended asks the tagging index who was tagged meanwhile. While the index is
/// behind, a suspension that came too late can stay until the next sweep; reading every bucket
/// instead would not leave it.
#[test]
fn an_index_that_lags_can_leave_a_suspension_to_the_next_sweep() {
    let lagging = |rules| {
        let mut lagging = system(rules, CALM);
        lagging.aws.index_lags = true;
        lagging
    };
    let found = explore("the index lags", lagging(RULES), HasDiscoveries::All);
    assert_eq!(found, [SUSPENDED, CONVERGED]);
    assert!(!found.contains(&HEALED));
    let rules = Rules {
        every_bucket: true,
        ..RULES
    };
    holds("the index lags, every bucket is read again", lagging(rules));
}

/// Everything at once, for an hour of the night.
#[test]
fn the_large_model_holds() {
    if !is_large() {
        return println!("only with MODEL=large");
    }
    let budget = Budget {
        flips: 3,
        turns: 1,
        ..CRASH
    };
    let mut large = system(RULES, budget);
    large.buckets = 1;
    holds("large", large);
}
