//! Budgets: what may not be paid for is not begun, what has begun is paused, nothing is lost.

use std::collections::BTreeSet;

use controller_core::{
    decide::decide,
    money::Usd,
    observed::{APPROVED, Fact, JobStatus},
    plan::{Action, Blocked, Note, Waiting},
    policy::{Cap, Caps, OverBudget},
    wants::Read,
};

use super::{assert_nothing_lost, assert_steady, blocked, count, created, steady, waits};
use crate::world::{World, at, bucket, hours};

const DAY: i64 = 24;

fn cap(usd: &str, action: OverBudget) -> Option<Cap> {
    let usd = Usd::budget(usd).unwrap();
    Some(Cap { usd, action })
}

fn first_scan(usd: &str, action: OverBudget) -> Caps {
    Caps {
        first_scan: cap(usd, action),
        month: None,
    }
}

fn month(usd: &str, action: OverBudget) -> Caps {
    Caps {
        first_scan: None,
        month: cap(usd, action),
    }
}

/// A steady account with one bucket, of which two more are tagged: a large one and a small one.
fn two_more(caps: Caps) -> World {
    let mut world = steady(&["payments"]);
    world.policy.budgets.organization = caps;
    world.gigabytes.insert(bucket("archive"), 51);
    world.gigabytes.insert(bucket("ledger"), 50);
    world.tag("archive");
    world.tag("ledger");
    world
}

fn baselined(world: &World) -> Vec<&str> {
    let specs = world.log.iter().filter_map(|(_, action)| match action {
        Action::CreateJob(spec) => Some(spec),
        _ => None,
    });
    specs
        .flat_map(|spec| &spec.buckets)
        .map(|name| name.as_str())
        .collect()
}

fn is_pause(action: &Action) -> bool {
    matches!(action, Action::PauseJob { .. })
}

fn is_resume(action: &Action) -> bool {
    matches!(action, Action::ResumeJob { .. })
}

#[test]
fn a_first_scan_beyond_its_budget_is_held_and_its_neighbour_is_not() {
    let mut world = two_more(first_scan("50", OverBudget::Hold));
    let outcome = world.event("archive");
    assert_eq!(outcome.actions.len(), 1);
    assert_eq!(baselined(&world), ["ledger"]);
    assert!(blocked(
        &outcome,
        |by| matches!(by, Blocked::FirstScanOverBudget { bucket, usd, cap }
        if bucket.as_str() == "archive" && usd.to_string() == "$51.00" && cap.to_string() == "$50.00")
    ));
    world.live_for(hours(3 * DAY));
    assert_eq!(baselined(&world), ["ledger"]);
    // The daily job goes on meanwhile, and a higher cap lets the first scan begin.
    world.policy.budgets.organization = first_scan("51", OverBudget::Hold);
    assert_nothing_lost(&mut world, &["payments", "archive", "ledger"]);
    assert_eq!(baselined(&world), ["ledger", "archive"]);
}

#[test]
fn a_warning_holds_nothing() {
    let mut world = two_more(first_scan("50", OverBudget::Warn));
    let outcome = world.event("archive");
    assert_eq!(baselined(&world), ["archive", "ledger"]);
    assert!(
        !outcome.notes.iter().any(|note| note.warning().is_some()),
        "it is told once"
    );
    let mut world = steady(&["payments"]);
    world.policy.budgets.organization = month("1", OverBudget::Warn);
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert!(matches!(&outcome.notes[..], [Note::OverBudget { .. }]));
    // Nor does a cost that nobody knows.
    let mut world = two_more(first_scan("50", OverBudget::Warn));
    world.policy.own_prices.clear();
    world.event("archive");
    assert_eq!(baselined(&world), ["archive", "ledger"]);
}

/// What a plan does about pauses when a month is spent, or nobody knows what is.
#[test]
fn only_the_action_pause_pauses_and_only_figures_resume() {
    let steps = |world: &World, spent: Fact<Usd>| {
        let mut observed = world.observe_all(&BTreeSet::new());
        observed.spent = spent;
        let plan = decide(&world.policy, &observed, world.now);
        plan.steps
            .into_iter()
            .map(|step| step.action)
            .collect::<Vec<_>>()
    };
    let much = || Fact::Known(Usd::budget("1000").unwrap());
    let mut world = steady(&["payments"]);
    world.policy.budgets.organization = month("1", OverBudget::Hold);
    assert_eq!(steps(&world, much()), []);
    world.policy.budgets.organization = month("1", OverBudget::Pause);
    assert!(matches!(
        steps(&world, much())[..],
        [Action::TagMember { .. }]
    ));
    world.sweep();
    assert_eq!(world.live(true)[0].status, JobStatus::UserPaused);
    assert_eq!(steps(&world, Fact::Unread), []);
    world.policy.budgets.organization = month("1", OverBudget::Hold);
    assert!(steps(&world, Fact::Unread).iter().any(is_resume));
}

#[test]
fn an_approval_lets_it_begin_until_it_ends() {
    let mut world = two_more(first_scan("50", OverBudget::Hold));
    world.sweep();
    let until = world.now + hours(1);
    world
        .member_mut()
        .tags
        .insert(APPROVED.to_owned(), format!("51/{until}"));
    world.sweep();
    assert_eq!(baselined(&world), ["ledger", "archive"]);
    world.gigabytes.insert(bucket("more"), 51);
    world.tag("more");
    world.advance(hours(1));
    world.sweep();
    assert_eq!(
        baselined(&world),
        ["ledger", "archive"],
        "the approval is over"
    );
}

#[test]
fn a_buckets_own_budget_only_lowers_the_cap() {
    for (tag, held) in [
        ("49.99", true),
        ("50", false),
        ("51", false),
        ("plenty", true),
    ] {
        let mut world = two_more(Caps::default());
        world.budget_tags.insert(bucket("ledger"), tag.to_owned());
        let outcome = world.sweep();
        assert_eq!(!baselined(&world).contains(&"ledger"), held, "{tag}");
        assert!(baselined(&world).contains(&"archive"));
        let no_amount = blocked(&outcome, |by| matches!(by, Blocked::BudgetTag { .. }));
        assert_eq!(no_amount, tag == "plenty");
    }
    let mut world = two_more(first_scan("50", OverBudget::Hold));
    world
        .budget_tags
        .insert(bucket("archive"), "1000".to_owned());
    world.sweep();
    assert_eq!(baselined(&world), ["ledger"]);
}

#[test]
fn what_is_not_known_is_not_within_a_budget() {
    let mut world = two_more(first_scan("50", OverBudget::Hold));
    world.uncounted.insert(bucket("ledger"));
    let outcome = world.sweep();
    assert_eq!(created(&world), [""; 0]);
    assert!(waits(
        &outcome,
        |on| matches!(on, Waiting::Size { buckets, .. } if *buckets == [bucket("ledger")])
    ));
    world.uncounted.clear();
    world.sweep();
    assert_eq!(baselined(&world), ["ledger"]);

    let mut world = two_more(first_scan("50", OverBudget::Hold));
    world.policy.own_prices.clear();
    let outcome = world.sweep();
    assert_eq!(created(&world), [""; 0]);
    assert!(blocked(&outcome, |by| matches!(
        by,
        Blocked::CostUnknown { .. }
    )));

    for action in [OverBudget::Hold, OverBudget::Pause] {
        let mut world = two_more(month("1000", action));
        world.broken.insert(Read::Spent);
        assert_eq!(world.sweep().actions, []);
        world.broken.clear();
        world.sweep();
        assert_eq!(baselined(&world), ["archive", "ledger"]);
    }
}

#[test]
fn a_month_that_is_spent_holds_new_jobs_until_it_turns() {
    let mut world = two_more(month("1", OverBudget::Hold));
    let outcome = world.event("ledger");
    assert_eq!(outcome.actions, []);
    assert!(blocked(&outcome, |by| matches!(
        by,
        Blocked::MonthOverBudget { .. }
    )));
    assert_eq!(
        world.live(true)[0].status,
        JobStatus::Idle,
        "what runs goes on"
    );
    world.advance(hours(30 * DAY));
    world.policy.budgets.organization = month("1000000", OverBudget::Hold);
    assert_nothing_lost(&mut world, &["payments", "archive", "ledger"]);
}

#[test]
fn a_pause_is_marked_told_and_resumed_when_the_month_turns() {
    let mut world = steady(&["payments"]);
    world.policy.budgets.organization = month("40", OverBudget::Pause);
    world.live_for(hours(20 * DAY));
    assert_eq!(count(&world, is_pause), 1);
    assert_eq!(world.live(true)[0].status, JobStatus::UserPaused);
    let spent = world.spent[&world.month()];
    assert!(
        (40..40 + 24 + 2).contains(&spent),
        "one day's scan at most: {spent}"
    );
    let outcome = world.sweep();
    assert!(waits(
        &outcome,
        |on| matches!(on, Waiting::Budget { until, .. } if until.to_string() == "2026-04-01T00:00:00Z")
    ));
    assert!(!blocked(&outcome, |by| matches!(
        by,
        Blocked::PausedByPerson { .. }
    )));
    world.live_for(hours(12 * DAY));
    assert_eq!(count(&world, is_resume), 1);
    // The first run of the new month caught up with the old one, which cost more than a month may.
    let unscanned = world.unscanned("payments", at("2026-04-01T00:00:00Z"));
    assert_eq!(unscanned, []);
    assert_eq!(count(&world, is_pause), 2);
    world.policy.budgets.organization = Caps::default();
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(
        world.member_mut().tags.len(),
        2,
        "no mark is left: {:?}",
        world.member
    );
}

#[test]
fn a_persons_own_pause_is_never_undone() {
    let mut world = steady(&["payments"]);
    world.policy.budgets.organization = month("1", OverBudget::Pause);
    let daily = world.live(true)[0].id.clone();
    world.pause(&daily);
    world.live_for(hours(40 * DAY));
    assert_eq!(
        count(&world, |action| is_pause(action) || is_resume(action)),
        0
    );
    assert_eq!(world.live(true)[0].status, JobStatus::UserPaused);

    // Paused by the controller, resumed and paused again by a person.
    let mut world = steady(&["payments"]);
    world.policy.budgets.organization = month("1", OverBudget::Pause);
    world.sweep();
    assert_eq!(count(&world, is_pause), 1);
    world.advance(hours(1));
    world.set_status(&daily, JobStatus::Running);
    world.pause(&daily);
    world.live_for(hours(40 * DAY));
    assert_eq!(count(&world, is_resume), 0);
}

/// The team leaves with one of two buckets while its jobs are paused, and the month turns: the baseline of
/// that bucket is cancelled and not resumed, and everything else goes on.
#[test]
fn a_job_that_is_cancelled_is_not_resumed() {
    let mut world = steady(&["payments"]);
    world.tag("archive");
    world.event("archive");
    world.policy.budgets.organization = month("1", OverBudget::Pause);
    world.sweep();
    assert_eq!(count(&world, is_pause), 2);
    world.untag("archive");
    world.policy.budgets.organization = Caps::default();
    world.sweep();
    let cancels = |action: &Action| matches!(action, Action::CancelJob { .. });
    assert_eq!((count(&world, is_resume), count(&world, cancels)), (1, 1));
    assert_eq!(world.live(true)[0].status, JobStatus::Idle);
    assert_eq!(world.member_mut().tags.len(), 2, "{:?}", world.member);
}

/// A member has room for 50 tags: the daily job is paused whatever else there is.
#[test]
fn more_jobs_than_a_member_has_room_for_marks() {
    let mut world = steady(&["payments"]);
    for n in 0..60 {
        let name = format!("bucket-{n}");
        world.tag(&name);
        world.event(&name);
    }
    assert!(world.jobs.len() > 60);
    world.policy.budgets.organization = month("1", OverBudget::Pause);
    world.sweep();
    assert_eq!(world.live(true)[0].status, JobStatus::UserPaused);
    assert!(count(&world, is_pause) >= 40);
    assert!(world.member_mut().tags.len() <= 50);
}

/// An approval is of the policy's caps; what a team has set for itself stays.
#[test]
fn an_approval_does_not_raise_a_teams_own_budget() {
    let mut world = two_more(Caps::default());
    world.budget_tags.insert(bucket("archive"), "40".to_owned());
    let until = world.now + hours(DAY);
    let approval = format!("1000/{until}");
    world
        .member_mut()
        .tags
        .insert(APPROVED.to_owned(), approval);
    world.event("archive");
    assert!(!baselined(&world).contains(&"archive"));
    world.budget_tags.insert(bucket("archive"), "60".to_owned());
    world.event("archive");
    assert!(baselined(&world).contains(&"archive"));
}

#[test]
fn a_crash_between_the_mark_and_the_pause_heals() {
    for minutes in [0, 3, 60] {
        let mut world = steady(&["payments"]);
        world.policy.budgets.organization = month("1", OverBudget::Pause);
        world.reconcile(&[], 1);
        assert_eq!(count(&world, is_pause), 0);
        world.advance(jiff::SignedDuration::from_mins(minutes));
        world.sweep();
        assert_eq!(count(&world, is_pause), 1, "{minutes}");
        world.policy.budgets.organization = Caps::default();
        world.reconcile(&[], 1);
        world.sweep();
        assert_eq!(count(&world, is_resume), 1, "{minutes}");
        world.log.clear();
        assert_steady(&mut world, &["payments"]);
    }
}

#[test]
fn only_what_the_controller_owns_is_paused() {
    let mut world = steady(&["payments"]);
    world.policy.budgets.organization = month("1", OverBudget::Pause);
    world.member_mut().tags.clear();
    world.tag("ledger");
    let outcome = world.sweep();
    assert_eq!(outcome.actions, [], "nothing new either");
    assert!(blocked(&outcome, |by| matches!(
        by,
        Blocked::MonthOverBudget { .. }
    )));
}

#[test]
fn the_nearest_cap_counts() {
    let mut world = two_more(first_scan("1", OverBudget::Hold));
    let unit = "ou-abcd-12345678".parse().unwrap();
    world.units = vec![unit, "r-abcd".parse().unwrap()];
    let budgets = &mut world.policy.budgets;
    budgets
        .units
        .insert("r-abcd".parse().unwrap(), first_scan("2", OverBudget::Hold));
    budgets.units.insert(
        "ou-abcd-12345678".parse().unwrap(),
        first_scan("50", OverBudget::Hold),
    );
    world.sweep();
    assert_eq!(baselined(&world), ["ledger"]);
    world.policy.budgets.accounts.insert(
        world.scope.account.clone(),
        first_scan("51", OverBudget::Hold),
    );
    world.sweep();
    assert_eq!(baselined(&world), ["ledger", "archive"]);
    world.broken.insert(Read::Units);
    world.tag("more");
    assert_eq!(world.sweep().actions, []);
}

#[test]
fn without_budgets_nothing_more_is_read() {
    let mut world = two_more(Caps::default());
    world.reads.clear();
    world.event("ledger");
    let extra = |read: &Read| matches!(read, Read::Spent | Read::Sizes(_));
    assert!(!world.reads.iter().any(extra), "{:?}", world.reads);
}
