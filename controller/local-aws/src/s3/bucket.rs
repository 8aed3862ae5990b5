//! Creating and deleting buckets.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::{
    Bucket, Change, access_denied, reach,
    tags::checked,
    trail::{self, Recorded},
};
use crate::{error::ApiError, request::Caller, world::World};

/// Creates a bucket of the caller's account in a Region, with tags.
pub fn create_bucket(
    world: &mut World,
    caller: &Caller,
    region: &str,
    name: &str,
    tags: &[(&str, &str)],
) -> Result<(), ApiError> {
    let event = Recorded {
        caller,
        region,
        operation: "CreateBucket",
        bucket: name,
        parameters: trail::creation(region, tags),
    };
    trail::record(world, &event, |world| {
        create(world, caller, region, name, tags)
    })
}

fn create(
    world: &mut World,
    caller: &Caller,
    region: &str,
    name: &str,
    tags: &[(&str, &str)],
) -> Result<(), ApiError> {
    if !is_valid_name(name) {
        return Err(ApiError::new(
            "InvalidBucketName",
            400,
            "The specified bucket is not valid.",
        )
        .detail("BucketName", name));
    }
    let tags = checked(&BTreeMap::new(), tags)?;
    if !tags.is_empty() && !world.iam.allows(caller, "s3:TagResource") {
        return Err(access_denied());
    }
    match world.s3.buckets.get(name) {
        Some(known) if known.account != caller.account => return Err(taken(name)),
        // For compatibility, us-east-1 answers with success to an owner who asks again.
        Some(known) if known.region == "us-east-1" && region == "us-east-1" => return Ok(()),
        Some(_) => return Err(owned(name)),
        None => {}
    }
    let bucket = Bucket {
        name: name.to_owned(),
        account: caller.account.clone(),
        region: region.to_owned(),
        created_at: world.now(),
        tags,
        abac: false,
        locked: false,
        objects: BTreeMap::new(),
    };
    world.s3.buckets.insert(name.to_owned(), bucket);
    note(world, name, "CreateBucket");
    Ok(())
}

/// Deletes an empty bucket.
pub fn delete_bucket(
    world: &mut World,
    caller: &Caller,
    region: &str,
    name: &str,
) -> Result<(), ApiError> {
    let event = Recorded {
        caller,
        region,
        operation: "DeleteBucket",
        bucket: name,
        parameters: serde_json::json!({}),
    };
    trail::record(world, &event, |world| {
        let bucket = reach(world, caller, region, name)?;
        if !bucket.objects.is_empty() {
            return Err(ApiError::new(
                "BucketNotEmpty",
                409,
                "The bucket you tried to delete is not empty",
            )
            .detail("BucketName", name));
        }
        note(world, name, "DeleteBucket");
        world.s3.buckets.remove(name);
        Ok(())
    })
}

/// Adds a bucket's present state to the history.
pub fn note(world: &mut World, name: &str, operation: &'static str) {
    let at = world.now();
    let Some(bucket) = world.s3.buckets.get(name) else {
        return;
    };
    world.s3.history.push(Change {
        at,
        bucket: name.to_owned(),
        account: bucket.account.clone(),
        region: bucket.region.clone(),
        operation,
        tags: (operation != "DeleteBucket").then(|| bucket.tags.clone()),
    });
}

fn taken(name: &str) -> ApiError {
    ApiError::new(
        "BucketAlreadyExists",
        409,
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
    )
    .detail("BucketName", name)
}

fn owned(name: &str) -> ApiError {
    ApiError::new(
        "BucketAlreadyOwnedByYou",
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    )
    .detail("BucketName", name)
}

/// AWS's naming rules for general purpose buckets.
fn is_valid_name(name: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let reserved = ["xn--", "sthree-", "amzn-s3-demo-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix));
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
        && edge(name.bytes().next())
        && edge(name.bytes().next_back())
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
        && !reserved
}
