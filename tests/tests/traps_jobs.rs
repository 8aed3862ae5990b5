//! Traps 16 to 30: Regions, jobs, tags, estimates, events and concurrency. See `traps.rs`.

use controller::lambda;
use controller_core::event::sweep_message;
use controller_tests::{
    EU, Scenario, Setup, US,
    scenario::{ENROLLED, STRANGER, account, duration, scope},
};
use local_aws::{
    macie::{JobStatus, Status},
    s3,
};
use serde_json::{Value, json};

#[tokio::test]
async fn trap_16_everything_is_per_account_and_region() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, US, "logs");
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, US), "Enabled | daily | logs: old.csv");
    assert_eq!(scenario.at(1, EU), STRANGER);
    let elsewhere = scenario
        .calls()
        .into_iter()
        .filter(|call| matches!(call.service, "macie2" | "s3" | "tagging") && call.region != US);
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn trap_17_many_events_and_buckets_make_few_jobs() {
    let mut scenario = Setup::new(1).start().await;
    for n in 0..30 {
        scenario.opted_in_bucket(1, EU, &format!("data-{n:02}"));
    }
    scenario.run_well().await;
    scenario.turn("PT2M");
    let jobs = scenario.all_jobs(1, EU);
    assert_eq!(jobs.len(), 2, "{jobs:?}");
    assert_eq!(scenario.place(1, EU).scanned.len(), 30);
}

#[tokio::test]
async fn trap_18_a_job_is_replaced_and_nothing_old_is_paid_for_again() {
    let mut scenario = Scenario::enrolled().await;
    scenario
        .change_policy(json!({ "jobs": { "managedDataIdentifiers": "ALL" } }))
        .await;
    scenario.look(1, EU).await;
    scenario.look(1, EU).await;
    scenario.turn("P2D");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    let replaced = scenario.all_jobs(1, EU);
    assert!(
        replaced.contains(&"daily Cancelled".to_owned()),
        "{replaced:?}"
    );
    scenario.world(|world| {
        let dailies = world
            .macie
            .jobs
            .iter()
            .filter(|job| job.definition.name.contains("/daily/"));
        assert!(dailies.into_iter().all(|job| !job.definition.initial_run));
    });
}

#[tokio::test]
async fn trap_19_old_objects_and_those_of_a_pause_are_scanned_by_jobs_of_their_own() {
    let mut scenario = Scenario::suspended().await;
    scenario.put_object("orders", "in-pause.csv");
    scenario.turn("P1D");
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P2D");
    let expected = "Enabled | daily | orders: old.csv in-pause.csv";
    assert_eq!(scenario.at(1, EU), expected);
    assert_eq!(
        scenario.all_jobs(1, EU),
        [
            "daily Idle",
            "baseline orders Complete",
            "catch-up orders Complete"
        ]
    );
}

#[tokio::test]
async fn trap_20_no_job_is_created_before_macie_shows_its_bucket() {
    let mut scenario = Setup::new(1)
        .switches(|switches| {
            switches.describe_buckets_refreshes_members = false;
            switches.inventory_lag = duration("PT20M");
        })
        .start()
        .await;
    scenario.create_bucket(1, EU, "first");
    scenario.put_object("first", "old.csv");
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.tag_resource(1, EU, "first");
    scenario.pump().await;
    assert_eq!(
        scenario.all_jobs(1, EU).len(),
        2,
        "Macie does not see it yet"
    );
    scenario.turn("P2D");
    scenario.sweep().await;
    scenario.turn("PT2M");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | first: old.csv, orders: old.csv"
    );
    scenario.world(|world| {
        let mut runs = world.macie.runs.iter();
        assert!(
            runs.all(|run| !run.matched.is_empty()),
            "a run matched nothing"
        );
    });
}

#[tokio::test]
async fn trap_21_tags_are_compared_exactly_and_never_by_ne() {
    let mut scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "shouting");
    scenario.put_object("shouting", "old.csv");
    scenario.tag_with(1, EU, "shouting", &[("MACIE", "TRUE")]);
    scenario.run_well().await;
    scenario.turn("P2D");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    assert_eq!(scenario.published(1, EU).last().unwrap(), "Opt-In Refused");
    scenario.world(|world| {
        for job in &world.macie.jobs {
            let definition = json!(job.definition).to_string();
            assert!(!definition.contains("\"NE\""), "{definition}");
        }
    });
}

#[tokio::test]
async fn trap_22_no_job_is_ever_resumed() {
    for status in [
        JobStatus::UserPaused,
        JobStatus::Paused,
        JobStatus::Cancelled,
    ] {
        let scenario = Scenario::enrolled().await;
        scenario.world(|world| world.macie.jobs[0].status = status);
        scenario.look(1, EU).await;
        scenario.turn("P2D");
        scenario.look(1, EU).await;
        let resumed = scenario.calls().into_iter().filter(|call| {
            call.operation == "UpdateClassificationJob"
                && call
                    .target
                    .as_deref()
                    .is_some_and(|to| to.contains("RUNNING"))
        });
        assert_eq!(resumed.count(), 0, "{status:?}");
    }
}

#[tokio::test]
async fn trap_24_an_estimate_counts_what_macie_can_analyse_and_unpacks_it() {
    let scenario = Setup::new(1).start().await;
    scenario.create_bucket(1, EU, "orders");
    let objects = [("a.csv", 1), ("b.gz", 1), ("no-extension", 5)];
    for (key, gigabytes) in objects {
        let bytes = gigabytes * 1_000_000_000;
        scenario
            .world(|world| s3::put_object(world, "orders", key, bytes))
            .unwrap();
    }
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    let events = scenario.published_events(1, EU);
    let covered = events
        .iter()
        .find(|event| event["detail-type"] == "Bucket Covered");
    assert_eq!(
        covered.unwrap()["detail"]["estimatedCost"],
        json!({ "onceUsd": "4", "onceLowUsd": "2", "onceHighUsd": "11" })
    );
    let told = events.iter().map(|event| &event["detail-type"]);
    let told: Vec<&Value> = told.collect();
    let place = |name: &str| told.iter().position(|told| **told == name);
    assert!(place("Opt-In Estimated") < place("Bucket Covered"));
    let estimated = &events[place("Opt-In Estimated").unwrap()]["detail"];
    assert_eq!(
        estimated["estimatedCost"],
        covered.unwrap()["detail"]["estimatedCost"]
    );
    assert_eq!(
        estimated["summary"],
        "the first scan costs about $4.00, from $2.00 to $11.00"
    );
    // It is told first, and then begun.
    let calls = scenario.calls();
    let at = |operation: &str| calls.iter().rposition(|call| call.operation == operation);
    let (told, begun) = (
        calls.iter().position(|call| call.operation == "PutEvents"),
        at("CreateClassificationJob"),
    );
    assert!(told.is_some() && told < begun, "{told:?} {begun:?}");
    let daily = events
        .iter()
        .find(|event| event["detail-type"] == "Daily Job Created");
    assert_eq!(
        daily.unwrap()["detail"]["estimatedCost"],
        json!({ "monthlyUsd": "0.1" })
    );
}

#[tokio::test]
async fn trap_27_the_sweep_is_the_guarantee_and_events_are_only_fast() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.lose_events();
    scenario.sweep().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
}

#[tokio::test]
async fn trap_28_flapping_neither_suspends_nor_costs_jobs() {
    let scenario = Scenario::enrolled().await;
    for _ in 0..10 {
        scenario.untag(1, EU, "orders");
        scenario.run_well().await;
        scenario.turn("PT1M");
        scenario.tag(1, EU, "orders");
        scenario.run_well().await;
        scenario.turn("PT1M");
    }
    scenario.sweep().await;
    assert_eq!(scenario.at(1, EU), ENROLLED);
    assert!(scenario.session_calls().is_empty());
    assert_eq!(scenario.all_jobs(1, EU).len(), 2);
}

#[tokio::test]
async fn trap_29_every_page_is_read_before_a_no() {
    let scenario = Scenario::enrolled().await;
    for n in 0..1_100 {
        scenario.create_bucket(1, EU, &format!("plain-{n:04}"));
    }
    // The index does not know of the bucket on the second page.
    scenario.world(|world| world.switches.index_lag = duration("P30D"));
    scenario.create_bucket_with_tags(1, EU, "zebra", &[("macie", "true")]);
    scenario.untag(1, EU, "orders");
    scenario.lose_events();
    for _ in 0..2 {
        scenario.sweep().await;
        scenario.turn("P2D");
    }
    assert!(scenario.session_calls().is_empty());
    assert!(!scenario.place(1, EU).leaving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn trap_30_two_handlers_at_once_make_one_member_and_one_job_of_a_kind() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.lose_events();
    let other = scenario.another().await;
    let message = sweep_message(&scope(&account(1), EU), "look");
    for _ in 0..6 {
        let (one, two) = tokio::join!(
            lambda::handle(&scenario.sandbox.runtime, &message, None),
            lambda::handle(&other, &message, None),
        );
        assert_eq!(one.reports.len() + two.reports.len(), 2);
        scenario.turn("PT20S");
    }
    scenario.run().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    assert_eq!(scenario.all_jobs(1, EU).len(), 2);
    let status = scenario.world(|world| world.macie.session(EU, &account(1)).unwrap().status);
    assert_eq!(status, Status::Enabled);
}
