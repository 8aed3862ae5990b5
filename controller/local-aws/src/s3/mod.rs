//! S3 and S3 Control.

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[];

/// Carries out an operation.
pub fn perform(_world: &mut World, _call: &Call, operation: &str) -> Result<Reply, ApiError> {
    Err(ApiError::new("UnknownOperationException", 404, operation))
}

use std::collections::BTreeMap;

use jiff::Timestamp;

/// The operation of a REST request, by method, path and query.
pub fn route(_call: &Call) -> Option<&'static str> {
    None
}

/// Every bucket of every account; names are global.
#[derive(Debug, Default)]
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

/// An object: only what Macie counts.
#[derive(Debug, Clone)]
pub struct Object {
    /// Stored size in bytes.
    pub bytes: u64,
    /// When it was last written.
    pub modified_at: Timestamp,
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
