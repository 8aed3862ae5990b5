//! Events of AWS Organizations, from the management account's bus to what becomes of the account;
//! and forged ones.

use std::collections::BTreeSet;

use controller_core::report::Report;
use controller_tests::{
    EU, Scenario, Setup, US,
    scenario::{ENROLLED, STRANGER, account},
};
use local_aws::{
    Call,
    events::{self, BusId, Destination, Target},
    faults::Kind,
    organization::{self, ADMINISTRATOR, MANAGEMENT, ROOT, WORKLOADS},
    organizations,
    request::Body,
    roles,
};
use serde_json::{Value, json};

fn change(scenario: &Scenario, operation: &str, input: Value) -> Value {
    scenario
        .world(|world| organizations::change(world, operation, input))
        .unwrap()
}

/// A unit beside the workloads'.
fn unit(scenario: &Scenario) -> String {
    let made = json!({ "ParentId": ROOT, "Name": "Elsewhere" });
    let made = change(scenario, "CreateOrganizationalUnit", made);
    let id = made["OrganizationalUnit"]["Id"].as_str().unwrap();
    id.to_owned()
}

fn move_account(scenario: &Scenario, number: usize, from: &str, to: &str) {
    let places = json!({
        "AccountId": account(number), "SourceParentId": from, "DestinationParentId": to,
    });
    change(scenario, "MoveAccount", places);
}

fn units(list: &str, unit: &str) -> Value {
    json!({ "organizationalUnits": { list: [unit] } })
}

fn places(reports: &[Report]) -> BTreeSet<String> {
    let scopes = reports.iter().map(|report| report.scope.to_string());
    scopes.collect()
}

fn everywhere(number: usize) -> BTreeSet<String> {
    [EU, US]
        .map(|region| format!("{}/{region}", account(number)))
        .into()
}

#[tokio::test]
async fn an_account_that_is_moved_into_an_excluded_unit_loses_its_jobs_at_once() {
    let mut scenario = Scenario::enrolled().await;
    let excluded = unit(&scenario);
    scenario.change_policy(units("excluded", &excluded)).await;
    move_account(&scenario, 1, WORKLOADS, &excluded);
    let reports = scenario.run_well().await;
    assert_eq!(places(&reports), everywhere(1));
    assert_eq!(
        scenario.all_jobs(1, EU),
        ["daily Cancelled", "baseline orders Complete"]
    );
}

#[tokio::test]
async fn an_account_that_is_moved_out_of_an_excluded_unit_is_enrolled_at_once() {
    let mut scenario = Setup::new(1).start().await;
    let excluded = unit(&scenario);
    scenario.change_policy(units("excluded", &excluded)).await;
    move_account(&scenario, 1, WORKLOADS, &excluded);
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    assert_eq!(scenario.at(1, EU), STRANGER);
    move_account(&scenario, 1, &excluded, WORKLOADS);
    scenario.run_well().await;
    scenario.turn("P1D");
    assert_eq!(scenario.at(1, EU), ENROLLED);
}

#[tokio::test]
async fn a_new_account_below_a_mandatory_unit_is_enrolled_in_every_region_at_once() {
    let mandatory = units("mandatory", ROOT);
    let scenario = Setup::new(1).policy(mandatory).start().await;
    let new = json!({ "Email": "new@example.com", "AccountName": "new" });
    change(&scenario, "CreateAccount", new);
    scenario.run().await;
    for region in [EU, US] {
        assert_eq!(scenario.at(2, region), "Enabled |  | ", "{region}");
        assert_eq!(scenario.at(1, region), STRANGER, "it was not named");
    }
}

#[tokio::test]
async fn a_closed_account_is_left_alone() {
    let scenario = Scenario::enrolled().await;
    let start = scenario.calls().len();
    change(
        &scenario,
        "CloseAccount",
        json!({ "AccountId": account(2) }),
    );
    change(
        &scenario,
        "CloseAccount",
        json!({ "AccountId": account(1) }),
    );
    assert!(scenario.run_well().await.is_empty());
    let read = "organizations:DescribeAccount";
    assert_eq!(scenario.operations_since(start), [read, read]);
}

/// A move of account 1 as CloudTrail would write it.
fn moved() -> Value {
    json!({
        "eventSource": "organizations.amazonaws.com", "eventName": "MoveAccount",
        "recipientAccountId": MANAGEMENT, "requestParameters": { "accountId": account(1) },
    })
}

#[tokio::test]
async fn an_event_of_a_member_account_that_names_another_causes_one_read() {
    let mut scenario = Setup::new(2).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.lose_events();
    // The worst case: somebody in account 2 has a role of the forwarder's name and a rule for it,
    // and AWS itself writes such an event there.
    let (bus, home) = (
        BusId::new(&account(2), US, "default"),
        BusId::new(ADMINISTRATOR, EU, organization::BUS),
    );
    scenario.world(|world| {
        let pattern = json!({ "source": ["aws.organizations"] });
        events::put_rule(world, &bus, "theirs", &pattern).unwrap();
        let role = roles::forwarder(&account(2), US);
        let target = Target::new("bus", Destination::Bus(home)).role(&role);
        events::put_target(world, &bus, "theirs", target).unwrap();
        let kind = "AWS API Call via CloudTrail";
        let source = "aws.organizations";
        events::emit(world, &account(2), US, source, kind, Vec::new(), moved());
    });
    assert_eq!(scenario.waiting_messages().len(), 1, "it reached the queue");
    let start = scenario.calls().len();
    let reports = scenario.run_well().await;
    assert!(reports.is_empty());
    let read = ["organizations:DescribeOrganization"];
    assert_eq!(scenario.operations_since(start), read);
    assert_eq!(scenario.at(1, EU), STRANGER);
    assert_eq!(scenario.dead_letters(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_puts_custom_events_under_the_source_of_organizations() {
    let scenario = Setup::new(1).start().await;
    for id in [MANAGEMENT, ADMINISTRATOR, &account(1)] {
        let bus = BusId::new(ADMINISTRATOR, EU, organization::BUS).arn();
        let call = Call {
            service: "events",
            region: EU.to_owned(),
            caller: organization::admin(id),
            method: "POST".to_owned(),
            segments: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            input: json!({ "Entries": [{
                "EventBusName": bus, "Source": "aws.organizations", "Detail": moved().to_string(),
                "DetailType": "AWS API Call via CloudTrail",
            }] }),
        };
        let reply = scenario.world(|world| events::perform(world, &call, "PutEvents"));
        let Body::Json(reply) = reply.unwrap().body else {
            panic!("EventBridge speaks JSON");
        };
        let code = &reply["Entries"][0]["ErrorCode"];
        assert_eq!(code, "NotAuthorizedForSourceException", "{id}");
    }
    assert!(scenario.waiting_messages().is_empty());
}

#[tokio::test]
async fn who_the_management_account_is_must_be_known() {
    let mut scenario = Scenario::enrolled().await;
    let excluded = unit(&scenario);
    scenario.change_policy(units("excluded", &excluded)).await;
    scenario.break_always("DescribeOrganization", Kind::Throttle);
    move_account(&scenario, 1, WORKLOADS, &excluded);
    let handled = scenario.pump().await;
    assert!(handled.iter().any(|one| !one.failed.is_empty()));
    assert_eq!(scenario.at(1, EU), ENROLLED);
    scenario.heal();
    scenario.run_well().await;
    assert_eq!(scenario.all_jobs(1, EU)[0], "daily Cancelled");
    assert_eq!(scenario.dead_letters(), Vec::<String>::new());
}

#[tokio::test]
async fn what_no_event_told_the_sweep_finds() {
    let mut scenario = Scenario::enrolled().await;
    let excluded = unit(&scenario);
    scenario.change_policy(units("excluded", &excluded)).await;
    scenario.world(|world| world.switches.trail = false);
    move_account(&scenario, 1, WORKLOADS, &excluded);
    assert!(scenario.waiting_messages().is_empty());
    scenario.sweep().await;
    assert_eq!(scenario.all_jobs(1, EU)[0], "daily Cancelled");
}
