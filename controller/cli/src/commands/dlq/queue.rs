//! The queue of dead letters. Whoever looks at a message hides it from others for a while: here it
//! is given back as soon as everything was seen.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use controller::{
    aws::{Aws, trouble},
    config::Runtime,
};
use controller_core::observed::Trouble;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;

use super::letter::{Envelope, Home, Letter, Tries};
use crate::commands::{
    CONCURRENCY,
    doctor::{DEAD_LETTERS, QUEUE, SWEEP_QUEUE},
};

/// SQS gives 10 messages a call (SQS API Reference, ReceiveMessage).
const BATCH: i32 = 10;
/// For how many seconds a message is hidden at most, should this process die.
const HIDDEN: i32 = 120;
/// A short poll asks some of SQS's servers only, a long one asks all.
const POLL: i32 = 1;

/// The controller's queue, the sweep's, and their dead letters.
pub struct Queues<'a> {
    aws: &'a Aws,
    queue: String,
    sweep: Result<String, Trouble>,
    letters: String,
    tries: Tries,
}

impl<'a> Queues<'a> {
    /// Finds them. The sweep's is only needed for what was on it.
    pub async fn find(runtime: &'a Runtime) -> Result<Self, Trouble> {
        let aws = &runtime.controller.aws;
        let queue = url(aws, QUEUE).await?;
        Ok(Self {
            aws,
            sweep: url(aws, SWEEP_QUEUE).await,
            letters: url(aws, DEAD_LETTERS).await?,
            tries: Tries(tries(aws, &queue).await?),
            queue,
        })
    }

    /// The next few messages, which are hidden from now on; without those that were seen before.
    /// None when there are no others.
    pub async fn next(
        &self,
        seen: &mut BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Option<Vec<Letter>>, Trouble> {
        let request = self.aws.sqs.receive_message().queue_url(&self.letters);
        let reply = request
            .max_number_of_messages(BATCH)
            .visibility_timeout(HIDDEN)
            .wait_time_seconds(POLL)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("ERROR_CODE")
            .send()
            .await;
        let reply = reply.map_err(|error| trouble("sqs:ReceiveMessage", &error))?;
        let messages = reply.messages.unwrap_or_default().into_iter();
        let letters: Vec<Letter> = messages
            .map(|message| Letter::read(envelope(message), self.tries, now))
            .filter(|letter| seen.insert(letter.id.clone()))
            .collect();
        Ok((!letters.is_empty()).then_some(letters))
    }

    /// Shows messages to others again. One that is not given back shows itself after a while.
    pub async fn give_back(&self, letters: impl IntoIterator<Item = &Letter>) {
        stream::iter(letters)
            .for_each_concurrent(CONCURRENCY, |letter| async move {
                let request = self.aws.sqs.change_message_visibility();
                let request = request.queue_url(&self.letters).visibility_timeout(0);
                if let Err(error) = request.receipt_handle(&letter.receipt).send().await {
                    let error = trouble("sqs:ChangeMessageVisibility", &error);
                    eprintln!("{} stays hidden for two minutes: {error}", letter.id);
                }
            })
            .await;
    }

    /// Sends a message to the queue that it was on, then deletes the letter: who is cut off in
    /// between leaves a message twice, which does no harm, and never loses one.
    pub async fn put_back(&self, letter: &Letter) -> Result<(), Trouble> {
        let queue = match letter.home {
            Home::Controller => &self.queue,
            Home::Sweep => self.sweep.as_ref().map_err(Clone::clone)?,
        };
        let send = self.aws.sqs.send_message().queue_url(queue);
        let sent = send.message_body(&letter.body).send().await;
        sent.map_err(|error| trouble("sqs:SendMessage", &error))?;
        let delete = self.aws.sqs.delete_message().queue_url(&self.letters);
        let deleted = delete.receipt_handle(&letter.receipt).send().await;
        deleted
            .map(|_| ())
            .map_err(|error| trouble("sqs:DeleteMessage", &error))
    }
}

async fn url(aws: &Aws, name: &str) -> Result<String, Trouble> {
    let reply = aws.sqs.get_queue_url().queue_name(name).send().await;
    let reply = reply.map_err(|error| trouble("sqs:GetQueueUrl", &error))?;
    Ok(reply.queue_url.unwrap_or_default())
}

/// How often the controller's queue hands a message over before it is a dead letter.
async fn tries(aws: &Aws, queue: &str) -> Result<Option<u32>, Trouble> {
    let name = QueueAttributeName::RedrivePolicy;
    let request = aws.sqs.get_queue_attributes().queue_url(queue);
    let reply = request.attribute_names(name.clone()).send().await;
    let reply = reply.map_err(|error| trouble("sqs:GetQueueAttributes", &error))?;
    let attributes = reply.attributes.unwrap_or_default();
    let policy = attributes.get(&name).map(String::as_str);
    let policy: Option<Value> = policy.and_then(|text| serde_json::from_str(text).ok());
    // A number, or a number as text.
    let most = policy
        .as_ref()
        .and_then(|policy| policy.get("maxReceiveCount"));
    Ok(most.and_then(|most| most.to_string().trim_matches('"').parse().ok()))
}

fn envelope(message: Message) -> Envelope {
    let mut attributes: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in message.attributes.unwrap_or_default() {
        attributes.insert(name.as_str().to_owned(), value);
    }
    let sent = attributes
        .get("SentTimestamp")
        .and_then(|at| at.parse().ok());
    let unsent = message.message_attributes.unwrap_or_default();
    Envelope {
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        sent: sent.and_then(|at| Timestamp::from_millisecond(at).ok()),
        received: attributes
            .get("ApproximateReceiveCount")
            .and_then(|count| count.parse().ok()),
        unsent: unsent
            .get("ERROR_CODE")
            .and_then(|code| code.string_value.clone()),
    }
}
