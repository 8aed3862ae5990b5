//! `maciectl estimate`: what an opt-in costs, before it is paid for.

use controller_core::{estimate::Amount, money::Usd};
use controller_tests::{EU, Scenario, Setup, scenario::account};
use local_aws::{faults::Kind, s3};
use maciectl::{
    args::{Cli, Command, Parser},
    commands::estimate::{Row, document, gate, rows, total},
    exit::Exit,
};
use serde_json::{Value, json};

const GB: u64 = 1_000_000_000;

async fn estimate(scenario: &Scenario, arguments: &[&str]) -> Vec<Row> {
    let words = ["maciectl", "estimate"].iter().chain(arguments);
    let cli = Cli::try_parse_from(words).unwrap();
    let Command::Estimate(args) = &cli.command else {
        panic!("{arguments:?}");
    };
    let operator = scenario.operator().await;
    rows(&operator, &cli.global, args).await.unwrap()
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
    assert!(!row.enrolled);
    assert_eq!(row.monitored_buckets, Some(2));
    let said = dollars(row);
    assert_eq!(said["month"], flat("0.2"));
    let why = said["scans"][0]["unknown"].as_str().unwrap();
    assert!(why.contains("once it is enrolled"), "{why}");
    assert_eq!(
        gate(&total(&rows), None, "1000".parse().unwrap()).1,
        Exit::Over
    );
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
    assert!(row.enrolled);
    let range = json!({ "lowUsd": "6", "usd": "10", "highUsd": "24" });
    assert_eq!(dollars(row)["scans"], json!([range]));
    assert!(row.buckets[0].sizes_as_of.is_some());

    // The month's monitoring comes on top of the scan's $10.
    let total = total(&rows);
    let month = total.monitoring_per_month.likely;
    let over = |limit: &str| gate(&total, None, (month + Usd(limit.parse().unwrap())).0).1;
    assert_eq!(over("10"), Exit::Success);
    assert_eq!(over("9.99"), Exit::Over);
    // Compared with itself nothing is more.
    let before = document(&scenario.policy(), &rows, &total);
    let before = serde_json::from_value(before).unwrap();
    assert_eq!(
        gate(&total, Some(&before), "0".parse().unwrap()).1,
        Exit::Success
    );
}

#[tokio::test]
async fn what_was_scanned_is_paid_and_what_is_new_is_not_known_yet() {
    let scenario = Scenario::enrolled().await;
    let rows = estimate(&scenario, &["--account", &account(1), "--region", EU]).await;
    let covered = &rows[0].buckets[0];
    assert!(covered.scanned_before);
    assert_eq!(covered.first_scan, Amount::Known(Default::default()));

    scenario.create_bucket(1, EU, "fresh");
    let rows = estimate(&scenario, &["fresh", "--account", &account(1)]).await;
    assert!(matches!(
        rows[0].buckets[0].first_scan,
        Amount::Unknown { .. }
    ));
}

#[tokio::test]
async fn what_cannot_be_read_is_unknown_and_said() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "archive");
    scenario.break_always("DescribeBuckets", Kind::ServerError);
    let rows = estimate(&scenario, &["archive", "--account", &account(1)]).await;
    let said = dollars(&rows[0]);
    assert_eq!(said["scans"][0]["unknown"], "it could not be read");
    assert_eq!(said["month"]["unknown"], "it could not be read");
    assert!(rows[0].trouble[0].starts_with("macie2:DescribeBuckets: "));
    assert_eq!(total(&rows).unknown, 3);
}

#[tokio::test]
async fn an_estimate_writes_nothing() {
    let scenario = Scenario::enrolled().await;
    let start = scenario.calls().len();
    assert_eq!(estimate(&scenario, &["--all"]).await.len(), 1);
    assert!(scenario.writes_since(start).is_empty());
}
