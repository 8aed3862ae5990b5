//! The events of bucket calls: CloudTrail's record of the call, and the tag change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::arn;
use crate::{error::ApiError, events, request::Caller, world::World};

/// S3's XML namespace, which CloudTrail copies into its records.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A call that CloudTrail records.
pub struct Recorded<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The Region that is called; for `CreateBucket` that of the new bucket.
    pub region: &'a str,
    /// The operation.
    pub operation: &'static str,
    /// The bucket.
    pub bucket: &'a str,
    /// The request, as far as the operation has more than the bucket's name.
    pub parameters: Value,
}

/// The owner and the Region of a bucket.
struct Place {
    account: String,
    region: String,
}

/// An event on the default bus of an account.
struct Emitted {
    account: String,
    region: String,
    source: &'static str,
    detail_type: &'static str,
    resources: Vec<String>,
    detail: Value,
}

/// Carries out a change and emits its events, whether it succeeds or fails.
pub fn record(
    world: &mut World,
    event: &Recorded<'_>,
    act: impl FnOnce(&mut World) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let (outcome, emitted) = carry_out(world, event, act);
    for one in emitted {
        events::emit(
            world,
            &one.account,
            &one.region,
            one.source,
            one.detail_type,
            one.resources,
            one.detail,
        );
    }
    outcome
}

fn carry_out(
    world: &mut World,
    event: &Recorded<'_>,
    act: impl FnOnce(&mut World) -> Result<(), ApiError>,
) -> (Result<(), ApiError>, Vec<Emitted>) {
    let place = place(world, event);
    let before = tags(world, event.bucket);
    let outcome = act(world);
    let mut emitted = Vec::new();
    if world.switches.trail {
        emitted = calls(world, event, place.as_ref(), outcome.as_ref().err());
    }
    let after = tags(world, event.bucket);
    if let (Ok(()), Some(after), Some(place)) = (&outcome, after, place) {
        let before = before.unwrap_or_default();
        if world.switches.tag_change_events && before != after {
            emitted.push(tag_change(world, event.bucket, place, &before, &after));
        }
    }
    (outcome, emitted)
}

fn tags(world: &World, bucket: &str) -> Option<BTreeMap<String, String>> {
    world.s3.buckets.get(bucket).map(|known| known.tags.clone())
}

/// A new bucket is its creator's, even if the name turns out to be taken.
fn place(world: &World, event: &Recorded<'_>) -> Option<Place> {
    if event.operation == "CreateBucket" {
        return Some(Place {
            account: event.caller.account.clone(),
            region: event.region.to_owned(),
        });
    }
    world.s3.buckets.get(event.bucket).map(|known| Place {
        account: known.account.clone(),
        region: known.region.clone(),
    })
}

/// The record goes to the owner of the bucket and, if that is another account, to the caller.
fn calls(
    world: &mut World,
    event: &Recorded<'_>,
    place: Option<&Place>,
    error: Option<&ApiError>,
) -> Vec<Emitted> {
    let region = place.map_or(event.region, |place| place.region.as_str());
    let mut accounts = vec![event.caller.account.as_str()];
    if let Some(place) = place.filter(|place| place.account != event.caller.account) {
        accounts.insert(0, &place.account);
    }
    let shared = (accounts.len() > 1).then(|| world.uuid());
    let request = world.uuid();
    let call = |account: &str| {
        let mut detail = detail(world, event, region, error);
        detail.insert("requestID".to_owned(), json!(request));
        detail.insert("recipientAccountId".to_owned(), json!(account));
        let resource = resource(event.bucket, place);
        detail.insert("resources".to_owned(), json!([resource]));
        if let Some(shared) = &shared {
            detail.insert("sharedEventID".to_owned(), json!(shared));
        }
        Emitted {
            account: account.to_owned(),
            region: region.to_owned(),
            source: "aws.s3",
            detail_type: "AWS API Call via CloudTrail",
            resources: Vec::new(),
            detail: Value::Object(detail),
        }
    };
    accounts.into_iter().map(call).collect()
}

fn resource(bucket: &str, place: Option<&Place>) -> Value {
    match place {
        Some(place) => json!({
            "accountId": place.account, "type": "AWS::S3::Bucket", "ARN": arn(bucket),
        }),
        None => json!({ "type": "AWS::S3::Bucket", "ARN": arn(bucket) }),
    }
}

fn detail(
    world: &mut World,
    event: &Recorded<'_>,
    region: &str,
    error: Option<&ApiError>,
) -> Map<String, Value> {
    let time = world.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let document = json!({
        "eventVersion": "1.11",
        "userIdentity": identity(event.caller),
        "eventTime": time,
        "eventSource": "s3.amazonaws.com",
        "eventName": event.operation,
        "awsRegion": region,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "[local-aws]",
        "requestParameters": parameters(event, region),
        "responseElements": null,
        "additionalEventData": {},
        "eventID": world.uuid(),
        "readOnly": false,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "eventCategory": "Management",
    });
    let mut members = match document {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    if let Some(error) = error {
        members.insert("errorCode".to_owned(), json!(error.code));
        members.insert("errorMessage".to_owned(), json!(error.message));
    }
    members
}

/// Who calls, as CloudTrail writes it.
pub fn identity(caller: &Caller) -> Value {
    let account = &caller.account;
    match &caller.role {
        None => json!({
            "type": "IAMUser", "arn": caller.arn, "accountId": account, "userName": "admin",
        }),
        Some(role) => json!({
            "type": "AssumedRole",
            "arn": caller.arn,
            "accountId": account,
            "sessionContext": { "sessionIssuer": {
                "type": "Role",
                "arn": format!("arn:aws:iam::{account}:role/{role}"),
                "accountId": account,
                "userName": role,
            } },
        }),
    }
}

/// The request's parameters; the S3 Control operations name the bucket by its ARN.
fn parameters(event: &Recorded<'_>, region: &str) -> Value {
    let control = matches!(event.operation, "TagResource" | "UntagResource");
    let mut parameters = event.parameters.clone();
    if let Some(members) = parameters.as_object_mut() {
        let (name, value, host) = if control {
            ("resourceArn", arn(event.bucket), "s3-control")
        } else {
            ("bucketName", event.bucket.to_owned(), "s3")
        };
        members.insert(name.to_owned(), json!(value));
        let host = format!("{host}.{region}.amazonaws.com");
        members.insert("Host".to_owned(), json!(host));
    }
    parameters
}

/// The request of `CreateBucket`.
pub fn creation(region: &str, tags: &[(&str, &str)]) -> Value {
    let mut configuration = Map::new();
    if region != "us-east-1" {
        configuration.insert("LocationConstraint".to_owned(), json!(region));
    }
    if !tags.is_empty() {
        configuration.insert("Tags".to_owned(), tag_list(tags));
    }
    if configuration.is_empty() {
        return json!({});
    }
    configuration.insert("xmlns".to_owned(), json!(NAMESPACE));
    json!({ "CreateBucketConfiguration": configuration })
}

/// The request of `PutBucketTagging`: `Tagging` is the body, `tagging` the query parameter.
pub fn tagging(tags: &[(&str, &str)]) -> Value {
    json!({
        "Tagging": { "xmlns": NAMESPACE, "TagSet": tag_list(tags) },
        "tagging": "",
    })
}

/// The request of `TagResource`.
pub fn tag_request(tags: &[(&str, &str)]) -> Value {
    json!({ "TagResourceRequest": {
        "xmlns": "http://awss3control.amazonaws.com/doc/2018-08-20/",
        "Tags": tag_list(tags),
    } })
}

/// The request of `UntagResource`: one key is a string, several are a list.
pub fn untag_request(keys: &[&str]) -> Value {
    match keys {
        [key] => json!({ "tagKeys": key }),
        keys => json!({ "tagKeys": keys }),
    }
}

/// Tags as XML becomes JSON: one is an object, several are a list, none leaves no member.
fn tag_list(tags: &[(&str, &str)]) -> Value {
    let pair = |(key, value): &(&str, &str)| json!({ "Key": key, "Value": value });
    match tags {
        [] => json!({}),
        [tag] => json!({ "Tag": pair(tag) }),
        tags => json!({ "Tag": tags.iter().map(pair).collect::<Vec<_>>() }),
    }
}

fn tag_change(
    world: &mut World,
    bucket: &str,
    place: Place,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Emitted {
    let changed: BTreeSet<&String> = before
        .keys()
        .chain(after.keys())
        .filter(|key| before.get(*key) != after.get(*key))
        .collect();
    let detail = json!({
        "changed-tag-keys": changed,
        "service": "s3",
        "resource-type": "bucket",
        "version": world.serial(),
        "tags": after,
    });
    Emitted {
        account: place.account,
        region: place.region,
        source: "aws.tag",
        detail_type: "Tag Change on Resource",
        resources: vec![arn(bucket)],
        detail,
    }
}

#[cfg(test)]
mod tests;
