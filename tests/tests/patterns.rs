//! What the forwarder rules (`stacksets/events`) let through: every fixture event and the negative
//! twins of `fixtures/pattern-twins.json`. `tests/judges/test_deploy_localstack.py` asks LocalStack
//! the same. What is forwarded although it is no opt-in is refused by the controller, or read.

use std::{collections::BTreeSet, fs, path::Path};

use controller_core::event::parse_value;
use local_aws::events::pattern::Pattern;
use serde_json::{Value, json};

/// The fields that EventBridge itself writes: an event without one is on no bus.
const ENVELOPE: [&str; 6] = ["id", "account", "source", "time", "region", "detail-type"];
const FAMILIES: [&str; 2] = ["s3-calls", "tag-changes"];

fn read(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_json::from_str(&text).unwrap()
}

fn event(name: &str) -> Value {
    read(&format!("fixtures/events/{name}.json"))["event"].take()
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|name| name.as_str().unwrap()).collect()
}

/// The families whose rule forwards the event.
fn forwarding(event: &Value) -> Vec<&'static str> {
    let matches = |family: &&str| {
        let pattern = read(&format!("../stacksets/events/{family}.json"));
        Pattern::compile(&pattern).unwrap().matches(event)
    };
    FAMILIES.into_iter().filter(matches).collect()
}

/// What the controller says of an event: the name of its refusal, or `trigger`.
fn verdict(event: &Value) -> &'static str {
    parse_value(event).map_or_else(|refusal| refusal.name(), |_| "trigger")
}

/// A JSON merge patch (RFC 7386).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, change) in changes {
        match change {
            Value::Null => drop(target.as_object_mut().unwrap().remove(name)),
            change => merge(&mut target[name], change),
        }
    }
}

#[test]
fn every_event_that_can_be_on_a_bus_has_a_verdict() {
    let table = read("fixtures/pattern-twins.json");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events");
    let on_a_bus = |name: &String| {
        let event = event(name);
        ENVELOPE.iter().all(|field| event.get(field).is_some())
    };
    let expected: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(on_a_bus)
        .collect();
    let listed = FAMILIES.map(|family| &table["forwarded"][family]);
    let listed = listed.into_iter().chain([&table["stopped"]]);
    let lost = table["lost"].as_object().unwrap().keys();
    let listed: Vec<&str> = listed
        .flat_map(names)
        .chain(lost.map(String::as_str))
        .collect();
    assert_eq!(listed.len(), expected.len(), "an event is listed twice");
    assert_eq!(
        listed
            .into_iter()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>(),
        expected
    );
}

#[test]
fn the_patterns_forward_what_they_should() {
    let table = read("fixtures/pattern-twins.json");
    for family in FAMILIES {
        for name in names(&table["forwarded"][family]) {
            assert_eq!(forwarding(&event(name)), [family], "{name}");
        }
    }
    for name in names(&table["stopped"]) {
        assert!(forwarding(&event(name)).is_empty(), "{name} is forwarded");
        assert_ne!(verdict(&event(name)), "trigger", "{name} is lost");
    }
    for name in table["lost"].as_object().unwrap().keys() {
        assert!(forwarding(&event(name)).is_empty(), "{name} is forwarded");
        assert_eq!(verdict(&event(name)), "trigger", "{name} is not lost");
    }
}

#[test]
fn a_twin_is_stopped_by_the_pattern_or_by_the_controller() {
    let table = read("fixtures/pattern-twins.json");
    let mut twins = 0;
    for family in FAMILIES {
        for name in names(&table["forwarded"][family]) {
            for twin in table["twins"][family].as_array().unwrap() {
                let mut event = event(name);
                let understood = verdict(&event) == "trigger";
                merge(&mut event, &twin["merge"]);
                let what = format!("{} of {name}: {event}", twin["name"]);
                let forwarded = forwarding(&event) == [family];
                assert_eq!(json!(forwarded), twin["forwarded"], "{what}");
                if understood {
                    assert_eq!(verdict(&event), twin["controller"], "{what}");
                }
                twins += 1;
            }
        }
    }
    println!("{twins} twins");
}

/// The rule of the management account (`delegated-admin/events/organization.json`).
#[test]
fn the_organizations_rule_forwards_what_it_should() {
    let pattern = read("../delegated-admin/events/organization.json");
    let pattern = Pattern::compile(&pattern).unwrap();
    let central = read("../delegated-admin/events/forwarded.json");
    let central = Pattern::compile(&central).unwrap();
    for row in read("fixtures/organization-events.json")
        .as_array()
        .unwrap()
    {
        let (name, event) = (&row["name"], &row["event"]);
        let forwarded = pattern.matches(event);
        assert_eq!(json!(forwarded), row["forwarded"], "{name}");
        assert!(
            !forwarded || central.matches(event),
            "{name} stops at the bus"
        );
        assert!(forwarding(event).is_empty(), "{name} is forwarded twice");
        let understood = row["expect"]["account"].is_string();
        assert!(!understood || forwarded, "{name} is lost");
    }
}
