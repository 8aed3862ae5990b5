//! The bucket operations of S3 on the wire.

use super::{
    Bucket, access_denied, create_bucket, delete_bucket, delete_bucket_tagging, no_such_bucket,
    put_bucket_tagging, reach, xml,
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// The largest page of `ListBuckets`, and its size when only another parameter is given.
const PAGE: usize = 10_000;

/// Carries out a bucket operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    let name = bucket_name(call);
    check_owner(world, call)?;
    let (caller, region) = (&call.caller, call.region.as_str());
    match operation {
        "ListBuckets" => list(world, call),
        "CreateBucket" => create(world, call),
        "DeleteBucket" => delete_bucket(world, caller, region, name).map(|()| Reply::empty(204)),
        "HeadBucket" => head(world, call),
        "GetBucketLocation" => location(world, call),
        "GetBucketTagging" => get_tagging(world, call),
        "PutBucketTagging" => {
            let body: xml::Tagging = xml::parse(&call.body)?;
            put_bucket_tagging(world, caller, region, name, &body.tag_set.pairs())
                .map(|()| Reply::empty(200))
        }
        "DeleteBucketTagging" => {
            delete_bucket_tagging(world, caller, region, name).map(|()| Reply::empty(204))
        }
        "GetBucketAbac" => get_abac(world, call),
        "PutBucketAbac" => put_abac(world, call),
        _ => Err(ApiError::new("NotImplemented", 501, operation)),
    }
}

/// The bucket that the path names.
pub fn bucket_name(call: &Call) -> &str {
    call.segments.first().map_or("", String::as_str)
}

/// Refuses the call if the caller expects another owner, which guards against a name that was
/// taken over.
pub fn check_owner(world: &World, call: &Call) -> Result<(), ApiError> {
    let owner = world.s3.buckets.get(bucket_name(call)).map(|b| &b.account);
    match (call.header("x-amz-expected-bucket-owner"), owner) {
        (Some(expected), Some(owner)) if expected != owner => Err(access_denied()),
        _ => Ok(()),
    }
}

/// The bucket, if the caller may read its tags and objects.
pub fn readable<'a>(
    world: &'a mut World,
    call: &Call,
    name: &str,
) -> Result<&'a mut Bucket, ApiError> {
    let bucket = reach(world, &call.caller, &call.region, name)?;
    if bucket.locked && call.caller.role.is_some() {
        return Err(access_denied());
    }
    Ok(bucket)
}

fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let name = bucket_name(call);
    let body = if call.body.is_empty() {
        xml::CreateBucketConfiguration::default()
    } else {
        xml::parse(&call.body)?
    };
    let region = target_region(&call.region, body.location_constraint.as_deref())?;
    create_bucket(world, &call.caller, region, name, &body.tags.pairs())?;
    let mut reply = Reply::empty(200);
    reply
        .headers
        .push(("location".to_owned(), format!("/{name}")));
    Ok(reply)
}

/// The Region of a new bucket. The endpoint of us-east-1 takes every constraint but its own name;
/// any other endpoint takes only its own.
fn target_region<'a>(endpoint: &'a str, constraint: Option<&'a str>) -> Result<&'a str, ApiError> {
    let constraint = match constraint {
        Some("EU") => Some("eu-west-1"),
        Some("") => None,
        other => other,
    };
    match constraint {
        None if endpoint == "us-east-1" => Ok(endpoint),
        Some("us-east-1") if endpoint == "us-east-1" => Err(ApiError::new(
            "InvalidLocationConstraint",
            400,
            "The specified location-constraint is not valid",
        )),
        Some(region) if endpoint == "us-east-1" || endpoint == region => Ok(region),
        other => Err(ApiError::new(
            "IllegalLocationConstraintException",
            400,
            format!(
                "The {} location constraint is incompatible for the region specific endpoint this request was sent to.",
                other.unwrap_or("unspecified")
            ),
        )),
    }
}

fn list(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let names = [
        "max-buckets",
        "continuation-token",
        "prefix",
        "bucket-region",
    ];
    let with_region = names.iter().any(|name| call.query(name).is_some());
    let size = page_size(call)?;
    let region = call.query("bucket-region");
    if let Some(other) = region.filter(|region| *region != call.region) {
        return Err(invalid(&format!(
            "bucket-region `{other}` is not the Region of this endpoint, `{}`",
            call.region
        )));
    }
    let after = call.query("continuation-token").unwrap_or_default();
    let prefix = call.query("prefix").unwrap_or_default();
    let mut page: Vec<&Bucket> = world
        .s3
        .buckets
        .values()
        .filter(|bucket| bucket.account == call.caller.account)
        .filter(|bucket| region.is_none_or(|region| bucket.region == region))
        .filter(|bucket| bucket.name.starts_with(prefix) && bucket.name.as_str() > after)
        .take(size + 1)
        .collect();
    let more = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| more).map(|last| last.name.clone());
    xml::reply(&xml::ListAllMyBucketsResult {
        xmlns: xml::S3,
        owner: xml::Owner {
            id: format!("{:0>64}", call.caller.account),
        },
        buckets: xml::Buckets {
            list: page.iter().map(|b| entry(b, with_region)).collect(),
        },
        continuation_token: next,
        prefix: call.query("prefix").map(str::to_owned),
    })
}

fn entry(bucket: &Bucket, with_region: bool) -> xml::BucketEntry {
    xml::BucketEntry {
        name: bucket.name.clone(),
        creation_date: xml::time(bucket.created_at),
        bucket_region: with_region.then(|| bucket.region.clone()),
    }
}

fn page_size(call: &Call) -> Result<usize, ApiError> {
    let Some(text) = call.query("max-buckets") else {
        return Ok(PAGE);
    };
    text.parse()
        .ok()
        .filter(|size| (1..=PAGE).contains(size))
        .ok_or_else(|| {
            invalid(&format!(
                "max-buckets: expected 1 to {PAGE}, found `{text}`"
            ))
        })
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidArgument", 400, message)
}

fn head(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let bucket = reach(world, &call.caller, &call.region, bucket_name(call))?;
    let mut reply = Reply::empty(200);
    reply
        .headers
        .push(("x-amz-bucket-region".to_owned(), bucket.region.clone()));
    Ok(reply)
}

fn location(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let name = bucket_name(call);
    let buckets = &world.s3.buckets;
    let bucket = buckets.get(name).ok_or_else(|| no_such_bucket(name))?;
    if bucket.account != call.caller.account {
        return Err(access_denied());
    }
    let region = match bucket.region.as_str() {
        "us-east-1" => String::new(),
        region => region.to_owned(),
    };
    xml::reply(&xml::LocationConstraint {
        xmlns: xml::S3,
        region,
    })
}

fn get_tagging(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let name = bucket_name(call);
    let bucket = readable(world, call, name)?;
    if bucket.tags.is_empty() {
        return Err(
            ApiError::new("NoSuchTagSet", 404, "The TagSet does not exist")
                .detail("BucketName", name),
        );
    }
    xml::reply(&xml::Tagging {
        xmlns: xml::S3,
        tag_set: bucket.tags.iter().collect(),
    })
}

fn get_abac(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let bucket = reach(world, &call.caller, &call.region, bucket_name(call))?;
    let status = if bucket.abac { "Enabled" } else { "Disabled" };
    xml::reply(&xml::AbacStatus {
        xmlns: xml::S3,
        status: status.to_owned(),
    })
}

fn put_abac(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let body: xml::AbacStatus = xml::parse(&call.body)?;
    let enabled = match body.status.as_str() {
        "Enabled" => true,
        "Disabled" => false,
        _ => return Err(xml::malformed()),
    };
    let bucket = reach(world, &call.caller, &call.region, bucket_name(call))?;
    bucket.abac = enabled;
    Ok(Reply::empty(200))
}
