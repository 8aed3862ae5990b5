//! What holds in every world. The seed is fixed and printed with a failure.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use controller_core::{
    check::check,
    decide::decide,
    id::BucketName,
    observed::{Fact, JobKind, JobStatus, OPTED_OUT_SINCE, Observed, Relationship, UNSCANNED},
    plan::{Action, Plan},
};
use proptest::{prelude::*, test_runner::TestCaseError};

use crate::world::{
    World, bucket,
    make::{Choices, for_all, hints, leaving, world},
};

const CASES: u32 = 2_000;

fn names(hints: &[&str]) -> BTreeSet<BucketName> {
    hints.iter().map(|name| bucket(name)).collect()
}

fn either(choices: &mut Choices) -> World {
    match choices.once_in(3) {
        true => leaving(choices),
        false => world(choices),
    }
}

fn actions(plan: &Plan) -> Vec<&Action> {
    plan.steps.iter().map(|step| &step.action).collect()
}

fn suspends(plan: &Plan) -> bool {
    actions(plan).contains(&&Action::SuspendMember)
}

#[test]
fn deciding_again_after_acting_gives_nothing() {
    for_all(CASES, |choices| {
        let mut world = either(choices);
        let hints = hints(choices);
        let first = world.reconcile(&hints, usize::MAX);
        prop_assert_eq!(&first.violation, &None, "{:#?}", world);
        prop_assert!(!first.unsettled, "{:#?}\n{:#?}", first.actions, world);
        let second = world.reconcile(&hints, usize::MAX);
        prop_assert_eq!(
            &second.actions,
            &vec![],
            "{:#?}\n{:#?}",
            first.actions,
            world
        );
        Ok(())
    });
}

#[test]
fn the_order_of_the_answers_does_not_matter() {
    for_all(CASES, |choices| {
        let world = either(choices);
        let mut observed = world.observe_all(&names(&hints(choices)));
        let plan = decide(&world.policy, &observed, world.now);
        if let Fact::Known(jobs) = &mut observed.jobs {
            for n in (1..jobs.len()).rev() {
                jobs.swap(n, choices.below(n + 1));
            }
        }
        prop_assert_eq!(plan, decide(&world.policy, &observed, world.now));
        Ok(())
    });
}

#[test]
fn check_accepts_every_plan_that_decide_makes() {
    for_all(CASES, |choices| {
        let mut world = either(choices);
        let hints = names(&hints(choices));
        for observed in [world.observe(&hints), world.observe_all(&hints)] {
            let plan = decide(&world.policy, &observed, world.now);
            let checked = check(&world.policy, &observed, world.now, plan.clone());
            prop_assert!(
                checked.is_ok(),
                "{:?}\n{:#?}\n{:#?}",
                checked,
                plan,
                observed
            );
        }
        Ok(())
    });
}

/// Ways to know one fact less.
fn blind(observed: &Observed) -> Vec<(String, Observed)> {
    let mut blind = Vec::new();
    let trouble = crate::world::trouble("test");
    let mut with = |name: &str, spoil: &dyn Fn(&mut Observed)| {
        let mut observed = observed.clone();
        spoil(&mut observed);
        blind.push((name.to_owned(), observed));
    };
    with("member unread", &|o| o.member = Fact::Unread);
    with("member", &|o| o.member = Fact::Unknown(trouble.clone()));
    with("index unread", &|o| o.index = Fact::Unread);
    with("index", &|o| o.index = Fact::Unknown(trouble.clone()));
    with("listing unread", &|o| o.listing = Fact::Unread);
    with("listing", &|o| o.listing = Fact::Unknown(trouble.clone()));
    with("census unread", &|o| o.census = Fact::Unread);
    with("census", &|o| o.census = Fact::Unknown(trouble.clone()));
    let listed = observed.listing.known().cloned().unwrap_or_default();
    let indexed = observed.index.known().cloned().unwrap_or_default();
    for name in listed.iter().chain(&indexed).chain(&observed.hints) {
        with(&format!("{name} unread"), &|o| {
            _ = o.buckets.insert(name.clone(), Fact::Unread)
        });
        with(&format!("{name} missing"), &|o| _ = o.buckets.remove(name));
    }
    for name in &listed {
        with(name.as_str(), &|o| {
            o.buckets
                .insert(name.clone(), Fact::Unknown(trouble.clone()));
        });
    }
    blind
}

#[test]
fn no_unknown_leads_to_a_suspension() {
    let suspensions = Cell::new(0);
    for_all(CASES, |choices| {
        let mut world = leaving(choices);
        let hints = names(&hints(choices));
        let observed = world.observe(&hints);
        if !suspends(&decide(&world.policy, &observed, world.now)) {
            return Ok(());
        }
        suspensions.set(suspensions.get() + 1);
        for (what, blind) in blind(&observed) {
            let plan = decide(&world.policy, &blind, world.now);
            prop_assert!(!suspends(&plan), "without {}: {:#?}", what, observed);
            let mut forced = decide(&world.policy, &observed, world.now);
            forced.notes.clear();
            let checked = check(&world.policy, &blind, world.now, forced);
            prop_assert!(checked.is_err(), "check, without {}: {:#?}", what, observed);
        }
        if world.policy.has_unit_rules() {
            let mut blind = observed.clone();
            blind.units = Fact::Unread;
            prop_assert!(!suspends(&decide(&world.policy, &blind, world.now)));
        }
        Ok(())
    });
    assert!(
        suspensions.get() > 300,
        "only {} suspensions",
        suspensions.get()
    );
}

#[test]
fn reading_on_demand_does_nothing_that_reading_everything_would_not() {
    for_all(CASES, |choices| {
        let mut world = either(choices);
        let hints = names(&hints(choices));
        let asked = world.observe(&hints);
        let asked = decide(&world.policy, &asked, world.now);
        let all = decide(&world.policy, &world.observe_all(&hints), world.now);
        subset(&asked, &all).map_err(|what| {
            TestCaseError::fail(format!("{what}: {asked:#?}\n{all:#?}\n{world:#?}"))
        })
    });
}

/// Whether a plan does no more than another.
fn subset(some: &Plan, all: &Plan) -> Result<(), String> {
    let jobs = |plan: &Plan| {
        let mut jobs: BTreeMap<&'static str, BTreeSet<BucketName>> = BTreeMap::new();
        for step in &plan.steps {
            if let Action::CreateJob(spec) = &step.action {
                let buckets = jobs.entry(spec.kind.word()).or_default();
                buckets.extend(spec.buckets.clone());
            }
        }
        jobs
    };
    let all_jobs = jobs(all);
    for (kind, buckets) in jobs(some) {
        match all_jobs.get(kind) {
            Some(more) if buckets.is_subset(more) => {}
            _ => return Err(format!("a {kind} job")),
        }
    }
    let rest = |action: &&&Action| !matches!(action, Action::CreateJob(_));
    match actions(some)
        .iter()
        .filter(rest)
        .find(|action| !actions(all).contains(action))
    {
        Some(action) => Err(format!("{action:?}")),
        None => Ok(()),
    }
}

#[test]
fn an_account_with_an_opted_in_bucket_is_never_suspended() {
    for_all(CASES, |choices| {
        let mut world = leaving(choices);
        let hints = hints(choices);
        let opted_in = world.opted_in();
        world.reconcile(&hints, usize::MAX);
        let suspended = world.status() == Some(&Relationship::Paused);
        prop_assert!(!suspended || opted_in.is_empty(), "{:#?}", world);
        Ok(())
    });
}

#[test]
fn only_truly_opted_in_buckets_get_a_job() {
    let jobs = Cell::new(0);
    for_all(CASES, |choices| {
        let mut world = either(choices);
        let hints = hints(choices);
        let opted_in = world.opted_in();
        for action in world.reconcile(&hints, usize::MAX).actions {
            if let Action::CreateJob(spec) = action {
                jobs.set(jobs.get() + 1);
                prop_assert!(spec.buckets.is_subset(&opted_in));
                prop_assert!(!opted_in.is_empty());
            }
        }
        Ok(())
    });
    assert!(jobs.get() > 200, "only {} jobs", jobs.get());
}

/// Buckets of jobs that were not cancelled.
fn in_jobs(world: &World, wanted: fn(&JobKind) -> bool) -> BTreeSet<BucketName> {
    let jobs = world.jobs.iter().map(|job| &job.job);
    jobs.filter(|job| wanted(&job.kind) && job.status != JobStatus::Cancelled)
        .flat_map(|job| job.buckets.clone())
        .collect()
}

/// What must not depend on where a controller crashed.
fn end_state(world: &World) -> impl PartialEq + std::fmt::Debug + use<> {
    let tag = |key| {
        world
            .member
            .as_ref()
            .map(|member| member.tags.contains_key(key))
    };
    let covered = in_jobs(world, |kind| matches!(kind, JobKind::Baseline { .. }));
    let dailies: Vec<_> = world
        .live(true)
        .iter()
        .map(|job| job.name.clone())
        .collect();
    (
        world.status().cloned(),
        (tag(OPTED_OUT_SINCE), tag(UNSCANNED)),
        dailies,
        covered
            .intersection(&world.opted_in())
            .cloned()
            .collect::<Vec<_>>(),
    )
}

/// A bucket whose baseline is made again may get a catch-up too many, never one too few.
fn caught_up(world: &World) -> BTreeSet<BucketName> {
    in_jobs(world, |kind| matches!(kind, JobKind::CatchUp { .. }))
}

#[test]
fn a_crash_after_any_action_is_healed_by_the_next_reconcile_and_sweep() {
    let crashes = Cell::new(0);
    for_all(CASES, |choices| {
        let world = either(choices);
        let hints = hints(choices);
        let mut whole = world.clone();
        let actions = whole.reconcile(&hints, usize::MAX).actions;
        whole.sweep();
        for done in 0..actions.len() {
            let mut crashed = world.clone();
            crashed.reconcile(&hints, done);
            crashed.reconcile(&hints, usize::MAX);
            crashed.sweep();
            prop_assert_eq!(
                end_state(&crashed),
                end_state(&whole),
                "after {} of {:#?}\n{:#?}",
                done,
                actions,
                world
            );
            prop_assert!(
                caught_up(&crashed).is_superset(&caught_up(&whole)),
                "after {} of {:#?}",
                done,
                actions
            );
            crashes.set(crashes.get() + 1);
        }
        Ok(())
    });
    assert!(crashes.get() > 500, "only {} crashes", crashes.get());
}

#[test]
fn a_sweep_after_an_event_finishes_what_the_event_began() {
    for_all(CASES, |choices| {
        let world = either(choices);
        let hints = hints(choices);
        let mut both = world.clone();
        both.reconcile(&hints, usize::MAX);
        both.reconcile(&[], usize::MAX);
        let third = both.reconcile(&[], usize::MAX);
        prop_assert_eq!(&third.actions, &vec![], "{:#?}", world);
        Ok(())
    });
}
