//! The queue's event source, as Lambda has it: receives up to a batch, invokes, deletes what did
//! not fail. It is a part of AWS and makes no calls over the network.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use local_aws::{
    World,
    sqs::{self, QueueId},
};

use crate::stage::{Invoked, Stage};

/// Receives up to so many messages: ids and bodies.
pub fn receive(world: &mut World, queue: &QueueId, most: usize) -> Result<Vec<(String, String)>> {
    let received = sqs::receive(world, queue, most)?;
    let pairs = received
        .into_iter()
        .map(|message| (message.id, message.body));
    Ok(pairs.collect())
}

/// Deletes messages.
pub fn delete(world: &mut World, queue: &QueueId, ids: &BTreeSet<&String>) {
    if let Some(queue) = world.sqs.queues.get_mut(queue) {
        queue.messages.retain(|message| !ids.contains(&message.id));
    }
}

/// How long until the next message can be received; none when the queue is empty.
pub fn next(world: &World, queue: &QueueId) -> Option<SignedDuration> {
    let queue = world.sqs.queues.get(queue)?;
    let next: Timestamp = queue
        .messages
        .iter()
        .map(|message| message.visible_at)
        .min()?;
    Some(next.duration_since(world.now()).max(SignedDuration::ZERO))
}

/// Hands one batch over; none when there was nothing to receive.
pub async fn batch(stage: &Stage, queue: &QueueId, most: usize) -> Result<Option<Invoked>> {
    let messages = stage.world(|world| receive(world, queue, most))?;
    if messages.is_empty() {
        return Ok(None);
    }
    let invoked = stage.invoke(&messages).await?;
    let done: BTreeSet<&String> = messages
        .iter()
        .map(|(id, _)| id)
        .filter(|id| !invoked.failed.contains(*id))
        .collect();
    stage.world(|world| delete(world, queue, &done));
    Ok(Some(invoked))
}

/// The longest that a message may make one wait by the machine's clock.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// Hands batch after batch over until the queue is empty; how many.
pub async fn drain(stage: &Stage, queue: &QueueId, most: usize) -> Result<usize> {
    let mut invocations = 0;
    loop {
        match batch(stage, queue, most).await? {
            Some(_) => invocations += 1,
            None => match stage.world(|world| next(world, queue)) {
                None => return Ok(invocations),
                Some(wait) => {
                    ensure!(wait < PATIENCE, "a message waits for {wait:#}");
                    tokio::time::sleep(wait.unsigned_abs()).await;
                }
            },
        }
    }
}
