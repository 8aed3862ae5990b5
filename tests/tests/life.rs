//! The life of an opt-in, from the first tag to the last.

use controller_tests::{
    EU, Scenario, Setup, US,
    scenario::{ENROLLED, STRANGER, account, duration},
};
use local_aws::{macie::Relationship, s3};

/// A way to opt in: what is there before, and the act.
type Way = (&'static str, fn(&Scenario), fn(&Scenario));

/// The first opt-in by a way, with only the events that `keep` names.
async fn opts_in_by((name, before, act): Way, trail: bool, tag_changes: bool) {
    let mut scenario = Setup::new(1)
        .switches(|switches| {
            switches.trail = trail;
            switches.tag_change_events = tag_changes;
        })
        .start()
        .await;
    before(&scenario);
    scenario.run_well().await;
    let untouched = scenario.at(1, EU);
    assert_eq!(untouched, STRANGER, "{name}: before");
    act(&scenario);
    assert!(!scenario.waiting_messages().is_empty(), "{name}: no event");
    scenario.put_object("orders", "first.csv");
    scenario.run_well().await;
    scenario.turn("PT2M");
    let end = scenario.at(1, EU);
    assert_eq!(end, "Enabled | daily | orders: first.csv", "{name}");
}

#[tokio::test]
async fn every_way_to_opt_in_enrols_the_account() {
    let create = |s: &Scenario| s.create_bucket(1, EU, "orders");
    let tagged_otherwise = |s: &Scenario| {
        s.create_bucket_with_tags(1, EU, "orders", &[("macie", "false"), ("team", "a")])
    };
    let ways: [Way; 4] = [
        ("PutBucketTagging", create, |s| s.tag(1, EU, "orders")),
        ("TagResource", create, |s| s.tag_resource(1, EU, "orders")),
        ("TagResource that replaces a value", tagged_otherwise, |s| {
            s.tag_resource(1, EU, "orders")
        }),
        (
            "CreateBucket with tags",
            |_| {},
            |s| s.create_bucket_with_tags(1, EU, "orders", &[("macie", "true"), ("team", "a")]),
        ),
    ];
    for way in ways {
        opts_in_by(way, true, false).await;
    }
    // Without a trail only the tagging service tells of it.
    for way in ways.into_iter().take(3) {
        opts_in_by(way, false, true).await;
    }
}

#[tokio::test]
async fn every_way_to_opt_out_leads_to_the_grace_period() {
    type Way = (&'static str, fn(&Scenario));
    let ways: [Way; 5] = [
        ("DeleteBucketTagging", |s| s.untag(1, EU, "orders")),
        ("UntagResource", |s| s.untag_resource(1, EU, "orders")),
        ("PutBucketTagging without the tag", |s| {
            s.tag_with(1, EU, "orders", &[("team", "a")])
        }),
        ("PutBucketTagging with another value", |s| {
            s.tag_with(1, EU, "orders", &[("macie", "false")])
        }),
        ("DeleteBucket", |s| s.delete_bucket(1, EU, "orders")),
    ];
    for (name, act) in ways {
        let scenario = Scenario::enrolled().await;
        act(&scenario);
        scenario.run_well().await;
        let end = scenario.at(1, EU);
        let expected = "Enabled, leaving | daily | orders: old.csv";
        assert_eq!(end, expected, "{name}");
        scenario.turn("PT24H");
        scenario.sweep().await;
        let end = scenario.at(1, EU);
        assert_eq!(end, "Paused, leaving | daily | orders: old.csv", "{name}");
    }
}

#[tokio::test]
async fn a_daily_job_scans_what_is_written_and_nothing_twice() {
    let mut scenario = Scenario::enrolled().await;
    for day in ["monday.csv", "tuesday.csv", "wednesday.csv"] {
        scenario.put_object("orders", day);
        scenario.turn("P1D");
    }
    scenario.sweep().await;
    scenario.turn("P1D");
    let expected = "Enabled | daily | orders: old.csv monday.csv tuesday.csv wednesday.csv";
    assert_eq!(scenario.at(1, EU), expected);
}

/// A bucket that has been there for days is opted in.
fn joins(scenario: &mut Scenario, name: &str) {
    scenario.create_bucket(1, EU, name);
    scenario.put_object(name, "old.csv");
    scenario.turn("P3D");
    scenario.tag(1, EU, name);
}

#[tokio::test]
async fn what_was_written_since_the_last_daily_run_is_scanned_twice_when_its_bucket_joins() {
    let mut scenario = Scenario::enrolled().await;
    scenario.opted_in_bucket(1, EU, "bills");
    scenario.run_well().await;
    scenario.turn("P2D");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | bills: old.csv x2, orders: old.csv"
    );
}

#[tokio::test]
async fn a_second_bucket_joins_with_a_baseline_of_its_own() {
    let mut scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "untagged");
    scenario.put_object("untagged", "secret.csv");
    joins(&mut scenario, "bills");
    let reports = scenario.run_well().await;
    assert!(!reports.is_empty());
    scenario.turn("PT2M");
    scenario.put_object("bills", "new.csv");
    scenario.turn("P1D");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | bills: old.csv new.csv, orders: old.csv"
    );
    assert_eq!(
        scenario.all_jobs(1, EU),
        [
            "daily Idle",
            "baseline orders Complete",
            "baseline bills Complete"
        ]
    );
}

#[tokio::test]
async fn one_bucket_less_changes_nothing_while_another_remains() {
    let mut scenario = Scenario::enrolled().await;
    joins(&mut scenario, "bills");
    scenario.run_well().await;
    scenario.turn("PT2M");
    scenario.untag(1, EU, "orders");
    scenario.put_object("orders", "private.csv");
    scenario.run_well().await;
    for _ in 0..3 {
        scenario.turn("P1D");
        scenario.sweep().await;
    }
    let expected = "Enabled | daily | bills: old.csv, orders: old.csv";
    assert_eq!(scenario.at(1, EU), expected);
}

#[tokio::test]
async fn the_last_bucket_gone_suspends_after_the_grace_period_and_never_before() {
    let scenario = Scenario::enrolled().await;
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    let gone = scenario.now();
    for step in ["PT1S", "PT12H", "PT11H", "PT59M", "PT50S"] {
        scenario.turn(step);
        scenario.sweep().await;
        let age = scenario.now().duration_since(gone);
        assert!(age < duration("PT24H"), "{age:#}");
        let end = scenario.at(1, EU);
        assert_eq!(end, "Enabled, leaving | daily | orders: old.csv", "{age:#}");
    }
    scenario.turn("PT10S");
    scenario.sweep().await;
    let end = scenario.at(1, EU);
    assert_eq!(end, "Paused, leaving | daily | orders: old.csv");
}

#[tokio::test]
async fn back_within_the_grace_period_the_account_stays_and_the_clock_starts_anew() {
    let mut scenario = Scenario::enrolled().await;
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT20H");
    scenario.tag(1, EU, "orders");
    scenario.put_object("orders", "new.csv");
    scenario.run_well().await;
    scenario.turn("PT10H");
    scenario.sweep().await;
    let expected = "Enabled | daily | orders: old.csv new.csv";
    assert_eq!(scenario.at(1, EU), expected);
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT23H");
    scenario.sweep().await;
    let expected = "Enabled, leaving | daily | orders: old.csv new.csv";
    assert_eq!(scenario.at(1, EU), expected);
}

#[tokio::test]
async fn what_was_written_in_a_grace_period_that_a_daily_run_passed_is_caught_up() {
    let mut scenario = Scenario::enrolled().await;
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.put_object("orders", "meanwhile.csv");
    scenario.turn("PT23H59M");
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P2D");
    scenario.sweep().await;
    scenario.turn("PT2M");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | orders: old.csv meanwhile.csv"
    );
}

/// An account that was suspended at the end of its grace period.
async fn suspended() -> Scenario {
    let mut scenario = Scenario::enrolled().await;
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.put_object("orders", "in-grace.csv");
    scenario.turn("PT25H");
    scenario.sweep().await;
    assert_eq!(scenario.place(1, EU).member, Some(Relationship::Paused));
    scenario
}

#[tokio::test]
async fn a_resumed_account_is_caught_up_with_exactly_what_was_written_meanwhile() {
    let mut scenario = suspended().await;
    scenario.put_object("orders", "in-pause.csv");
    scenario.turn("P3D");
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT2M");
    scenario.put_object("orders", "after.csv");
    scenario.turn("P1D");
    scenario.sweep().await;
    scenario.turn("P1D");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | orders: old.csv in-grace.csv in-pause.csv after.csv"
    );
}

#[tokio::test]
async fn what_was_written_in_the_two_days_before_an_opt_out_is_scanned_twice_after_the_return() {
    let mut scenario = Scenario::enrolled().await;
    scenario.put_object("orders", "late.csv");
    scenario.turn("P1D");
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P2D");
    scenario.sweep().await;
    scenario.turn("PT1H");
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P1D");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | orders: old.csv late.csv x2"
    );
}

#[tokio::test]
async fn an_account_that_comes_back_with_another_bucket_pays_nothing_for_the_old_one() {
    let mut scenario = suspended().await;
    joins(&mut scenario, "bills");
    scenario.run_well().await;
    scenario.turn("P2D");
    scenario.sweep().await;
    scenario.turn("PT2M");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | bills: old.csv, orders: old.csv"
    );
}

#[tokio::test]
async fn a_bucket_that_is_deleted_and_made_again_is_covered_again() {
    let mut scenario = Scenario::enrolled().await;
    scenario.delete_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT1H");
    scenario.create_bucket_with_tags(1, EU, "orders", &[("macie", "true")]);
    scenario.put_object("orders", "again.csv");
    scenario.run_well().await;
    scenario.turn("P2D");
    let expected = "Enabled | daily | orders: old.csv again.csv";
    assert_eq!(scenario.at(1, EU), expected);
}

#[tokio::test]
async fn two_regions_of_an_account_live_their_own_lives() {
    let mut scenario = Scenario::enrolled().await;
    assert_eq!(scenario.at(1, US), STRANGER);
    scenario.opted_in_bucket(1, US, "logs");
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, US), "Enabled | daily | logs: old.csv");
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT24H");
    scenario.sweep().await;
    assert_eq!(
        scenario.at(1, EU),
        "Paused, leaving | daily | orders: old.csv"
    );
    assert_eq!(scenario.at(1, US), "Enabled | daily | logs: old.csv");
}

#[tokio::test]
async fn lost_events_cost_time_and_nothing_else() {
    let mut scenario = Setup::new(2).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.lose_events();
    scenario.sweep().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    scenario.untag(1, EU, "orders");
    scenario.lose_events();
    scenario.turn("PT1H");
    scenario.sweep().await;
    assert!(scenario.place(1, EU).leaving);
    scenario.turn("PT24H");
    scenario.sweep().await;
    assert_eq!(scenario.place(1, EU).member, Some(Relationship::Paused));
}

#[tokio::test]
async fn every_change_is_published_in_order_and_as_its_schema_says() {
    let scenario = suspended().await;
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT2M");
    scenario.sweep().await;
    assert_eq!(
        scenario.published(1, EU),
        [
            "Account Enrolled",
            "Daily Job Created",
            "Opt-In Estimated",
            "Bucket Covered",
            "Suspension Pending",
            "Account Suspended",
            "Account Resumed",
            "Account Marked",
            "Account Marked",
            "Catch-Up Started",
            "Account Caught Up",
        ]
    );
    assert!(scenario.published(2, EU).is_empty());
    for event in scenario.published_events(1, EU) {
        let kind = event["detail-type"].as_str().unwrap();
        println!("{kind}: {}", event["detail"]["reason"]["text"]);
        validate(kind, &event);
    }
}

/// Against `docs/events/`, where each detail-type has its schema.
fn validate(kind: &str, event: &serde_json::Value) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events");
    let name = kind.to_lowercase().replace(' ', "-");
    let text = std::fs::read_to_string(format!("{folder}/{name}.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(event)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{kind}: {event:#}\n{errors:#?}");
}

#[tokio::test]
async fn an_account_with_other_peoples_members_and_jobs_is_left_as_it_is() {
    let mut scenario = Scenario::enrolled().await;
    scenario.enrol_by_hand(2, EU);
    let id = account(2);
    let team = local_aws::organization::admin(&id);
    scenario
        .world(|world| s3::create_bucket(world, &team, EU, "plain", &[]))
        .unwrap();
    for _ in 0..3 {
        scenario.turn("P1D");
        scenario.sweep().await;
    }
    assert_eq!(scenario.at(2, EU), "Enabled |  | ");
    scenario.put_object("orders", "later.csv");
    scenario.turn("P1D");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | orders: old.csv later.csv"
    );
}
