//! Jobs that died, drifted, were paused or doubled.

use controller_core::{
    observed::{JobKind, JobStatus},
    plan::{Action, Blocked, Waiting},
    wants::Read,
};

use super::{assert_nothing_lost, assert_steady, blocked, count, created, steady, waits};
use crate::world::{World, bucket, hours};

fn daily(world: &World) -> controller_core::id::JobId {
    world.live(true)[0].id.clone()
}

#[test]
fn a_daily_job_that_a_person_cancelled_is_made_again_and_caught_up() {
    let mut world = steady(&["payments"]);
    let dead = daily(&world);
    world.set_status(&dead, JobStatus::Cancelled);
    world.advance(hours(50));
    world.sweep();
    assert_eq!(created(&world), ["daily", "catch-up"]);
    let since = world.job(&dead).last_run.unwrap();
    let from = |action: &Action| matches!(action, Action::CreateJob(spec) if spec.kind == JobKind::CatchUp { since: controller_core::job_name::whole_second(since) });
    assert_eq!(count(&world, from), 1);
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(created(&world), ["daily", "catch-up"]);
}

#[test]
fn two_daily_jobs_that_died_in_a_row_leave_one_catch_up_since_the_first() {
    let mut world = steady(&["payments"]);
    let first = daily(&world);
    world.set_status(&first, JobStatus::Cancelled);
    world.advance(hours(30));
    world.reconcile(&["payments"], 1);
    assert_eq!(created(&world), ["daily"]);
    let second = daily(&world);
    world.set_status(&second, JobStatus::Cancelled);
    world.advance(hours(30));
    assert_nothing_lost(&mut world, &["payments"]);
    assert_eq!(created(&world), ["daily", "daily", "catch-up"]);
}

#[test]
fn a_new_policy_replaces_the_daily_job() {
    let mut world = steady(&["payments", "ledger"]);
    let old = daily(&world);
    world.policy.jobs.sampling_percentage = 50;
    world.sweep();
    assert_eq!(created(&world), ["daily", "catch-up"]);
    assert_ne!(daily(&world), old);
    assert_eq!(world.job(&old).job.status, JobStatus::Cancelled);
    assert_nothing_lost(&mut world, &["payments", "ledger"]);
}

#[test]
fn the_old_daily_job_stays_until_the_new_one_is_caught_up() {
    let mut world = steady(&["payments"]);
    let old = daily(&world);
    world.policy.jobs.sampling_percentage = 50;
    world.broken.insert(Read::LastRun(old.clone()));
    world.sweep();
    assert_eq!(world.live(true).len(), 2);
    world.broken.clear();
    assert_nothing_lost(&mut world, &["payments"]);
}

#[test]
fn a_policy_that_changes_back_keeps_what_is_left() {
    let mut world = steady(&["payments"]);
    world.policy.jobs.sampling_percentage = 50;
    world.settle();
    world.policy.jobs.sampling_percentage = 100;
    assert_nothing_lost(&mut world, &["payments"]);
}

#[test]
fn the_oldest_of_two_daily_jobs_stays() {
    let mut world = steady(&["payments"]);
    let oldest = daily(&world);
    let mut second = world.jobs[0].clone();
    second.job.id = "double".parse().unwrap();
    second.job.created_at = world.now;
    world.jobs.insert(0, second);
    world.sweep();
    assert_eq!(daily(&world), oldest);
    assert_steady(&mut world, &["payments"]);
}

#[test]
fn what_a_person_paused_is_never_touched() {
    let mut world = steady(&["payments"]);
    let job = daily(&world);
    world.set_status(&job, JobStatus::UserPaused);
    for _ in 0..2 {
        world.advance(hours(30));
        let outcome = world.sweep();
        assert_eq!(outcome.actions, []);
        assert!(blocked(&outcome, |by| *by
            == Blocked::PausedByPerson { job: job.clone() }));
        // Not even when the policy has moved on.
        world.policy.jobs.sampling_percentage = 50;
    }
}

#[test]
fn a_quota_pause_passes_by_itself() {
    let mut world = steady(&["payments"]);
    let job = daily(&world);
    world.set_status(&job, JobStatus::Paused);
    let outcome = world.sweep();
    assert_eq!(outcome.actions, []);
    assert!(waits(&outcome, |on| *on == Waiting::Quota { job: job.clone() }));
}

#[test]
fn an_unknown_status_is_left_alone_and_told() {
    let mut world = steady(&["payments"]);
    let job = daily(&world);
    world.set_status(&job, JobStatus::Unknown("HIBERNATING".to_owned()));
    let mut second = world.jobs[0].clone();
    second.job.id = "double".parse().unwrap();
    second.job.status = JobStatus::Idle;
    second.job.created_at = world.now;
    world.jobs.push(second);
    let outcome = world.sweep();
    assert_eq!(outcome.actions, [], "nobody knows which of the two scans");
    assert!(blocked(&outcome, |by| matches!(
        by,
        Blocked::UnknownStatus { what: "job", .. }
    )));
}

#[test]
fn a_cancelled_baseline_is_made_again() {
    let mut world = steady(&["payments"]);
    let baseline = world.jobs[1].job.id.clone();
    world.set_status(&baseline, JobStatus::Cancelled);
    world.sweep();
    assert_eq!(created(&world), ["baseline"]);
    assert_steady(&mut world, &["payments"]);
}

#[test]
fn a_bucket_that_leaves_a_running_baseline_ends_it_and_the_others_get_another() {
    let mut world = World::new();
    world.run_time = hours(10);
    world.tag("payments");
    world.tag("ledger");
    world.settle();
    assert_eq!(world.live(false).len(), 1);
    world.untag("ledger");
    world.event("ledger");
    let live = world.live(false);
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].buckets, [bucket("payments")].into());
    assert_nothing_lost(&mut world, &["payments"]);
}

#[test]
fn a_sweep_ends_the_baseline_of_a_bucket_whose_event_was_lost() {
    let mut world = World::new();
    world.run_time = hours(10);
    world.tag("payments");
    world.settle();
    world.tag("ledger");
    world.settle();
    assert_eq!(world.live(false).len(), 2);
    world.untag("ledger");
    world.sweep();
    assert_eq!(world.live(false).len(), 1);
    assert_nothing_lost(&mut world, &["payments"]);
}

#[test]
fn a_bucket_that_leaves_does_not_end_a_catch_up_that_others_need() {
    let mut world = steady(&["payments", "ledger"]);
    world.run_time = hours(5);
    world.untag("payments");
    world.untag("ledger");
    world.live_for(hours(60));
    world.tag("payments");
    world.tag("ledger");
    world.settle();
    assert_eq!(world.live(false).len(), 1);
    world.untag("ledger");
    world.event("ledger");
    assert_nothing_lost(&mut world, &["payments"]);
}

#[test]
fn a_daily_job_that_is_cancelled_again_and_again_is_not_paid_for_without_end() {
    let mut world = steady(&["payments"]);
    for _ in 0..10 {
        if let Some(job) = world.live(true).first().map(|job| job.id.clone()) {
            world.set_status(&job, JobStatus::Cancelled);
        }
        world.advance(hours(1));
        world.sweep();
    }
    let daily =
        |action: &Action| matches!(action, Action::CreateJob(spec) if spec.kind.word() == "daily");
    assert!(count(&world, daily) <= 4, "{:?}", created(&world));
    assert!(blocked(&world.sweep(), |by| matches!(
        by,
        Blocked::Repeated { .. }
    )));
    world.advance(hours(30));
    world.sweep();
    assert_nothing_lost(&mut world, &["payments"]);
    assert_steady(&mut world, &["payments"]);
}

/// The controller's clock writes the tag and Macie's clock the creation times: whatever the first
/// one says, a baseline counts, or it would be created for ever.
#[test]
fn an_enrolment_in_the_future_does_not_make_baselines_without_end() {
    let mut world = steady(&["payments"]);
    let future = "2099-01-01T00:00:00Z".to_owned();
    let key = controller_core::observed::ENROLLED_AT.to_owned();
    world.member_mut().tags.insert(key, future);
    for _ in 0..10 {
        world.advance(hours(1));
        world.sweep();
        world.event("payments");
    }
    assert!(created(&world).is_empty(), "{:?}", created(&world));
}
