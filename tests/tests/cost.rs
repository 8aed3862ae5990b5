//! `maciectl cost`: what Macie says that accounts have cost this month.

use std::collections::BTreeSet;

use controller_core::{id::Region, money::Usd, usage::Kind};
use controller_tests::{EU, Scenario, scenario::account};
use local_aws::{
    faults::{Fault, Kind as FaultKind},
    s3,
};
use maciectl::{
    args::{By, Cli, Command, Parser},
    commands::cost::{Costs, costs, document, groups},
};

async fn ask(scenario: &Scenario, arguments: &[&str]) -> Costs {
    let words = ["maciectl", "cost"].iter().chain(arguments);
    let cli = Cli::try_parse_from(words).unwrap();
    let Command::Cost(args) = &cli.command else {
        panic!("{arguments:?}");
    };
    let operator = scenario.operator().await;
    costs(&operator, &cli.global, args).await.unwrap()
}

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
    let costs = ask(&scenario, &["--account", &account(1)]).await;
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
    let costs = ask(&scenario, &[]).await;
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

#[tokio::test]
async fn a_region_that_does_not_answer_hides_no_other() {
    let scenario = Scenario::enrolled().await;
    scenario.fault(Fault::always("GetUsageStatistics", FaultKind::Deny).once());
    let costs = ask(&scenario, &[]).await;
    assert_eq!(costs.trouble.len(), 1, "{costs:?}");
    let regions: BTreeSet<&Region> = costs.usages.iter().map(|usage| &usage.region).collect();
    assert_eq!(regions.len(), 1, "{costs:?}");
    assert!(!costs.trouble.contains_key(*regions.first().unwrap()));
}
