//! What came in: an event becomes "this account and Region is dirty", or a refusal with a name.
//!
//! Events are late, doubled, out of order, and partly written by others. So an event decides
//! nothing: only the envelope's `account` and `region`, which EventBridge itself fills in, say
//! where to look. The bucket is a hint, and the tags in an event are never read. Events of AWS
//! Organizations are the exception, and say by whom they were told.

mod arn;
mod batch;
mod organization;
mod refusal;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::{
    arn::Resource,
    batch::body_of,
    refusal::{short, shown},
};
pub use self::{
    batch::{Incoming, parse_many},
    refusal::Refusal,
};
use crate::{
    id::{AccountId, BucketName, Region, Scope},
    sweep::{Pass, Seen, read_resync},
};

/// A reason to reconcile one account in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// What may have changed: the sender's own account and Region.
    pub scope: Scope,
    /// The bucket that the event was about, as a hint where to look first.
    pub bucket: Option<BucketName>,
    /// What happened.
    pub cause: Cause,
    /// The event's id for logs, cut to 128 characters; empty if it has none.
    pub event_id: String,
    /// When the sender says that it happened. Not a clock: senders of custom events choose it.
    pub time: Option<Timestamp>,
    /// The slot in the line for new jobs that a message comes back for. Only the controller's own
    /// messages have one, and it is only a hint.
    pub slot: Option<Timestamp>,
}

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To reconcile one account in one Region.
    Look(Trigger),
    /// To look at every account that can need work.
    Sweep(Pass),
    /// To see whether one account in one Region is in order, by what a pass has seen of it.
    Resync {
        /// Where.
        scope: Scope,
        /// What the pass has seen; none when it was too much for a message.
        seen: Option<Box<Seen>>,
    },
    /// To see that the administrator's settings in a Region let nobody pay unasked.
    Settings(Region),
    /// To keep what every account has cost so far, once a day.
    Collect,
    /// To look at one account everywhere, because its place in the organization changed.
    Account {
        /// The account, which the sender of the event names.
        account: AccountId,
        /// The sender. Only the organization's management account may name others.
        told_by: AccountId,
    },
}

/// What made the controller look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A bucket's tags were replaced.
    PutBucketTagging,
    /// A bucket's tags were removed.
    DeleteBucketTagging,
    /// Tags were added to a bucket.
    TagResource,
    /// Tags were taken from a bucket.
    UntagResource,
    /// A bucket was created, perhaps with tags.
    CreateBucket,
    /// A bucket was deleted.
    DeleteBucket,
    /// The tagging service says that a bucket's tags changed, by whatever call.
    TagChange,
    /// The regular look at everything.
    Sweep,
    /// A person asked.
    Manual,
}

impl Cause {
    /// The cause as it is written in logs, reports and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::PutBucketTagging => "put-bucket-tagging",
            Self::DeleteBucketTagging => "delete-bucket-tagging",
            Self::TagResource => "tag-resource",
            Self::UntagResource => "untag-resource",
            Self::CreateBucket => "create-bucket",
            Self::DeleteBucket => "delete-bucket",
            Self::TagChange => "tag-change",
            Self::Sweep => "sweep",
            Self::Manual => "manual",
        }
    }

    fn of_call(event_name: &str) -> Option<Self> {
        match event_name {
            "PutBucketTagging" => Some(Self::PutBucketTagging),
            "DeleteBucketTagging" => Some(Self::DeleteBucketTagging),
            "TagResource" => Some(Self::TagResource),
            "UntagResource" => Some(Self::UntagResource),
            "CreateBucket" => Some(Self::CreateBucket),
            "DeleteBucket" => Some(Self::DeleteBucket),
            _ => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads one event: an EventBridge event or a sweep message, bare or as the body of an SQS record.
pub fn parse(text: &str) -> Result<Trigger, Refusal> {
    parse_value(&json_of(text)?)
}

/// Like [`parse`], for JSON that is already read.
pub fn parse_value(value: &Value) -> Result<Trigger, Refusal> {
    match body_of(value) {
        Some(body) => parse_message(&json_of(body)?),
        None => parse_message(value),
    }
}

/// Like [`parse_value`], and understands the schedule's message too.
fn parse_request(value: &Value) -> Result<Request, Refusal> {
    match body_of(value) {
        Some(body) => request(&json_of(body)?),
        None => request(value),
    }
}

/// What the controller's own queues carry besides events. A sweep that names no account is a pass;
/// one that names half of a scope is not a wish for everything.
fn request(message: &Value) -> Result<Request, Refusal> {
    let has = |name: &str| message.get(name).is_some();
    let own = message.get("macieSelfService").and_then(Value::as_str);
    let version = message.get("version").and_then(Value::as_u64);
    let source = message.get("source").and_then(Value::as_str);
    if source == Some(organization::SOURCE) && has("detail-type") && !has("macieSelfService") {
        return organization::read(message);
    }
    if has("detail-type") || version != Some(1) {
        return parse_message(message).map(Request::Look);
    }
    match own {
        Some("sweep") if !has("account") && !has("region") => {
            Pass::read(message).map(Request::Sweep)
        }
        Some("pass") if has("region") => Pass::read(message).map(Request::Sweep),
        Some("collect") => Ok(Request::Collect),
        Some("resync") => {
            let (scope, seen) = read_resync(message)?;
            let seen = seen.map(Box::new);
            Ok(Request::Resync { scope, seen })
        }
        Some("settings") => {
            let region = message.get("region").cloned().unwrap_or_default();
            let region = serde_json::from_value(region);
            let broken = |error| Refusal::unreadable(format!("`region` of settings: {error}"));
            region.map(Request::Settings).map_err(broken)
        }
        _ => parse_message(message).map(Request::Look),
    }
}

/// The message that asks for the administrator's settings in a Region to be looked at.
pub fn settings_message(region: &Region) -> String {
    json!({ "macieSelfService": "settings", "version": 1, "region": region }).to_string()
}

/// The message that asks for the day's costs to be collected.
pub fn collect_message() -> String {
    json!({ "macieSelfService": "collect", "version": 1 }).to_string()
}

/// The message that asks for one account and Region to be looked at, whatever happened there.
pub fn sweep_message(scope: &Scope, id: &str) -> String {
    json!({
        "macieSelfService": "sweep",
        "version": 1,
        "account": scope.account,
        "region": scope.region,
        "id": id,
    })
    .to_string()
}

/// The message by which a scope comes back for its slot in the line for new jobs.
pub fn line_message(scope: &Scope, id: &str, slot: Timestamp) -> String {
    json!({
        "macieSelfService": "sweep",
        "version": 1,
        "account": scope.account,
        "region": scope.region,
        "id": id,
        "slot": slot,
    })
    .to_string()
}

fn json_of(text: &str) -> Result<Value, Refusal> {
    serde_json::from_str(text).map_err(|error| Refusal::unreadable(format!("not JSON: {error}")))
}

/// A sweep message is told by its top-level `macieSelfService`. Senders of EventBridge events
/// choose only source, detail-type, resources, time and detail, so none of them can put a key
/// there; a message that has both forms was made by neither and is refused.
fn parse_message(message: &Value) -> Result<Trigger, Refusal> {
    match (message.get("macieSelfService"), message.get("detail-type")) {
        (Some(_), Some(_)) => Err(Refusal::unreadable(
            "both `macieSelfService` and `detail-type` in one message",
        )),
        (Some(kind), None) => sweep(message, kind),
        (None, Some(detail_type)) => envelope(message, detail_type),
        (None, None) => Err(Refusal::unreadable(
            "neither an EventBridge event (`detail-type`) nor a sweep message (`macieSelfService`)",
        )),
    }
}

fn sweep(message: &Value, kind: &Value) -> Result<Trigger, Refusal> {
    let version = message.get("version").unwrap_or(&Value::Null);
    match (kind.as_str(), version.as_u64()) {
        (Some("sweep"), Some(1)) => trigger(message, Cause::Sweep, None),
        (Some("sweep"), _) => Err(Refusal::unreadable(format!(
            "a sweep message of version `{}`, expected 1",
            shown(version)
        ))),
        _ => Err(Refusal::unreadable(format!(
            "`macieSelfService` is `{}`, expected `sweep`",
            shown(kind)
        ))),
    }
}

fn envelope(event: &Value, detail_type: &Value) -> Result<Trigger, Refusal> {
    let source = event.get("source").and_then(Value::as_str);
    match (source, detail_type.as_str()) {
        (Some("aws.s3"), Some("AWS API Call via CloudTrail")) => api_call(event),
        (Some("aws.tag"), Some("Tag Change on Resource")) => tag_change(event),
        (Some(source), Some(detail_type)) => Err(Refusal::NotOurs {
            what: format!("{} / {}", short(source), short(detail_type)),
        }),
        _ => Err(Refusal::unreadable("`source` or `detail-type` is not text")),
    }
}

/// An S3 call that CloudTrail reports. Everything but its name may be missing or of another shape
/// than today's: then the account is looked at without a hint.
fn api_call(event: &Value) -> Result<Trigger, Refusal> {
    let detail = event.get("detail").unwrap_or(&Value::Null);
    let text = |name: &str| detail.get(name).and_then(Value::as_str);
    let name = text("eventName")
        .ok_or_else(|| Refusal::unreadable("a CloudTrail event without `detail.eventName`"))?;
    let service = text("eventSource").unwrap_or("s3.amazonaws.com");
    let cause = Cause::of_call(name)
        .filter(|_| service == "s3.amazonaws.com")
        .ok_or_else(|| Refusal::NotOurs {
            what: format!("{} of {}", short(name), short(service)),
        })?;
    fail_on_error_code(detail)?;
    trigger(event, cause, bucket_of_call(cause, detail)?)
}

fn fail_on_error_code(detail: &Value) -> Result<(), Refusal> {
    match detail.get("errorCode") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(code)) if code.is_empty() => Ok(()),
        Some(code) => Err(Refusal::FailedCall { code: shown(code) }),
    }
}

/// `TagResource` and `UntagResource` serve access points, Storage Lens groups and more, and name
/// what they tag by an ARN. The other calls are only ever about a bucket.
fn bucket_of_call(cause: Cause, detail: &Value) -> Result<Option<BucketName>, Refusal> {
    let parameter = |name: &str| {
        detail
            .pointer("/requestParameters")
            .and_then(|all| all.get(name))
    };
    let resources = arn::all_in(detail.get("resources"));
    match cause {
        Cause::TagResource | Cause::UntagResource => {
            let named = parameter("resourceArn").and_then(Resource::read);
            only_bucket(named.or_else(|| resources.into_iter().next()))
        }
        _ => {
            let name = parameter("bucketName").and_then(Value::as_str);
            let named = name.and_then(|name| name.parse().ok());
            Ok(named.or_else(|| resources.into_iter().find_map(Resource::bucket)))
        }
    }
}

fn only_bucket(resource: Option<Resource>) -> Result<Option<BucketName>, Refusal> {
    match resource {
        Some(Resource::Other { kind }) => Err(Refusal::NotABucket { kind }),
        Some(Resource::Bucket(bucket)) => Ok(bucket),
        None => Ok(None),
    }
}

/// The tagging service's own event, whichever call changed the tags.
fn tag_change(event: &Value) -> Result<Trigger, Refusal> {
    let detail = |name: &str| event.pointer("/detail").and_then(|detail| detail.get(name));
    let service = detail("service")
        .and_then(Value::as_str)
        .ok_or_else(|| Refusal::unreadable("a tag change without `detail.service`"))?;
    let kind = detail("resource-type").and_then(Value::as_str);
    match (service, kind) {
        ("s3", Some("bucket") | None) => {
            let resource = arn::all_in(event.get("resources")).into_iter().next();
            trigger(event, Cause::TagChange, only_bucket(resource)?)
        }
        ("s3", Some(kind)) => Err(Refusal::NotABucket {
            kind: format!("s3 {}", short(kind)),
        }),
        (service, _) => Err(Refusal::NotOurs {
            what: format!("tag change of {}", short(service)),
        }),
    }
}

/// The only place where a scope is made, and it is given the message and not its detail.
fn trigger(message: &Value, cause: Cause, bucket: Option<BucketName>) -> Result<Trigger, Refusal> {
    let field = |name: &str| message.get(name).unwrap_or(&Value::Null);
    let text = |name: &str| field(name).as_str().unwrap_or_default();
    let account = account_of(message)?;
    let region = text("region").parse().map_err(|_| Refusal::NoRegion {
        found: shown(field("region")),
    })?;
    Ok(Trigger {
        scope: Scope { account, region },
        bucket,
        cause,
        event_id: text("id").chars().take(128).collect(),
        time: text("time").parse().ok(),
        slot: match cause {
            Cause::Sweep => text("slot").parse().ok(),
            _ => None,
        },
    })
}

/// The account of the envelope.
fn account_of(message: &Value) -> Result<AccountId, Refusal> {
    let found = message.get("account").unwrap_or(&Value::Null);
    let account = found.as_str().unwrap_or_default().parse();
    account.map_err(|_| Refusal::NoAccount {
        found: shown(found),
    })
}
