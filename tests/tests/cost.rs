//! `maciectl cost`: what Macie says that accounts have cost this month.

use std::collections::BTreeSet;

use controller_core::{
    id::{BucketName, Region},
    money::Usd,
    usage::Kind,
};
use controller_tests::{EU, Scenario, scenario::account};
use local_aws::{
    faults::{Fault, Kind as FaultKind},
    organization, s3,
};
use maciectl::{
    args::By,
    commands::{
        cost::{document, groups},
        report::Known,
    },
    exit::Exit,
};

fn rounded(usd: Usd) -> String {
    usd.to_string()
}

/// 2 GB are scanned once, at $1. Two buckets are monitored at ten cents a month: `orders` since the
/// enrolment on 2 March, `archive` since 5 March, both to 10 March: 9 + 6 days of 31.
#[tokio::test]
async fn an_account_costs_what_was_scanned_and_every_day_of_a_bucket() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "archive");
    scenario.world(|world| s3::put_object(world, "archive", "a.csv", 2_000_000_000).unwrap());
    // Or the daily job would scan it too: it was written since its last run.
    scenario.turn("P1D");
    scenario.tag(1, EU, "archive");
    scenario.run_well().await;
    scenario.turn("P4D");
    let costs = scenario.costs(&["--account", &account(1)]).await;
    let [usage] = &costs.usages[..] else {
        panic!("{costs:?}");
    };
    assert_eq!(rounded(usage.usd[&Kind::Jobs]), "$2.00");
    assert_eq!(rounded(usage.usd[&Kind::Monitoring]), "$0.05");
    assert!(!usage.quota_met);
    assert_eq!(
        usage.total(),
        usage.usd[&Kind::Jobs] + usage.usd[&Kind::Monitoring]
    );
}

#[tokio::test]
async fn however_it_is_added_up_it_is_the_same() {
    let scenario = Scenario::enrolled().await;
    let costs = scenario.costs(&[]).await;
    let sum = |groups: Vec<(String, Usd)>| {
        groups
            .into_iter()
            .fold(Usd::default(), |sum, (_, usd)| sum + usd)
    };
    let [one, two, three] = [By::Account, By::Region, By::Type].map(|by| sum(groups(&costs, by)));
    assert!(one.0 > Usd::default().0);
    assert_eq!((one, one), (two, three));
    let document = document(&costs, By::Type, scenario.now());
    let total = serde_json::json!(one);
    assert_eq!(document["total"]["monthToDateUsd"], total);
}

/// 6 and 2 GB are scanned once, at $1; the old object of `orders` is a byte. Of the three buckets each
/// bears a third of the monitoring.
#[tokio::test]
async fn an_accounts_dollars_are_shared_out_to_its_buckets() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "untagged");
    scenario.create_bucket(1, EU, "archive");
    for (bucket, gigabytes) in [("orders", 6_000_000_000), ("archive", 2_000_000_000)] {
        scenario.world(|world| s3::put_object(world, bucket, "a.csv", gigabytes).unwrap());
    }
    scenario.turn("P2D");
    scenario.tag(1, EU, "archive");
    scenario.run_well().await;
    scenario.turn("P2D");
    let shares = scenario.shares(&account(1)).await;
    let usage = &scenario.costs(&["--account", &account(1)]).await.usages[0];
    let dollars = |usd: &Known<Usd>| usd.value().unwrap().to_string();
    let jobs = |n: usize| {
        (
            shares[n].bucket.as_ref().map(BucketName::as_str),
            dollars(&shares[n].jobs_usd),
        )
    };
    assert_eq!(jobs(0), (Some("archive"), "$2.00".to_owned()));
    assert_eq!(jobs(1), (Some("orders"), "$6.00".to_owned()));
    assert_eq!(jobs(2), (None, "$0.00".to_owned()));
    let monitoring = shares
        .iter()
        .map(|share| *share.monitoring_usd.value().unwrap());
    let sum = monitoring.fold(Usd::default(), |sum, usd| sum + usd);
    let all = usage.usd[&Kind::Monitoring];
    assert_eq!(rounded(sum), rounded(all));
    assert_eq!(shares[0].monitoring_usd, shares[2].monitoring_usd);
}

/// Nobody knows what is in a bucket that Macie may not read, so nobody knows the others' shares.
#[tokio::test]
async fn without_a_size_no_share_of_jobs_is_known() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "archive");
    scenario.tag(1, EU, "archive");
    scenario.world(|world| world.s3.buckets.get_mut("archive").unwrap().locked = true);
    scenario.turn("P2D");
    let shares = scenario.shares(&account(1)).await;
    let orders = shares.iter().find(|share| {
        share
            .bucket
            .as_ref()
            .is_some_and(|name| name.as_str() == "orders")
    });
    let why = orders.unwrap().jobs_usd.reason().unwrap();
    assert!(why.contains("archive"), "{why}");
    assert!(orders.unwrap().monitoring_usd.value().is_some());
}

#[tokio::test]
async fn a_unit_that_cannot_be_read_is_unknown_and_nothing_is_left_out() {
    let scenario = Scenario::enrolled().await;
    let by_unit = scenario.costs(&["--by", "unit"]).await;
    // The administrator is in the root.
    let [(unit, usd), (root, _)] = &groups(&by_unit, By::Unit)[..] else {
        panic!("{by_unit:?}");
    };
    assert_eq!([unit, root], [organization::WORKLOADS, organization::ROOT]);
    assert_eq!(by_unit.exit(), Exit::Success);
    scenario.break_always("ListParents", FaultKind::Deny);
    let by_unit = scenario.costs(&["--by", "unit"]).await;
    assert_eq!(groups(&by_unit, By::Unit), [("unknown".to_owned(), *usd)]);
    assert_eq!(by_unit.exit(), Exit::Partial);
}

#[tokio::test]
async fn a_region_that_does_not_answer_hides_no_other() {
    let scenario = Scenario::enrolled().await;
    scenario.fault(Fault::always("GetUsageStatistics", FaultKind::Deny).once());
    let costs = scenario.costs(&[]).await;
    assert_eq!(costs.trouble.len(), 1, "{costs:?}");
    let regions: BTreeSet<&Region> = costs.usages.iter().map(|usage| &usage.region).collect();
    assert_eq!(regions.len(), 1, "{costs:?}");
    assert!(!costs.trouble.contains_key(*regions.first().unwrap()));
}

/// Gives an account a tag.
fn tag_account(scenario: &Scenario, id: &str, key: &str, value: &str) {
    scenario.world(|world| {
        let account = world.organizations.accounts.get_mut(id).unwrap();
        account.tags.insert(key.to_owned(), value.to_owned());
    });
}

/// What accounts cost is put to the account of its owner; keys differ by their spelling.
#[tokio::test]
async fn costs_are_shown_back_to_who_owns_the_accounts() {
    let scenario = Scenario::enrolled().await;
    tag_account(&scenario, &account(1), "Owner", "team-orders");
    tag_account(&scenario, &account(2), "owner", "team-orders");
    scenario.create_bucket(2, EU, "archive");
    scenario.tag(2, EU, "archive");
    scenario.run_well().await;
    scenario.turn("P1D");
    let start = scenario.calls().len();
    let costs = scenario.costs(&["--by", "tag", "--tag", "Owner"]).await;
    let asked = scenario.operations_since(start);
    let asked = asked
        .iter()
        .filter(|call| call.ends_with(":ListTagsForResource"));
    // The administrator costs nothing, and is not asked for.
    assert_eq!(asked.count(), 2);
    let found = groups(&costs, By::Tag);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["team-orders", "(no tag)"]);
    let sum = found
        .iter()
        .fold(Usd::default(), |sum, (_, usd)| sum + *usd);
    let accounts = groups(&costs, By::Account).into_iter();
    assert_eq!(
        sum,
        accounts.fold(Usd::default(), |sum, (_, usd)| sum + usd)
    );
    assert_eq!(costs.exit(), Exit::Success);
}

#[tokio::test]
async fn an_owner_that_cannot_be_read_is_unknown_and_nothing_is_left_out() {
    let scenario = Scenario::enrolled().await;
    tag_account(&scenario, &account(1), "Owner", "team-orders");
    let known = scenario.costs(&["--by", "tag", "--tag", "Owner"]).await;
    let sum = |costs: &_| {
        let groups = groups(costs, By::Tag).into_iter();
        groups.fold(Usd::default(), |sum, (_, usd)| sum + usd)
    };
    scenario.break_always("ListTagsForResource", FaultKind::Deny);
    let unknown = scenario.costs(&["--by", "tag", "--tag", "Owner"]).await;
    let [(name, _)] = &groups(&unknown, By::Tag)[..] else {
        panic!("{unknown:?}");
    };
    assert_eq!(name, "(unknown)");
    assert_eq!(sum(&unknown), sum(&known));
    assert_eq!(unknown.exit(), Exit::Partial);
}
