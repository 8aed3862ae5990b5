//! SQS: standard queues.
//!
//! Visibility, delays and retention follow the world's clock. A queue belongs to an account and
//! Region; of a queue's URL only the path counts, so that it works on every port. Only the owning
//! account may use a queue; queue policies are kept and not evaluated.

mod attributes;
mod batches;
mod messages;
mod operations;
mod queues;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use messages::{bodies, receive, send};
pub use operations::OPERATIONS;
pub use queues::create_queue;

use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// Every queue.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The queues.
    pub queues: BTreeMap<QueueId, Queue>,
}

/// Which queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueId {
    /// The account that owns it.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// Its name.
    pub name: String,
}

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The attributes that were set, as text.
    pub attributes: BTreeMap<String, String>,
    /// Where messages go that were received too often.
    pub redrive: Option<Redrive>,
    /// Its messages in the order of arrival.
    pub messages: Vec<Message>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// When it was last purged.
    pub purged: Option<Timestamp>,
}

/// A queue's redrive policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue.
    pub target: QueueId,
    /// How many times a message is received before it moves there.
    pub max_receive_count: u32,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its text.
    pub body: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it was first received.
    pub first_received: Option<Timestamp>,
    /// How many times it was received.
    pub receives: u32,
    /// From when on it can be received (again).
    pub visible_at: Timestamp,
}

impl QueueId {
    /// A queue by its parts.
    pub fn new(account: &str, region: &str, name: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
        }
    }

    /// `arn:aws:sqs:<region>:<account>:<name>`.
    pub fn arn(&self) -> String {
        let Self {
            account,
            region,
            name,
        } = self;
        format!("arn:aws:sqs:{region}:{account}:{name}")
    }

    /// The queue that an ARN names.
    pub fn from_arn(arn: &str) -> Option<Self> {
        match arn.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "sqs", region, account, name] => Some(Self::new(account, region, name)),
            _ => None,
        }
    }
}

impl Message {
    /// The receipt handle of its latest receive.
    pub fn receipt_handle(&self) -> String {
        format!("{}.{}", self.id, self.receives)
    }
}

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    match operation {
        "CreateQueue" => queues::create(world, call),
        "GetQueueUrl" => queues::url(world, call),
        "ListQueues" => queues::list(world, call),
        "GetQueueAttributes" => queues::get_attributes(world, call),
        "SetQueueAttributes" => queues::set_attributes(world, call),
        "DeleteQueue" => queues::delete(world, call),
        "PurgeQueue" => queues::purge(world, call),
        "SendMessage" => messages::send_message(world, call),
        "ReceiveMessage" => messages::receive_message(world, call),
        "DeleteMessage" => messages::delete_message(world, call),
        "ChangeMessageVisibility" => messages::change_visibility(world, call),
        "SendMessageBatch" => batches::send(world, call),
        "DeleteMessageBatch" => batches::delete(world, call),
        _ => Err(ApiError::new("UnknownOperationException", 404, operation)),
    }
}

/// An error whose older query-protocol code differs: SDKs read that from a header.
fn refused(code: &str, query_code: &str, message: impl Into<String>) -> ApiError {
    let header = format!("{query_code};Sender");
    ApiError::new(code, 400, message).header("x-amzn-query-error", header)
}

fn invalid(message: impl Into<String>) -> ApiError {
    refused("InvalidParameterValue", "InvalidParameterValue", message)
}

fn missing_queue() -> ApiError {
    refused(
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    )
}

/// The input as the operation's shape; what is missing or of the wrong type is named.
fn input<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    let input = match &call.input {
        Value::Null => json!({}),
        input => input.clone(),
    };
    serde_json::from_value(input).map_err(|error| {
        refused(
            "MissingParameter",
            "MissingParameter",
            format!("The request is not valid: {error}"),
        )
    })
}

/// The queue that the input's `QueueUrl` names.
fn addressed(world: &World, call: &Call) -> Result<QueueId, ApiError> {
    let Some(url) = call.text("QueueUrl") else {
        return Err(refused(
            "MissingParameter",
            "MissingParameter",
            "The request must contain the parameter QueueUrl.",
        ));
    };
    let mut path = url.trim_end_matches('/').rsplit('/');
    let (Some(name), Some(account)) = (path.next(), path.next()) else {
        return Err(refused(
            "InvalidAddress",
            "InvalidAddress",
            format!("The address {url} is not valid for this endpoint."),
        ));
    };
    let id = QueueId::new(account, &call.region, name);
    if id.account != call.caller.account {
        return Err(ApiError::new(
            "AccessDenied",
            403,
            format!("Access to the resource {url} is denied."),
        )
        .header("x-amzn-query-error", "AccessDenied;Sender"));
    }
    if world.sqs.queues.contains_key(&id) {
        Ok(id)
    } else {
        Err(missing_queue())
    }
}

/// A queue that can be changed; what outlived its retention is gone.
fn queue<'w>(world: &'w mut World, id: &QueueId) -> Result<&'w mut Queue, ApiError> {
    let now = world.now();
    let queue = world.sqs.queues.get_mut(id).ok_or_else(missing_queue)?;
    queue.expire(now);
    Ok(queue)
}
