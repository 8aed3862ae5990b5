//! Small things that larger tests pass over: what people are told and pay, when to come again,
//! what is in order, how messages and jobs are known.

use std::collections::BTreeSet;

use controller_core::{
    estimate::{Sized, first_scan, first_scans},
    event::{Request, parse_many},
    id::BucketName,
    job_name,
    observed::{BucketSize, Fact, Inventory, Observed},
    plan::{Blocked, Note, Waiting},
    published::published,
    report::{ChangeKind, Report},
    sweep::is_in_order,
    wants::Read,
};
use serde_json::{Value, json};

use crate::{
    scenarios::steady,
    world::{World, hours},
};

fn report(world: &World) -> Report {
    Report::new(world.scope.clone(), world.now)
}

#[test]
fn a_scan_costs_its_bytes_and_three_times_what_is_packed() {
    let policy = World::new().policy;
    let world = World::new();
    let name: BucketName = "payments".parse().unwrap();
    let cost = |classifiable_bytes, compressed_bytes| {
        let size = BucketSize {
            classifiable_bytes,
            compressed_bytes,
        };
        let administrator = world.administrator.clone();
        let mut observed = Observed::new(world.scope.clone(), BTreeSet::new(), administrator);
        observed.inventory = Fact::Known(Inventory {
            buckets: [(name.clone(), counted(&name, size))].into(),
            monitored: None,
        });
        json!(first_scans(&policy, &observed, [&name], world.now))
    };
    let range = |low, usd, high| json!({ "lowUsd": low, "usd": usd, "highUsd": high });
    assert_eq!(cost(Some(10_000_000_000), 0), range("10", "10", "10"));
    assert_eq!(
        cost(Some(10_000_000_000), 10_000_000_000),
        range("10", "30", "100")
    );
    let unknown = |cost: Value| cost["unknown"].as_str().unwrap().to_owned();
    assert!(unknown(cost(None, 0)).contains("cannot read"));
    // Nobody knows when it was created.
    assert!(unknown(cost(Some(0), 0)).contains("within a day"));
}

/// A bucket that seems empty is one that Macie has not counted, until it had a day for it since both
/// the bucket and the enrolment are there.
#[test]
fn an_empty_bucket_of_a_new_member_is_not_known_to_be_empty() {
    let world = World::new();
    let name: BucketName = "payments".parse().unwrap();
    let size = BucketSize {
        classifiable_bytes: Some(0),
        compressed_bytes: 0,
    };
    let known = |created: i64, enrolled: Option<i64>| {
        let bucket = Sized {
            created_at: Some(world.now - hours(created)),
            ..counted(&name, size)
        };
        let enrolled = enrolled.map(|ago| world.now - hours(ago));
        first_scan(
            &world.policy,
            &world.scope.region,
            &bucket,
            enrolled,
            world.now,
        )
        .is_ok()
    };
    assert!(known(24, None) && known(24, Some(24)) && known(500, Some(24)));
    assert!(!known(23, None) && !known(500, Some(23)) && !known(23, Some(500)));
}

fn counted(name: &BucketName, size: BucketSize) -> Sized {
    Sized {
        name: name.clone(),
        size,
        objects: None,
        over_quota: false,
        created_at: None,
        updated_at: None,
    }
}

#[test]
fn names_of_jobs_begin_with_their_account() {
    let world = steady(&["payments"]);
    let account = &world.scope.account;
    let prefix = job_name::prefix(account);
    assert_eq!(prefix, format!("{}{account}/", job_name::PREFIX));
    assert!(world.jobs.iter().all(|job| {
        let name = job_name::of(account, &job.job.kind);
        name.starts_with(&prefix) && job_name::account(&name).as_ref() == Some(account)
    }));
}

#[test]
fn whoever_waits_for_a_time_comes_back_then() {
    let now = World::new().now;
    let until = now + hours(2);
    let again = |waiting: Waiting| waiting.look_again_in(now);
    assert_eq!(again(Waiting::JobRate { until }), Some(hours(2)));
    assert_eq!(
        again(Waiting::JobRate {
            until: now - hours(1)
        }),
        Some(hours(0))
    );
    assert!(again(Waiting::MemberEnabling).is_some());
    assert_eq!(again(Waiting::Grace { until }), None);
}

#[test]
fn a_team_that_asked_and_is_blocked_is_told_by_an_event() {
    let mut report = report(&World::new());
    report.notes = vec![Note::Blocked(Blocked::Excluded)];
    assert_eq!(report.blocked().count(), 1);
    assert!(published(&report).is_empty(), "nobody asked");
    report.wanted = true;
    let told = published(&report);
    let [refused] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(refused.detail["reason"]["code"], "excluded");
    assert_eq!(refused.detail["action"], "opt-in-refused");
}

#[test]
fn a_change_is_shown_by_the_name_of_its_event() {
    let kind = ChangeKind::AccountSuspended;
    assert_eq!(kind.to_string(), "Account Suspended");
}

#[test]
fn an_account_is_in_order_when_there_is_nothing_to_do_by_its_index() {
    let observed = |world: &World| {
        let mut observed = world.unread(&[].into());
        for read in [Read::Member, Read::Jobs, Read::Index] {
            world.read(&mut observed, &read);
        }
        is_in_order(&world.policy, &observed, world.now)
    };
    let mut world = steady(&["payments"]);
    assert!(observed(&world));
    world.tag("invoices");
    assert!(!observed(&world), "another bucket");
    let mut world = steady(&["payments"]);
    world.jobs.clear();
    assert!(!observed(&world), "no job");
    assert!(observed(&World::new()), "a stranger who did not ask");
    let mut world = World::new();
    world.tag("payments");
    assert!(!observed(&world), "a stranger who asks");
    world.reconcile(&[], 1);
    assert!(!observed(&world), "Macie is enabling it");
    let world = steady(&["payments"]);
    let mut unlisted = world.observe_all(&[].into());
    assert!(is_in_order(&world.policy, &unlisted, world.now));
    unlisted.index = Fact::Unread;
    assert!(
        !is_in_order(&world.policy, &unlisted, world.now),
        "no index"
    );
}

#[test]
fn a_record_of_sqs_is_known_by_its_source_too() {
    let body = json!({ "macieSelfService": "sweep", "version": 1 }).to_string();
    let payload = json!({ "Records": [{ "eventSource": "aws:sqs", "body": body }] });
    let read = parse_many(&payload.to_string());
    assert!(matches!(
        read.first().map(|incoming| &incoming.result),
        Some(Ok(Request::Sweep(_)))
    ));
}
