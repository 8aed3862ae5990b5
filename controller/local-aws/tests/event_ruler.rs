//! AWS's own event matcher (aws/event-ruler 2.0.1) as the judge of ours: every verdict in
//! `tests/fixtures/event-ruler-verdicts.json` is compared.

use local_aws::events::pattern::Pattern;
use serde_json::Value;

fn verdicts() -> Result<Value, Box<dyn std::error::Error>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/event-ruler-verdicts.json"
    );
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

fn verdict(pattern: &Value, event: &Value) -> &'static str {
    match Pattern::compile(pattern) {
        Ok(pattern) if pattern.matches(event) => "match",
        Ok(_) => "no match",
        Err(_) => "invalid pattern",
    }
}

#[test]
fn every_operator_case_agrees() {
    let verdicts = verdicts().unwrap();
    let event = &verdicts["operators"]["event"];
    let cases = verdicts["operators"]["cases"].as_array().unwrap();
    let differing: Vec<String> = cases
        .iter()
        .filter(|case| verdict(&case["pattern"], event) != case["verdict"])
        .map(|case| format!("{case}, ours: {}", verdict(&case["pattern"], event)))
        .collect();
    println!("event-ruler: {} operator cases ran", cases.len());
    assert_eq!(cases.len(), 64);
    // "invalid pattern" is the library's word, not the service's; ours agrees there as well.
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn every_pair_of_pattern_and_event_agrees() {
    let verdicts = verdicts().unwrap();
    let (patterns, events) = (&verdicts["patterns"], &verdicts["events"]);
    let mut ran = 0;
    for (name, pattern) in patterns.as_object().unwrap() {
        let expected: Vec<&str> = verdicts["matches"][name]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        for (event_name, event) in events.as_object().unwrap() {
            let expected = if expected.contains(&event_name.as_str()) {
                "match"
            } else {
                "no match"
            };
            assert_eq!(verdict(pattern, event), expected, "{name} on {event_name}");
            ran += 1;
        }
    }
    println!("event-ruler: {ran} pairs of pattern and event ran");
    assert_eq!(ran, 504);
}
