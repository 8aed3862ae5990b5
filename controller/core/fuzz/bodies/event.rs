//! Events: whatever comes in becomes the sender's own account and Region, or a refusal that names
//! its reason in few words.

use controller_core::{
    event::{
        Cause, Incoming, Refusal, Request, Trigger, parse, parse_many, parse_value, sweep_message,
    },
    id::{Region, Scope},
};
use serde_json::{Deserializer, Value, json};

/// More than the longest refusal has: two texts of an event, 64 characters each, and words.
const LONGEST_REFUSAL: usize = 300;
const LONGEST_ID: usize = 128;

/// Any payload: one event, many, or a batch from SQS.
pub fn event_text(text: &str) {
    let envelopes = envelopes(text);
    let incoming = parse_many(text);
    for Incoming { id: _, result } in &incoming {
        match result {
            Ok(request) => is_of_an_envelope(request, &envelopes),
            Err(refusal) => is_short(refusal),
        }
    }
    neighbours(text, &incoming);
}

/// Nothing names a place or a sender but the account and Region of a message.
fn is_of_an_envelope(request: &Request, envelopes: &[Value]) {
    let named = |scope: &Scope| envelopes.contains(&json!([scope.account, scope.region]));
    let in_region = |region: &Region| {
        let mut regions = envelopes.iter().filter_map(|envelope| envelope.get(1));
        regions.any(|named| *named == json!(region))
    };
    let is_named = match request {
        Request::Look(trigger) => {
            is_modest(trigger);
            named(&trigger.scope)
        }
        Request::Resync { scope, seen: _ } => named(scope),
        Request::Settings(region) => in_region(region),
        Request::Sweep(pass) => pass.region.as_ref().is_none_or(in_region),
        Request::Collect => true,
        // Whom it names is its sender's to say; who the sender is, is the envelope's.
        Request::Account { told_by, .. } => {
            let mut senders = envelopes.iter().filter_map(|envelope| envelope.get(0));
            senders.any(|sender| *sender == json!(told_by))
        }
    };
    assert!(is_named, "{request:?} of {envelopes:?}");
}

/// Where to look, according to a message that everybody can understand.
fn good() -> (String, Scope) {
    let scope = Scope {
        account: "999900001111".parse().unwrap(),
        region: "eu-central-2".parse().unwrap(),
    };
    (sweep_message(&scope, "neighbour"), scope)
}

/// A good line after a text or before it is read, whatever the text is, and the text means what it
/// means alone, unless it was one document on many lines.
fn neighbours(text: &str, alone: &[Incoming]) {
    let (line, scope) = good();
    let is_good = |incoming: Option<&Incoming>| {
        let result = incoming.map(|incoming| &incoming.result);
        matches!(result, Some(Ok(Request::Look(trigger))) if trigger.scope == scope)
    };
    let after = parse_many(&format!("{text}\n{line}"));
    assert!(is_good(after.last()), "{after:?}");
    let before = parse_many(&format!("{line}\n{text}"));
    assert!(is_good(before.first()), "{before:?}");
    let read = |incoming: &&Incoming| incoming.result.is_ok();
    assert!(after.iter().filter(read).count() > alone.iter().filter(read).count());
}

/// Account and Region of everything that could be an envelope, by looking everywhere in a text.
fn envelopes(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let whole = Deserializer::from_str(text.trim_start_matches('\u{feff}')).into_iter();
    let lines = text.trim_start_matches('\u{feff}').lines();
    let lines = lines.filter_map(|line| serde_json::from_str(line).ok());
    for value in whole.map_while(Result::ok).chain(lines) {
        collect(&value, 0, &mut found);
    }
    found
}

/// A message, or one in an array, in a batch, or in the body of a record: never deeper.
fn collect(value: &Value, depth: usize, found: &mut Vec<Value>) {
    if depth > 3 {
        return;
    }
    let field = |name: &str| value.get(name).unwrap_or(&Value::Null).clone();
    found.push(json!([field("account"), field("region")]));
    let body = value.get("body").and_then(Value::as_str);
    let body: Option<Value> = body.and_then(|body| serde_json::from_str(body).ok());
    let items = value
        .as_array()
        .or(value.get("Records").and_then(Value::as_array));
    for inner in items.into_iter().flatten().chain(&body) {
        collect(inner, depth + 1, found);
    }
}

fn is_modest(trigger: &Trigger) {
    assert!(trigger.event_id.chars().count() <= LONGEST_ID);
    // Only the controller's own message has a place in the line for new jobs.
    assert!(trigger.slot.is_none() || trigger.cause == Cause::Sweep);
}

fn is_short(refusal: &Refusal) {
    let text = refusal.to_string();
    assert!(text.chars().count() <= LONGEST_REFUSAL, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!text.ends_with(": "), "{text:?}");
    let poison = matches!(refusal.name(), "no-account" | "no-region" | "unreadable");
    assert_eq!(refusal.is_poison(), poison, "{refusal:?}");
}

/// One event as JSON.
pub fn event_value(text: &str) {
    let Ok(event) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let result = parse_value(&event);
    assert_eq!(result, parse(text), "read twice");
    match &result {
        Err(refusal) => is_short(refusal),
        Ok(trigger) => {
            is_modest(trigger);
            is_the_senders(&event, trigger);
        }
    }
    if event.get("body").is_none() {
        is_the_same_as_a_record(&event, &result);
        detail_is_no_address(event, &result);
    }
}

fn is_the_senders(event: &Value, trigger: &Trigger) {
    let body = event.get("body").and_then(Value::as_str);
    let body = body.and_then(|body| serde_json::from_str(body).ok());
    let says = |message: &Value| {
        message.get("account") == Some(&json!(trigger.scope.account))
            && message.get("region") == Some(&json!(trigger.scope.region))
    };
    assert!(
        says(event) || body.as_ref().is_some_and(says),
        "{trigger:?}"
    );
    if let Some(bucket) = &trigger.bucket {
        let text = body.as_ref().unwrap_or(event).to_string();
        assert!(
            text.contains(bucket.as_str()),
            "{bucket} is not in the event"
        );
    }
}

/// The queue's wrapping changes nothing.
fn is_the_same_as_a_record(event: &Value, result: &Result<Trigger, Refusal>) {
    let record = json!({ "messageId": "1", "eventSource": "aws:sqs", "body": event.to_string() });
    assert_eq!(&parse_value(&record), result);
}

/// Whoever writes `detail` does not choose whom to look at.
fn detail_is_no_address(mut event: Value, result: &Result<Trigger, Refusal>) {
    let Some(detail) = event.get_mut("detail").and_then(Value::as_object_mut) else {
        return;
    };
    for name in [
        "account",
        "region",
        "awsRegion",
        "recipientAccountId",
        "userIdentity",
    ] {
        detail.insert(name.to_owned(), json!("999900001111"));
    }
    assert_eq!(&parse_value(&event), result);
}
