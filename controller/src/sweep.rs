//! A sweep of everything becomes one message per account and governed Region on the controller's
//! own queue: the queue spreads the work, and each account is served as if an event had come.

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use controller_core::{
    event::sweep_message,
    id::Scope,
    observed::{ErrorClass, Trouble},
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    aws::trouble,
    config::Runtime,
    survey::{accounts, scopes},
};

/// SQS takes 10 messages a call (SQS API Reference, SendMessageBatch).
const BATCH: usize = 10;
/// Calls at the same time.
const CONCURRENCY: usize = 8;
/// The id of the messages, for logs.
const ID: &str = "sweep";

/// The sweep could not be fanned out; what was sent is sent, and another sweep does no harm.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Nobody said where the queue is.
    #[error(
        "no queue to fan the sweep out to: set MACIECTL_QUEUE_URL to the controller's own queue"
    )]
    NoQueue,
    /// AWS refused.
    #[error("{0}")]
    Aws(#[from] Trouble),
}

/// Puts every account in every governed Region on the queue. The line `sweep` in the log is what
/// the alarm on missing sweeps counts.
pub async fn fan_out(runtime: &Runtime) -> Result<(), SweepError> {
    let queue = runtime.queue_url.as_deref().ok_or(SweepError::NoQueue)?;
    let policy = runtime.policy.current().await;
    let accounts = accounts(&runtime.controller.aws).await?;
    let scopes = scopes(&policy, &accounts, None);
    stream::iter(scopes.chunks(BATCH))
        .map(|batch| Ok::<_, Trouble>(send(runtime, queue, batch)))
        .try_buffer_unordered(CONCURRENCY)
        .try_collect::<()>()
        .await?;
    tracing::info!(accounts = accounts.len(), scopes = scopes.len(), "sweep");
    Ok(())
}

async fn send(runtime: &Runtime, queue: &str, batch: &[Scope]) -> Result<(), Trouble> {
    let operation = "sqs:SendMessageBatch";
    let entries: Result<Vec<_>, _> = batch.iter().enumerate().map(entry).collect();
    let entries = entries.map_err(|error| unsent(operation, error.to_string()))?;
    let sqs = &runtime.controller.aws.sqs;
    let call = sqs.send_message_batch().queue_url(queue);
    let reply = call.set_entries(Some(entries)).send().await;
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    // A batch succeeds with HTTP 200 though entries of it may have failed.
    match reply.failed().first() {
        None => Ok(()),
        Some(entry) => {
            let why = entry.message().unwrap_or("no reason given");
            Err(unsent(operation, format!("{}: {why}", entry.code())))
        }
    }
}

fn entry(
    (number, scope): (usize, &Scope),
) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    SendMessageBatchRequestEntry::builder()
        .id(number.to_string())
        .message_body(sweep_message(scope, ID))
        .build()
}

fn unsent(operation: &'static str, message: String) -> Trouble {
    Trouble {
        operation,
        class: ErrorClass::Other,
        message,
    }
}
