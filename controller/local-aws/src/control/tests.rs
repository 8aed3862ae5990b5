//! Control requests, without the listener.

use axum::http::Request;

use super::*;
use crate::{clock::Clock, world::CallRecord};

fn world() -> World {
    World::new(Clock::Frozen("2026-11-22T00:00:00Z".parse().unwrap()))
}

fn ask(world: &mut World, method: &str, path: &str, body: &str) -> Result<Value, Refusal> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(())
        .unwrap();
    answer(world, &request.into_parts().0, body.as_bytes())
}

#[test]
fn the_clock_is_turned_forward_only() {
    let mut world = world();
    let now = ask(&mut world, "GET", "/_local/clock", "").unwrap();
    assert_eq!(now["now"], "2026-11-22T00:00:00Z");
    for (by, after) in [
        ("PT24H", "2026-11-23T00:00:00Z"),
        ("P1DT1H", "2026-11-24T01:00:00Z"),
    ] {
        let body = json!({ "advance": by }).to_string();
        let now = ask(&mut world, "POST", "/_local/clock", &body).unwrap();
        assert_eq!(now["now"], after);
    }
    for (body, expected) in [
        (r#"{"advance":"-PT1H"}"#, "not negative"),
        (r#"{"advance":"tomorrow"}"#, "ISO 8601"),
        (r#"{"advance":"P1M"}"#, "ISO 8601"),
        (r#"{"advance":5}"#, "`advance` is `5`"),
        ("{}", "`advance` is missing"),
        (r#"{"by":"PT1H"}"#, "`by` is not known, expected advance"),
        ("[]", "expected a JSON object"),
        ("{", "not JSON"),
    ] {
        let (status, message) = ask(&mut world, "POST", "/_local/clock", body).unwrap_err();
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn faults_are_added_listed_and_cleared() {
    let mut world = world();
    let body = r#"{"kind":"delay","milliseconds":20,"operation":"PutEvents","account":"111122223333","probability":0.5,"skip":1,"times":2}"#;
    let listed = ask(&mut world, "POST", "/_local/faults", body).unwrap();
    let expected: Value = serde_json::from_str(body).unwrap();
    assert_eq!(listed, json!({ "faults": [expected], "crashed": false }));
    assert_eq!(world.faults.rules()[0].kind, Kind::Delay(20));
    ask(&mut world, "POST", "/_local/faults", r#"{"kind":"crash"}"#).unwrap();
    assert_eq!(world.faults.rules()[1].kind, Kind::Crash);
    assert_eq!(world.faults.rules()[1].probability, 1.0);
    let listed = ask(&mut world, "DELETE", "/_local/faults", "").unwrap();
    assert_eq!(listed["faults"], json!([]));
}

#[test]
fn a_bad_fault_is_refused_with_the_field() {
    let mut world = world();
    for (body, expected) in [
        ("{}", "`kind` is missing"),
        (r#"{"kind":"fire"}"#, "`kind` is `fire`"),
        (r#"{"kind":"delay"}"#, "`milliseconds` is missing"),
        (
            r#"{"kind":"deny","milliseconds":1}"#,
            "`milliseconds` is given",
        ),
        (
            r#"{"kind":"deny","operation":"Fly"}"#,
            "`operation` is `Fly`",
        ),
        (r#"{"kind":"deny","account":"1"}"#, "`account` is `1`"),
        (r#"{"kind":"deny","account":1}"#, "`account` is `1`"),
        (r#"{"kind":"deny","probability":2}"#, "`probability` is `2`"),
        (r#"{"kind":"deny","skip":-1}"#, "`skip` is `-1`"),
        (r#"{"kind":"deny","times":0}"#, "`times` is `0`"),
        (r#"{"kind":"deny","wat":0}"#, "`wat` is not known"),
    ] {
        let (_, message) = ask(&mut world, "POST", "/_local/faults", body).unwrap_err();
        assert!(message.starts_with(expected), "{body}: {message}");
    }
    assert!(world.faults.rules().is_empty());
}

#[test]
fn calls_are_listed_from_a_number_on() {
    let mut world = world();
    for operation in ["GetMember", "ListMembers"] {
        let record = CallRecord {
            at: world.now(),
            service: "macie2",
            operation: operation.to_owned(),
            region: "eu-west-1".to_owned(),
            account: "222222222222".to_owned(),
            role: None,
            target: None,
            error: None,
        };
        world.calls.push(record);
    }
    let all = ask(&mut world, "GET", "/_local/calls", "").unwrap();
    assert_eq!(all["calls"].as_array().unwrap().len(), 2);
    let rest = ask(&mut world, "GET", "/_local/calls?since=1", "").unwrap();
    assert_eq!(rest["calls"][0]["operation"], "ListMembers");
    assert_eq!(rest["next"], 2);
    let late = ask(&mut world, "GET", "/_local/calls?since=9", "").unwrap();
    assert_eq!(late["calls"], json!([]));
    let (_, message) = ask(&mut world, "GET", "/_local/calls?since=x", "").unwrap_err();
    assert!(message.contains("`since`"));
}

#[test]
fn switches_are_set_by_name() {
    let mut world = world();
    let body = r#"{"indexLag":"PT10M","trail":false}"#;
    let listed = ask(&mut world, "PATCH", "/_local/switches", body).unwrap();
    assert_eq!(listed["indexLag"], "PT10M");
    assert_eq!(world.switches.index_lag, SignedDuration::from_mins(10));
    assert!(!world.switches.trail);
    for (body, expected) in [
        (
            r#"{"lag":true}"#,
            "`lag` is not known, expected clientTokenReplays",
        ),
        (
            r#"{"trail":"no"}"#,
            "`trail` is `\"no\"`, expected true or false",
        ),
        (
            r#"{"indexLag":5}"#,
            "`indexLag` is `5`, expected an ISO 8601",
        ),
        (r#"{"indexLag":"-PT5M"}"#, "`indexLag` is `-PT5M`"),
    ] {
        let (_, message) = ask(&mut world, "POST", "/_local/switches", body).unwrap_err();
        assert!(message.starts_with(expected), "{body}: {message}");
    }
    assert_eq!(
        ask(&mut world, "GET", "/_local/switches", "").unwrap(),
        listed
    );
}

#[test]
fn an_unknown_path_lists_the_known_ones() {
    let (status, message) = ask(&mut world(), "GET", "/_local/clocks", "").unwrap_err();
    assert_eq!(status, StatusCode::NOT_FOUND);
    for (method, path, _) in ENDPOINTS {
        assert!(message.contains(&format!("{method} {path}")), "{message}");
    }
}
