use serde_json::json;

use super::*;
use crate::macie::Scan;

const GB: u64 = 1_000_000_000;
const TB: u64 = 1_000 * GB;

/// An enrolled account with an opted-in bucket of one object.
fn enrolled() -> World {
    let mut world = world();
    enroll(&mut world, TEAM);
    add_bucket(&mut world, TEAM, "data", opted_in());
    put(&mut world, "data", "old.csv", 100);
    world
}

fn all(items: &[(&str, u64, u64)]) -> Vec<(String, u64, u64)> {
    items
        .iter()
        .map(|(name, objects, bytes)| ((*name).to_owned(), *objects, *bytes))
        .collect()
}

fn errors(world: &World) -> Vec<&'static str> {
    world
        .macie
        .runs
        .last()
        .unwrap()
        .errors
        .iter()
        .map(|error| error.code)
        .collect()
}

#[test]
fn a_one_time_job_scans_named_buckets_once() {
    let mut world = enrolled();
    let id = once(&mut world, TEAM, &["data"]);
    assert_eq!(
        describe(&mut world, &id)["statistics"]["approximateNumberOfObjectsToProcess"],
        1
    );
    assert!(world.macie.runs.is_empty());
    minutes(&mut world, 1);
    assert_eq!(status(&mut world, &id), "COMPLETE");
    hours(&mut world, 100);
    let run = world.macie.runs.first().unwrap();
    assert_eq!(run.started_at.to_string(), "2026-03-02T10:00:30Z");
    assert_eq!(run.ended_at.to_string(), "2026-03-02T10:01:30Z");
    let scan = Scan {
        account: TEAM.to_owned(),
        bucket: "data".to_owned(),
        objects: 1,
        bytes: 100,
    };
    assert_eq!(run.scans, [scan]);
    assert_eq!(world.macie.runs.len(), 1);
    assert_eq!(world.macie.scans_of(REGION, TEAM).count(), 1);
}

#[test]
fn a_daily_job_runs_at_once_and_then_scans_only_what_is_new() {
    for (initial_run, first) in [(true, vec![("data", 1, 100)]), (false, vec![])] {
        let mut world = enrolled();
        let id = daily(&mut world, TEAM, initial_run);
        // At the same instant as the job, but after it.
        put(&mut world, "data", "same-instant.csv", 7);
        minutes(&mut world, 1);
        assert_eq!(status(&mut world, &id), "IDLE");
        assert_eq!(scanned(&world), all(&first));
        hours(&mut world, 1);
        put(&mut world, "data", "new.csv", 20);
        put(&mut world, "data", "old.csv", 101);
        hours(&mut world, 24);
        let expected = [first.clone(), vec![("data", 3, 128)]].concat();
        assert_eq!(scanned(&world), all(&expected));
        hours(&mut world, 24 * 3);
        assert_eq!(scanned(&world), all(&expected));
        assert_eq!(describe(&mut world, &id)["statistics"]["numberOfRuns"], 5);
        assert_eq!(
            describe(&mut world, &id)["lastRunTime"],
            "2026-03-06T10:00:30Z"
        );
    }
}

#[test]
fn turning_the_clock_far_runs_everything_in_order() {
    let mut world = enrolled();
    enroll(&mut world, OTHER);
    add_bucket(&mut world, OTHER, "other", opted_in());
    daily(&mut world, TEAM, true);
    world.advance(SignedDuration::from_secs(10));
    daily(&mut world, OTHER, true);
    hours(&mut world, 24 * 5 + 1);
    let started: Vec<_> = world.macie.runs.iter().map(|run| run.started_at).collect();
    assert!(started.is_sorted());
    assert_eq!(started.len(), 12);
}

#[test]
fn criteria_are_evaluated_when_a_run_starts() {
    let mut world = enrolled();
    add_bucket(&mut world, TEAM, "later", BTreeMap::new());
    put(&mut world, "later", "a.csv", 5);
    daily(&mut world, TEAM, true);
    minutes(&mut world, 1);
    retag(&mut world, TEAM, "later", "PutBucketTagging", opted_in());
    retag(
        &mut world,
        TEAM,
        "data",
        "DeleteBucketTagging",
        BTreeMap::new(),
    );
    put(&mut world, "later", "b.csv", 6);
    put(&mut world, "data", "c.csv", 7);
    hours(&mut world, 24);
    let last = world.macie.runs.last().unwrap();
    assert_eq!(last.matched, [(TEAM.to_owned(), "later".to_owned())]);
    // Without a backfill the older object is never scanned.
    assert_eq!(scanned(&world), all(&[("data", 1, 100), ("later", 1, 6)]));
}

#[test]
fn a_backfill_is_a_switch() {
    let mut world = enrolled();
    world.switches.schedule_backfills = true;
    add_bucket(&mut world, TEAM, "later", BTreeMap::new());
    put(&mut world, "later", "a.csv", 5);
    daily(&mut world, TEAM, false);
    minutes(&mut world, 1);
    retag(&mut world, TEAM, "later", "PutBucketTagging", opted_in());
    hours(&mut world, 48);
    // What was there at the creation is not new; what matches for the first time is.
    assert_eq!(scanned(&world), all(&[("later", 1, 5)]));
}

#[test]
fn a_suspended_account_is_skipped_and_the_gap_stays() {
    let mut world = enrolled();
    daily(&mut world, TEAM, true);
    minutes(&mut world, 1);
    suspend(&mut world, TEAM, "PAUSED");
    put(&mut world, "data", "during.csv", 5);
    hours(&mut world, 24);
    assert!(world.macie.runs.last().unwrap().matched.is_empty());
    suspend(&mut world, TEAM, "ENABLED");
    put(&mut world, "data", "after.csv", 6);
    hours(&mut world, 24);
    assert_eq!(scanned(&world), all(&[("data", 1, 100), ("data", 1, 6)]));
}

#[test]
fn suspending_during_a_run_stops_it_for_that_account() {
    let mut world = enrolled();
    let id = once(&mut world, TEAM, &["data"]);
    suspend(&mut world, TEAM, "PAUSED");
    minutes(&mut world, 1);
    assert_eq!(errors(&world), ["ACCOUNT_SUSPENDED"]);
    assert!(scanned(&world).is_empty());
    assert_eq!(
        describe(&mut world, &id)["lastRunErrorStatus"]["code"],
        "ERROR"
    );
}

#[test]
fn what_cannot_be_scanned_is_an_error_of_the_run() {
    let mut world = enrolled();
    for name in ["locked", "moved"] {
        add_bucket(&mut world, TEAM, name, opted_in());
    }
    world.s3.buckets.get_mut("locked").unwrap().locked = true;
    world.s3.buckets.get_mut("moved").unwrap().region = "us-east-1".to_owned();
    add_bucket(&mut world, OTHER, "theirs", opted_in());
    let id = once(
        &mut world,
        TEAM,
        &["data", "locked", "missing", "moved", "theirs"],
    );
    minutes(&mut world, 1);
    assert_eq!(
        errors(&world),
        [
            "BUCKET_ACCESS_DENIED",
            "BUCKET_DOES_NOT_EXIST",
            "BUCKET_IN_DIFFERENT_REGION",
            "BUCKET_OWNER_CHANGED"
        ]
    );
    assert_eq!(scanned(&world), all(&[("data", 1, 100)]));
    assert_eq!(
        describe(&mut world, &id)["lastRunErrorStatus"]["code"],
        "ERROR"
    );
    once(&mut world, OTHER, &["theirs"]);
    minutes(&mut world, 1);
    assert_eq!(errors(&world), ["ACCOUNT_DISASSOCIATED"]);
}

#[test]
fn the_administrators_own_buckets_can_be_scanned() {
    let mut world = world();
    add_bucket(&mut world, ADMIN, "own", opted_in());
    put(&mut world, "own", "a.csv", 5);
    daily(&mut world, ADMIN, true);
    minutes(&mut world, 1);
    assert_eq!(scanned(&world), all(&[("own", 1, 5)]));
}

#[test]
fn objects_count_by_extension_compression_sampling_and_scope() {
    let mut world = enrolled();
    for (key, bytes) in [
        ("archive.gz", 10),
        ("none", 1000),
        ("dir.d/none", 1000),
        ("big.csv", 5000),
    ] {
        put(&mut world, "data", key, bytes);
    }
    let mut body = job("scoped");
    body["initialRun"] = json!(true);
    body["samplingPercentage"] = json!(50);
    body["s3JobDefinition"]["scoping"] = json!({"excludes": {"and": [{"simpleScopeTerm":
        {"comparator": "GTE", "key": "OBJECT_SIZE", "values": ["5000"]}}]}});
    create(&mut world, ADMIN, body);
    minutes(&mut world, 1);
    assert_eq!(scanned(&world), all(&[("data", 1, (100 + 30) / 2)]));
}

#[test]
fn a_sample_is_of_whole_objects_if_the_world_says_so() {
    let mut world = enrolled();
    world.macie.figures.samples_objects = true;
    for number in 0..1_000 {
        put(&mut world, "data", &format!("{number}.csv"), 10);
    }
    let mut body = job("sampled");
    body["initialRun"] = json!(true);
    body["samplingPercentage"] = json!(20);
    create(&mut world, ADMIN, body);
    minutes(&mut world, 1);
    let (_, objects, bytes) = scanned(&world).remove(0);
    assert!((150..250).contains(&objects), "{objects}");
    let whole = [10 * objects, 10 * (objects - 1) + 100];
    assert!(whole.contains(&bytes), "{objects} {bytes}");
}

#[test]
fn an_archive_costs_what_it_holds() {
    let mut world = enrolled();
    crate::s3::put_archive(&mut world, "data", "logs.gz", 10, 150).unwrap();
    once(&mut world, TEAM, &["data"]);
    minutes(&mut world, 1);
    assert_eq!(scanned(&world), all(&[("data", 2, 100 + 150)]));
}

#[test]
fn a_catch_up_is_scoped_by_date() {
    let mut world = enrolled();
    hours(&mut world, 1);
    let paused_at = world.now().to_string();
    put(&mut world, "data", "new.csv", 5);
    let mut body = job("catch-up");
    body["initialRun"] = json!(true);
    body["s3JobDefinition"]["scoping"] = json!({"includes": {"and": [{"simpleScopeTerm":
        {"comparator": "GTE", "key": "OBJECT_LAST_MODIFIED_DATE", "values": [paused_at]}}]}});
    create(&mut world, ADMIN, body);
    minutes(&mut world, 1);
    assert_eq!(scanned(&world), all(&[("data", 1, 5)]));
}

#[test]
fn over_the_monthly_quota_a_one_time_job_waits_for_the_month() {
    let mut world = enrolled();
    put(&mut world, "data", "a.csv", 4 * TB);
    put(&mut world, "data", "b.csv", 2 * TB);
    let id = once(&mut world, TEAM, &["data"]);
    minutes(&mut world, 1);
    assert_eq!(status(&mut world, &id), "PAUSED");
    assert_eq!(
        set_status(&mut world, &id, "RUNNING").unwrap_err().code,
        "ValidationException"
    );
    let before = scanned(&world);
    assert_eq!(before, all(&[("data", 1, 4 * TB)]));
    let records = send(
        &mut world,
        ADMIN,
        "POST",
        "/usage/statistics",
        json!({"filterBy": [
        {"key": "serviceLimit", "comparator": "EQ", "values": ["true"]}]}),
    )
    .unwrap();
    assert_eq!(records["records"][0]["accountId"], TEAM);
    assert_eq!(
        records["records"][0]["usage"][1]["serviceLimit"]["isServiceLimited"],
        true
    );
    world.advance(
        "2026-04-01T00:00:59Z"
            .parse::<Timestamp>()
            .unwrap()
            .duration_since(world.now()),
    );
    assert_eq!(status(&mut world, &id), "RUNNING");
    minutes(&mut world, 1);
    assert_eq!(status(&mut world, &id), "COMPLETE");
    assert_eq!(
        scanned(&world),
        [before, all(&[("data", 2, 2 * TB + 100)])].concat()
    );
}

#[test]
fn over_the_monthly_quota_a_daily_job_tries_again_at_its_next_run() {
    let mut world = enrolled();
    enroll(&mut world, OTHER);
    add_bucket(&mut world, OTHER, "other", opted_in());
    put(&mut world, "data", "a.csv", 6 * TB);
    let mut body = job("everyone");
    body["initialRun"] = json!(true);
    let id = create(&mut world, ADMIN, body);
    minutes(&mut world, 1);
    assert_eq!(status(&mut world, &id), "PAUSED");
    put(&mut world, "other", "x.csv", 5);
    hours(&mut world, 24);
    assert_eq!(status(&mut world, &id), "IDLE");
    assert_eq!(scanned(&world), all(&[("other", 1, 5)]));
}
