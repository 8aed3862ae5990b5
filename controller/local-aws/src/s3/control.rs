//! The tag operations of S3 Control on the wire, for buckets.
//!
//! Clients put the account id before the host (`300000000001.127.0.0.1`), a name that nobody
//! resolves on loopback. With `HTTP_PROXY` set to the same endpoint they send the request here
//! all the same, and the `Host` does not matter.

use super::{access_denied, tag_resource, untag_resource, wire, xml};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// The operation by method.
pub fn route(method: &str) -> Option<&'static str> {
    match method {
        "POST" => Some("TagResource"),
        "DELETE" => Some("UntagResource"),
        "GET" => Some("ListTagsForResource"),
        _ => None,
    }
}

/// Carries out a tag operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    let name = bucket(world, call)?;
    let (caller, region) = (&call.caller, call.region.as_str());
    match operation {
        "TagResource" => {
            let body: xml::TagResourceRequest = xml::parse(&call.body)?;
            tag_resource(world, caller, region, &name, &body.tags.pairs())?;
            Ok(Reply::empty(204))
        }
        "UntagResource" => {
            let keys: Vec<&str> = call
                .query
                .iter()
                .filter(|(parameter, _)| parameter == "tagKeys")
                .map(|(_, key)| key.as_str())
                .collect();
            untag_resource(world, caller, region, &name, &keys)?;
            Ok(Reply::empty(204))
        }
        _ => {
            let bucket = wire::readable(world, call, &name)?;
            xml::reply(&xml::ListTagsForResourceResult {
                xmlns: xml::CONTROL,
                tags: bucket.tags.iter().collect(),
            })
        }
    }
}

/// The bucket whose ARN the path names, in the account that the header names.
fn bucket(world: &World, call: &Call) -> Result<String, ApiError> {
    match call.header("x-amz-account-id") {
        Some(account) if account == call.caller.account => {}
        Some(_) => return Err(access_denied()),
        None => {
            return Err(ApiError::new(
                "InvalidRequest",
                400,
                "Missing required header for this request: x-amz-account-id",
            ));
        }
    }
    let arn = call.segments.get(2..).unwrap_or_default().join("/");
    arn.strip_prefix("arn:aws:s3:::")
        .filter(|name| world.s3.buckets.contains_key(*name))
        .map(str::to_owned)
        .ok_or_else(|| {
            ApiError::new(
                "NoSuchResource",
                404,
                format!("The specified resource doesn't exist: {arn}"),
            )
        })
}
