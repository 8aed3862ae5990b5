//! Jobs that somebody else touched, and very many of them.

use std::collections::{BTreeMap, BTreeSet};

use controller_core::report::Report;
use controller_tests::{EU, Scenario, Setup, scenario::account};
use local_aws::{macie::JobStatus, s3};
use serde_json::json;

/// What blocks, by its JSON name.
fn blocked(reports: &[Report]) -> BTreeSet<String> {
    reports
        .iter()
        .flat_map(Report::blocked)
        .map(|blocked| json!(blocked)["by"].as_str().unwrap().to_owned())
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A person pauses the daily job of account 1.
fn pause_daily(scenario: &Scenario) {
    set_daily(scenario, JobStatus::UserPaused);
}

fn set_daily(scenario: &Scenario, status: JobStatus) {
    scenario.world(|world| {
        let jobs = &mut world.macie.jobs;
        let is_daily = |name: &str| name.contains("/daily/");
        let daily = jobs.iter_mut().rfind(|job| is_daily(&job.definition.name));
        daily.unwrap().status = status;
    });
}

#[tokio::test]
async fn a_job_that_a_person_paused_is_told_and_neither_resumed_nor_replaced() {
    let mut scenario = Scenario::enrolled().await;
    pause_daily(&scenario);
    let reports = scenario.look(1, EU).await;
    assert_eq!(blocked(&reports), set(&["paused-by-person"]));
    let sampling = json!({ "jobs": { "samplingPercentage": 50 } });
    scenario.change_policy(sampling).await;
    scenario.look(1, EU).await;
    assert_eq!(
        scenario.all_jobs(1, EU),
        ["daily UserPaused", "baseline orders Complete"]
    );
}

#[tokio::test]
async fn a_job_that_macie_paused_for_the_quota_is_waited_for() {
    let scenario = Scenario::enrolled().await;
    set_daily(&scenario, JobStatus::Paused);
    let start = scenario.calls().len();
    scenario.send_look(1, EU);
    let handled = scenario.pump().await;
    let waiting: Vec<String> = handled[0].reports[0]
        .waiting()
        .map(|waiting| json!(waiting)["on"].as_str().unwrap().to_owned())
        .collect();
    // The world lets a job of which the quota is not used up go on at once.
    assert!(waiting.is_empty() || waiting == ["quota"], "{waiting:?}");
    assert!(scenario.writes_since(start).is_empty());
    assert_eq!(scenario.all_jobs(1, EU).len(), 2);
}

#[tokio::test]
async fn a_cancelled_daily_job_is_made_anew_and_caught_up_with() {
    let mut scenario = Scenario::enrolled().await;
    set_daily(&scenario, JobStatus::Cancelled);
    scenario.put_object("orders", "unseen.csv");
    scenario.turn("P2D");
    scenario.look(1, EU).await;
    scenario.turn("PT2M");
    scenario.put_object("orders", "after.csv");
    scenario.turn("P1D");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | orders: old.csv unseen.csv after.csv"
    );
}

#[tokio::test]
async fn a_change_of_the_job_settings_replaces_the_daily_job_without_a_gap() {
    let mut scenario = Scenario::enrolled().await;
    scenario.put_object("orders", "before.csv");
    scenario.turn("PT1H");
    let identifiers = json!({ "jobs": { "managedDataIdentifiers": "ALL" } });
    scenario.change_policy(identifiers).await;
    scenario.look(1, EU).await;
    scenario.look(1, EU).await;
    scenario.put_object("orders", "after.csv");
    scenario.turn("PT25H");
    let live = scenario.place(1, EU).jobs;
    assert_eq!(live, ["daily"]);
    let scanned = &scenario.place(1, EU).scanned["orders"];
    let names: BTreeSet<&str> = scanned
        .iter()
        .map(|name| &name[..name.len().min(9)])
        .collect();
    assert_eq!(names.len(), 3, "{scanned:?}");
    let daily: Vec<String> = scenario
        .all_jobs(1, EU)
        .into_iter()
        .filter(|job| job.starts_with("daily"))
        .collect();
    assert_eq!(daily, ["daily Cancelled", "daily Idle"]);
}

#[tokio::test]
async fn twelve_hundred_buckets_at_once_are_covered_by_two_baselines() {
    let scenario = Setup::new(1).start().await;
    for n in 0..1_200 {
        let name = format!("data-{n:04}");
        scenario.create_bucket_with_tags(1, EU, &name, &[("macie", "true")]);
        scenario
            .world(|world| s3::put_object(world, &name, "old.csv", 1))
            .unwrap();
    }
    scenario.lose_events();
    scenario.look(1, EU).await;
    scenario.turn("PT5M");
    let scanned = scenario.world(|world| {
        let id = account(1);
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (_, scan) in world.macie.scans_of(EU, &id) {
            *times.entry(scan.bucket.clone()).or_default() += 1;
        }
        times
    });
    assert_eq!(scanned.len(), 1_200);
    assert!(scanned.values().all(|times| *times == 1));
    assert_eq!(scenario.place(1, EU).jobs, ["daily"]);
    let start = scenario.calls().len();
    scenario.look(1, EU).await;
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn forty_accounts_that_opt_in_at_once_are_all_covered_at_the_pace_of_one_job_in_ten_seconds()
{
    let mut scenario = Setup::new(40).start().await;
    for number in 1..=40 {
        scenario.opted_in_bucket(number, EU, &format!("data-{number}"));
    }
    let start = scenario.now();
    scenario.run_well().await;
    let took = scenario.now().duration_since(start);
    println!("80 jobs took {took:#}, at least {} s", 80 * 10);
    scenario.turn("PT2M");
    for number in 1..=40 {
        let expected = format!("Enabled | daily | data-{number}: old.csv");
        assert_eq!(scenario.at(number, EU), expected);
    }
}

/// A controller that was slow writes the record of an absence for a second time, with a later end,
/// while the catch-up job of the first one is running.
#[tokio::test]
async fn a_record_that_grows_while_it_is_caught_up_with_waits_for_the_job_that_runs() {
    let mut scenario = Scenario::suspended().await;
    scenario.put_object("orders", "in-pause.csv");
    scenario.tag(1, EU, "orders");
    scenario.pump().await;
    let running = ["catch-up orders", "daily"];
    assert_eq!(scenario.place(1, EU).jobs, running);
    let now = scenario.now();
    scenario.world(|world| {
        let jobs = world.macie.jobs.iter();
        let name = jobs.last().unwrap().definition.name.clone();
        let since = name.rsplit('/').next().unwrap().to_owned();
        let administration = world.macie.administrations.get_mut(EU).unwrap();
        let member = administration.members.get_mut(&account(1)).unwrap();
        let (key, end) = (
            "macie-self-service:unscanned",
            now + jiff::SignedDuration::from_secs(5),
        );
        member.tags.insert(key.to_owned(), format!("{since}/{end}"));
    });
    scenario.turn("PT10S");
    scenario.send_look(1, EU);
    let handled = scenario.pump().await;
    let report = &handled[0].reports[0];
    assert_eq!((report.violation.clone(), report.failures.len()), (None, 0));
    assert_eq!(scenario.place(1, EU).jobs, running);
    scenario.turn("PT2M");
    scenario.look(1, EU).await;
    scenario.turn("PT2M");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | orders: old.csv in-pause.csv x2"
    );
}
