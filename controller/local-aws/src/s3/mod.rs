//! S3 and S3 Control.
//!
//! The functions exported here are the operations that change buckets: the wire calls them, and
//! so do tests and the demo, with the same effects and events.

mod bucket;
mod control;
mod object;
mod tags;
mod trail;
mod wire;
mod xml;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use bucket::{create_bucket, delete_bucket};
pub use object::{put_archive, put_object};
pub use tags::{delete_bucket_tagging, put_bucket_tagging, tag_resource, untag_resource};
pub(crate) use trail::identity;

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Caller, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        service: "s3",
        name: "CreateBucket",
        action: "s3:CreateBucket",
        does: "Creates a bucket in the Region of the signature or of the constraint, with tags if they are given (a role then needs s3:TagResource); owning it already is no error in us-east-1.",
        source: "Amazon S3 API Reference, CreateBucket",
    },
    Operation {
        service: "s3",
        name: "DeleteBucket",
        action: "s3:DeleteBucket",
        does: "Deletes an empty bucket.",
        source: "Amazon S3 API Reference, DeleteBucket",
    },
    Operation {
        service: "s3",
        name: "ListBuckets",
        action: "s3:ListAllMyBuckets",
        does: "Lists the caller's buckets by name, with prefix, Region and pages; the Region of each is shown only when the request has a parameter.",
        source: "Amazon S3 API Reference, ListBuckets",
    },
    Operation {
        service: "s3",
        name: "HeadBucket",
        action: "s3:ListBucket",
        does: "Tells that a bucket is there and where it lives.",
        source: "Amazon S3 API Reference, HeadBucket",
    },
    Operation {
        service: "s3",
        name: "GetBucketLocation",
        action: "s3:GetBucketLocation",
        does: "Tells the Region of a bucket, from any Region.",
        source: "Amazon S3 API Reference, GetBucketLocation",
    },
    Operation {
        service: "s3",
        name: "GetBucketTagging",
        action: "s3:GetBucketTagging",
        does: "Reads a bucket's tags; NoSuchTagSet when it has none.",
        source: "Amazon S3 API Reference, GetBucketTagging",
    },
    Operation {
        service: "s3",
        name: "PutBucketTagging",
        action: "s3:PutBucketTagging",
        does: "Replaces a bucket's tags; refused when ABAC is on (AWS documents the refusal but not its code: InvalidRequest here).",
        source: "Amazon S3 API Reference, PutBucketTagging",
    },
    Operation {
        service: "s3",
        name: "DeleteBucketTagging",
        action: "s3:PutBucketTagging",
        does: "Removes all of a bucket's tags; refused when ABAC is on, like PutBucketTagging.",
        source: "Amazon S3 API Reference, DeleteBucketTagging",
    },
    Operation {
        service: "s3",
        name: "GetBucketAbac",
        action: "s3:GetBucketABAC",
        does: "Tells whether ABAC is on.",
        source: "Amazon S3 API Reference, GetBucketAbac",
    },
    Operation {
        service: "s3",
        name: "PutBucketAbac",
        action: "s3:PutBucketABAC",
        does: "Turns ABAC on or off.",
        source: "Amazon S3 API Reference, PutBucketAbac",
    },
    Operation {
        service: "s3",
        name: "PutObject",
        action: "s3:PutObject",
        does: "Stores an object; with If-None-Match `*` only when there is none of the key (412 PreconditionFailed).",
        source: "Amazon S3 API Reference, PutObject; Amazon S3 User Guide, conditional-writes",
    },
    Operation {
        service: "s3",
        name: "GetObject",
        action: "s3:GetObject",
        does: "Reads an object that was put over the wire; one that a test made is zeros.",
        source: "Amazon S3 API Reference, GetObject",
    },
    Operation {
        service: "s3",
        name: "DeleteObject",
        action: "s3:DeleteObject",
        does: "Removes an object; a missing one is no error.",
        source: "Amazon S3 API Reference, DeleteObject",
    },
    Operation {
        service: "s3",
        name: "ListObjectsV2",
        action: "s3:ListBucket",
        does: "Lists objects by key, with prefix, delimiter and pages.",
        source: "Amazon S3 API Reference, ListObjectsV2",
    },
    Operation {
        service: "s3",
        name: "TagResource",
        action: "s3:TagResource",
        does: "Adds tags to a bucket of the account or replaces their values, ABAC or not (S3 Control).",
        source: "Amazon S3 API Reference, S3 Control TagResource",
    },
    Operation {
        service: "s3",
        name: "UntagResource",
        action: "s3:UntagResource",
        does: "Removes tags from a bucket of the account by key, ABAC or not (S3 Control).",
        source: "Amazon S3 API Reference, S3 Control UntagResource",
    },
    Operation {
        service: "s3",
        name: "ListTagsForResource",
        action: "s3:ListTagsForResource",
        does: "Reads the tags of a bucket of the account; none is an empty list (S3 Control).",
        source: "Amazon S3 API Reference, S3 Control ListTagsForResource",
    },
];

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    match operation {
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            control::perform(world, call, operation)
        }
        "PutObject" | "GetObject" | "DeleteObject" | "ListObjectsV2" => {
            object::perform(world, call, operation)
        }
        _ => wire::perform(world, call, operation),
    }
}

/// The operation of a REST request, by method, path and query.
pub fn route(call: &Call) -> Option<&'static str> {
    let method = call.method.as_str();
    if call.service == "s3control" {
        let tags = call
            .segments
            .get(1)
            .is_some_and(|segment| segment == "tags");
        return tags.then(|| control::route(method)).flatten();
    }
    let asks = |name: &str| call.query(name).is_some();
    // The SDKs name the operation in `x-id`; any other parameter selects a sub-resource.
    let plain = call.query.iter().all(|(name, _)| name == "x-id");
    match (method, has_bucket(call), has_key(call)) {
        ("GET", false, false) => Some("ListBuckets"),
        ("PUT", true, true) if plain && call.header("x-amz-copy-source").is_none() => {
            Some("PutObject")
        }
        ("GET", true, true) if plain => Some("GetObject"),
        ("DELETE", true, true) if plain => Some("DeleteObject"),
        ("HEAD", true, false) => Some("HeadBucket"),
        ("GET", true, false) if asks("tagging") => Some("GetBucketTagging"),
        ("PUT", true, false) if asks("tagging") => Some("PutBucketTagging"),
        ("DELETE", true, false) if asks("tagging") => Some("DeleteBucketTagging"),
        ("GET", true, false) if asks("abac") => Some("GetBucketAbac"),
        ("PUT", true, false) if asks("abac") => Some("PutBucketAbac"),
        ("GET", true, false) if asks("location") => Some("GetBucketLocation"),
        ("GET", true, false) if call.query("list-type") == Some("2") => Some("ListObjectsV2"),
        ("PUT", true, false) if plain => Some("CreateBucket"),
        ("DELETE", true, false) if plain => Some("DeleteBucket"),
        _ => None,
    }
}

fn has_bucket(call: &Call) -> bool {
    call.segments.first().is_some_and(|name| !name.is_empty())
}

fn has_key(call: &Call) -> bool {
    call.segments.get(1).is_some_and(|key| !key.is_empty()) || call.segments.len() > 2
}

/// The ARN of a bucket.
pub fn arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

/// The bucket as the caller may reach it: it exists, lives in the Region of the call and belongs
/// to the caller's account.
fn reach<'a>(
    world: &'a mut World,
    caller: &Caller,
    region: &str,
    name: &str,
) -> Result<&'a mut Bucket, ApiError> {
    let bucket = world
        .s3
        .buckets
        .get_mut(name)
        .ok_or_else(|| no_such_bucket(name))?;
    if bucket.region != region {
        return Err(redirect(bucket));
    }
    if bucket.account != caller.account {
        return Err(access_denied());
    }
    Ok(bucket)
}

fn no_such_bucket(name: &str) -> ApiError {
    ApiError::new("NoSuchBucket", 404, "The specified bucket does not exist")
        .detail("BucketName", name)
}

fn access_denied() -> ApiError {
    ApiError::new("AccessDenied", 403, "Access Denied")
}

fn redirect(bucket: &Bucket) -> ApiError {
    let endpoint = format!("s3.{}.amazonaws.com", bucket.region);
    ApiError::new(
        "PermanentRedirect",
        301,
        "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
    )
    .detail("Endpoint", endpoint)
    .detail("Bucket", &bucket.name)
    .header("x-amz-bucket-region", &bucket.region)
}

/// Every bucket of every account; names are global.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// Every change of a bucket's tags or existence, oldest first: what the tagging index and
    /// Macie's inventory follow with their lag.
    pub history: Vec<Change>,
}

/// A general purpose bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Global name.
    pub name: String,
    /// Owning account.
    pub account: String,
    /// Where it lives.
    pub region: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether attribute-based access control is on: then only `TagResource` and `UntagResource` tag it.
    pub abac: bool,
    /// Whether its policy keeps everyone but the account's own keys from reading tags and objects,
    /// Macie included.
    pub locked: bool,
    /// Objects by key.
    pub objects: BTreeMap<String, Object>,
}

/// An object: what Macie counts, and the content if somebody may read it.
#[derive(Debug, Clone)]
pub struct Object {
    /// Stored size in bytes.
    pub bytes: u64,
    /// What it holds when it is unpacked; none: as much as Macie assumes.
    pub unpacked: Option<u64>,
    /// When it was last written.
    pub modified_at: Timestamp,
    /// What was put over the wire.
    pub content: Option<Vec<u8>>,
    /// The ARN of the key that encrypts it, if the request named one.
    pub key: Option<String>,
}

/// One change of a bucket's tags or existence.
#[derive(Debug, Clone)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// The bucket.
    pub bucket: String,
    /// Its owner.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// The S3 operation: `CreateBucket`, `PutBucketTagging`, `TagResource`, `DeleteBucket`, ...
    pub operation: &'static str,
    /// The tags afterwards; none when the bucket is gone.
    pub tags: Option<BTreeMap<String, String>>,
}

#[cfg(test)]
mod tests;
