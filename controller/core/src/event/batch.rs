//! Many events in one text, and the SQS records around them. One that cannot be read never hides
//! its neighbours.

use serde_json::{Deserializer, Value};

use super::{Refusal, Request, json_of, parse_request};

/// One event of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The id of the SQS message that it came in.
    pub id: Option<String>,
    /// What it means.
    pub result: Result<Request, Refusal>,
}

/// Reads one event, a JSON array of events, JSON lines, or a batch from SQS (`{"Records": [..]}`).
pub fn parse_many(text: &str) -> Vec<Incoming> {
    let text = text.trim_start_matches('\u{feff}');
    let values: Result<Vec<Value>, _> = Deserializer::from_str(text).into_iter().collect();
    match values {
        Ok(values) => values.iter().flat_map(expand).map(incoming).collect(),
        Err(error) => lines(text, &error),
    }
}

/// Text with a mistake: its good lines count, and each bad one is a refusal of its own. Where no
/// line stands by itself it is one document, and the mistake is one refusal.
fn lines(text: &str, error: &serde_json::Error) -> Vec<Incoming> {
    let lines: Vec<Result<Value, Refusal>> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(json_of)
        .collect();
    let whole = |line: &Result<Value, Refusal>| {
        line.as_ref()
            .is_ok_and(|value| value.is_object() || value.is_array())
    };
    let refused = |refusal| Incoming {
        id: None,
        result: Err(refusal),
    };
    if !lines.iter().any(whole) {
        return vec![refused(Refusal::unreadable(format!("not JSON: {error}")))];
    }
    let read = |line: Result<Value, Refusal>| match line {
        Ok(value) => expand(&value).into_iter().map(incoming).collect(),
        Err(refusal) => vec![refused(refusal)],
    };
    lines.into_iter().flat_map(read).collect()
}

/// The events in an array or a batch; anything else is itself one event.
fn expand(value: &Value) -> Vec<&Value> {
    let outer = value
        .as_array()
        .map_or(vec![value], |items| items.iter().collect());
    outer.into_iter().flat_map(records_of).collect()
}

fn records_of(item: &Value) -> Vec<&Value> {
    match (
        item.get("Records").and_then(Value::as_array),
        item.get("detail-type"),
    ) {
        (Some(records), None) => records.iter().collect(),
        _ => vec![item],
    }
}

fn incoming(value: &Value) -> Incoming {
    let id = value.get("messageId").and_then(Value::as_str);
    Incoming {
        id: id.map(str::to_owned),
        result: parse_request(value),
    }
}

/// The body of an SQS record. An EventBridge event has no `body` of its own; what claims to be both
/// is read as the event.
pub(super) fn body_of(value: &Value) -> Option<&str> {
    let from_sqs = value.get("messageId").is_some()
        || value.get("eventSource").and_then(Value::as_str) == Some("aws:sqs");
    let record = from_sqs && value.get("detail-type").is_none();
    value.get("body").and_then(Value::as_str).filter(|_| record)
}
