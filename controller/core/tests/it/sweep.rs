//! Which accounts a pass looks at: one fact changed at a time.

use controller_core::{
    observed::{ENROLLED_AT, JobStatus, OPTED_OUT_SINCE, Relationship, UNSCANNED},
    sweep::{Pass, Seen, Skip, triage},
};

use crate::{
    scenarios::steady,
    world::{World, hours},
};

/// What a pass sees of an account.
fn seen(world: &World) -> Seen {
    Seen {
        member: world.member.clone(),
        jobs: world.jobs.iter().map(|job| job.job.clone()).collect(),
        units: None,
    }
}

fn judged(world: &World, pass: &Pass, is_active: bool) -> Result<(), Skip> {
    let (policy, scope) = (&world.policy, &world.scope);
    triage(policy, pass, scope, is_active, &seen(world), world.now)
}

fn with_status(status: Relationship) -> World {
    let mut world = steady(&["payments"]);
    world.member_mut().status = status;
    world
}

#[test]
fn a_pass_leaves_out_where_nothing_can_be_done() {
    let all = |world: &World| judged(world, &Pass::EVERYTHING, true);
    assert_eq!(all(&World::new()), Ok(()));
    assert_eq!(all(&with_status(Relationship::Enabled)), Ok(()));
    assert_eq!(all(&with_status(Relationship::Paused)), Ok(()));
    let suspended = with_status(Relationship::AccountSuspended);
    assert_eq!(all(&suspended), Err(Skip::NotActive));
    let disabled = with_status(Relationship::RegionDisabled);
    assert_eq!(all(&disabled), Err(Skip::RegionDisabled));
    let closed = judged(&World::new(), &Pass::EVERYTHING, false);
    assert_eq!(closed, Err(Skip::NotActive));
}

#[test]
fn an_excluded_account_is_left_out_when_nothing_of_it_is_left() {
    let excluded = |mut world: World| {
        let account = world.scope.account.clone();
        world.policy.accounts.excluded.insert(account);
        judged(&world, &Pass::EVERYTHING, true)
    };
    let without_jobs = |status| {
        let mut world = with_status(status);
        world.jobs.clear();
        world
    };
    assert_eq!(excluded(World::new()), Err(Skip::Excluded));
    assert_eq!(
        excluded(without_jobs(Relationship::Paused)),
        Err(Skip::Excluded)
    );
    assert_eq!(excluded(without_jobs(Relationship::Enabled)), Ok(()));
    assert_eq!(excluded(with_status(Relationship::Paused)), Ok(()));
    let mut cancelled = with_status(Relationship::Paused);
    for job in &mut cancelled.jobs {
        job.job.status = JobStatus::Cancelled;
    }
    assert_eq!(excluded(cancelled), Err(Skip::Excluded));
}

/// Each row changes one fact of an account in which nothing is pending.
#[test]
fn the_pass_in_between_looks_at_what_time_brings() {
    type Row = (&'static str, fn(&mut World), bool);
    let rows: [Row; 11] = [
        ("steady", |_| {}, false),
        ("stranger", |world| world.member = None, false),
        (
            "created",
            |w| w.member_mut().status = Relationship::Created,
            true,
        ),
        (
            "paused",
            |w| w.member_mut().status = Relationship::Paused,
            false,
        ),
        ("grace begun", |world| mark(world, 2), false),
        ("grace over", |world| mark(world, 25), true),
        (
            "unscanned",
            |world| {
                let interval = format!("{}/{}", world.now - hours(9), world.now - hours(8));
                tag(world, UNSCANNED, interval);
            },
            true,
        ),
        ("no daily job", |world| world.jobs.clear(), true),
        (
            "no daily job, and not ours",
            |world| {
                world.jobs.clear();
                world.member_mut().tags.clear();
            },
            false,
        ),
        (
            "other settings",
            |w| w.policy.jobs.sampling_percentage = 37,
            true,
        ),
        (
            "enrolled long ago",
            |world| {
                let long_ago = (world.now - hours(900)).to_string();
                tag(world, ENROLLED_AT, long_ago);
            },
            false,
        ),
    ];
    for (name, change, pending) in rows {
        let mut world = steady(&["payments"]);
        change(&mut world);
        let expected = if pending {
            Ok(())
        } else {
            Err(Skip::NothingPending)
        };
        assert_eq!(judged(&world, &Pass::PENDING, true), expected, "{name}");
        assert_eq!(judged(&world, &Pass::EVERYTHING, true), Ok(()), "{name}");
    }
}

/// The member was enabled long ago, and its last bucket left so many hours ago.
fn mark(world: &mut World, left: i64) {
    let since = (world.now - hours(left)).to_string();
    world.member_mut().updated_at = Some(world.now - hours(900));
    tag(world, OPTED_OUT_SINCE, since);
}

fn tag(world: &mut World, key: &str, value: String) {
    world.member_mut().tags.insert(key.to_owned(), value);
}
