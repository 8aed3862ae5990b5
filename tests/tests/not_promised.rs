//! The edges of what is promised, pinned so that the documents tell the truth about them.

use controller_tests::{EU, Scenario, Setup, scenario::ENROLLED};

/// Two buckets that have been opted in for days.
async fn two_buckets() -> Scenario {
    let mut scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "bills");
    scenario.put_object("bills", "old.csv");
    scenario.turn("P3D");
    scenario.tag(1, EU, "bills");
    scenario.run_well().await;
    scenario.turn("P1D");
    scenario
}

#[tokio::test]
async fn a_bucket_that_was_away_while_another_one_stayed_is_not_caught_up() {
    let mut scenario = two_buckets().await;
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.put_object("orders", "meanwhile.csv");
    scenario.turn("P3D");
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    scenario.put_object("orders", "after.csv");
    scenario.turn("P2D");
    scenario.sweep().await;
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | bills: old.csv, orders: old.csv after.csv"
    );
}

/// Turns the clock to the middle of the daily job's next run.
fn begin_daily_run(scenario: &Scenario) {
    let runs = |scenario: &Scenario| scenario.world(|world| world.macie.jobs[0].run_count);
    let before = runs(scenario);
    while runs(scenario) == before {
        scenario.turn("PT20S");
    }
}

#[tokio::test]
async fn a_daily_run_that_has_begun_scans_a_bucket_that_leaves_meanwhile() {
    let mut scenario = two_buckets().await;
    scenario.put_object("orders", "today.csv");
    begin_daily_run(&scenario);
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT2M");
    scenario.put_object("orders", "tomorrow.csv");
    scenario.turn("P2D");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | bills: old.csv, orders: old.csv today.csv"
    );
}

#[tokio::test]
async fn a_baseline_that_still_runs_is_cancelled_when_its_bucket_leaves() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT2M");
    let jobs = scenario.all_jobs(1, EU);
    assert_eq!(jobs, ["daily Idle", "baseline orders Cancelled"]);
    assert!(scenario.place(1, EU).scanned.is_empty());
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
}

#[tokio::test]
async fn a_daily_run_may_go_by_a_tag_that_untag_resource_removed() {
    let mut scenario = two_buckets().await;
    // A daily job whose time of day is not that of Macie's daily look at the buckets.
    scenario.turn("PT12H");
    let identifiers = serde_json::json!({ "jobs": { "managedDataIdentifiers": "ALL" } });
    scenario.change_policy(identifiers).await;
    scenario.look(1, EU).await;
    scenario.look(1, EU).await;
    scenario.turn("PT18H");
    scenario.untag_resource(1, EU, "orders");
    scenario.run_well().await;
    scenario.put_object("orders", "late.csv");
    scenario.turn("P1D");
    scenario.put_object("orders", "later.csv");
    scenario.turn("P3D");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | bills: old.csv, orders: old.csv late.csv"
    );
}
