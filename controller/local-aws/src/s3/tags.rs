//! Changing a bucket's tags, by both APIs.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Bucket,
    bucket::note,
    reach,
    trail::{self, Recorded},
};
use crate::{error::ApiError, request::Caller, world::World};

/// The most tags that a bucket has.
const LIMIT: usize = 50;

/// Replaces a bucket's tags.
pub fn put_bucket_tagging(
    world: &mut World,
    caller: &Caller,
    region: &str,
    name: &str,
    tags: &[(&str, &str)],
) -> Result<(), ApiError> {
    let event = Recorded {
        caller,
        region,
        operation: "PutBucketTagging",
        bucket: name,
        parameters: trail::tagging(tags),
    };
    trail::record(world, &event, |world| {
        let bucket = classic(world, caller, region, name)?;
        bucket.tags = checked(&BTreeMap::new(), tags)?;
        note(world, name, "PutBucketTagging");
        Ok(())
    })
}

/// Removes all of a bucket's tags.
pub fn delete_bucket_tagging(
    world: &mut World,
    caller: &Caller,
    region: &str,
    name: &str,
) -> Result<(), ApiError> {
    let event = Recorded {
        caller,
        region,
        operation: "DeleteBucketTagging",
        bucket: name,
        parameters: serde_json::json!({ "tagging": "" }),
    };
    trail::record(world, &event, |world| {
        classic(world, caller, region, name)?.tags.clear();
        note(world, name, "DeleteBucketTagging");
        Ok(())
    })
}

/// Adds tags to a bucket or replaces their values, ABAC or not.
pub fn tag_resource(
    world: &mut World,
    caller: &Caller,
    region: &str,
    name: &str,
    tags: &[(&str, &str)],
) -> Result<(), ApiError> {
    let event = Recorded {
        caller,
        region,
        operation: "TagResource",
        bucket: name,
        parameters: trail::tag_request(tags),
    };
    trail::record(world, &event, |world| {
        let bucket = reach(world, caller, region, name)?;
        bucket.tags = checked(&bucket.tags, tags)?;
        note(world, name, "TagResource");
        Ok(())
    })
}

/// Removes tags from a bucket by key, ABAC or not; a key that it does not have is no error.
pub fn untag_resource(
    world: &mut World,
    caller: &Caller,
    region: &str,
    name: &str,
    keys: &[&str],
) -> Result<(), ApiError> {
    let event = Recorded {
        caller,
        region,
        operation: "UntagResource",
        bucket: name,
        parameters: trail::untag_request(keys),
    };
    trail::record(world, &event, |world| {
        let bucket = reach(world, caller, region, name)?;
        bucket.tags.retain(|key, _| !keys.contains(&key.as_str()));
        note(world, name, "UntagResource");
        Ok(())
    })
}

/// The bucket, if the classic tagging API may change it.
fn classic<'a>(
    world: &'a mut World,
    caller: &Caller,
    region: &str,
    name: &str,
) -> Result<&'a mut Bucket, ApiError> {
    let bucket = reach(world, caller, region, name)?;
    if bucket.abac {
        return Err(ApiError::new(
            "InvalidRequest",
            400,
            "Attribute-based access control (ABAC) is enabled for this bucket: use TagResource and UntagResource",
        )
        .detail("BucketName", name));
    }
    Ok(bucket)
}

/// The tags that a set becomes with additions, by S3's rules for keys and values.
pub fn checked(
    present: &BTreeMap<String, String>,
    added: &[(&str, &str)],
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut seen = BTreeSet::new();
    let mut tags = present.clone();
    for (key, value) in added {
        check_tag(key, value)?;
        if !seen.insert(key) {
            return Err(invalid(
                "Cannot provide multiple Tags with the same key",
                key,
            ));
        }
        tags.insert((*key).to_owned(), (*value).to_owned());
    }
    if tags.len() > LIMIT {
        return Err(ApiError::new(
            "BadRequest",
            400,
            format!("Bucket tag count cannot be greater than {LIMIT}"),
        ));
    }
    Ok(tags)
}

fn check_tag(key: &str, value: &str) -> Result<(), ApiError> {
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(invalid(
            "System tags cannot be added/updated by requester",
            key,
        ));
    }
    if !(1..=128).contains(&key.chars().count()) || !key.chars().all(is_allowed) {
        return Err(invalid("The TagKey you have provided is invalid", key));
    }
    if value.chars().count() > 256 || !value.chars().all(is_allowed) {
        return Err(invalid("The TagValue you have provided is invalid", key));
    }
    Ok(())
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "+-=._:/@".contains(c)
}

fn invalid(message: &str, key: &str) -> ApiError {
    ApiError::new("InvalidTag", 400, message).detail("TagKey", key)
}
