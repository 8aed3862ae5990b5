//! Messages: sending, receiving, deleting.

use jiff::{SignedDuration, Timestamp};
use md5::{Digest, Md5};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Message, Queue, QueueId, addressed, input, invalid, queue, refused};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// The longest that a message can be hidden, in seconds.
const LONGEST_VISIBILITY: i64 = 43_200;

/// Sends a message with the queue's own delay. Returns its id.
pub fn send(world: &mut World, id: &QueueId, body: String) -> Result<String, ApiError> {
    send_after(world, id, body, None)
}

/// Receives up to `most` messages, which the queue's visibility timeout then hides.
pub fn receive(world: &mut World, id: &QueueId, most: usize) -> Result<Vec<Message>, ApiError> {
    receive_for(world, id, most, None)
}

/// The bodies of all messages of a queue, hidden ones included, without receiving them.
pub fn bodies(world: &World, id: &QueueId) -> Vec<String> {
    let queue = world.sqs.queues.get(id);
    queue
        .map(|queue| queue.messages.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|message| message.body.clone())
        .collect()
}

pub(super) fn send_after(
    world: &mut World,
    id: &QueueId,
    body: String,
    delay: Option<i64>,
) -> Result<String, ApiError> {
    let (now, message_id) = (world.now(), world.uuid());
    let queue = queue(world, id)?;
    let longest = queue.number("MaximumMessageSize");
    if body.is_empty() || body.len() as i64 > longest {
        return Err(invalid(format!(
            "One or more parameters are invalid. Reason: Message must be 1 to {longest} bytes, not {}.",
            body.len()
        )));
    }
    let delay = delay.unwrap_or_else(|| queue.number("DelaySeconds"));
    in_range("DelaySeconds", delay, 0, 900)?;
    queue.messages.push(Message {
        id: message_id.clone(),
        body,
        sent: now,
        first_received: None,
        receives: 0,
        visible_at: later(now, delay),
    });
    Ok(message_id)
}

fn in_range(name: &str, value: i64, least: i64, most: i64) -> Result<(), ApiError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(invalid(format!(
        "Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {most}."
    )))
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

fn receive_for(
    world: &mut World,
    id: &QueueId,
    most: usize,
    hidden_for: Option<i64>,
) -> Result<Vec<Message>, ApiError> {
    let now = world.now();
    let queue = queue(world, id)?;
    let dead = queue.take_dead(now);
    let target = queue.redrive.as_ref().map(|redrive| redrive.target.clone());
    let hidden_for = hidden_for.unwrap_or_else(|| queue.number("VisibilityTimeout"));
    let received = queue
        .messages
        .iter_mut()
        .filter(|message| message.visible_at <= now)
        .take(most)
        .map(|message| {
            message.receives += 1;
            message.first_received.get_or_insert(now);
            message.visible_at = later(now, hidden_for);
            message.clone()
        })
        .collect();
    if let Some(letters) = target.and_then(|target| world.sqs.queues.get_mut(&target)) {
        letters.messages.extend(dead);
    }
    Ok(received)
}

impl Queue {
    /// Takes out the visible messages that were received as often as the redrive policy allows.
    fn take_dead(&mut self, now: Timestamp) -> Vec<Message> {
        let Some(redrive) = &self.redrive else {
            return Vec::new();
        };
        let most = redrive.max_receive_count;
        let is_dead = |message: &mut Message| message.visible_at <= now && message.receives >= most;
        self.messages.extract_if(.., is_dead).collect()
    }

    /// The message of a receipt handle, if the handle is its latest; handles of messages that are
    /// gone are accepted, as in AWS.
    fn find(&mut self, handle: &str) -> Result<Option<&mut Message>, ApiError> {
        let form = handle.rsplit_once('.');
        if !form.is_some_and(|(id, count)| id.len() == 36 && count.parse::<u32>().is_ok()) {
            return Err(refused(
                "ReceiptHandleIsInvalid",
                "ReceiptHandleIsInvalid",
                format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
            ));
        }
        Ok(self
            .messages
            .iter_mut()
            .find(|message| message.receipt_handle() == handle))
    }
}

/// MD5 in hexadecimal, by which clients check what arrived.
pub(super) fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What is sent, alone or as an entry of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Outgoing {
    message_body: String,
    delay_seconds: Option<i64>,
    message_attributes: Option<Value>,
}

impl Outgoing {
    /// Sends it; the reply's members.
    pub(super) fn send(self, world: &mut World, id: &QueueId) -> Result<Value, ApiError> {
        // To drop attributes silently would be worse than to refuse them.
        let attributes = self.message_attributes.as_ref().and_then(Value::as_object);
        if attributes.is_some_and(|attributes| !attributes.is_empty()) {
            return Err(refused(
                "UnsupportedOperation",
                "AWS.SimpleQueueService.UnsupportedOperation",
                "the local AWS does not implement MessageAttributes",
            ));
        }
        let digest = md5(&self.message_body);
        let message = send_after(world, id, self.message_body, self.delay_seconds)?;
        Ok(json!({ "MessageId": message, "MD5OfMessageBody": digest }))
    }
}

pub(super) fn send_message(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let outgoing: Outgoing = input(call)?;
    let id = addressed(world, call)?;
    outgoing.send(world, &id).map(Reply::json)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
}

pub(super) fn receive_message(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let receive: Receive = input(call)?;
    let id = addressed(world, call)?;
    let most = receive.max_number_of_messages.unwrap_or(1);
    in_range("MaxNumberOfMessages", most, 1, 10)?;
    in_range(
        "WaitTimeSeconds",
        receive.wait_time_seconds.unwrap_or(0),
        0,
        20,
    )?;
    let hidden_for = receive.visibility_timeout;
    in_range(
        "VisibilityTimeout",
        hidden_for.unwrap_or(0),
        0,
        LONGEST_VISIBILITY,
    )?;
    let names = [
        receive.attribute_names,
        receive.message_system_attribute_names,
    ]
    .concat();
    let received = receive_for(world, &id, usize::try_from(most).unwrap_or(1), hidden_for)?;
    let messages: Vec<Value> = received
        .iter()
        .map(|message| document(message, &id, &names))
        .collect();
    Ok(Reply::json(if messages.is_empty() {
        json!({})
    } else {
        json!({ "Messages": messages })
    }))
}

fn document(message: &Message, id: &QueueId, names: &[String]) -> Value {
    let first = message.first_received.unwrap_or(message.sent);
    let attributes: serde_json::Map<String, Value> = [
        ("ApproximateReceiveCount", message.receives.to_string()),
        (
            "ApproximateFirstReceiveTimestamp",
            first.as_millisecond().to_string(),
        ),
        ("SentTimestamp", message.sent.as_millisecond().to_string()),
        ("SenderId", id.account.clone()),
    ]
    .into_iter()
    .filter(|(name, _)| names.iter().any(|wanted| wanted == "All" || wanted == name))
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect();
    let mut document = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt_handle(),
        "MD5OfBody": md5(&message.body),
        "Body": message.body,
    });
    if let (false, Some(members)) = (attributes.is_empty(), document.as_object_mut()) {
        members.insert("Attributes".to_owned(), json!(attributes));
    }
    document
}

/// Which received message.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receipt {
    receipt_handle: String,
}

impl Receipt {
    pub(super) fn delete(&self, world: &mut World, id: &QueueId) -> Result<(), ApiError> {
        let queue = queue(world, id)?;
        if let Some(message) = queue.find(&self.receipt_handle)? {
            let gone = message.id.clone();
            queue.messages.retain(|message| message.id != gone);
        }
        Ok(())
    }
}

pub(super) fn delete_message(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let receipt: Receipt = input(call)?;
    let id = addressed(world, call)?;
    receipt.delete(world, &id)?;
    Ok(Reply::empty(200))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeVisibility {
    receipt_handle: String,
    visibility_timeout: i64,
}

pub(super) fn change_visibility(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let change: ChangeVisibility = input(call)?;
    let id = addressed(world, call)?;
    let seconds = change.visibility_timeout;
    in_range("VisibilityTimeout", seconds, 0, LONGEST_VISIBILITY)?;
    let now = world.now();
    let message = queue(world, &id)?.find(&change.receipt_handle)?;
    match message.filter(|message| message.visible_at > now) {
        Some(message) => {
            message.visible_at = later(now, seconds);
            Ok(Reply::empty(200))
        }
        None => Err(refused(
            "MessageNotInflight",
            "AWS.SimpleQueueService.MessageNotInflight",
            "The message referred to isn't in flight.",
        )),
    }
}
