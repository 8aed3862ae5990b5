//! The queue's event source, as Lambda has it: receives up to a batch, invokes, deletes what did
//! not fail. It is a part of AWS and makes no calls over the network.

use std::collections::BTreeSet;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use local_aws::{World, sqs};

use crate::{
    stage::{Invoked, Stage},
    world::queue,
};

/// Receives up to so many messages: ids and bodies.
pub fn receive(world: &mut World, most: usize) -> Result<Vec<(String, String)>> {
    let received = sqs::receive(world, &queue(), most)?;
    let pairs = received
        .into_iter()
        .map(|message| (message.id, message.body));
    Ok(pairs.collect())
}

/// Deletes messages.
pub fn delete(world: &mut World, ids: &BTreeSet<&String>) {
    if let Some(queue) = world.sqs.queues.get_mut(&queue()) {
        queue.messages.retain(|message| !ids.contains(&message.id));
    }
}

/// How long until the next message can be received; none when the queue is empty.
pub fn next(world: &World) -> Option<SignedDuration> {
    let queue = world.sqs.queues.get(&queue())?;
    let next: Timestamp = queue
        .messages
        .iter()
        .map(|message| message.visible_at)
        .min()?;
    Some(next.duration_since(world.now()).max(SignedDuration::ZERO))
}

/// Hands one batch over; none when there was nothing to receive.
pub async fn batch(stage: &Stage, most: usize) -> Result<Option<Invoked>> {
    let messages = stage.world(|world| receive(world, most))?;
    if messages.is_empty() {
        return Ok(None);
    }
    let invoked = stage.invoke(&messages).await?;
    let done: BTreeSet<&String> = messages
        .iter()
        .map(|(id, _)| id)
        .filter(|id| !invoked.failed.contains(*id))
        .collect();
    stage.world(|world| delete(world, &done));
    Ok(Some(invoked))
}

/// Hands batch after batch over until the queue is empty; how many.
pub async fn drain(stage: &Stage, most: usize) -> Result<usize> {
    let mut invocations = 0;
    loop {
        match batch(stage, most).await? {
            Some(_) => invocations += 1,
            None => match stage.world(|world| next(world)) {
                None => return Ok(invocations),
                Some(wait) => tokio::time::sleep(wait.unsigned_abs()).await,
            },
        }
    }
}
