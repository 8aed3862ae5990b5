//! Tags of members and jobs.

use serde::Deserialize;
use serde_json::json;

use super::{
    Scope, session,
    wire::{Outcome, Tags, check_tags, input, invalid, missing, repeated_query},
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

#[derive(Deserialize)]
struct Add {
    tags: Tags,
}

pub(super) fn perform(world: &mut World, call: &Call, operation: &str) -> Outcome {
    session::required(world, &Scope::of(call))?;
    // The slash of an ARN arrives as its own segment when a client leaves it as it is.
    let arn = call.segments.get(1..).unwrap_or_default().join("/");
    let tags = find(world, call, &arn)?;
    match operation {
        "ListTagsForResource" => Ok(Reply::json(json!({ "tags": tags }))),
        "TagResource" => {
            let mut merged = tags.clone();
            merged.extend(input::<Add>(call)?.tags);
            check_tags(&merged)?;
            *tags = merged;
            Ok(Reply::empty(204))
        }
        _ => {
            let keys = repeated_query(call, "tagKeys");
            if keys.is_empty() {
                return Err(invalid("`tagKeys` is missing: name at least one key"));
            }
            tags.retain(|key, _| !keys.contains(key));
            Ok(Reply::empty(204))
        }
    }
}

/// The tags of the caller's own resource.
fn find<'w>(world: &'w mut World, call: &Call, arn: &str) -> Result<&'w mut Tags, ApiError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _partition, "macie2", region, account, resource] = parts.as_slice() else {
        return Err(invalid(format!(
            "`resourceArn` is `{arn}`: expected arn:aws:macie2:<region>:<account>:<kind>/<id>"
        )));
    };
    let own = *region == call.region && *account == call.caller.account;
    let found = match resource.split_once('/') {
        Some(("member", id)) if own => member(world, call, id),
        Some(("classification-job", id)) if own => world
            .macie
            .jobs
            .iter_mut()
            .find(|job| job.id == id && job.scope == Scope::of(call))
            .map(|job| &mut job.tags),
        _ => None,
    };
    found.ok_or_else(|| missing(format!("`{arn}` does not exist")))
}

fn member<'w>(world: &'w mut World, call: &Call, id: &str) -> Option<&'w mut Tags> {
    let administration = world.macie.administrations.get_mut(&call.region)?;
    if administration.administrator != call.caller.account {
        return None;
    }
    administration
        .members
        .get_mut(id)
        .map(|member| &mut member.tags)
}
