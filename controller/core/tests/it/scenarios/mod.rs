//! Stories in the simulated world, each to its end state.

mod budgets;
mod jobs;
mod leaving;
mod opting_in;

use controller_core::{
    observed::{JobKind, OPTED_OUT_SINCE, Relationship, UNSCANNED},
    plan::{Action, Blocked, Note, Waiting},
};

use crate::world::{Outcome, World, hours};

/// An account with these buckets tagged, enrolled, its jobs made, its old objects scanned.
pub fn steady(buckets: &[&str]) -> World {
    let mut world = World::new();
    for name in buckets {
        world.tag(name);
    }
    world.settle();
    world.advance(hours(30));
    assert_steady(&mut world, buckets);
    world.log.clear();
    world
}

/// The member is enabled, one daily job lives, every bucket is covered, nothing is left to do.
pub fn assert_steady(world: &mut World, buckets: &[&str]) {
    let outcome = world.sweep();
    assert_eq!(outcome.actions, [], "{:?}", world.log);
    assert_eq!(world.status(), Some(&Relationship::Enabled));
    let member = world.member.as_ref().unwrap();
    assert!(!member.tags.contains_key(OPTED_OUT_SINCE));
    assert!(!member.tags.contains_key(UNSCANNED));
    assert_eq!(world.live(true).len(), 1);
    // What is older than two days was passed by every job that had to.
    for name in buckets {
        let before = world.now - hours(48);
        assert_eq!(world.unscanned(name, before), [], "{name}");
    }
}

/// Two days in which everything that is owed gets scanned.
pub fn assert_nothing_lost(world: &mut World, buckets: &[&str]) {
    world.settle();
    world.advance(hours(72));
    assert_steady(world, buckets);
}

pub fn created(world: &World) -> Vec<&'static str> {
    world
        .log
        .iter()
        .filter_map(|(_, action)| match action {
            Action::CreateJob(spec) => Some(spec.kind.word()),
            _ => None,
        })
        .collect()
}

pub fn count(world: &World, matches: impl Fn(&Action) -> bool) -> usize {
    world
        .log
        .iter()
        .filter(|(_, action)| matches(action))
        .count()
}

pub fn is_catch_up(action: &Action) -> bool {
    matches!(action, Action::CreateJob(spec) if matches!(spec.kind, JobKind::CatchUp { .. }))
}

pub fn waits(outcome: &Outcome, matches: impl Fn(&Waiting) -> bool) -> bool {
    let mut notes = outcome.notes.iter();
    notes.any(|note| matches!(note, Note::Waiting(waiting) if matches(waiting)))
}

pub fn blocked(outcome: &Outcome, matches: impl Fn(&Blocked) -> bool) -> bool {
    let mut notes = outcome.notes.iter();
    notes.any(|note| matches!(note, Note::Blocked(blocked) if matches(blocked)))
}
