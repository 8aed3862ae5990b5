//! Rules: a pattern on a bus, enabled or not.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    BusId, Paging, Rule, buses, check_name, input, not_found, page, pattern::Pattern, validation,
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// The states of a rule.
const STATES: [&str; 3] = [
    "ENABLED",
    "DISABLED",
    "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
];

/// Members that an event must have for `TestEventPattern`.
const ENVELOPE: [&str; 7] = [
    "id",
    "account",
    "source",
    "time",
    "region",
    "resources",
    "detail-type",
];

/// Creates an enabled rule, or replaces its pattern; its targets stay. Returns its ARN.
pub fn put_rule(
    world: &mut World,
    bus: &BusId,
    name: &str,
    pattern: &Value,
) -> Result<String, ApiError> {
    put_text(world, bus, name, pattern.to_string())
}

fn put_text(world: &mut World, bus: &BusId, name: &str, text: String) -> Result<String, ApiError> {
    check_name("name", name, 64)?;
    let pattern = compile(&text)?;
    if bus.name == "default" {
        buses::ensure_default(world, &bus.account, &bus.region);
    }
    let rules = &mut buses::find_mut(world, bus)?.rules;
    let targets = rules
        .remove(name)
        .map_or_else(BTreeMap::new, |rule| rule.targets);
    let rule = Rule {
        text,
        pattern,
        state: "ENABLED".to_owned(),
        description: None,
        targets,
    };
    rules.insert(name.to_owned(), rule);
    Ok(bus.rule_arn(name))
}

fn compile(text: &str) -> Result<Pattern, ApiError> {
    text.parse()
        .map_err(|error: super::pattern::InvalidPattern| {
            ApiError::new("InvalidEventPatternException", 400, error.to_string())
        })
}

pub(super) fn find<'w>(world: &'w World, bus: &BusId, name: &str) -> Result<&'w Rule, ApiError> {
    let rules = &buses::find(world, bus)?.rules;
    rules.get(name).ok_or_else(|| missing(bus, name))
}

pub(super) fn find_mut<'w>(
    world: &'w mut World,
    bus: &BusId,
    name: &str,
) -> Result<&'w mut Rule, ApiError> {
    let rules = &mut buses::find_mut(world, bus)?.rules;
    rules.get_mut(name).ok_or_else(|| missing(bus, name))
}

fn missing(bus: &BusId, name: &str) -> ApiError {
    not_found(format!(
        "Rule {name} does not exist on EventBus {}.",
        bus.name
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    name: String,
    event_bus_name: Option<String>,
    event_pattern: Option<String>,
    schedule_expression: Option<String>,
    state: Option<String>,
    description: Option<String>,
}

pub(super) fn put(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let put: Put = input(call)?;
    if put.schedule_expression.is_some() {
        return Err(validation(
            "the local AWS does not implement ScheduleExpression: give an EventPattern",
        ));
    }
    let Some(text) = put.event_pattern else {
        return Err(validation(
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ));
    };
    let state = put.state.unwrap_or_else(|| "ENABLED".to_owned());
    if !STATES.contains(&state.as_str()) {
        return Err(validation(format!(
            "Value '{state}' at 'state' failed to satisfy constraint: one of {STATES:?}"
        )));
    }
    let bus = buses::own(call, put.event_bus_name.as_deref())?;
    let arn = put_text(world, &bus, &put.name, text)?;
    let rule = find_mut(world, &bus, &put.name)?;
    rule.state = state;
    rule.description = put.description;
    Ok(Reply::json(json!({ "RuleArn": arn })))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
    event_bus_name: Option<String>,
}

fn named(call: &Call) -> Result<(BusId, String), ApiError> {
    let Named {
        name,
        event_bus_name,
    } = input(call)?;
    Ok((buses::own(call, event_bus_name.as_deref())?, name))
}

pub(super) fn describe(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let (bus, name) = named(call)?;
    let mut document = document(&bus, &name, find(world, &bus, &name)?);
    if let Some(members) = document.as_object_mut() {
        members.insert("CreatedBy".to_owned(), json!(bus.account));
    }
    Ok(Reply::json(document))
}

pub(super) fn list(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let paging: Paging = input(call)?;
    let bus = buses::own(call, paging.event_bus_name.as_deref())?;
    let rules = buses::find(world, &bus)?
        .rules
        .iter()
        .map(|(name, rule)| (name.as_str(), document(&bus, name, rule)));
    page("Rules", rules, &paging)
}

fn document(bus: &BusId, name: &str, rule: &Rule) -> Value {
    let mut document = json!({
        "Name": name,
        "Arn": bus.rule_arn(name),
        "EventPattern": rule.text,
        "State": rule.state,
        "EventBusName": bus.name,
    });
    if let (Some(text), Some(members)) = (&rule.description, document.as_object_mut()) {
        members.insert("Description".to_owned(), json!(text));
    }
    document
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (bus, name) = named(call)?;
    let rules = &mut buses::find_mut(world, &bus)?.rules;
    if rules
        .get(&name)
        .is_some_and(|rule| !rule.targets.is_empty())
    {
        return Err(validation("Rule can't be deleted since it has targets."));
    }
    rules.remove(&name);
    Ok(Reply::empty(200))
}

pub(super) fn set_state(world: &mut World, call: &Call, state: &str) -> Result<Reply, ApiError> {
    let (bus, name) = named(call)?;
    find_mut(world, &bus, &name)?.state = state.to_owned();
    Ok(Reply::empty(200))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Test {
    event_pattern: String,
    event: String,
}

pub(super) fn test_pattern(call: &Call) -> Result<Reply, ApiError> {
    let test: Test = input(call)?;
    let pattern = compile(&test.event_pattern)?;
    let event: Value = serde_json::from_str(&test.event).map_err(|error| {
        validation(format!(
            "Parameter Event is not valid. Reason: it is not JSON: {error}"
        ))
    })?;
    match ENVELOPE.iter().find(|name| event.get(name).is_none()) {
        Some(name) => Err(validation(format!(
            "Parameter Event is not valid. Reason: `{name}` is missing"
        ))),
        None => Ok(Reply::json(json!({ "Result": pattern.matches(&event) }))),
    }
}
