//! Targets of rules: other buses, and queues of the same account and Region.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    BusId, Destination, Paging, Target, buses, check_name, input, page, rules, validation,
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    sqs::QueueId,
    world::World,
};

/// The most targets of a rule.
const MOST_TARGETS: usize = 5;

/// Adds or replaces a rule's target.
pub fn put_target(
    world: &mut World,
    bus: &BusId,
    rule: &str,
    target: Target,
) -> Result<(), ApiError> {
    put_all(world, bus, rule, vec![target])
}

fn put_all(world: &mut World, bus: &BusId, rule: &str, added: Vec<Target>) -> Result<(), ApiError> {
    for target in &added {
        check(bus, target)?;
    }
    let rule = rules::find_mut(world, bus, rule)?;
    let mut targets = rule.targets.clone();
    targets.extend(added.into_iter().map(|target| (target.id.clone(), target)));
    if targets.len() > MOST_TARGETS {
        return Err(ApiError::new(
            "LimitExceededException",
            400,
            format!(
                "The requested resource exceeds the maximum number allowed: {MOST_TARGETS} targets per rule"
            ),
        ));
    }
    rule.targets = targets;
    Ok(())
}

fn check(bus: &BusId, target: &Target) -> Result<(), ApiError> {
    check_name("targets.id", &target.id, 64)?;
    let arn = target.destination.arn();
    match &target.destination {
        Destination::Bus(to) if to == bus => Err(validation(format!(
            "target {arn} is the bus of the rule itself"
        ))),
        Destination::Bus(to) if foreign(bus, to) && target.role_arn.is_none() => {
            Err(validation(format!(
                "RoleArn is required for target {arn}: the bus is in another account or Region"
            )))
        }
        Destination::Queue(queue)
            if (&queue.account, &queue.region) != (&bus.account, &bus.region) =>
        {
            Err(validation(format!(
                "the local AWS delivers to queues of the bus's own account and Region only, not to {arn}"
            )))
        }
        _ => Ok(()),
    }
}

fn foreign(bus: &BusId, to: &BusId) -> bool {
    (&bus.account, &bus.region) != (&to.account, &to.region)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    rule: String,
    event_bus_name: Option<String>,
    targets: Vec<Given>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    id: String,
    arn: String,
    role_arn: Option<String>,
    dead_letter_config: Option<DeadLetter>,
    input: Option<Value>,
    input_path: Option<Value>,
    input_transformer: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetter {
    arn: Option<String>,
}

pub(super) fn put(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let put: Put = input(call)?;
    let bus = buses::own(call, put.event_bus_name.as_deref())?;
    if put.targets.is_empty() {
        return Err(validation(
            "Value '[]' at 'targets' failed to satisfy constraint: at least 1",
        ));
    }
    let targets = put
        .targets
        .into_iter()
        .map(|given| target(&bus, given))
        .collect::<Result<_, _>>()?;
    put_all(world, &bus, &put.rule, targets)?;
    Ok(complete())
}

fn target(bus: &BusId, given: Given) -> Result<Target, ApiError> {
    let destination = BusId::from_arn(&given.arn)
        .map(Destination::Bus)
        .or_else(|| QueueId::from_arn(&given.arn).map(Destination::Queue))
        .ok_or_else(|| {
            validation(format!(
                "target {} is neither an event bus nor an SQS queue: the local AWS delivers to no others",
                given.arn
            ))
        })?;
    if given.input.is_some() || given.input_path.is_some() || given.input_transformer.is_some() {
        let reason = match &destination {
            Destination::Bus(to) if to.account != bus.account => {
                "are not available for an event bus of another account"
            }
            _ => "are not implemented by the local AWS",
        };
        return Err(validation(format!(
            "Input, InputPath and InputTransformer {reason} (target {})",
            given.id
        )));
    }
    let dead_letter = match given.dead_letter_config.and_then(|config| config.arn) {
        Some(arn) => Some(QueueId::from_arn(&arn).ok_or_else(|| {
            validation(format!(
                "DeadLetterConfig.Arn {arn} is not the ARN of a queue"
            ))
        })?),
        None => None,
    };
    Ok(Target {
        id: given.id,
        destination,
        role_arn: given.role_arn,
        dead_letter,
    })
}

fn complete() -> Reply {
    Reply::json(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Remove {
    rule: String,
    event_bus_name: Option<String>,
    ids: Vec<String>,
}

pub(super) fn remove(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let remove: Remove = input(call)?;
    let bus = buses::own(call, remove.event_bus_name.as_deref())?;
    let rule = rules::find_mut(world, &bus, &remove.rule)?;
    rule.targets.retain(|id, _| !remove.ids.contains(id));
    Ok(complete())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    rule: String,
}

pub(super) fn list(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let List { rule } = input(call)?;
    let paging: Paging = input(call)?;
    let bus = buses::own(call, paging.event_bus_name.as_deref())?;
    let targets = rules::find(world, &bus, &rule)?
        .targets
        .iter()
        .map(|(id, target)| (id.as_str(), document(target)));
    page("Targets", targets, &paging)
}

fn document(target: &Target) -> Value {
    let mut document = json!({ "Id": target.id, "Arn": target.destination.arn() });
    if let Some(members) = document.as_object_mut() {
        if let Some(role) = &target.role_arn {
            members.insert("RoleArn".to_owned(), json!(role));
        }
        if let Some(queue) = &target.dead_letter {
            members.insert("DeadLetterConfig".to_owned(), json!({ "Arn": queue.arn() }));
        }
    }
    document
}
