//! Every text that fuzzing found worth keeping, through the same functions as in `cargo fuzz`.

use std::{fs, path::Path};

use controller_core::policy::Policy;

use crate::bodies;

#[expect(clippy::disallowed_methods, reason = "a test may read its own corpus")]
fn replay(target: &str, body: fn(&str)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        // The targets are given text only.
        if let Ok(text) = String::from_utf8(fs::read(&path).unwrap()) {
            body(&text);
            count += 1;
        }
    }
    assert!(count > 30, "only {count} texts in {}", folder.display());
}

#[test]
fn every_kept_payload_is_read_as_it_must_be() {
    replay("event_text", bodies::event_text);
}

#[test]
fn every_kept_event_is_read_as_it_must_be() {
    replay("event_value", bodies::event_value);
}

#[test]
fn every_kept_policy_is_read_as_it_must_be() {
    replay("policy", bodies::policy);
    // Not all of them are refused before their last field is read.
    let good = include_str!("../../fuzz/corpus/policy/as-delivered");
    assert!(!Policy::parse(good).unwrap().own_prices.is_empty());
}
