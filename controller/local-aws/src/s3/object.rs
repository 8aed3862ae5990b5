//! Objects: their size and time.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Bucket, Object, no_such_bucket, reach, wire, xml};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// The largest page of `ListObjectsV2`.
const PAGE: usize = 1000;

/// Carries out an object operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    let name = wire::bucket_name(call);
    wire::check_owner(world, call)?;
    match operation {
        "PutObject" => {
            reach(world, &call.caller, &call.region, name)?;
            put_object(world, name, &key(call), size(call))?;
            let mut reply = Reply::empty(200);
            reply.headers.push(("etag".to_owned(), etag(&call.body)));
            Ok(reply)
        }
        "DeleteObject" => {
            let bucket = reach(world, &call.caller, &call.region, name)?;
            bucket.objects.remove(&key(call));
            Ok(Reply::empty(204))
        }
        _ => list(wire::readable(world, call, name)?, call),
    }
}

/// Stores an object of a size in bytes.
pub fn put_object(world: &mut World, bucket: &str, key: &str, bytes: u64) -> Result<(), ApiError> {
    let modified_at = world.now();
    let buckets = &mut world.s3.buckets;
    let bucket = buckets
        .get_mut(bucket)
        .ok_or_else(|| no_such_bucket(bucket))?;
    let object = Object { bytes, modified_at };
    bucket.objects.insert(key.to_owned(), object);
    Ok(())
}

fn key(call: &Call) -> String {
    call.segments.get(1..).unwrap_or_default().join("/")
}

/// The size of the content: a chunked upload names it in a header, as its body has framing.
fn size(call: &Call) -> u64 {
    call.header("x-amz-decoded-content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(call.body.len() as u64)
}

fn etag(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let hex: String = digest.iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("\"{hex}\"")
}

/// An object, or what the delimiter rolled up.
enum Entry {
    Object(xml::Contents),
    Prefix(String),
}

fn list(bucket: &Bucket, call: &Call) -> Result<Reply, ApiError> {
    let size = page_size(call)?;
    let prefix = call.query("prefix").unwrap_or_default();
    let after = call
        .query("continuation-token")
        .or(call.query("start-after"))
        .unwrap_or_default();
    let mut page = entries(bucket, call, prefix, after, size + 1);
    let more = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| more).map(|last| match last {
        Entry::Object(object) => object.key.clone(),
        Entry::Prefix(prefix) => prefix.clone(),
    });
    let key_count = page.len();
    let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
    for entry in page {
        match entry {
            Entry::Object(object) => contents.push(object),
            Entry::Prefix(prefix) => common_prefixes.push(xml::CommonPrefix { prefix }),
        }
    }
    xml::reply(&xml::ListBucketResult {
        xmlns: xml::S3,
        name: bucket.name.clone(),
        prefix: prefix.to_owned(),
        max_keys: size,
        key_count,
        is_truncated: more,
        next_continuation_token: next,
        contents,
        common_prefixes,
    })
}

fn entries(bucket: &Bucket, call: &Call, prefix: &str, after: &str, most: usize) -> Vec<Entry> {
    let delimiter = call.query("delimiter").filter(|text| !text.is_empty());
    let mut rolled_up = BTreeSet::new();
    bucket
        .objects
        .iter()
        .filter(|(key, _)| key.as_str() > after)
        .filter_map(|(key, object)| {
            let rest = key.strip_prefix(prefix)?;
            let Some((head, delimiter)) = delimiter.and_then(|d| Some((rest.split_once(d)?.0, d)))
            else {
                return Some(Entry::Object(contents(key, object)));
            };
            let common = format!("{prefix}{head}{delimiter}");
            // A page that ended with this prefix has told of every key under it.
            let new = common != after && rolled_up.insert(common.clone());
            new.then_some(Entry::Prefix(common))
        })
        .take(most)
        .collect()
}

fn contents(key: &str, object: &Object) -> xml::Contents {
    xml::Contents {
        key: key.to_owned(),
        last_modified: xml::time(object.modified_at),
        size: object.bytes,
        storage_class: "STANDARD",
    }
}

fn page_size(call: &Call) -> Result<usize, ApiError> {
    let text = call.query("max-keys").unwrap_or("1000");
    text.parse::<usize>()
        .map(|size| size.min(PAGE))
        .map_err(|_| {
            ApiError::new(
                "InvalidArgument",
                400,
                format!("max-keys: expected a number, found `{text}`"),
            )
        })
}
