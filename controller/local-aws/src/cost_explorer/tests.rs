//! What is billed, by requests as they arrive.

use super::*;
use crate::{
    Clock,
    organization::{ADMINISTRATOR, MANAGEMENT, Organization, admin, workload},
    request::Body,
    s3,
};

const EU: &str = "eu-west-1";

/// Two accounts have been members since 2 March at 10:00, each with a bucket that is monitored.
fn world() -> World {
    let clock = Clock::Frozen("2026-03-02T10:00:00Z".parse().unwrap());
    let mut world = Organization::new(2, &[EU], clock).build().unwrap();
    for number in [1, 2] {
        let account = workload(number);
        s3::create_bucket(
            &mut world,
            &admin(&account),
            EU,
            &format!("data-{number}"),
            &[],
        )
        .unwrap();
        macie::create_member(&mut world, EU, &account, BTreeMap::new()).unwrap();
    }
    world
}

fn until(world: &mut World, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    let by = time.duration_since(world.now());
    world.advance(by);
}

fn ask(world: &mut World, account: &str, input: Value) -> Result<Value, ApiError> {
    let call = Call {
        service: "ce",
        region: "us-east-1".to_owned(),
        caller: admin(account),
        method: "POST".to_owned(),
        segments: vec![String::new()],
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        input,
    };
    match perform(world, &call, "GetCostAndUsage")?.body {
        Body::Json(document) => Ok(document),
        other => panic!("Cost Explorer speaks JSON, not {other:?}"),
    }
}

fn request(start: &str, end: &str) -> Value {
    json!({
        "TimePeriod": { "Start": start, "End": end },
        "Granularity": "MONTHLY",
        "Metrics": ["UnblendedCost"],
        "Filter": { "Dimensions": { "Key": "SERVICE", "Values": ["Amazon Macie"] } },
        "GroupBy": [
            { "Type": "DIMENSION", "Key": "LINKED_ACCOUNT" },
            { "Type": "DIMENSION", "Key": "REGION" },
        ],
    })
}

/// Keys and dollars of a month's groups.
fn groups(month: &Value) -> Vec<(String, String)> {
    let groups = month["Groups"].as_array().unwrap().iter();
    groups
        .map(|group| {
            let keys: Vec<&str> = group["Keys"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key.as_str().unwrap())
                .collect();
            let cost = &group["Metrics"]["UnblendedCost"];
            assert_eq!(cost["Unit"], "USD");
            (keys.join(" "), cost["Amount"].as_str().unwrap().to_owned())
        })
        .collect()
}

/// By hand: the trial ends on 1 April at 10:00, so March is free and each of the 30 days of April costs
/// a thirtieth of $0.10 a bucket.
#[test]
fn a_trial_is_not_billed_and_each_month_by_itself() {
    let mut world = world();
    until(&mut world, "2026-05-01T00:00:00Z");
    let both = ask(&mut world, MANAGEMENT, request("2026-03-01", "2026-05-01")).unwrap();
    let months = both["ResultsByTime"].as_array().unwrap();
    assert_eq!(months.len(), 2);
    assert_eq!(groups(&months[0]), []);
    assert_eq!(
        months[1]["TimePeriod"],
        json!({ "Start": "2026-04-01", "End": "2026-05-01" })
    );
    let one = |number: usize| (format!("{} {EU}", workload(number)), "0.1".to_owned());
    assert_eq!(groups(&months[1]), [one(1), one(2)]);
    assert_eq!(
        (&months[0]["Estimated"], &months[1]["Estimated"]),
        (&json!(false), &json!(true))
    );
    world.bill.discount = Decimal::new(25, 2);
    let april = ask(&mut world, MANAGEMENT, request("2026-04-01", "2026-05-01")).unwrap();
    assert_eq!(groups(&april["ResultsByTime"][0])[0].1, "0.075");
}

/// By hand: 10 days until the midnight of 11 April, though it is noon.
#[test]
fn the_bill_is_up_to_a_day_late() {
    let mut world = world();
    until(&mut world, "2026-04-11T12:00:00Z");
    let april = ask(&mut world, MANAGEMENT, request("2026-04-01", "2026-05-01")).unwrap();
    assert_eq!(groups(&april["ResultsByTime"][0])[0].1, "0.033333333");
}

#[test]
fn the_management_account_sees_all_and_others_their_own() {
    let mut world = world();
    until(&mut world, "2026-05-01T00:00:00Z");
    let mut seen = |account: &str| {
        let april = ask(&mut world, account, request("2026-04-01", "2026-05-01")).unwrap();
        groups(&april["ResultsByTime"][0]).len()
    };
    assert_eq!(seen(MANAGEMENT), 2);
    assert_eq!(seen(&workload(1)), 1);
    assert_eq!(seen(ADMINISTRATOR), 0, "it has no bucket");
}

#[test]
fn pages_follow_one_another_and_filters_hold() {
    let mut world = world();
    until(&mut world, "2026-05-01T00:00:00Z");
    world.bill.page = 1;
    let mut next = request("2026-04-01", "2026-05-01");
    let first = ask(&mut world, MANAGEMENT, next.clone()).unwrap();
    assert_eq!(groups(&first["ResultsByTime"][0]).len(), 1);
    next["NextPageToken"] = first["NextPageToken"].clone();
    let second = ask(&mut world, MANAGEMENT, next).unwrap();
    assert_eq!(
        groups(&second["ResultsByTime"][0])[0].0,
        format!("{} {EU}", workload(2))
    );
    assert_eq!(second["NextPageToken"], Value::Null);
    let mut other = request("2026-04-01", "2026-05-01");
    other["Filter"]["Dimensions"]["Values"] = json!(["Amazon Simple Storage Service"]);
    let other = ask(&mut world, MANAGEMENT, other).unwrap();
    assert_eq!(groups(&other["ResultsByTime"][0]), []);
    let mut whole = request("2026-04-01", "2026-05-01");
    whole.as_object_mut().unwrap().remove("GroupBy");
    let whole = ask(&mut world, MANAGEMENT, whole).unwrap();
    assert_eq!(
        whole["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"],
        "0.2"
    );
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let mut world = world();
    until(&mut world, "2026-05-01T00:00:00Z");
    let april = || request("2026-04-01", "2026-05-01");
    let with = |name: &str, value: Value| {
        let mut changed = april();
        changed[name] = value;
        changed
    };
    for (input, code) in [
        (request("2026-05-01", "2026-05-01"), "ValidationException"),
        (request("2026-05-02", "2026-06-01"), "ValidationException"),
        (request("2026-05-01", "2026-06-02"), "ValidationException"),
        (request("2025-03-31", "2025-05-01"), "ValidationException"),
        (request("2026-04", "2026-05-01"), "ValidationException"),
        (with("Granularity", json!("HOURLY")), "ValidationException"),
        (
            with("Metrics", json!(["BlendedCost"])),
            "ValidationException",
        ),
        (with("Filter", json!({ "Not": {} })), "ValidationException"),
        (
            with("GroupBy", json!([{ "Type": "DIMENSION", "Key": "AZ" }])),
            "ValidationException",
        ),
        (
            with("NextPageToken", json!("made-up")),
            "InvalidNextTokenException",
        ),
    ] {
        let refused = ask(&mut world, MANAGEMENT, input.clone());
        assert_eq!(refused.unwrap_err().code, code, "{input}");
    }
    assert!(ask(&mut world, MANAGEMENT, request("2025-04-01", "2025-05-01")).is_ok());
    assert!(ask(&mut world, MANAGEMENT, request("2026-05-01", "2026-06-01")).is_ok());
}
