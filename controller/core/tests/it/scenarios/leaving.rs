//! Opt-out, grace, suspension, return.

use std::collections::BTreeSet;

use controller_core::{
    observed::{
        BucketReading, JobStatus, OPTED_OUT_SINCE, Relationship, SUSPENSION_RELEASED, UNSCANNED,
    },
    plan::{Action, Blocked, Waiting},
    wants::Read,
};
use jiff::SignedDuration;

use super::{
    assert_nothing_lost, assert_steady, blocked, count, created, is_catch_up, steady, waits,
};
use crate::world::{World, bucket, hours};

fn marked(world: &World) -> bool {
    world
        .member
        .as_ref()
        .unwrap()
        .tags
        .contains_key(OPTED_OUT_SINCE)
}

#[test]
fn a_tag_goes_among_others() {
    let mut world = steady(&["payments", "ledger"]);
    world.untag("ledger");
    assert_eq!(world.event("ledger").actions, []);
    assert_nothing_lost(&mut world, &["payments"]);
}

#[test]
fn a_tag_that_goes_among_a_thousand_costs_five_reads() {
    let names: Vec<String> = (0..1_000).map(|n| format!("bucket-{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = steady(&names);
    // The index lags, as it does right after a tag went.
    for index in [None, Some(world.index())] {
        world.index = index;
        world.untag("bucket-0500");
        world.reads.clear();
        assert_eq!(world.event("bucket-0500").actions, []);
        let expected = [
            Read::Member,
            Read::Jobs,
            Read::Bucket(bucket("bucket-0500")),
            Read::Index,
            Read::Bucket(bucket("bucket-0000")),
        ];
        let reads: BTreeSet<Read> = world.reads.iter().cloned().collect();
        assert_eq!(reads, expected.into());
        assert_eq!(world.reads.len(), 5);
    }
}

#[test]
fn the_last_tag_goes_then_grace_then_suspension() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    let gone = world.now;
    let outcome = world.event("payments");
    assert!(matches!(outcome.actions[..], [Action::TagMember { .. }]));
    assert!(waits(&outcome, |on| *on
        == Waiting::Grace {
            until: gone + hours(24)
        }));
    world.advance(hours(24) - SignedDuration::from_secs(1));
    assert_eq!(world.sweep().actions, []);
    world.advance(SignedDuration::from_secs(1));
    assert_eq!(world.sweep().actions, [Action::SuspendMember]);
    assert_eq!(world.sweep().actions, []);
    assert!(marked(&world), "to be caught up with");
}

#[test]
fn a_deleted_bucket_is_an_opt_out() {
    let mut world = steady(&["payments"]);
    world.set("payments", BucketReading::Gone);
    world.index = Some([bucket("payments")].into());
    world.event("payments");
    assert!(marked(&world));
    world.live_for(hours(26));
    assert_eq!(world.status(), Some(&Relationship::Paused));
}

#[test]
fn back_within_the_grace_before_a_run() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.event("payments");
    world.advance(hours(3));
    world.tag("payments");
    let outcome = world.event("payments");
    assert!(matches!(outcome.actions[..], [Action::UntagMember { .. }]));
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(created(&world), Vec::<&str>::new());
}

#[test]
fn back_within_the_grace_after_a_run() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.event("payments");
    world.advance(hours(20));
    world.tag("payments");
    world.event("payments");
    assert_eq!(created(&world), ["catch-up"]);
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(created(&world), ["catch-up"]);
}

#[test]
fn back_after_a_suspension() {
    let mut world = steady(&["payments", "ledger"]);
    world.untag("payments");
    world.untag("ledger");
    world.live_for(hours(100));
    assert_eq!(world.status(), Some(&Relationship::Paused));
    world.log.clear();
    world.tag("payments");
    let outcome = world.event("payments");
    assert_eq!(outcome.actions[0], Action::ResumeMember);
    assert!(!outcome.unsettled);
    assert_eq!(created(&world), ["catch-up"]);
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(created(&world), ["catch-up"]);
}

#[test]
fn a_suspension_by_hand_is_put_on_record_before_it_ends() {
    let mut world = steady(&["payments"]);
    world.apply(&Action::SuspendMember);
    world.advance(hours(50));
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(count(&world, is_catch_up), 1);
}

#[test]
fn a_mark_from_the_future_or_in_a_foreign_hand_begins_anew() {
    for value in ["2999-01-01T00:00:00Z", "yesterday"] {
        let mut world = steady(&["payments"]);
        let tags = [(OPTED_OUT_SINCE.to_owned(), value.to_owned())];
        world.member_mut().tags.extend(tags.clone());
        world.untag("payments");
        let began = world.now;
        world.event("payments");
        world.advance(hours(23));
        assert_eq!(world.sweep().actions, []);
        world.advance(hours(1));
        assert_eq!(world.sweep().actions, [Action::SuspendMember]);
        assert_eq!(world.now, began + hours(24));
        // The same while it is suspended: what was lost is known from the suspension.
        world.member_mut().tags.extend(tags);
        world.advance(hours(40));
        world.tag("payments");
        world.settle();
        assert_eq!(count(&world, is_catch_up), 1);
    }
}

#[test]
fn a_catch_up_that_waits_does_not_shorten_the_next_grace() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.live_for(hours(100));
    assert_eq!(world.status(), Some(&Relationship::Paused));
    world.inventory_lag = hours(30);
    world.tag("payments");
    world.live_for(hours(10));
    assert_eq!(world.status(), Some(&Relationship::Enabled));
    assert_eq!(
        count(&world, is_catch_up),
        0,
        "Macie does not show the bucket yet"
    );
    world.untag("payments");
    world.live_for(hours(23));
    assert_eq!(world.status(), Some(&Relationship::Enabled));
    world.live_for(hours(3));
    assert_eq!(world.status(), Some(&Relationship::Paused));
    world.live_for(hours(30));
    world.tag("payments");
    world.live_for(hours(40));
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(count(&world, is_catch_up), 1);
}

#[test]
fn a_resumed_member_gets_a_whole_grace_whenever_its_controller_crashed() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.live_for(hours(100));
    world.tag("payments");
    world.reconcile(&["payments"], 1);
    assert_eq!(world.status(), Some(&Relationship::Enabled));
    world.untag("payments");
    world.live_for(hours(23));
    assert_eq!(world.status(), Some(&Relationship::Enabled));
    world.live_for(hours(3));
    assert_eq!(world.status(), Some(&Relationship::Paused));
}

#[test]
fn a_daily_job_that_died_in_the_absence_hides_nothing() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.event("payments");
    world.advance(hours(20));
    let daily = world.live(true)[0].id.clone();
    assert!(world.job(&daily).last_run.unwrap() > world.now - hours(20));
    world.set_status(&daily, JobStatus::Cancelled);
    world.tag("payments");
    assert_nothing_lost(&mut world, &["payments"]);
}

#[test]
fn a_bucket_that_cannot_be_read_keeps_the_account() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.untag("secret");
    world.buckets.get_mut(&bucket("secret")).unwrap().readable = false;
    world.live_for(hours(60));
    assert_eq!(world.status(), Some(&Relationship::Enabled));
    assert!(blocked(&world.sweep(), |by| matches!(
        by,
        Blocked::Unreadable { .. }
    )));
    world.buckets.get_mut(&bucket("secret")).unwrap().readable = true;
    world.live_for(hours(26));
    assert_eq!(world.status(), Some(&Relationship::Paused));
}

#[test]
fn a_bucket_that_cannot_be_read_beside_others_is_told() {
    let mut world = steady(&["payments"]);
    world.tag("secret");
    world.buckets.get_mut(&bucket("secret")).unwrap().readable = false;
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert!(blocked(&outcome, |by| matches!(
        by,
        Blocked::Unreadable { .. }
    )));
}

#[test]
fn a_bucket_of_the_index_that_the_listing_misses_is_read() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.live_for(hours(23));
    assert!(marked(&world));
    world.tag("brand-new");
    let mut observed = world.observe_all(&BTreeSet::new());
    let old: BTreeSet<_> = [bucket("payments")].into();
    observed.listing = controller_core::observed::Fact::Known(old);
    observed.buckets.remove(&bucket("brand-new"));
    let later = world.now + hours(10);
    let plan = controller_core::decide::decide(&world.policy, &observed, later);
    assert_eq!(plan.steps, []);
}

/// An account whose grace period is over.
fn leaving() -> World {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.sweep();
    world.advance(hours(24));
    world
}

#[test]
fn the_circuit_breaker_holds_the_fourth() {
    let mut world = leaving();
    let minutes = |minutes| SignedDuration::from_mins(minutes);
    world.others_suspended = [10, 20, 59].map(|ago| world.now - minutes(ago)).into();
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert!(blocked(&outcome, |by| matches!(
        by,
        Blocked::CircuitBreaker {
            suspended: 3,
            due: 1,
            limit: 3,
            ..
        }
    )));
    world.others = 79;
    assert_eq!(
        world.sweep().actions,
        [Action::SuspendMember],
        "5 % of 80 are 4"
    );
}

#[test]
fn the_circuit_breaker_holds_the_first_of_many_that_are_due_within_an_hour() {
    let mut world = leaving();
    world.others_left = vec![world.now - hours(23); 3];
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert!(blocked(&outcome, |by| matches!(
        by,
        Blocked::CircuitBreaker {
            suspended: 0,
            due: 4,
            ..
        }
    )));
    world.others_left = vec![world.now - hours(23) + SignedDuration::from_mins(1); 3];
    assert_eq!(world.sweep().actions, [Action::SuspendMember]);
}

#[test]
fn what_a_person_releases_is_suspended_and_the_release_ends_with_the_absence() {
    let mut world = leaving();
    world.others_left = vec![world.now - hours(30); 50];
    assert_eq!(world.sweep().actions, []);
    let member = world.member.as_mut().unwrap();
    let mark = member.tags[OPTED_OUT_SINCE].clone();
    member.tags.insert(SUSPENSION_RELEASED.to_owned(), mark);
    assert_eq!(
        world.clone().sweep().actions.first(),
        Some(&Action::SuspendMember)
    );

    world.tag("payments");
    world.sweep();
    let tags = &world.member.as_ref().unwrap().tags;
    assert!(!tags.contains_key(SUSPENSION_RELEASED), "{tags:?}");
    // Even if it stayed: it was for another absence.
    let stale = "2020-01-01T00:00:00Z".to_owned();
    let member = world.member.as_mut().unwrap();
    member.tags.insert(SUSPENSION_RELEASED.to_owned(), stale);
    world.untag("payments");
    world.sweep();
    world.advance(hours(24));
    assert_eq!(world.sweep().actions, []);
}

#[test]
fn the_circuit_breaker_counts_without_overflow_and_opens_with_time() {
    let mut world = leaving();
    world.others_suspended = vec![world.now - SignedDuration::from_mins(59); 3];
    let mut full = world.clone();
    full.others = usize::MAX - 1;
    assert_eq!(full.sweep().actions, [Action::SuspendMember]);
    assert_eq!(world.sweep().actions, []);
    world.advance(SignedDuration::from_mins(1));
    assert_eq!(world.sweep().actions, [Action::SuspendMember]);
}

#[test]
fn a_flapping_tag_makes_no_pile_of_jobs() {
    let mut world = steady(&["payments"]);
    for _ in 0..10 {
        world.untag("payments");
        world.event("payments");
        world.advance(SignedDuration::from_mins(7));
        world.tag("payments");
        world.event("payments");
        world.advance(SignedDuration::from_mins(7));
    }
    assert_nothing_lost(&mut world, &["payments"]);
    // One run of the daily job may fall into a moment without the tag.
    assert!(created(&world).len() <= 1, "{:?}", created(&world));
    assert_eq!(count(&world, |action| *action == Action::SuspendMember), 0);
}

#[test]
fn a_tag_that_flaps_during_its_baseline_has_one_baseline_at_a_time() {
    let mut world = World::new();
    world.run_time = hours(3);
    world.tag("payments");
    world.settle();
    let mut most = 0;
    for _ in 0..10 {
        world.untag("payments");
        world.event("payments");
        assert_eq!(
            world.live(false).len(),
            0,
            "an untagged bucket is not paid for"
        );
        world.tag("payments");
        world.event("payments");
        assert!(world.live(false).len() <= 1);
        assert_eq!(world.live(true).len(), 1);
        most += world.live(false).len();
    }
    // The first one and two more: a tag that goes on and off is not paid for without end.
    assert_eq!(most, 2);
    world.advance(hours(25));
    world.sweep();
    assert_nothing_lost(&mut world, &["payments"]);
    assert_steady(&mut world, &["payments"]);
}

#[test]
fn the_record_outlives_a_second_absence() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.live_for(hours(20));
    world.inventory_lag = hours(30);
    world.tag("payments");
    world.sweep();
    assert!(world.member.as_ref().unwrap().tags.contains_key(UNSCANNED));
    world.untag("payments");
    world.live_for(hours(20));
    world.inventory_lag = SignedDuration::ZERO;
    world.tag("payments");
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(count(&world, is_catch_up), 1, "one job for both");
}

#[test]
fn more_buckets_than_a_job_may_list_are_all_caught_up_with() {
    let names: Vec<String> = (0..1_200).map(|n| format!("bucket-{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = steady(&names);
    world.paced = true;
    names.iter().for_each(|name| world.untag(name));
    world.sweep();
    world.advance(hours(30));
    world.sweep();
    assert_eq!(world.status(), Some(&Relationship::Paused));
    names.iter().for_each(|name| world.tag(name));
    world.settle();
    assert_eq!(created(&world), ["catch-up", "catch-up"]);
    assert_nothing_lost(&mut world, &names);
}

#[test]
fn a_handover_that_cannot_be_told_waits_and_hides_behind_no_other_gap() {
    let mut world = steady(&["payments"]);
    world.advance(hours(200));
    let dead = world.live(true)[0].id.clone();
    world.set_status(&dead, JobStatus::Cancelled);
    world.broken.insert(Read::LastRun(dead));
    world.advance(hours(200));
    world.sweep();
    assert_eq!(created(&world), ["daily"]);
    world.untag("payments");
    world.event("payments");
    world.advance(hours(20));
    world.inventory_lag = hours(1);
    world.tag("payments");
    world.live_for(hours(5));
    assert_eq!(created(&world), ["daily"], "nobody knows since when");
    world.broken.clear();
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(created(&world), ["daily", "catch-up"]);
}

#[test]
fn an_account_stays_enrolled_for_the_minimum_time_whatever_the_grace_period() {
    let mut world = World::new();
    world.policy.grace_period = SignedDuration::ZERO;
    world.policy.minimum_enrolled_time = hours(24);
    world.tag("payments");
    world.settle();
    let enrolled = world.now;
    world.untag("payments");
    world.sweep();
    world.advance(hours(12));
    assert_eq!(world.sweep().actions, []);
    world.advance(hours(13));
    assert!(world.now.duration_since(enrolled) >= hours(24));
    assert_eq!(
        world.sweep().actions.first(),
        Some(&Action::SuspendMember),
        "no longer than that"
    );
}

#[test]
fn an_account_that_left_lately_is_not_proven_to_have_left_again() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.debounced_until = Some(world.now + SignedDuration::from_mins(10));
    let outcome = world.event("payments");
    assert_eq!(outcome.actions, []);
    assert!(waits(&outcome, |on| matches!(on, Waiting::Debounce { .. })));
    assert!(!world.reads.contains(&Read::Listing));
    world.advance(SignedDuration::from_mins(10));
    world.sweep();
    assert!(marked(&world));
}
