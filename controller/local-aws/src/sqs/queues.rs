//! Queues: making, finding, setting.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use super::{Queue, QueueId, addressed, attributes, input, invalid, missing_queue, queue, refused};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// How long after a purge the next one is refused.
const PURGE_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// Creates a queue; one that exists with the same attributes counts as created.
pub fn create_queue(
    world: &mut World,
    account: &str,
    region: &str,
    name: &str,
    attributes: &[(&str, &str)],
) -> Result<QueueId, ApiError> {
    check_name(name)?;
    let id = QueueId::new(account, region, name);
    let attributes = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    if let Some(existing) = world.sqs.queues.get(&id) {
        return same(existing, &attributes).map(|()| id);
    }
    let now = world.now();
    let mut queue = Queue {
        attributes: BTreeMap::new(),
        redrive: None,
        messages: Vec::new(),
        created: now,
        modified: now,
        purged: None,
    };
    set(world, &mut queue, attributes)?;
    world.sqs.queues.insert(id.clone(), queue);
    Ok(id)
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=80).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(format!(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length: `{name}`"
    )))
}

/// Whether every attribute that is given has the value that the queue has.
fn same(queue: &Queue, attributes: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let differing = attributes.iter().find(|(name, value)| {
        let current = queue.attributes.get(*name).cloned();
        current.unwrap_or_else(|| queue.number(name).to_string()) != **value
    });
    match differing {
        None => Ok(()),
        Some((name, _)) => Err(refused(
            "QueueNameExists",
            "QueueAlreadyExists",
            format!(
                "A queue already exists with the same name and a different value for attribute {name}"
            ),
        )),
    }
}

/// Sets attributes after checking all of them.
fn set(
    world: &World,
    queue: &mut Queue,
    attributes: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    for (name, value) in &attributes {
        attributes::check(name, value)?;
    }
    if let Some(text) = attributes.get("RedrivePolicy") {
        let redrive = attributes::redrive(text)?;
        let target = redrive.as_ref().map(|redrive| &redrive.target);
        if target.is_some_and(|target| !world.sqs.queues.contains_key(target)) {
            return Err(invalid(format!(
                "Value {text} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."
            )));
        }
        queue.redrive = redrive;
    }
    queue.attributes.extend(attributes);
    queue.attributes.retain(|_, value| !value.is_empty());
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

pub(super) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let Create {
        queue_name,
        attributes,
    } = input(call)?;
    let attributes: Vec<(&str, &str)> = attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let account = &call.caller.account;
    let id = create_queue(world, account, &call.region, &queue_name, &attributes)?;
    Ok(Reply::json(json!({ "QueueUrl": queue_url(call, &id) })))
}

/// The URL on the host that the caller used.
fn queue_url(call: &Call, id: &QueueId) -> String {
    let host = call.header("host").unwrap_or("127.0.0.1");
    format!("http://{host}/{}/{}", id.account, id.name)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    queue_name: String,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

pub(super) fn url(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let Named { queue_name, owner } = input(call)?;
    let account = owner.as_ref().unwrap_or(&call.caller.account);
    let id = QueueId::new(account, &call.region, &queue_name);
    // A queue of another account looks as if it did not exist, as in AWS without a queue policy.
    if *account == call.caller.account && world.sqs.queues.contains_key(&id) {
        Ok(Reply::json(json!({ "QueueUrl": queue_url(call, &id) })))
    } else {
        Err(missing_queue())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    queue_name_prefix: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

pub(super) fn list(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let list: List = input(call)?;
    if list
        .max_results
        .is_some_and(|most| !(1..=1000).contains(&most))
    {
        return Err(invalid(
            "Value for parameter MaxResults is invalid. Reason: Must be between 1 and 1000.",
        ));
    }
    let prefix = list.queue_name_prefix.unwrap_or_default();
    let from = list.next_token.unwrap_or_default();
    let mut rest = world
        .sqs
        .queues
        .keys()
        .filter(|id| id.account == call.caller.account && id.region == call.region)
        .filter(|id| id.name.starts_with(&prefix) && id.name >= from)
        .peekable();
    let most = list.max_results.unwrap_or(1000);
    let urls: Vec<String> = rest
        .by_ref()
        .take(most)
        .map(|id| queue_url(call, id))
        .collect();
    let mut reply = json!({ "QueueUrls": urls });
    // SQS pages only for callers that ask for a number of results.
    if let (Some(next), true, Some(members)) = (
        rest.peek(),
        list.max_results.is_some(),
        reply.as_object_mut(),
    ) {
        members.insert("NextToken".to_owned(), json!(next.name));
    }
    Ok(Reply::json(reply))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetAttributes {
    #[serde(default)]
    attribute_names: Vec<String>,
}

pub(super) fn get_attributes(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let GetAttributes { attribute_names } = input(call)?;
    let id = addressed(world, call)?;
    let now = world.now();
    let attributes = queue(world, &id)?.describe(&id, &attribute_names, now)?;
    Ok(Reply::json(if attributes.is_empty() {
        json!({})
    } else {
        json!({ "Attributes": attributes })
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetAttributes {
    attributes: BTreeMap<String, String>,
}

pub(super) fn set_attributes(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let SetAttributes { attributes } = input(call)?;
    let id = addressed(world, call)?;
    let mut changed = queue(world, &id)?.clone();
    set(world, &mut changed, attributes)?;
    changed.modified = world.now();
    world.sqs.queues.insert(id, changed);
    Ok(Reply::empty(200))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = addressed(world, call)?;
    queue(world, &id)?;
    world.sqs.queues.remove(&id);
    Ok(Reply::empty(200))
}

pub(super) fn purge(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = addressed(world, call)?;
    let now = world.now();
    let queue = queue(world, &id)?;
    let recent = |at| now.duration_since(at) < PURGE_INTERVAL;
    if queue.purged.is_some_and(recent) {
        return Err(refused(
            "PurgeQueueInProgress",
            "AWS.SimpleQueueService.PurgeQueueInProgress",
            format!(
                "Only one PurgeQueue operation on {} is allowed every 60 seconds.",
                id.name
            ),
        ));
    }
    queue.purged = Some(now);
    queue.messages.clear();
    Ok(Reply::empty(200))
}
