//! What each way of an event may cost in calls: the exact operations, not only how many.

use std::collections::BTreeMap;

use controller_tests::{EU, Scenario, Setup};

/// `operation` or `operation x3`, sorted; printed, so that a run shows what it costs.
fn counted(title: &str, operations: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for operation in operations {
        *counts.entry(operation).or_default() += 1;
    }
    let lines: Vec<String> = counts
        .into_iter()
        .map(|(name, count)| match count {
            1 => name.to_owned(),
            count => format!("{name} x{count}"),
        })
        .collect();
    println!("{title}: {} calls: {}", operations.len(), lines.join(", "));
    lines
}

/// One account with some opted-in buckets and warm credentials.
async fn warm(names: &[&str]) -> Scenario {
    let mut scenario = Setup::new(1).start().await;
    for name in names {
        scenario.opted_in_bucket(1, EU, name);
    }
    scenario.run_well().await;
    scenario.turn("PT2M");
    scenario.run_well().await;
    scenario
}

#[tokio::test]
async fn an_event_on_a_covered_bucket_costs_three_reads() {
    let scenario = warm(&["orders"]).await;
    let start = scenario.calls().len();
    scenario.tag_with(1, EU, "orders", &[("macie", "true"), ("team", "a")]);
    scenario.run_well().await;
    let operations = scenario.operations_since(start);
    assert_eq!(
        counted("event on a covered bucket", &operations),
        [
            "macie2:GetMember",
            "macie2:ListClassificationJobs",
            "s3:GetBucketTagging"
        ]
    );
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn an_event_of_an_account_that_never_opted_in_costs_three_reads() {
    let scenario = Setup::new(1).start().await;
    scenario.create_bucket(1, EU, "plain");
    scenario.run_well().await;
    let start = scenario.calls().len();
    scenario.tag_with(1, EU, "plain", &[("team", "a")]);
    scenario.run_well().await;
    let operations = scenario.operations_since(start);
    assert_eq!(
        counted("event of an account that never opted in", &operations),
        [
            "macie2:GetMember",
            "macie2:ListClassificationJobs",
            "s3:GetBucketTagging"
        ]
    );
}

#[tokio::test]
async fn an_opt_out_among_a_thousand_buckets_costs_five_reads() {
    let scenario = warm(&["orders", "bills"]).await;
    for n in 0..998 {
        scenario.create_bucket(1, EU, &format!("plain-{n:04}"));
    }
    scenario.lose_events();
    let start = scenario.calls().len();
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    let operations = scenario.operations_since(start);
    assert_eq!(
        counted("opt-out among 1,000 buckets, one remains", &operations),
        [
            "macie2:GetMember",
            "macie2:ListClassificationJobs",
            "s3:GetBucketTagging x2",
            "tagging:GetResources",
        ]
    );
    assert!(scenario.writes_since(start).is_empty());
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | bills: old.csv, orders: old.csv"
    );
}

#[tokio::test]
async fn a_first_opt_in_writes_a_member_and_two_jobs_and_nothing_else() {
    let mut scenario = Setup::new(1).start().await;
    let start = scenario.calls().len();
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    counted(
        "first opt-in, all the way",
        &scenario.operations_since(start),
    );
    let successful: Vec<String> = scenario.calls()[start..]
        .iter()
        .filter(|call| call.error.is_none())
        .map(|call| format!("{}:{}", call.service, call.operation))
        .filter(|name| controller_tests::monitor::is_write(name))
        .collect();
    assert_eq!(
        counted("first opt-in, writes", &successful),
        ["macie2:CreateClassificationJob x2", "macie2:CreateMember"]
    );
    let refused: Vec<String> = scenario.calls()[start..]
        .iter()
        .filter(|call| call.error.is_some())
        .map(|call| format!("{}:{}", call.service, call.operation))
        .collect();
    // A stranger is answered with an error. AWS creates one job per 10 s: the second one waits for
    // its slot, and is not asked for before.
    assert_eq!(
        counted("first opt-in, refused", &refused),
        ["macie2:GetMember"]
    );
    let tags = scenario.world(|world| {
        let id = controller_tests::scenario::account(1);
        world.macie.member(EU, &id).unwrap().tags.clone()
    });
    assert_eq!(tags["managed-by"], "macie-self-service");
}

#[tokio::test]
async fn a_sweep_of_an_account_at_rest_costs_four_reads_at_most_and_writes_nothing() {
    let scenario = warm(&["orders", "bills"]).await;
    let start = scenario.calls().len();
    scenario.look(1, EU).await;
    let operations = scenario.operations_since(start);
    assert_eq!(
        counted("sweep of an account at rest", &operations),
        [
            "macie2:GetMember",
            "macie2:ListClassificationJobs",
            "s3:GetBucketTagging",
            "tagging:GetResources",
        ]
    );
}

#[tokio::test]
async fn a_thousand_buckets_are_read_only_before_something_is_written() {
    let scenario = warm(&["orders"]).await;
    for n in 0..999 {
        scenario.create_bucket(1, EU, &format!("plain-{n:04}"));
    }
    scenario.lose_events();
    scenario.untag(1, EU, "orders");
    let start = scenario.calls().len();
    scenario.run_well().await;
    let pending = scenario.calls()[start..]
        .iter()
        .filter(|call| call.operation == "GetBucketTagging")
        .count();
    println!("opt-out of the last among 1,000 buckets: {pending} buckets read");
    assert!((1_000..=1_002).contains(&pending), "{pending}");
    let start = scenario.calls().len();
    scenario.turn("PT1H");
    scenario.look(1, EU).await;
    let within = scenario.operations_since(start);
    assert_eq!(
        counted("sweep within the grace period", &within),
        [
            "macie2:GetMember",
            "macie2:ListClassificationJobs",
            "sts:AssumeRole",
            "tagging:GetResources"
        ]
    );
    assert!(scenario.place(1, EU).leaving);
}
