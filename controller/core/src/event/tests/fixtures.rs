//! `tests/fixtures/events/`: every shape that is known from AWS's documents and public samples,
//! each with its origin.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::event::{Refusal, Request, Trigger, parse, parse_many};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/events");

#[expect(
    clippy::disallowed_methods,
    reason = "a test may read its own fixtures"
)]
fn fixtures() -> Vec<(PathBuf, Value)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, serde_json::from_str(&text).unwrap())
    };
    paths.into_iter().map(read).collect()
}

fn outcome(result: &Result<Trigger, Refusal>) -> Value {
    match result {
        Ok(trigger) => json!({ "trigger": {
            "account": trigger.scope.account,
            "region": trigger.scope.region,
            "bucket": trigger.bucket,
            "cause": trigger.cause,
        } }),
        Err(refusal) => json!({ "refusal": refusal.name() }),
    }
}

#[test]
fn every_known_shape_becomes_its_trigger_or_its_refusal() {
    let fixtures = fixtures();
    for (path, fixture) in &fixtures {
        let result = parse(&fixture["event"].to_string());
        let path = path.display();
        assert_eq!(outcome(&result), fixture["expect"], "{path}: {result:?}");
        assert!(
            fixture["origin"].as_str().unwrap().len() > 20,
            "{path}: without origin"
        );
    }
    let (triggers, refused): (Vec<_>, Vec<_>) = fixtures
        .iter()
        .partition(|(_, fixture)| !fixture["expect"]["trigger"].is_null());
    println!(
        "{} event fixtures: {} triggers, {} refusals",
        fixtures.len(),
        triggers.len(),
        refused.len()
    );
    assert!(fixtures.len() >= 50, "fixtures are missing from {FOLDER}");
}

/// All of them at once, as one batch: none changes what another means.
#[test]
fn every_known_shape_means_the_same_among_the_others() {
    let fixtures = fixtures();
    let events: Vec<&Value> = fixtures
        .iter()
        .map(|(_, fixture)| &fixture["event"])
        .filter(|event| event.is_object())
        .collect();
    let together = parse_many(&json!(events).to_string());
    assert_eq!(together.len(), events.len());
    for (event, incoming) in events.iter().zip(&together) {
        assert_eq!(
            incoming.result,
            parse(&event.to_string()).map(Request::Look)
        );
    }
}
