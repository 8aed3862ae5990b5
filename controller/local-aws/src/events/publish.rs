//! `PutEvents`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    buses,
    delivery::{Arrival, check_policy, publish, time},
    input, validation,
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// The most entries of one call.
const MOST_ENTRIES: usize = 10;
/// The largest call in bytes of `Source`, `DetailType`, `Detail` and `Resources`.
const LARGEST: usize = 256 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    event_bus_name: Option<String>,
    /// Seconds since 1970, with a fraction perhaps.
    time: Option<f64>,
}

/// Why one entry failed, while the call succeeds.
type EntryError = (&'static str, String);

pub(super) fn put_events(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let PutEvents { entries } = input(call)?;
    if !(1..=MOST_ENTRIES).contains(&entries.len()) {
        return Err(validation(format!(
            "1 validation error detected: {} entries at 'entries' failed to satisfy constraint: 1 to {MOST_ENTRIES}",
            entries.len()
        )));
    }
    if entries.iter().map(Entry::size).sum::<usize>() >= LARGEST {
        return Err(validation(
            "Total size of the entries in the request is over the limit.",
        ));
    }
    let outcomes: Vec<_> = entries
        .into_iter()
        .map(|entry| put_entry(world, call, entry))
        .collect();
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let entries: Vec<Value> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(id) => json!({ "EventId": id }),
            Err((code, message)) => json!({ "ErrorCode": code, "ErrorMessage": message }),
        })
        .collect();
    Ok(Reply::json(
        json!({ "FailedEntryCount": failed, "Entries": entries }),
    ))
}

impl Entry {
    /// As the User Guide calculates it: UTF-8 bytes of the members, 14 for a time.
    fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let resources: usize = self.resources.iter().map(String::len).sum();
        texts + resources + self.time.map_or(0, |_| 14)
    }
}

fn put_entry(world: &mut World, call: &Call, entry: Entry) -> Result<String, EntryError> {
    let source = required(entry.source, "Source")?;
    let detail_type = required(entry.detail_type, "DetailType")?;
    let detail = required(entry.detail, "Detail")?;
    if source.starts_with("aws.") {
        let message = format!("Not authorized for the source `{source}`.");
        return Err(("NotAuthorizedForSourceException", message));
    }
    let Ok(detail @ Value::Object(_)) = serde_json::from_str(&detail) else {
        return Err(("MalformedDetail", "Detail is malformed.".to_owned()));
    };
    let at = moment(world.now(), entry.time)?;
    let bus = buses::named(call, entry.event_bus_name.as_deref());
    let id = world.uuid();
    let event = json!({
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": source,
        "account": call.caller.account,
        "time": time(at),
        "region": call.region,
        "resources": entry.resources,
        "detail": detail,
    });
    if bus.region != call.region || !world.events.buses.contains_key(&bus) {
        let message = format!(
            "Event bus {} does not exist in Region {}.",
            bus.name, call.region
        );
        return Err(("InvalidArgument", message));
    }
    let principal = principal(call);
    check_policy(world, &bus, &call.caller.account, &principal, &event)
        .map_err(|error| ("AccessDeniedException", error))?;
    let arrival = if bus.account == call.caller.account {
        Arrival::Direct
    } else {
        Arrival::Forwarded
    };
    publish(world, &bus, event, arrival);
    Ok(id)
}

fn required(member: Option<String>, name: &str) -> Result<String, EntryError> {
    member.filter(|text| !text.is_empty()).ok_or_else(|| {
        let message =
            format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        ("InvalidArgument", message)
    })
}

/// The entry's time, or now.
fn moment(now: Timestamp, given: Option<f64>) -> Result<Timestamp, EntryError> {
    let Some(seconds) = given else {
        return Ok(now);
    };
    Timestamp::from_second(seconds.floor() as i64).map_err(|_| {
        let message = format!("Parameter Time is not valid. Reason: {seconds} is out of range.");
        ("InvalidArgument", message)
    })
}

/// `aws:PrincipalArn` of the caller: of a session, its role's ARN.
fn principal(call: &Call) -> String {
    match &call.caller.role {
        Some(role) => format!("arn:aws:iam::{}:role/{role}", call.caller.account),
        None => call.caller.arn.clone(),
    }
}
