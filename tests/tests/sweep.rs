//! The sweep: what it costs when nothing changed, what it finds, and that it may be cut anywhere.

use std::collections::BTreeMap;

use controller_core::sweep::Pass;
use controller_tests::{EU, Scenario, Setup, US, scenario::account};
use local_aws::{
    faults::{Fault, Kind},
    macie::JobStatus,
    organization::{ADMINISTRATOR, SWEEPER_ROLE},
};
use serde_json::json;

/// How often each operation was called since then.
fn counts(scenario: &Scenario, start: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for operation in scenario.operations_since(start) {
        *counts.entry(operation).or_default() += 1;
    }
    counts
}

/// Some accounts that are enrolled and covered, among others that never were.
async fn at_rest(workloads: usize, enrolled: usize) -> Scenario {
    let mut scenario = Setup::new(workloads).start().await;
    for number in 1..=enrolled {
        scenario.opted_in_bucket(number, EU, &format!("data-{number}"));
    }
    scenario.run_well().await;
    scenario.turn("P2D");
    scenario.restart().await;
    scenario
}

#[tokio::test]
async fn a_sweep_of_what_is_in_order_costs_one_call_an_account_and_region() {
    let scenario = at_rest(23, 5).await;
    let start = scenario.calls().len();
    scenario.sweep().await;
    let counts = counts(&scenario, start);
    println!("sweep of 25 accounts in 2 Regions at rest: {counts:?}");
    // 23 workloads, the management and the administrator account. StackSets pass over the
    // management account, but here it has the role too.
    assert_eq!(counts["sts:AssumeRole"], 25, "one for all Regions");
    assert_eq!(counts["tagging:GetResources"], 50);
    assert_eq!(
        counts["organizations:ListAccounts"], 2,
        "pages of 20, once for all Regions"
    );
    assert_eq!(counts["macie2:ListMembers"], 2);
    assert_eq!(counts["macie2:ListClassificationJobs"], 2);
    assert!(!counts.contains_key("macie2:GetMember"));
    assert!(scenario.writes_since(start).is_empty());
    // Passes, settings and resyncs, ten a call.
    assert_eq!(counts["sqs:SendMessageBatch"], 1 + 1 + 3 + 3);
}

#[tokio::test]
async fn rules_for_units_cost_the_pages_of_the_units_and_no_call_an_account() {
    let rules = json!({ "excluded": ["ou-root-workloads", "ou-root-deleted1"] });
    let policy = json!({ "organizationalUnits": rules });
    let scenario = Setup::new(23).policy(policy).start().await;
    let start = scenario.calls().len();
    scenario.sweep().await;
    let counts = counts(&scenario, start);
    println!("sweep of 25 accounts in 2 Regions by units: {counts:?}");
    assert!(!counts.contains_key("organizations:ListParents"));
    // Two pages of the one, and the refusal of the other, which does not exist; for both Regions.
    assert_eq!(counts["organizations:ListAccountsForParent"], 2 + 1);
    assert_eq!(counts["tagging:GetResources"], 50);
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn an_account_below_a_unit_of_a_mandatory_unit_is_enrolled_by_a_sweep() {
    let policy = json!({ "organizationalUnits": { "mandatory": ["r-root"] } });
    let scenario = Setup::new(1).policy(policy).start().await;
    scenario.sweep().await;
    scenario.turn("P1D");
    assert!(scenario.place(1, EU).member.is_some());
}

#[tokio::test]
async fn the_sweep_itself_writes_nothing_to_macie() {
    let mut scenario = Setup::new(3).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.lose_events();
    let start = scenario.calls().len();
    scenario.sweep().await;
    let calls = scenario.calls();
    let swept = calls[start..]
        .iter()
        .filter(|call| call.role.as_deref() == Some(SWEEPER_ROLE));
    let operations: Vec<&str> = swept.map(|call| call.operation.as_str()).collect();
    assert!(operations.contains(&"ListMembers"));
    for operation in operations {
        let reads = ["List", "Get", "AssumeRole"];
        let queue = ["SendMessageBatch", "ReceiveMessage", "DeleteMessage"];
        let harmless = reads.iter().any(|read| operation.starts_with(read));
        assert!(harmless || queue.contains(&operation), "{operation}");
    }
    assert!(scenario.place(1, EU).member.is_some(), "handed over");
}

#[tokio::test]
async fn buckets_that_were_tagged_before_anybody_listened_are_covered() {
    let mut scenario = Setup::new(4).start().await;
    for number in 1..=4 {
        scenario.opted_in_bucket(number, EU, &format!("data-{number}"));
    }
    scenario.lose_events();
    scenario.sweep().await;
    scenario.turn("P1D");
    for number in 1..=4 {
        assert_eq!(
            scenario.at(number, EU),
            format!("Enabled | daily | data-{number}: old.csv")
        );
    }
}

/// Everything that a sweep may find, in one organization, before anybody has looked.
async fn full_of_work() -> Scenario {
    let mut scenario = at_rest(6, 3).await;
    scenario.untag(1, EU, "data-1");
    scenario.opted_in_bucket(2, EU, "more-2");
    scenario.opted_in_bucket(4, EU, "data-4");
    scenario.opted_in_bucket(5, US, "data-5");
    scenario.world(|world| {
        let of_account = format!("macie-self-service/{}/daily/", account(3));
        let daily = world.macie.jobs.iter_mut();
        let mut daily = daily.filter(|job| job.definition.name.starts_with(&of_account));
        daily.next().unwrap().status = JobStatus::Cancelled;
    });
    scenario.lose_events();
    scenario
}

fn ends(scenario: &Scenario) -> Vec<String> {
    let places = (1..=6).flat_map(|number| [(number, EU), (number, US)]);
    places
        .map(|(number, region)| format!("{number} {region}: {}", scenario.at(number, region)))
        .collect()
}

#[tokio::test]
async fn a_sweep_that_is_cut_anywhere_is_finished_by_the_next() {
    let scenario = full_of_work().await;
    let whole = scenario.fork().await;
    let start = whole.calls().len();
    whole.sweep().await;
    let expected = ends(&whole);
    let calls = whole.calls().len() - start;
    println!("{calls} calls");
    for cut in (0..calls).step_by(19) {
        let mut cut_off = scenario.fork().await;
        let crash = Fault {
            skip: u32::try_from(cut).unwrap(),
            operation: None,
            ..Fault::always("", Kind::Crash).once()
        };
        cut_off.fault(crash);
        cut_off.send_sweep();
        let _died = cut_off.sandbox.pump().await;
        cut_off.heal();
        cut_off.restart().await;
        cut_off.lose_events();
        cut_off.lose_sweeps();
        cut_off.sweep().await;
        assert_eq!(ends(&cut_off), expected, "cut at call {cut}");
    }
}

#[tokio::test]
async fn two_sweeps_at_once_do_no_harm() {
    let scenario = full_of_work().await;
    let once = scenario.fork().await;
    once.sweep().await;
    scenario.send_sweep();
    scenario.pump().await;
    scenario.send_sweep();
    scenario.run().await;
    assert_eq!(ends(&scenario), ends(&once));
    assert_eq!(scenario.dead_letters(), Vec::<String>::new());
}

#[tokio::test]
async fn a_sweep_that_cannot_list_comes_again_and_hurts_no_neighbour() {
    for operation in ["ListAccounts", "ListMembers", "SendMessageBatch"] {
        let mut scenario = Setup::new(1).start().await;
        scenario.opted_in_bucket(1, EU, "orders");
        scenario.send_sweep();
        scenario.fault(Fault::always(operation, Kind::Throttle));
        let handled = scenario.pump().await;
        assert!(
            handled.iter().any(|one| !one.failed.is_empty()),
            "{operation}"
        );
        assert!(scenario.place(1, EU).member.is_some(), "{operation}");
        scenario.heal();
        scenario.run_well().await;
        assert_eq!(scenario.dead_letters(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_sweep_that_never_gets_through_ends_in_the_dead_letter_queue() {
    let scenario = Setup::new(1).start().await;
    scenario.break_always("ListAccounts", Kind::Deny);
    scenario.send_sweep();
    scenario.run().await;
    let over = [EU, US].map(|region| {
        let region = Some(region.parse().unwrap());
        Pass {
            region,
            only_pending: false,
        }
        .message()
    });
    assert_eq!(scenario.dead_letters(), over);
}

#[tokio::test]
async fn closed_accounts_and_disabled_regions_are_skipped() {
    let scenario = Setup::new(3).start().await;
    scenario.enrol_by_hand(2, EU);
    scenario.world(|world| {
        let close = world.organizations.accounts.get_mut(&account(1)).unwrap();
        close.state = "SUSPENDED".to_owned();
        let other = world.organizations.accounts.get_mut(&account(2)).unwrap();
        other.disabled_regions.push(EU.to_owned());
    });
    let start = scenario.calls().len();
    scenario.sweep().await;
    // Two Regions of the management, the administrator and account 3; one of account 2.
    assert_eq!(counts(&scenario, start)["tagging:GetResources"], 3 * 2 + 1);
}

#[tokio::test]
async fn the_hourly_pass_calls_no_account_and_finds_what_is_due() {
    let mut scenario = at_rest(5, 3).await;
    scenario.untag(1, EU, "data-1");
    scenario.run_well().await;
    scenario.turn("PT23H");
    let start = scenario.calls().len();
    scenario.sandbox.sweep_pending().unwrap();
    scenario.run().await;
    let quiet = counts(&scenario, start);
    assert!(!quiet.contains_key("sts:AssumeRole"), "{quiet:?}");
    assert!(
        !quiet.contains_key("organizations:ListAccounts"),
        "{quiet:?}"
    );
    scenario.turn("PT1H1M");
    scenario.sandbox.sweep_pending().unwrap();
    scenario.run().await;
    assert_eq!(
        scenario.at(1, EU),
        "Paused, leaving | daily | data-1: old.csv"
    );

    // A scope that waited for Macie, and whose message was lost.
    scenario.opted_in_bucket(4, EU, "data-4");
    scenario.pump().await;
    scenario.lose_events();
    scenario.turn("PT1H");
    scenario.sandbox.sweep_pending().unwrap();
    scenario.run().await;
    scenario.turn("P1D");
    assert_eq!(scenario.at(4, EU), "Enabled | daily | data-4: old.csv");
}

#[tokio::test]
async fn settings_that_make_accounts_pay_are_turned_off_again() {
    let scenario = Setup::new(1).start().await;
    let costs = |world: &mut local_aws::World| {
        let administration = &world.macie.administrations[US];
        let session = world.macie.session(US, ADMINISTRATOR).unwrap();
        (administration.auto_enable, session.discovery.enabled)
    };
    scenario.world(|world| {
        world.macie.administrations.get_mut(US).unwrap().auto_enable = true;
        for session in world.macie.sessions.values_mut() {
            session.discovery.enabled = true;
        }
    });
    let start = scenario.calls().len();
    scenario.sweep().await;
    assert_eq!(scenario.world(costs), (false, false));
    let writes: Vec<String> = scenario.writes_since(start);
    assert_eq!(
        writes,
        [
            "macie2:UpdateAutomatedDiscoveryConfiguration",
            "macie2:UpdateAutomatedDiscoveryConfiguration",
            "macie2:UpdateOrganizationConfiguration"
        ]
    );
    let start = scenario.calls().len();
    scenario.sweep().await;
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn an_account_that_the_policy_excludes_by_its_unit_is_not_enrolled_by_a_sweep() {
    let policy = json!({ "organizationalUnits": { "excluded": ["ou-root-workloads"] } });
    let mut scenario = Setup::new(1).policy(policy).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.lose_events();
    scenario.sweep().await;
    assert!(scenario.place(1, EU).member.is_none());
}
