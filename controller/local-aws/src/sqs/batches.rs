//! Batches: up to ten entries, each of which succeeds or fails by itself.

use std::collections::BTreeSet;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    QueueId, addressed, input,
    messages::{Outgoing, Receipt},
    refused,
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// The most entries of a batch.
const MOST_ENTRIES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    entries: Vec<Entry<T>>,
}

#[derive(Deserialize)]
struct Entry<T> {
    #[serde(rename = "Id")]
    id: String,
    #[serde(flatten)]
    content: T,
}

pub(super) fn send(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    each(world, call, |world, queue, outgoing: Outgoing| {
        outgoing.send(world, queue)
    })
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    each(world, call, |world, queue, receipt: Receipt| {
        receipt.delete(world, queue).map(|()| json!({}))
    })
}

fn each<T: DeserializeOwned>(
    world: &mut World,
    call: &Call,
    act: impl Fn(&mut World, &QueueId, T) -> Result<Value, ApiError>,
) -> Result<Reply, ApiError> {
    let batch: Batch<T> = input(call)?;
    check(&batch.entries)?;
    let queue = addressed(world, call)?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for Entry { id, content } in batch.entries {
        match act(world, &queue, content) {
            Ok(mut result) => {
                if let Some(members) = result.as_object_mut() {
                    members.insert("Id".to_owned(), json!(id));
                }
                successful.push(result);
            }
            Err(error) => failed.push(json!({
                "Id": id,
                "SenderFault": true,
                "Code": error.code,
                "Message": error.message,
            })),
        }
    }
    Ok(Reply::json(
        json!({ "Successful": successful, "Failed": failed }),
    ))
}

fn check<T>(entries: &[Entry<T>]) -> Result<(), ApiError> {
    let wrong = |code: &str, message: String| {
        refused(code, &format!("AWS.SimpleQueueService.{code}"), message)
    };
    if entries.is_empty() {
        let message = "There should be at least one entry in the request.".to_owned();
        return Err(wrong("EmptyBatchRequest", message));
    }
    if entries.len() > MOST_ENTRIES {
        let message = format!(
            "Maximum number of entries per request are {MOST_ENTRIES}. You have sent {}.",
            entries.len()
        );
        return Err(wrong("TooManyEntriesInBatchRequest", message));
    }
    let mut ids = BTreeSet::new();
    for Entry { id, .. } in entries {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !((1..=80).contains(&id.len()) && id.chars().all(allowed)) {
            let message = format!(
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long: `{id}`"
            );
            return Err(wrong("InvalidBatchEntryId", message));
        }
        if !ids.insert(id) {
            return Err(wrong(
                "BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            ));
        }
    }
    Ok(())
}
