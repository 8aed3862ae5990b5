//! Opt-in, adoption, re-enrolment, many buckets.

use std::collections::BTreeSet;

use controller_core::{
    observed::{BucketReading, JobKind, Member, Relationship},
    plan::{Action, Blocked, Note, Waiting},
    wants::{Read, wants},
};
use jiff::SignedDuration;

use super::{assert_nothing_lost, assert_steady, blocked, count, created, steady, waits};
use crate::world::{World, bucket, hours};

#[test]
fn first_opt_in_to_steady_state() {
    let mut world = World::new();
    world.tag("payments");
    let outcome = world.event("payments");
    assert!(matches!(outcome.actions[..], [Action::CreateMember { .. }]));
    assert!(waits(&outcome, |on| *on == Waiting::MemberEnabling));
    world.advance(SignedDuration::from_secs(30));
    let outcome = world.event("payments");
    assert_eq!(outcome.actions.len(), 2);
    assert_eq!(created(&world), ["daily", "baseline"]);
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(world.log.len(), 3, "nothing but the member and two jobs");
}

#[test]
fn a_second_bucket_gets_a_baseline_of_its_own() {
    let mut world = steady(&["payments"]);
    world.tag("ledger");
    world.event("ledger");
    assert_eq!(created(&world), ["baseline"]);
    assert_nothing_lost(&mut world, &["payments", "ledger"]);
}

#[test]
fn jobs_wait_until_macie_shows_the_bucket() {
    let mut world = World::new();
    world.inventory_lag = hours(5);
    world.tag("payments");
    world.sweep();
    world.advance(SignedDuration::from_mins(1));
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert!(waits(&outcome, |on| matches!(
        on,
        Waiting::Inventory { .. }
    )));
    world.advance(hours(5));
    world.sweep();
    assert_eq!(created(&world), ["daily", "baseline"]);
    assert_nothing_lost(&mut world, &["payments"]);
}

#[test]
fn an_event_on_a_covered_bucket_costs_three_reads() {
    let mut world = steady(&["payments", "ledger"]);
    world.reads.clear();
    assert_eq!(world.event("payments").actions, []);
    let reads: BTreeSet<Read> = world.reads.iter().cloned().collect();
    let expected = [Read::Member, Read::Jobs, Read::Bucket(bucket("payments"))];
    assert_eq!(reads, expected.into());
    assert_eq!(world.reads.len(), 3);
}

#[test]
fn after_a_replaced_daily_job_an_event_still_costs_three_reads() {
    let mut world = steady(&["payments"]);
    world.policy.jobs.sampling_percentage = 50;
    world.settle();
    world.advance(hours(30));
    assert_steady(&mut world, &["payments"]);
    world.reads.clear();
    assert_eq!(world.event("payments").actions, []);
    assert_eq!(world.reads.len(), 3, "{:?}", world.reads);
}

#[test]
fn a_denied_first_read_ends_the_reading() {
    let mut world = steady(&["payments"]);
    world.broken.insert(Read::Member);
    let outcome = world.event("payments");
    assert_eq!(outcome.actions, []);
    assert!(blocked(&outcome, |by| matches!(
        by,
        Blocked::Unreadable { .. }
    )));
}

#[test]
fn an_ungoverned_region_is_not_even_read() {
    let mut world = World::new();
    world.scope.region = "us-east-1".parse().unwrap();
    let observed = world.unread(&BTreeSet::new());
    assert_eq!(wants(&world.policy, &observed, world.now), BTreeSet::new());
    world.tag("payments");
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert!(blocked(&outcome, |by| *by == Blocked::RegionNotGoverned));
}

#[test]
fn more_buckets_than_a_job_may_list_get_several_at_macies_pace() {
    let mut world = World::new();
    world.paced = true;
    let names: Vec<String> = (0..2_345).map(|n| format!("bucket-{n:04}")).collect();
    for name in &names {
        world.tag(name);
    }
    world.settle();
    let sizes: Vec<usize> = world.jobs.iter().map(|job| job.job.buckets.len()).collect();
    assert_eq!(sizes, [0, 1_000, 1_000, 345]);
    world.advance(hours(30));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_steady(&mut world, &names);
    // The same for the catch-up: the second part waits for the limit and is not forgotten.
    let daily = world.live(true)[0].id.clone();
    world.set_status(&daily, controller_core::observed::JobStatus::Cancelled);
    world.log.clear();
    world.advance(hours(30));
    world.settle();
    assert_eq!(
        created(&world),
        ["daily", "catch-up", "catch-up", "catch-up"]
    );
    assert_nothing_lost(&mut world, &names);
}

#[test]
fn a_near_miss_is_told_and_not_obeyed() {
    let mut world = World::new();
    let found = "Macie=True".to_owned();
    world.set("payments", BucketReading::NearMiss { found });
    let outcome = world.event("payments");
    assert_eq!(outcome.actions, []);
    assert!(outcome.notes.contains(&Note::NearMiss {
        bucket: bucket("payments"),
        found: "Macie=True".to_owned(),
        expected: "macie=true".to_owned(),
    }));
}

#[test]
fn an_index_alone_enrols_nobody() {
    let mut world = World::new();
    world.untag("payments");
    world.index = Some([bucket("payments"), bucket("gone")].into());
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert_eq!(outcome.notes, []);
}

#[test]
fn an_adopted_member_is_marked_then_managed() {
    let mut world = World::new();
    world.member = Some(Member {
        status: Relationship::Enabled,
        tags: Default::default(),
        updated_at: Some(world.now - hours(999)),
    });
    world.untag("payments");
    let outcome = world.sweep();
    assert_eq!(outcome.actions, [], "not ours");
    world
        .policy
        .accounts
        .adopted
        .insert(world.scope.account.clone());
    world.sweep();
    assert_eq!(
        world.log.len(),
        2,
        "the ownership and the mark: {:?}",
        world.log
    );
    world.advance(hours(24));
    world.sweep();
    assert_eq!(world.status(), Some(&Relationship::Paused));
}

#[test]
fn a_paused_member_of_somebody_else_stays_paused_unless_adopted() {
    let mut world = World::new();
    world.member = Some(Member {
        status: Relationship::Paused,
        tags: Default::default(),
        updated_at: Some(world.now - hours(100)),
    });
    world.tag("payments");
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert!(blocked(&outcome, |by| *by == Blocked::NotOwned));
    world
        .policy
        .accounts
        .adopted
        .insert(world.scope.account.clone());
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(created(&world), ["daily", "baseline"]);
}

#[test]
fn baselines_from_before_a_new_enrolment_do_not_count() {
    let mut world = steady(&["payments"]);
    world.member_mut().status = Relationship::Removed;
    world.advance(hours(100));
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(
        count(&world, |action| matches!(
            action,
            Action::CreateMember { .. }
        )),
        1
    );
    assert_eq!(created(&world), ["baseline"]);
}

#[test]
fn the_administrator_gets_jobs_and_no_membership() {
    let mut world = World::new();
    world.scope.account = world.administrator.clone();
    world.tag("results");
    world.event("results");
    assert_eq!(created(&world), ["daily", "baseline"]);
    world.untag("results");
    world.advance(hours(48));
    world.log.clear();
    assert_eq!(world.sweep().actions, []);
}

#[test]
fn an_excluded_account_is_not_enrolled_and_loses_its_jobs() {
    let mut world = World::new();
    world
        .policy
        .accounts
        .excluded
        .insert(world.scope.account.clone());
    world.tag("payments");
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert!(blocked(&outcome, |by| *by == Blocked::Excluded));
    let mut world = steady(&["payments"]);
    world
        .policy
        .accounts
        .excluded
        .insert(world.scope.account.clone());
    let outcome = world.sweep();
    assert!(blocked(&outcome, |by| *by == Blocked::Excluded));
    assert_eq!(world.live(true).len(), 0);
    assert_eq!(world.sweep().actions, []);
    assert_eq!(
        world.status(),
        Some(&Relationship::Enabled),
        "a bucket is still tagged"
    );
    world.untag("payments");
    world.live_for(hours(26));
    assert_eq!(world.status(), Some(&Relationship::Paused));
}

#[test]
fn a_mandatory_account_is_enrolled_without_a_bucket_and_never_suspended() {
    let mut world = World::new();
    world
        .policy
        .accounts
        .mandatory
        .insert(world.scope.account.clone());
    world.settle();
    world.live_for(hours(60));
    assert_eq!(world.status(), Some(&Relationship::Enabled));
    assert_eq!(world.jobs.len(), 0);
    world.tag("payments");
    assert_nothing_lost(&mut world, &["payments"]);
    let baseline = |job: &JobKind| matches!(job, JobKind::Baseline { .. });
    assert_eq!(
        world
            .jobs
            .iter()
            .filter(|job| baseline(&job.job.kind))
            .count(),
        1
    );
}
