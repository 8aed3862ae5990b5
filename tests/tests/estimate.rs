//! `maciectl estimate`: what an opt-in costs, before it is paid for.

use controller_core::estimate::{Amount, Progress, Range};
use controller_tests::{EU, Scenario, Setup, US, scenario::account};
use local_aws::{faults::Kind, s3};
use maciectl::{
    commands::estimate::{Earlier, Gate, Row, document, exit, total},
    exit::Exit,
};
use serde_json::{Value, json};

const GB: u64 = 1_000_000_000;

async fn estimate(scenario: &Scenario, arguments: &[&str]) -> Vec<Row> {
    scenario.estimate(arguments).await.unwrap()
}

/// How it ends with a limit, and what is new.
fn ends(rows: &[Row], earlier: Option<&Earlier>, limit: &str) -> (Exit, String) {
    let gate = Gate::of(rows, earlier, Some(limit.parse().unwrap()));
    (exit(&total(rows), &gate), gate.more_usd.to_string())
}

fn earlier(scenario: &Scenario, rows: &[Row]) -> Earlier {
    let gate = Gate::of(rows, None, None);
    let document = document(&scenario.policy(), rows, &total(rows), &gate);
    Earlier::parse(&document.to_string()).unwrap()
}

fn unknown(row: &Row, why: &str) {
    let said = dollars(row)["scans"][0]["unknown"].clone();
    assert!(
        said.as_str().is_some_and(|said| said.contains(why)),
        "{said}"
    );
}

/// A bucket with objects of these sizes.
fn fill(scenario: &Scenario, bucket: &str, objects: &[(&str, u64)]) {
    scenario.world(|world| {
        for (key, bytes) in objects {
            s3::put_object(world, bucket, key, *bytes).unwrap();
        }
    });
}

fn dollars(row: &Row) -> Value {
    let scans = row.buckets.iter().map(|bucket| &bucket.first_scan);
    json!({ "scans": scans.collect::<Vec<_>>(), "month": row.monitoring_per_month })
}

fn flat(usd: &str) -> Value {
    json!({ "lowUsd": usd, "usd": usd, "highUsd": usd })
}

/// Before an account is enrolled Macie knows no size: only what monitoring will cost is known, and
/// that it is for every bucket.
#[tokio::test]
async fn a_stranger_learns_what_enrolment_costs_and_that_the_scan_is_not_known() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.create_bucket(1, EU, "logs");
    scenario.lose_events();
    let rows = estimate(&scenario, &["--account", &account(1), "--region", EU]).await;
    let [row] = &rows[..] else {
        panic!("{rows:?}");
    };
    assert_eq!(row.enrolled, Some(false));
    assert_eq!(row.monitored_buckets, Some(2));
    assert_eq!(dollars(row)["month"], flat("0.2"));
    unknown(row, "once it is enrolled");
    // Within the limit as far as is known.
    let end = (Exit::Partial, "$0.20".to_owned());
    assert_eq!(ends(&rows, None, "0.20"), end);
    assert_eq!(ends(&rows, None, "0.19").0, Exit::Over);
}

/// 6 GB, of which 2 GB are compressed: 4 + 2 x 1, x 3 and x 10 gigabytes at $1.
#[tokio::test]
async fn a_bucket_that_is_not_tagged_yet_has_a_price() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "archive");
    fill(
        &scenario,
        "archive",
        &[("a.csv", 4 * GB), ("b.csv.gz", 2 * GB)],
    );
    scenario.turn("P2D");
    let rows = estimate(&scenario, &["archive", "--account", &account(1)]).await;
    let [row] = &rows[..] else {
        panic!("{rows:?}");
    };
    assert_eq!(row.enrolled, Some(true));
    let range = json!({ "lowUsd": "6", "usd": "10", "highUsd": "24" });
    assert_eq!(dollars(row)["scans"], json!([range]));
    assert!(row.buckets[0].sizes_as_of.is_some());
    // Monitoring is charged already.
    assert_eq!(row.monitored_buckets, Some(2));
    assert_eq!(
        ends(&rows, None, "10"),
        (Exit::Success, "$10.00".to_owned())
    );
    assert_eq!(ends(&rows, None, "9.99").0, Exit::Over);
}

/// Opted in before: `orders`. Then `archive` of 4 GB, then `photos` of 3 GB, each the only one that
/// is still to be paid.
#[tokio::test]
async fn only_what_is_more_than_before_is_new() {
    let scenario = Scenario::enrolled().await;
    for (name, bytes) in [("archive", 4 * GB), ("photos", 3 * GB)] {
        scenario.create_bucket(1, EU, name);
        fill(&scenario, name, &[("a.csv", bytes)]);
    }
    scenario.turn("P2D");
    let account = account(1);
    let of = ["--account", &account];
    let before = estimate(&scenario, &["archive", of[0], of[1]]).await;
    let before = earlier(&scenario, &before);
    let same = estimate(&scenario, &["archive", of[0], of[1]]).await;
    assert_eq!(
        ends(&same, Some(&before), "0"),
        (Exit::Success, "$0.00".to_owned())
    );
    let other = estimate(&scenario, &["photos", of[0], of[1]]).await;
    assert_eq!(
        ends(&other, Some(&before), "2.99"),
        (Exit::Over, "$3.00".to_owned())
    );
    // What has become less makes room for nothing.
    fill(&scenario, "archive", &[("a.csv", GB)]);
    scenario.turn("P2D");
    let less = estimate(&scenario, &["archive", of[0], of[1]]).await;
    let both: Vec<Row> = less.into_iter().chain(other).collect();
    assert_eq!(
        ends(&both, Some(&before), "2.99"),
        (Exit::Over, "$3.00".to_owned())
    );
}

#[tokio::test]
async fn what_was_scanned_is_paid_and_what_is_new_is_not_known_yet() {
    let scenario = Scenario::enrolled().await;
    let rows = estimate(&scenario, &["--account", &account(1), "--region", EU]).await;
    let covered = &rows[0].buckets[0];
    assert_eq!(covered.progress, Progress::Done);
    assert_eq!(covered.first_scan, Amount::Known(Range::default()));

    scenario.create_bucket(1, EU, "fresh");
    let rows = estimate(&scenario, &["fresh", "--account", &account(1)]).await;
    unknown(&rows[0], "has not counted it yet");
}

/// A catch-up scans what was written meanwhile, which nobody has counted.
#[tokio::test]
async fn an_account_that_comes_back_is_not_told_that_all_is_paid() {
    let scenario = Scenario::suspended().await;
    let rows = estimate(&scenario, &["orders", "--account", &account(1)]).await;
    unknown(&rows[0], "caught up");
    assert_eq!(ends(&rows, None, "1000").0, Exit::Partial);
}

#[tokio::test]
async fn the_whole_organization_is_asked_without_those_who_cannot_be() {
    let mut scenario = Setup::new(4).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P3D");
    scenario.opted_in_bucket(3, EU, "closed");
    scenario.opted_in_bucket(4, EU, "excluded");
    scenario.lose_events();
    scenario.world(|world| {
        let closed = world.organizations.accounts.get_mut(&account(3)).unwrap();
        closed.state = "SUSPENDED".to_owned();
    });
    let excluded = json!({ "accounts": { "excluded": [account(4)] } });
    scenario.change_policy(excluded).await;
    let rows = estimate(&scenario, &["--all"]).await;
    let accounts: Vec<&str> = rows.iter().map(|row| row.account.as_str()).collect();
    assert!(accounts.contains(&account(1).as_str()), "{accounts:?}");
    assert!(
        !accounts.contains(&account(2).as_str()),
        "it has nothing to do with Macie"
    );
    assert!(!accounts.contains(&account(3).as_str()), "it is suspended");
    assert!(!accounts.contains(&account(4).as_str()), "it is excluded");
    assert!(rows.iter().all(|row| row.trouble.is_empty()));
    assert_eq!(ends(&rows, None, "0").0, Exit::Success);
    let refused = scenario
        .estimate(&["excluded", "--account", &account(4)])
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("excludes account")
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_unknown_and_said() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "archive");
    scenario.break_always("DescribeBuckets", Kind::ServerError);
    scenario.break_always("GetBucketStatistics", Kind::ServerError);
    let rows = estimate(&scenario, &["archive", "--account", &account(1)]).await;
    let said = dollars(&rows[0]);
    assert_eq!(said["scans"][0]["unknown"], "it could not be read");
    assert_eq!(said["month"]["unknown"], "it could not be read");
    assert!(rows[0].trouble[0].starts_with("macie2:DescribeBuckets: "));
    let total = total(&rows);
    assert_eq!((total.unknown, total.unread), (2, 1));
    assert_eq!(ends(&rows, None, "1000").0, Exit::Partial);
}

#[tokio::test]
async fn an_estimate_writes_nothing() {
    let scenario = Scenario::enrolled().await;
    let start = scenario.calls().len();
    // The administrator's own buckets are monitored in each governed Region.
    assert_eq!(estimate(&scenario, &["--all"]).await.len(), 1 + 2);
    assert!(scenario.writes_since(start).is_empty());
}

/// Macie pauses an account's jobs when they have analysed the month's quota: whoever opts in more than
/// what is left of it is told.
#[tokio::test]
async fn what_is_left_of_the_months_quota_is_told() {
    let scenario = Setup::new(1).start().await;
    scenario.world(|world| world.macie.figures.quota_terabytes = 1);
    scenario.create_bucket(1, US, "orders");
    fill(&scenario, "orders", &[("a.csv", 400 * GB)]);
    scenario.tag(1, US, "orders");
    scenario.run_well().await;
    scenario.turn("PT1H");
    scenario.create_bucket(1, US, "returns");
    fill(&scenario, "returns", &[("a.csv", 700 * GB)]);
    let rows = estimate(&scenario, &["returns"]).await;
    let [row] = rows.as_slice() else {
        panic!("{rows:?}");
    };
    let told = json!([row.first_scan_gigabytes, row.quota_left_gigabytes]);
    assert_eq!(told, json!(["700", "600"]));
}

/// Where no list price is known dollars are no gigabytes, and so it is not known what is left.
#[tokio::test]
async fn a_quota_in_a_region_without_a_list_price_is_not_known() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    let rows = estimate(&scenario, &["orders"]).await;
    assert_eq!(rows[0].quota_left_gigabytes, None);
}
