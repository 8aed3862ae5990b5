//! The operations of SQS.

use crate::operation::Operation;

macro_rules! operations {
    ($($name:literal, $action:literal, $does:literal;)*) => {
        /// What is implemented.
        pub const OPERATIONS: &[Operation] = &[$(Operation {
            service: "sqs",
            name: $name,
            action: concat!("sqs:", $action),
            does: $does,
            source: concat!("SQS API Reference, ", $name),
        }),*];
    };
}

operations! {
    "CreateQueue", "CreateQueue", "Creates a standard queue; one that exists with the same attributes counts as created.";
    "GetQueueUrl", "GetQueueUrl", "Tells the URL of a queue of the caller's account on the host that the caller used.";
    "ListQueues", "ListQueues", "Lists queues by name, in pages if MaxResults is given.";
    "GetQueueAttributes", "GetQueueAttributes", "Tells attributes, among them how many messages are visible, in flight and delayed.";
    "SetQueueAttributes", "SetQueueAttributes", "Sets timeouts, delay, retention, size and the redrive policy; policies and encryption are kept without effect.";
    "DeleteQueue", "DeleteQueue", "Deletes a queue with its messages at once (AWS takes up to 60 seconds).";
    "PurgeQueue", "PurgeQueue", "Deletes every message at once, at most every 60 seconds.";
    "SendMessage", "SendMessage", "Sends a message with an optional delay; message attributes are refused.";
    "SendMessageBatch", "SendMessage", "Sends 1 to 10 messages, each of which succeeds or fails by itself.";
    "ReceiveMessage", "ReceiveMessage", "Receives 1 to 10 visible messages in the order of arrival and hides them; returns at once instead of waiting; messages received maxReceiveCount times move to the dead-letter queue.";
    "DeleteMessage", "DeleteMessage", "Deletes a message by the receipt handle of its latest receive; older handles do nothing.";
    "DeleteMessageBatch", "DeleteMessage", "Deletes 1 to 10 messages, each of which succeeds or fails by itself.";
    "ChangeMessageVisibility", "ChangeMessageVisibility", "Hides a message in flight for another time from now; 0 shows it at once.";
}
