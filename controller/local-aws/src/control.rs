//! `/_local/...`: turning the clock, injecting faults, reading the calls and setting the switches
//! by hand. JSON in and out, without a signature.

use axum::{
    body::Body as HttpBody,
    http::{Response, StatusCode, request::Parts},
};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    faults::{Fault, Kind},
    operation,
    world::{SharedWorld, World},
};

/// Method, path and meaning of every control request.
pub const ENDPOINTS: [(&str, &str, &str); 9] = [
    ("GET", "/_local/clock", "Tells the time: `{\"now\": ...}`."),
    (
        "POST",
        "/_local/clock",
        "Turns the clock forward by an ISO 8601 duration and lets everything happen that falls due: `{\"advance\": \"PT24H\"}`.",
    ),
    (
        "GET",
        "/_local/faults",
        "Lists the faults in force, and whether a crash has happened.",
    ),
    (
        "POST",
        "/_local/faults",
        "Adds a fault: `{\"kind\": \"throttle\", \"operation\": \"CreateMember\", \"times\": 2}`.",
    ),
    (
        "DELETE",
        "/_local/faults",
        "Removes every fault and revives a crashed caller.",
    ),
    (
        "GET",
        "/_local/calls",
        "Lists the calls that arrived, in order; `?since=N` leaves out the first N, and `next` is the N to go on with.",
    ),
    (
        "GET",
        "/_local/switches",
        "Lists the switches with their values.",
    ),
    (
        "PATCH",
        "/_local/switches",
        "Sets the switches that are given: `{\"indexLag\": \"PT10M\"}`.",
    ),
    ("POST", "/_local/switches", "The same as PATCH."),
];

/// Members of a fault, with what each expects.
pub const FAULT_FIELDS: [(&str, &str); 7] = [
    ("kind", "one of the kinds above; required"),
    (
        "operation",
        "the name of an operation, e.g. `CreateMember`; any if absent",
    ),
    ("account", "the calling account, 12 digits; any if absent"),
    (
        "milliseconds",
        "how much longer the call takes; required for `delay`, and only there",
    ),
    ("probability", "how often it applies, 0 to 1; 1 if absent"),
    (
        "skip",
        "how many matching calls pass first, a whole number; 0 if absent",
    ),
    (
        "times",
        "how many times it applies at most, 1 or more; always if absent",
    ),
];

/// HTTP status and a message that names the field and what was expected.
type Refusal = (StatusCode, String);

/// Answers a control request.
pub fn handle(world: &SharedWorld, parts: &Parts, body: &[u8]) -> Response<HttpBody> {
    let outcome = answer(&mut world.lock(), parts, body);
    let (status, document) = match outcome {
        Ok(document) => (StatusCode::OK, document),
        Err((status, message)) => (status, json!({ "error": message })),
    };
    let mut response = Response::new(HttpBody::from(format!("{document:#}\n")));
    *response.status_mut() = status;
    let json = axum::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}

fn answer(world: &mut World, parts: &Parts, body: &[u8]) -> Result<Value, Refusal> {
    let path = parts.uri.path().trim_start_matches("/_local/");
    match (parts.method.as_str(), path) {
        ("GET", "clock") => Ok(clock(world)),
        ("POST", "clock") => turn(world, &object(body, &["advance"])?),
        ("GET", "faults") => Ok(faults(world)),
        ("POST", "faults") => add_fault(world, body),
        ("DELETE", "faults") => {
            world.faults.clear();
            Ok(faults(world))
        }
        ("GET", "calls") => calls(world, parts.uri.query().unwrap_or_default()),
        ("GET", "switches") => switches(world).map(Value::Object),
        ("PATCH" | "POST", "switches") => set_switches(world, body),
        (method, _) => Err(unknown(method, parts.uri.path())),
    }
}

fn unknown(method: &str, path: &str) -> Refusal {
    let known: Vec<String> = ENDPOINTS
        .iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    let message = format!(
        "there is no {method} `{path}`: there are {}",
        known.join(", ")
    );
    (StatusCode::NOT_FOUND, message)
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err((StatusCode::BAD_REQUEST, message.into()))
}

/// The body as an object that has none but these members.
fn object(body: &[u8], known: &[&str]) -> Result<Map<String, Value>, Refusal> {
    let members: Map<String, Value> = match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => members,
        Ok(other) => return refuse(format!("the body is `{other}`, expected a JSON object")),
        Err(error) => {
            return refuse(format!(
                "the body is not JSON ({error}), expected an object"
            ));
        }
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => refuse(format!(
            "`{name}` is not known, expected {}",
            known.join(", ")
        )),
        None => Ok(members),
    }
}

/// A member of the right type; none if it is absent or null.
fn field<T: DeserializeOwned>(
    members: &Map<String, Value>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, Refusal> {
    let value = members.get(name).unwrap_or(&Value::Null);
    serde_json::from_value(value.clone())
        .or_else(|_| refuse(format!("`{name}` is `{value}`, expected {expected}")))
}

/// A duration of at least zero; days have 24 hours.
fn duration(name: &str, text: &str) -> Result<SignedDuration, Refusal> {
    let days = SpanRelativeTo::days_are_24_hours();
    let parsed = text.parse::<Span>().and_then(|span| span.to_duration(days));
    match parsed {
        Ok(duration) if !duration.is_negative() => Ok(duration),
        Ok(_) => refuse(format!(
            "`{name}` is `{text}`, expected a duration that is not negative: the clock only moves forward"
        )),
        Err(error) => refuse(format!(
            "`{name}` is `{text}`, expected an ISO 8601 duration such as PT24H or P1D ({error})"
        )),
    }
}

fn clock(world: &World) -> Value {
    json!({ "now": world.now() })
}

fn turn(world: &mut World, members: &Map<String, Value>) -> Result<Value, Refusal> {
    let expected = "an ISO 8601 duration such as PT24H";
    let Some(text) = field::<String>(members, "advance", expected)? else {
        return refuse(format!("`advance` is missing, expected {expected}"));
    };
    let by = duration("advance", &text)?;
    world.advance(by);
    Ok(clock(world))
}

fn faults(world: &World) -> Value {
    let rules: Vec<Value> = world.faults.rules().iter().map(fault_document).collect();
    json!({ "faults": rules, "crashed": world.faults.is_dead() })
}

fn fault_document(fault: &Fault) -> Value {
    let Fault {
        operation,
        account,
        kind,
        probability,
        skip,
        times,
    } = fault;
    let (kind, milliseconds) = match kind {
        Kind::Throttle => ("throttle", None),
        Kind::Deny => ("deny", None),
        Kind::ServerError => ("server-error", None),
        Kind::Delay(milliseconds) => ("delay", Some(milliseconds)),
        Kind::LoseReply => ("lose-reply", None),
        Kind::LoseRequest => ("lose-request", None),
        Kind::Crash => ("crash", None),
    };
    json!({
        "operation": operation,
        "account": account,
        "kind": kind,
        "milliseconds": milliseconds,
        "probability": probability,
        "skip": skip,
        "times": times,
    })
}

fn add_fault(world: &mut World, body: &[u8]) -> Result<Value, Refusal> {
    let members = object(body, &FAULT_FIELDS.map(|(name, _)| name))?;
    let fault = Fault {
        kind: kind(&members)?,
        operation: known_operation(&members)?,
        account: account(&members)?,
        probability: probability(&members)?,
        skip: field(&members, "skip", "a whole number")?.unwrap_or(0),
        times: times(&members)?,
    };
    world.faults.add(fault);
    Ok(faults(world))
}

fn kind(members: &Map<String, Value>) -> Result<Kind, Refusal> {
    const KINDS: &str = "throttle, deny, server-error, delay, lose-reply, lose-request or crash";
    let milliseconds: Option<u64> = field(members, "milliseconds", "a whole number")?;
    let name: Option<String> = field(members, "kind", KINDS)?;
    let kind = match name.as_deref() {
        Some("throttle") => Kind::Throttle,
        Some("deny") => Kind::Deny,
        Some("server-error") => Kind::ServerError,
        Some("lose-reply") => Kind::LoseReply,
        Some("lose-request") => Kind::LoseRequest,
        Some("crash") => Kind::Crash,
        Some("delay") => {
            return match milliseconds {
                Some(milliseconds) => Ok(Kind::Delay(milliseconds)),
                None => refuse("`milliseconds` is missing, expected a whole number with `delay`"),
            };
        }
        Some(other) => return refuse(format!("`kind` is `{other}`, expected {KINDS}")),
        None => return refuse(format!("`kind` is missing, expected {KINDS}")),
    };
    match milliseconds {
        Some(_) => refuse("`milliseconds` is given, expected with the kind `delay` only"),
        None => Ok(kind),
    }
}

fn known_operation(members: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let expected = "the name of an operation such as CreateMember";
    let name: Option<String> = field(members, "operation", expected)?;
    match name {
        Some(name) if !operation::all().iter().any(|known| known.name == name) => refuse(format!(
            "`operation` is `{name}`, expected an operation that docs/local-aws.md lists"
        )),
        name => Ok(name),
    }
}

fn account(members: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let account: Option<String> = field(members, "account", "12 digits as text")?;
    let digits = |id: &String| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    match account {
        Some(id) if !digits(&id) => refuse(format!("`account` is `{id}`, expected 12 digits")),
        account => Ok(account),
    }
}

fn probability(members: &Map<String, Value>) -> Result<f64, Refusal> {
    let expected = "a number from 0 to 1";
    let probability = field(members, "probability", expected)?.unwrap_or(1.0);
    if (0.0..=1.0).contains(&probability) {
        Ok(probability)
    } else {
        refuse(format!(
            "`probability` is `{probability}`, expected {expected}"
        ))
    }
}

fn times(members: &Map<String, Value>) -> Result<Option<u32>, Refusal> {
    let expected = "a whole number of at least 1";
    match field(members, "times", expected)? {
        Some(0) => refuse(format!("`times` is `0`, expected {expected}")),
        times => Ok(times),
    }
}

fn calls(world: &World, query: &str) -> Result<Value, Refusal> {
    let since = match query
        .split('&')
        .find_map(|pair| pair.strip_prefix("since="))
    {
        None => 0,
        Some(text) => match text.parse() {
            Ok(since) => since,
            Err(_) => return refuse(format!("`since` is `{text}`, expected a whole number")),
        },
    };
    let calls = world.calls.get(since..).unwrap_or_default();
    Ok(json!({ "calls": calls, "next": world.calls.len() }))
}

fn switches(world: &World) -> Result<Map<String, Value>, Refusal> {
    match serde_json::to_value(&world.switches) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err((
            StatusCode::INTERNAL_SERVER_ERROR,
            "the switches could not be read".to_owned(),
        )),
    }
}

fn set_switches(world: &mut World, body: &[u8]) -> Result<Value, Refusal> {
    let mut merged = switches(world)?;
    let known: Vec<String> = merged.keys().cloned().collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for (name, given) in object(body, &known)? {
        let value = match (merged.get(&name), &given) {
            (Some(Value::Bool(_)), Value::Bool(_)) => given,
            (Some(Value::Bool(_)), _) => {
                return refuse(format!("`{name}` is `{given}`, expected true or false"));
            }
            (_, Value::String(text)) => json!(duration(&name, text)?),
            _ => {
                return refuse(format!(
                    "`{name}` is `{given}`, expected an ISO 8601 duration such as PT10M"
                ));
            }
        };
        merged.insert(name, value);
    }
    match serde_json::from_value(Value::Object(merged)) {
        Ok(changed) => world.switches = changed,
        Err(error) => return refuse(format!("the switches do not fit: {error}")),
    }
    switches(world).map(Value::Object)
}

#[cfg(test)]
mod tests;
