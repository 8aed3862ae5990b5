//! Objects: their size and time, and the content of those that were put over the wire.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Bucket, Object, no_such_bucket, reach, wire, xml};
use crate::{
    error::ApiError,
    request::{Body, Call, Reply},
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
            let bucket = reach(world, &call.caller, &call.region, name)?;
            refuse_another(bucket, call)?;
            let content = content(call);
            let mut reply = Reply::empty(200);
            reply.headers.push(("etag".to_owned(), etag(&content)));
            put(world, name, &key(call), content.len() as u64, None)?;
            if let Some(object) = stored(world, name, &key(call)) {
                object.key = header(call, "x-amz-server-side-encryption-aws-kms-key-id");
                object.content = Some(content);
            }
            Ok(reply)
        }
        "GetObject" => get(wire::readable(world, call, name)?, call),
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
    put(world, bucket, key, bytes, None)
}

/// Stores a compressed object of a size in bytes that holds so many.
pub fn put_archive(
    world: &mut World,
    bucket: &str,
    key: &str,
    bytes: u64,
    unpacked: u64,
) -> Result<(), ApiError> {
    put(world, bucket, key, bytes, Some(unpacked))
}

fn put(
    world: &mut World,
    bucket: &str,
    key: &str,
    bytes: u64,
    unpacked: Option<u64>,
) -> Result<(), ApiError> {
    let modified_at = world.now();
    let buckets = &mut world.s3.buckets;
    let bucket = buckets
        .get_mut(bucket)
        .ok_or_else(|| no_such_bucket(bucket))?;
    let object = Object {
        bytes,
        unpacked,
        modified_at,
        content: None,
        key: None,
    };
    bucket.objects.insert(key.to_owned(), object);
    Ok(())
}

fn key(call: &Call) -> String {
    call.segments.get(1..).unwrap_or_default().join("/")
}

fn header(call: &Call, name: &str) -> Option<String> {
    call.header(name).map(str::to_owned)
}

fn stored<'a>(world: &'a mut World, bucket: &str, key: &str) -> Option<&'a mut Object> {
    world.s3.buckets.get_mut(bucket)?.objects.get_mut(key)
}

/// With `If-None-Match: *` an object is never replaced (Amazon S3 User Guide, conditional-writes); no
/// other value is allowed.
fn refuse_another(bucket: &Bucket, call: &Call) -> Result<(), ApiError> {
    match call.header("if-none-match") {
        None => Ok(()),
        Some("*") if !bucket.objects.contains_key(&key(call)) => Ok(()),
        Some("*") => {
            let message = "At least one of the pre-conditions you specified did not hold";
            let error = ApiError::new("PreconditionFailed", 412, message);
            Err(error.detail("Condition", "If-None-Match"))
        }
        Some(_) => {
            let message = "A header you provided implies functionality that is not implemented";
            Err(ApiError::new("NotImplemented", 501, message))
        }
    }
}

/// The content: a chunked upload has framing around it (Amazon S3 API Reference,
/// sigv4-streaming): `size;signature`, the bytes, ..., a size of 0 and trailers.
fn content(call: &Call) -> Vec<u8> {
    if call.header("x-amz-decoded-content-length").is_none() {
        return call.body.clone();
    }
    let (mut content, mut rest) = (Vec::new(), call.body.as_slice());
    while let Some(end) = rest.windows(2).position(|bytes| bytes == b"\r\n") {
        let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).unwrap_or_default();
        let start = end + 2;
        let Some(chunk) = rest
            .get(start..start.saturating_add(size))
            .filter(|_| size > 0)
        else {
            break;
        };
        content.extend_from_slice(chunk);
        rest = rest.get(start + size + 2..).unwrap_or_default();
    }
    content
}

fn get(bucket: &Bucket, call: &Call) -> Result<Reply, ApiError> {
    let key = key(call);
    let object = bucket.objects.get(&key).ok_or_else(|| {
        let message = "The specified key does not exist.";
        ApiError::new("NoSuchKey", 404, message).detail("Key", &key)
    })?;
    let zeros = || vec![0; usize::try_from(object.bytes).unwrap_or_default()];
    let body = object.content.clone().unwrap_or_else(zeros);
    let mut reply = Reply::empty(200);
    reply.headers.push(("etag".to_owned(), etag(&body)));
    let modified = xml::http_time(object.modified_at);
    reply.headers.push(("last-modified".to_owned(), modified));
    reply.body = Body::Bytes(body);
    Ok(reply)
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
