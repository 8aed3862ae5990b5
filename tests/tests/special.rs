//! Accounts, members and jobs that are not like the others.

use std::collections::BTreeSet;

use controller_core::report::Report;
use controller_tests::{
    EU, Scenario, Setup, US,
    scenario::{ENROLLED, NOT_GOVERNED, STRANGER, account, scope},
};
use local_aws::{
    macie::{JobStatus, Relationship, Status},
    organization::{self, ADMINISTRATOR, MANAGEMENT, MEMBER_ROLE},
    s3,
};
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

/// The reason of the last published refusal.
fn refusal(scenario: &Scenario, number: usize) -> String {
    let events = scenario.published_events(number, EU);
    let last = events.last().expect("nothing was published");
    assert_eq!(last["detail-type"], "Opt-In Refused");
    assert!(!last["detail"]["fix"].as_str().unwrap().is_empty());
    last["detail"]["reason"]["code"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn the_management_account_is_refused_with_what_it_can_do() {
    let scenario = Setup::new(1).start().await;
    let team = organization::admin(MANAGEMENT);
    let tags = [("macie", "true")];
    scenario
        .world(|world| s3::create_bucket(world, &team, EU, "payer", &tags))
        .unwrap();
    let reports = scenario.run_well().await;
    assert_eq!(blocked(&reports), set(&["management-account"]));
    let member = scenario.world(|world| Relationship::of(world, EU, MANAGEMENT));
    assert_eq!(member, None);
}

#[tokio::test]
async fn the_administrators_own_buckets_are_scanned_without_a_membership() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(0, EU, "results");
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(0, EU), "stranger | daily | results: old.csv");
    scenario.untag(0, EU, "results");
    scenario.run_well().await;
    scenario.turn("P3D");
    scenario.sweep().await;
    let session = scenario.world(|world| world.macie.session(EU, ADMINISTRATOR).unwrap().status);
    assert_eq!(session, Status::Enabled);
}

fn set_state(scenario: &Scenario, state: &str) {
    scenario.world(|world| {
        let known = world.organizations.accounts.get_mut(&account(1)).unwrap();
        known.state = state.to_owned();
    });
}

#[tokio::test]
async fn an_account_that_is_not_active_is_not_enrolled() {
    for state in ["SUSPENDED", "PENDING_CLOSURE", "CLOSED", "SOMETHING_NEW"] {
        let mut scenario = Setup::new(1)
            .policy(json!({ "accounts": { "mandatory": [account(1)] } }))
            .start()
            .await;
        set_state(&scenario, state);
        let reports = scenario.look(1, EU).await;
        // Its role cannot be assumed, so that what its team wishes cannot be read.
        let both = set(&["account-not-active", "unreadable"]);
        assert_eq!(blocked(&reports), both, "{state}");
        scenario
            .change_policy(json!({ "accounts": { "mandatory": [] } }))
            .await;
        scenario.opted_in_bucket(1, EU, "orders");
        let reports = scenario.run_well().await;
        assert_eq!(blocked(&reports), set(&["unreadable"]), "{state}");
        assert_eq!(scenario.at(1, EU), STRANGER);
    }
}

#[tokio::test]
async fn a_member_whose_account_aws_has_suspended_is_left_alone() {
    let mut scenario = Scenario::enrolled().await;
    set_state(&scenario, "SUSPENDED");
    let start = scenario.calls().len();
    scenario.opted_in_bucket(1, EU, "bills");
    scenario.run_well().await;
    scenario.untag(1, EU, "bills");
    scenario.untag(1, EU, "orders");
    scenario.turn("P3D");
    scenario.sweep().await;
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn a_member_whose_region_is_disabled_is_told_and_left_alone() {
    let mut scenario = Scenario::enrolled().await;
    scenario.world(|world| {
        let known = world.organizations.accounts.get_mut(&account(1)).unwrap();
        known.disabled_regions.push(EU.to_owned());
    });
    let start = scenario.calls().len();
    scenario.opted_in_bucket(1, EU, "bills");
    let reports = scenario.run_well().await;
    assert_eq!(blocked(&reports), set(&["region-disabled"]));
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn an_account_of_another_organization_causes_one_read_and_a_refusal() {
    let scenario = Setup::new(1).start().await;
    let foreign = "999999999999";
    let event = json!({
        "version": "0", "id": "1", "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.s3", "account": foreign, "region": EU, "time": "2026-03-02T10:00:00Z",
        "resources": [],
        "detail": {
            "eventSource": "s3.amazonaws.com", "eventName": "PutBucketTagging",
            "requestParameters": { "bucketName": "theirs" },
        },
    });
    let start = scenario.calls().len();
    scenario.send(&event.to_string());
    let handled = scenario.run().await;
    let reports: Vec<Report> = handled.into_iter().flat_map(|one| one.reports).collect();
    assert_eq!(blocked(&reports), set(&["unreadable"]));
    assert!(scenario.writes_since(start).is_empty());
    assert!(scenario.operations_since(start).len() < 6);
}

#[tokio::test]
async fn a_region_that_a_stranger_has_not_enabled_is_skipped_with_the_reason() {
    let scenario = Setup::new(1).start().await;
    scenario.world(|world| {
        let own = world.organizations.accounts.get_mut(&account(1)).unwrap();
        own.disabled_regions.push(US.to_owned());
    });
    let start = scenario.calls().len();
    let handled = scenario.sweep().await;
    assert!(
        handled.iter().all(|one| one.reports.is_empty()),
        "handed over"
    );
    let reports = scenario.look(1, US).await;
    assert_eq!(blocked(&reports), set(&["region-disabled"]));
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn the_region_of_an_event_that_is_not_governed_is_told_and_nothing_is_called() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, NOT_GOVERNED, "fjord");
    let start = scenario.calls().len();
    let reports = scenario.run_well().await;
    assert_eq!(blocked(&reports), set(&["region-not-governed"]));
    assert_eq!(scenario.operations_since(start), [""; 0]);
    assert_eq!(scenario.at(1, NOT_GOVERNED), STRANGER);
}

#[tokio::test]
async fn an_excluded_account_is_refused_and_loses_its_jobs_whoever_paused_them() {
    let mut scenario = Setup::new(1)
        .policy(json!({ "accounts": { "excluded": [account(1)] } }))
        .start()
        .await;
    scenario.opted_in_bucket(1, EU, "orders");
    let reports = scenario.run_well().await;
    assert_eq!(blocked(&reports), set(&["excluded"]));
    assert_eq!(refusal(&scenario, 1), "excluded");
    assert_eq!(scenario.at(1, EU), STRANGER);

    let mut scenario = Scenario::enrolled().await;
    scenario.world(|world| world.macie.jobs[0].status = JobStatus::UserPaused);
    let excluded = json!({ "accounts": { "excluded": [account(1)] } });
    scenario.change_policy(excluded).await;
    scenario.look(1, EU).await;
    assert_eq!(
        scenario.all_jobs(1, EU),
        ["daily Cancelled", "baseline orders Complete"]
    );
    // It has an opted-in bucket: it is not suspended, a person decides.
    assert_eq!(scenario.at(1, EU), "Enabled |  | orders: old.csv");
}

#[tokio::test]
async fn a_mandatory_account_is_enrolled_without_a_tag_and_stays() {
    let mut scenario = Setup::new(2)
        .policy(json!({ "accounts": { "mandatory": [account(1)] } }))
        .start()
        .await;
    scenario.sweep().await;
    assert_eq!(scenario.at(1, EU), "Enabled |  | ");
    assert_eq!(scenario.at(2, EU), STRANGER);
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    scenario.untag(1, EU, "orders");
    for _ in 0..3 {
        scenario.run_well().await;
        scenario.turn("P1D");
        scenario.sweep().await;
    }
    assert_eq!(scenario.at(1, EU), ENROLLED);
}

#[tokio::test]
async fn units_make_their_accounts_mandatory_or_excluded_at_any_depth() {
    let units = |list: &str, unit: &str| json!({ "organizationalUnits": { list: [unit] } });
    let mandatory = units("mandatory", organization::WORKLOADS);
    let scenario = Setup::new(1).policy(mandatory).start().await;
    scenario.sweep().await;
    assert_eq!(scenario.at(1, EU), "Enabled |  | ");

    let excluded = units("excluded", organization::ROOT);
    let mut scenario = Setup::new(1).policy(excluded).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    let reports = scenario.run_well().await;
    assert_eq!(blocked(&reports), set(&["excluded"]));
    assert_eq!(scenario.at(1, EU), STRANGER);
}

#[tokio::test]
async fn a_member_of_somebody_else_gets_jobs_and_is_never_suspended_or_resumed() {
    let mut scenario = Setup::new(1).start().await;
    scenario.enrol_by_hand(1, EU);
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P3D");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P3D");
    scenario.sweep().await;
    assert_eq!(scenario.at(1, EU), ENROLLED);
    scenario.set_member(1, EU, Status::Paused);
    scenario.tag(1, EU, "orders");
    let reports = scenario.run_well().await;
    assert_eq!(blocked(&reports), set(&["not-owned"]));
    assert_eq!(refusal(&scenario, 1), "not-owned");
    assert_eq!(scenario.place(1, EU).member, Some(Relationship::Paused));
}

#[tokio::test]
async fn an_adopted_member_is_the_controllers_from_then_on() {
    let mut scenario = Setup::new(1)
        .policy(json!({ "accounts": { "adopted": [account(1)] } }))
        .start()
        .await;
    scenario.enrol_by_hand(1, EU);
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P3D");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P1D");
    scenario.sweep().await;
    assert_eq!(
        scenario.at(1, EU),
        "Paused, leaving | daily | orders: old.csv"
    );
}

#[tokio::test]
async fn a_tag_that_only_looks_like_an_opt_in_is_answered() {
    for (key, value) in [("Macie", "true"), ("macie", "True"), ("MACIE", "TRUE")] {
        let scenario = Setup::new(1).start().await;
        scenario.create_bucket(1, EU, "orders");
        scenario.tag_with(1, EU, "orders", &[(key, value)]);
        scenario.run_well().await;
        assert_eq!(scenario.at(1, EU), STRANGER, "{key}={value}");
        assert_eq!(refusal(&scenario, 1), "near-miss", "{key}={value}");
        let events = scenario.published_events(1, EU);
        assert_eq!(events[0]["detail"]["buckets"], json!(["orders"]));
    }
    let mut scenario = Setup::new(1)
        .policy(json!({ "tag": { "values": ["true", "True"] } }))
        .start()
        .await;
    scenario.create_bucket(1, EU, "orders");
    scenario.put_object("orders", "old.csv");
    scenario.tag_with(1, EU, "orders", &[("macie", "True")]);
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_read_keeps_the_account_and_is_told() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "vault");
    scenario.world(|world| world.s3.buckets.get_mut("vault").unwrap().locked = true);
    scenario.lose_events();
    scenario.untag(1, EU, "orders");
    let reports = scenario.run_well().await;
    assert_eq!(blocked(&reports), set(&["unreadable"]));
    scenario.turn("P9D");
    scenario.sweep().await;
    assert_eq!(scenario.place(1, EU).member, Some(Relationship::Enabled));
    scenario.world(|world| world.s3.buckets.get_mut("vault").unwrap().locked = false);
    scenario.look(1, EU).await;
    scenario.turn("P1D");
    scenario.look(1, EU).await;
    assert_eq!(scenario.place(1, EU).member, Some(Relationship::Paused));
}

#[tokio::test]
async fn an_account_without_the_role_or_that_does_not_trust_us_is_told_and_never_suspended() {
    for (name, remove) in [("no role", true), ("no trust", false)] {
        let mut scenario = Scenario::enrolled().await;
        scenario.world(|world| {
            let key = (account(1), MEMBER_ROLE.to_owned());
            match remove {
                true => drop(world.iam.roles.remove(&key)),
                false => world.iam.roles.get_mut(&key).unwrap().trusts.clear(),
            }
        });
        scenario.restart().await;
        scenario.untag(1, EU, "orders");
        let reports = scenario.run_well().await;
        assert_eq!(blocked(&reports), set(&["unreadable"]), "{name}");
        scenario.turn("P9D");
        scenario.sweep().await;
        assert_eq!(scenario.at(1, EU), ENROLLED, "{name}");
    }
}

#[tokio::test]
async fn macie_off_in_a_region_is_told_with_the_fix_and_the_other_region_goes_on() {
    let mut scenario = Setup::new(1).start().await;
    scenario.world(|world| world.macie.sessions.clear());
    scenario.world(|world| local_aws::macie::enable(world, US, ADMINISTRATOR));
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.opted_in_bucket(1, US, "logs");
    let reports = scenario.run_well().await;
    assert_eq!(blocked(&reports), set(&["unreadable"]));
    let fixes: Vec<&str> = reports
        .iter()
        .flat_map(Report::blocked)
        .map(|b| b.fix())
        .collect();
    assert!(
        fixes.iter().any(|fix| fix.contains("enable-macie")),
        "{fixes:?}"
    );
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), STRANGER);
    assert_eq!(scenario.at(1, US), "Enabled | daily | logs: old.csv");
}

/// Eight enrolled accounts that lost their last opted-in bucket more than a grace period ago.
async fn eight_that_left() -> Scenario {
    let mut scenario = Setup::new(8).start().await;
    for number in 1..=8 {
        scenario.opted_in_bucket(number, EU, &format!("data-{number}"));
    }
    scenario.run_well().await;
    for number in 1..=8 {
        scenario.untag(number, EU, &format!("data-{number}"));
    }
    scenario.run_well().await;
    scenario.turn("PT25H");
    scenario
}

fn suspended(scenario: &Scenario) -> Vec<usize> {
    let is_paused =
        |number: &usize| scenario.place(*number, EU).member == Some(Relationship::Paused);
    (1..=8).filter(is_paused).collect()
}

#[tokio::test]
async fn eight_accounts_that_leave_at_once_are_held_until_a_person_releases_them() {
    let scenario = eight_that_left().await;
    for _ in 0..3 {
        let handled = scenario.sweep().await;
        let reports: Vec<Report> = handled.into_iter().flat_map(|one| one.reports).collect();
        assert!(blocked(&reports).contains("circuit-breaker"));
        assert_eq!(suspended(&scenario), [] as [usize; 0]);
        scenario.turn("PT3H");
    }
    for number in [2, 5] {
        scenario.release(number, EU).await;
    }
    scenario.sweep().await;
    assert_eq!(
        suspended(&scenario),
        [2, 5],
        "the others are still too many"
    );
    for number in [1, 3, 4] {
        scenario.release(number, EU).await;
    }
    scenario.turn("PT2M");
    scenario.sweep().await;
    assert_eq!(
        suspended(&scenario),
        [1, 2, 3, 4, 5, 6, 7, 8],
        "three are left, and may go"
    );
}

#[tokio::test]
async fn controllers_that_look_at_the_same_time_hold_together() {
    let scenario = eight_that_left().await;
    let (first, second) = (scenario.another().await, scenario.another().await);
    let policy = scenario.policy();
    let none = BTreeSet::new();
    let looks = (1..=8).flat_map(|number| {
        let scope = scope(&account(number), EU);
        [(&first, scope.clone()), (&second, scope)]
    });
    let looks = looks.map(|(runtime, scope)| {
        let (policy, none) = (&policy, &none);
        async move { runtime.controller.reconcile(policy, &scope, none).await }
    });
    let reports = futures::future::join_all(looks).await;
    assert!(reports.iter().all(Report::is_held_by_circuit_breaker));
    assert_eq!(suspended(&scenario), [] as [usize; 0]);
}

#[tokio::test]
async fn accounts_that_leave_one_by_one_go_three_an_hour() {
    let mut scenario = Setup::new(4).start().await;
    for number in 1..=4 {
        scenario.opted_in_bucket(number, EU, &format!("data-{number}"));
    }
    scenario.run_well().await;
    for number in 1..=3 {
        scenario.untag(number, EU, &format!("data-{number}"));
    }
    scenario.run_well().await;
    scenario.turn("PT2H");
    scenario.untag(4, EU, "data-4");
    scenario.run_well().await;
    scenario.turn("PT22H1M");
    scenario.sweep().await;
    assert_eq!(suspended(&scenario), [1, 2, 3]);
    scenario.turn("PT2H");
    scenario.sweep().await;
    assert_eq!(suspended(&scenario), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_sweep_finds_every_account_of_the_organization() {
    let scenario = Setup::new(2).start().await;
    let start = scenario.calls().len();
    scenario.sweep().await;
    let scopes: BTreeSet<String> = scenario.calls()[start..]
        .iter()
        .filter(|call| call.operation == "GetResources")
        .map(|call| format!("{}/{}", call.account, call.region))
        .collect();
    let accounts = [MANAGEMENT, ADMINISTRATOR, &account(1), &account(2)];
    let expected: BTreeSet<String> = accounts
        .iter()
        .flat_map(|id| [EU, US].map(|region| scope(id, region).to_string()))
        .collect();
    assert_eq!(scopes, expected);
}
