//! A tag that comes and goes.

use controller_tests::{EU, Setup};
use serde_json::json;

#[tokio::test]
async fn a_tag_that_comes_and_goes_is_proven_gone_once_in_ten_minutes() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    for number in 0..50 {
        scenario.create_bucket(1, EU, &format!("plain-{number}"));
    }
    scenario.run_well().await;
    scenario.turn("P2D");
    scenario.lose_events();
    let start = scenario.calls().len();
    for _ in 0..9 {
        scenario.untag(1, EU, "orders");
        scenario.pump().await;
        scenario.turn("PT30S");
        scenario.tag(1, EU, "orders");
        scenario.pump().await;
        scenario.turn("PT30S");
    }
    let operations = scenario.operations_since(start);
    let count = |name: &str| operations.iter().filter(|one| *one == name).count();
    println!("nine times off and on: {} calls", operations.len());
    assert_eq!(count("s3:ListBuckets"), 1, "one proof");
    assert_eq!(count("macie2:TagResource"), 1);
    assert_eq!(count("macie2:UntagResource"), 1);
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    assert!(scenario.place(1, EU).leaving, "in the end it is seen");
    let since = scenario.now();
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    assert!(!scenario.place(1, EU).leaving, "since {since}");
}

#[tokio::test]
async fn an_account_stays_for_the_minimum_time_with_no_grace_at_all() {
    let policy = json!({ "gracePeriod": "PT0S", "minimumEnrolledTime": "P7D" });
    let mut scenario = Setup::new(1).policy(policy).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P2D");
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    assert_eq!(
        scenario.at(1, EU),
        "Enabled, leaving | daily | orders: old.csv"
    );
    scenario.turn("P4D");
    scenario.sweep().await;
    assert_eq!(
        scenario.at(1, EU),
        "Enabled, leaving | daily | orders: old.csv"
    );
    scenario.turn("P2D");
    scenario.sweep().await;
    assert_eq!(
        scenario.at(1, EU),
        "Paused, leaving | daily | orders: old.csv"
    );
}
