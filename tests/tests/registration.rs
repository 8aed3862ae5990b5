//! The registration of the delegated Macie administrator, as CloudFormation drives it.

use controller_tests::{
    EU, US,
    custom_resource::{
        Stack,
        state::{assert_failed, assert_success, organization, state, unregistered},
    },
    scenario::{account, duration},
};
use custom_resources::frame::Resource;
use local_aws::{
    Switches,
    faults::{Fault, Kind},
    macie,
    organization::{ADMINISTRATOR, MACIE, MANAGEMENT},
};
use serde_json::{Value, json};

const REGIONS: [&str; 3] = [EU, US, "eu-north-1"];

async fn fresh() -> Stack {
    let world = unregistered(organization(2, &REGIONS));
    Stack::new(world, Resource::Registration).await
}

fn properties(over: Value) -> Value {
    let mut properties = json!({
        "ServiceToken": "arn:aws:lambda:eu-west-1:111111111111:function:resource",
        "AdministratorAccountId": ADMINISTRATOR,
        "Regions": REGIONS,
        "MoveFrom": "",
        "OnDelete": "Retain",
        "Version": "0.1.0",
    });
    for (name, value) in over.as_object().unwrap() {
        properties[name] = value.clone();
    }
    properties
}

/// The administrator of each Region.
fn administrators(stack: &Stack) -> Vec<String> {
    stack.world(|world| {
        let all = world.macie.administrations.iter();
        all.map(|(region, one)| format!("{region} {}", one.administrator))
            .collect()
    })
}

fn everywhere(administrator: &str) -> Vec<String> {
    let mut all = REGIONS.map(|region| format!("{region} {administrator}"));
    all.sort();
    all.to_vec()
}

fn delegated(stack: &Stack) -> Vec<String> {
    let delegated = stack.world(|world| world.organizations.delegated.clone());
    delegated.into_iter().map(|(_, account)| account).collect()
}

#[tokio::test]
async fn a_fresh_organization_gets_its_administrator_in_every_region() {
    let mut stack = fresh().await;
    let answer = stack.create(properties(json!({}))).await;
    assert_success(&answer);
    assert_eq!(
        answer["PhysicalResourceId"],
        "macie-self-service-registration"
    );
    assert_eq!(
        answer["Data"],
        json!({"designated": "eu-north-1,eu-west-1,us-east-1", "regions": "3"})
    );
    assert_eq!(administrators(&stack), everywhere(ADMINISTRATOR));
    assert_eq!(delegated(&stack), [ADMINISTRATOR]);
    assert_eq!(
        stack.world(|world| world.organizations.trusted_services.clone()),
        [MACIE]
    );
    let first = stack.world(|world| {
        let mut calls = world.calls.iter();
        let enable = calls.find(|call| call.operation == "EnableOrganizationAdminAccount");
        enable.unwrap().region.clone()
    });
    assert_eq!(first, EU, "the first of the list goes first");
}

#[tokio::test]
async fn a_replay_and_an_update_without_change_write_nothing() {
    let mut stack = fresh().await;
    stack.create(properties(json!({}))).await;
    let (start, before) = (stack.calls(), stack.world(|world| state(world)));
    let payload = stack.request("Create", properties(json!({})));
    stack.carry_out(payload).await;
    let answer = stack.update(properties(json!({"Version": "0.2.0"}))).await;
    assert_success(&answer);
    assert_eq!(stack.writes_since(start), Vec::<String>::new());
    assert_eq!(stack.world(|world| state(world)), before);
}

#[tokio::test]
async fn what_was_changed_by_hand_is_repaired_when_it_is_asked_again() {
    let mut stack = fresh().await;
    stack.create(properties(json!({}))).await;
    stack.world(|world| drop(world.macie.administrations.remove(US)));
    assert_ne!(administrators(&stack), everywhere(ADMINISTRATOR));
    let answer = stack.update(properties(json!({"Again": "1"}))).await;
    assert_success(&answer);
    assert_eq!(administrators(&stack), everywhere(ADMINISTRATOR));
}

#[tokio::test]
async fn regions_that_are_added_are_designated_and_those_that_leave_stay() {
    let mut stack = fresh().await;
    stack.create(properties(json!({"Regions": [EU, US]}))).await;
    let answer = stack
        .update(properties(json!({"Regions": [EU, "eu-north-1"]})))
        .await;
    assert_success(&answer);
    assert_eq!(administrators(&stack), everywhere(ADMINISTRATOR));
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.contains("stays designated in us-east-1"), "{reason}");
}

#[tokio::test]
async fn another_administrator_is_left_alone() {
    let mut world = unregistered(organization(2, &REGIONS));
    let foreign = account(1);
    macie::designate(&mut world, &foreign, US).unwrap();
    // Somebody ended the delegation by hand: only Macie knows of it.
    world.organizations.delegated.clear();
    let before = state(&world);
    for over in [json!({}), json!({"MoveFrom": account(2)})] {
        let mut stack = Stack::new(world.clone(), Resource::Registration).await;
        let answer = stack.create(properties(over)).await;
        assert_failed(&answer, &[&foreign, "MoveFrom"]);
        // The creation that failed is rolled back.
        let answer = stack.delete().await;
        assert_success(&answer);
        assert_eq!(stack.world(|world| state(world)), before);
    }
}

#[tokio::test]
async fn another_administrator_in_a_region_that_is_not_governed_is_left_alone() {
    let mut world = unregistered(organization(2, &REGIONS));
    macie::designate(&mut world, &account(1), "ap-south-1").unwrap();
    let before = state(&world);
    let mut stack = Stack::new(world, Resource::Registration).await;
    let answer = stack.create(properties(json!({}))).await;
    assert_failed(&answer, &[&account(1), "Organizations", "MoveFrom"]);
    assert_eq!(stack.world(|world| state(world)), before);
}

#[tokio::test]
async fn a_designation_moves_when_it_is_told_to_and_back_when_that_is_rolled_back() {
    let switches: [fn(&mut Switches); 4] = [
        |_| {},
        |s| s.disabling_takes = duration("PT20M"),
        |s| s.disabling_deregisters = false,
        |s| {
            s.disabling_takes = duration("PT1M");
            s.disabling_deregisters = false;
        },
    ];
    for set in switches {
        let mut stack = fresh().await;
        stack.world(|world| set(&mut world.switches));
        stack.create(properties(json!({}))).await;
        let new = account(1);
        let moved = json!({"AdministratorAccountId": new});
        let answer = stack.update(properties(moved.clone())).await;
        assert_failed(&answer, &[ADMINISTRATOR, "nothing was changed"]);
        assert_eq!(administrators(&stack), everywhere(ADMINISTRATOR));
        let answer = stack.update(properties(json!({}))).await;
        assert_success(&answer);

        let moved = json!({"AdministratorAccountId": new, "MoveFrom": ADMINISTRATOR});
        let answer = stack.update(properties(moved)).await;
        assert_success(&answer);
        assert_eq!(administrators(&stack), everywhere(&new));
        assert_eq!(delegated(&stack), std::slice::from_ref(&new));

        let answer = stack.update(properties(json!({}))).await;
        assert_success(&answer);
        assert_eq!(administrators(&stack), everywhere(ADMINISTRATOR));
        assert_eq!(delegated(&stack), [ADMINISTRATOR]);
    }
}

#[tokio::test]
async fn a_move_that_is_stuck_in_one_region_designates_nobody_yet() {
    let mut stack = fresh().await;
    stack.create(properties(json!({}))).await;
    let moved = json!({"AdministratorAccountId": account(1), "MoveFrom": ADMINISTRATOR});
    stack.world(|world| world.switches.disabling_takes = duration("P1D"));
    let answer = stack.update(properties(moved.clone())).await;
    assert_failed(
        &answer,
        &["not finished after 5 runs", EU, US, "eu-north-1"],
    );
    assert_eq!(administrators(&stack), Vec::<String>::new());
    stack.world(|world| world.advance(duration("P2D")));
    let answer = stack.update(properties(moved)).await;
    assert_success(&answer);
    assert_eq!(administrators(&stack), everywhere(&account(1)));
}

#[tokio::test]
async fn regions_that_are_disabled_or_unknown_are_named() {
    let mut stack = fresh().await;
    stack.world(|world| {
        let management = world.organizations.accounts.get_mut(MANAGEMENT).unwrap();
        management.disabled_regions = vec!["af-south-1".to_owned()];
    });
    let with = |region: &str| properties(json!({"Regions": [region, EU, US, "eu-north-1"]}));
    let answer = stack.create(with("af-south-1")).await;
    assert_success(&answer);
    assert_eq!(answer["Data"]["skipped"], "af-south-1");
    assert!(
        answer["Reason"]
            .as_str()
            .unwrap()
            .contains("af-south-1 is skipped")
    );
    let answer = stack.update(with("eu-nowhere-7")).await;
    assert_failed(&answer, &["1 of 4", "eu-nowhere-7", "`Regions`"]);
    assert_eq!(administrators(&stack), everywhere(ADMINISTRATOR));
}

#[tokio::test]
async fn fresh_trusted_access_is_waited_for() {
    let mut stack = fresh().await;
    stack.world(|world| world.switches.trusted_access_takes = duration("PT45S"));
    let answer = stack.create(properties(json!({}))).await;
    assert_success(&answer);
    assert_eq!(administrators(&stack), everywhere(ADMINISTRATOR));
}

#[tokio::test]
async fn a_designation_that_somebody_else_is_ending_is_waited_for() {
    let mut world = unregistered(organization(2, &REGIONS));
    world.switches.disabling_takes = duration("PT5M");
    macie::designate(&mut world, &account(1), EU).unwrap();
    macie::end_designation(&mut world, &account(1), EU).unwrap();
    let mut stack = Stack::new(world, Resource::Registration).await;
    let answer = stack.create(properties(json!({}))).await;
    assert_success(&answer);
    assert_eq!(administrators(&stack), everywhere(ADMINISTRATOR));
}

#[tokio::test]
async fn deleting_keeps_or_removes_and_never_touches_another() {
    let mut stack = fresh().await;
    stack.create(properties(json!({}))).await;
    let start = stack.calls();
    let answer = stack.delete().await;
    assert_success(&answer);
    assert!(answer["Reason"].as_str().unwrap().contains("Retain"));
    assert_eq!(stack.calls(), start, "nothing is even asked");

    stack.world(|world| world.switches.disabling_takes = duration("PT3M"));
    stack
        .update(properties(json!({"OnDelete": "Remove"})))
        .await;
    let answer = stack.delete().await;
    assert_success(&answer);
    assert_eq!(answer["Data"]["removed"], "eu-north-1,eu-west-1,us-east-1");
    assert_eq!(administrators(&stack), Vec::<String>::new());
    let answer = stack.delete().await;
    assert_success(&answer);

    stack
        .world(|world| macie::designate(world, &account(1), US))
        .unwrap();
    let answer = stack.delete().await;
    assert_success(&answer);
    assert_eq!(administrators(&stack), [format!("{US} {}", account(1))]);
}

#[tokio::test]
async fn it_works_in_the_management_account_only() {
    let world = unregistered(organization(2, &REGIONS));
    let before = state(&world);
    let mut stack = Stack::in_account(world, Resource::Registration, &account(1)).await;
    let answer = stack
        .create(properties(json!({"OnDelete": "Remove"})))
        .await;
    assert_failed(&answer, &[&account(1), "management account"]);
    assert_success(&stack.delete().await);
    assert_eq!(stack.world(|world| state(world)), before);
}

#[tokio::test]
async fn bad_properties_are_refused_by_name_and_can_be_deleted() {
    let cases = [
        ("AdministratorAccountId", json!(""), "12 digits"),
        ("AdministratorAccountId", json!("22222222222"), "12 digits"),
        ("AdministratorAccountId", json!(["222222222222"]), "a text"),
        ("Regions", json!([]), "at least one"),
        ("Regions", json!("eu-west-1"), "a list of AWS Regions"),
        (
            "Regions",
            json!(["eu-west-1", "Ireland"]),
            "each a Region's code",
        ),
        ("Regions", json!(["eu-west-1", "eu-west-1"]), "none twice"),
        ("MoveFrom", json!("somebody"), "12 digits"),
        ("MoveFrom", json!(ADMINISTRATOR), "another account"),
        ("OnDelete", json!("Destroy"), "`Retain` or `Remove`"),
        ("OnDelet", json!("Remove"), "none of that name"),
    ];
    let mut stack = fresh().await;
    let before = stack.world(|world| state(world));
    for (name, value, expected) in cases {
        let answer = stack.create(properties(json!({ name: value }))).await;
        assert_failed(&answer, &[&format!("`{name}` is `{value}`"), expected]);
        assert_success(&stack.delete().await);
    }
    assert_eq!(stack.calls(), 0);
    assert_eq!(stack.world(|world| state(world)), before);
}

#[tokio::test]
async fn an_answer_is_sent_until_it_is_taken() {
    let mut stack = fresh().await;
    stack.refuse_answers(2);
    assert_success(&stack.create(properties(json!({}))).await);
    assert_eq!(stack.runs, 1);
    // Longer than a run sends it: Lambda makes the invocation again.
    stack.refuse_answers(8);
    assert_success(&stack.update(properties(json!({}))).await);
    assert_eq!(stack.runs, 2);
}

#[tokio::test]
async fn one_region_that_fails_stops_no_other_and_is_named_with_the_request_id() {
    let mut stack = fresh().await;
    // The first is tried alone, so that its calls are the first.
    let first = Fault {
        times: Some(4),
        ..Fault::always("EnableOrganizationAdminAccount", Kind::Deny)
    };
    stack.world(|world| world.faults.add(first));
    let answer = stack.create(properties(json!({}))).await;
    let operation = "eu-west-1: macie2:EnableOrganizationAdminAccount: AccessDenied";
    assert_failed(&answer, &["1 of 3 Regions failed", operation, "request id"]);
    assert_eq!(answer["Data"]["failed"], EU);
    assert_eq!(answer["Data"]["designated"], "eu-north-1,us-east-1");
    assert_eq!(administrators(&stack).len(), 2);
    assert_success(&stack.update(properties(json!({}))).await);
    assert_eq!(administrators(&stack), everywhere(ADMINISTRATOR));
}
