//! The ARNs in an event, as far as they tell a general purpose bucket from anything else.

use serde_json::Value;

use super::refusal::short;
use crate::id::BucketName;

/// What an ARN names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// A general purpose bucket; `None` if its name is not one that a bucket can have today.
    Bucket(Option<BucketName>),
    /// Anything else.
    Other {
        /// Service and kind, such as `s3 accesspoint`.
        kind: String,
    },
}

impl Resource {
    /// `None` for what is not an ARN at all.
    pub fn read(value: &Value) -> Option<Self> {
        let parts: Vec<&str> = value.as_str()?.splitn(6, ':').collect();
        let &["arn", _partition, service, region, account, resource] = parts.as_slice() else {
            return None;
        };
        let first = resource.split(['/', ':']).next().unwrap_or_default();
        let kind = match (service, region, account) {
            ("s3", "", "") if first == resource => return Some(Self::Bucket(first.parse().ok())),
            // The first word of an object's ARN is the name of its bucket, not a kind.
            ("s3", "", "") => "object",
            _ => first,
        };
        Some(Self::Other {
            kind: short(&format!("{service} {kind}")),
        })
    }

    /// The bucket, if it is one with a valid name.
    pub fn bucket(self) -> Option<BucketName> {
        match self {
            Self::Bucket(bucket) => bucket,
            Self::Other { .. } => None,
        }
    }
}

/// All ARNs of a `resources` list: text in an envelope, objects with an `ARN` in a CloudTrail
/// record.
pub(super) fn all_in(resources: Option<&Value>) -> Vec<Resource> {
    let items = resources.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| Resource::read(item.get("ARN").unwrap_or(item)))
        .collect()
}
