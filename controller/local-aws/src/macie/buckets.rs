//! What Macie tells about a bucket, and DescribeBuckets.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Scope,
    criteria::Candidate,
    inventory::{self, Seen, Sizes},
    jobs::{Job, JobStatus},
    search, session,
    wire::{Outcome, Paging, input, invalid, paged, set},
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// The order of a list.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Order {
    /// Ascending.
    #[default]
    Asc,
    /// Descending.
    Desc,
}

impl Order {
    pub(super) fn sort<T, K: Ord>(self, items: &mut [T], key: impl Fn(&T) -> K) {
        match self {
            Self::Asc => items.sort_by_key(key),
            Self::Desc => items.sort_by_key(|item| Reverse(key(item))),
        }
    }
}

pub(super) fn perform(world: &mut World, call: &Call, operation: &str) -> Outcome {
    let scope = Scope::of(call);
    session::required(world, &scope)?;
    match operation {
        "DescribeBuckets" => {
            let request = input(call)?;
            inventory::refresh(world, &scope);
            describe(world, &scope, &request)
        }
        "SearchResources" => search::search(world, &scope, &input(call)?),
        _ => search::statistics(world, &scope, &input(call)?),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    #[serde(default)]
    criteria: BTreeMap<String, Condition>,
    sort_criteria: Option<DescribeSort>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeSort {
    attribute_name: Option<String>,
    #[serde(default)]
    order_by: Order,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Condition {
    eq: Option<Vec<String>>,
    neq: Option<Vec<String>>,
    prefix: Option<String>,
    gt: Option<i64>,
    gte: Option<i64>,
    lt: Option<i64>,
    lte: Option<i64>,
}

impl Condition {
    fn holds(&self, actual: &Value) -> bool {
        let text = text(actual);
        let number = actual.as_i64();
        let is = |values: &Vec<String>| values.contains(&text);
        let compares = |bound: Option<i64>, holds: fn(i64, i64) -> bool| {
            bound.is_none_or(|bound| number.is_some_and(|number| holds(number, bound)))
        };
        self.eq.as_ref().is_none_or(is)
            && !self.neq.as_ref().is_some_and(is)
            && self
                .prefix
                .as_ref()
                .is_none_or(|prefix| text.starts_with(prefix))
            && compares(self.gt, |a, b| a > b)
            && compares(self.gte, |a, b| a >= b)
            && compares(self.lt, |a, b| a < b)
            && compares(self.lte, |a, b| a <= b)
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Properties that `criteria` of DescribeBuckets may name here.
const PROPERTIES: &[&str] = &[
    "accountId",
    "allowsUnencryptedObjectUploads",
    "automatedDiscoveryMonitoringStatus",
    "bucketArn",
    "bucketName",
    "classifiableObjectCount",
    "classifiableSizeInBytes",
    "errorCode",
    "objectCount",
    "region",
    "sensitivityScore",
    "sharedAccess",
    "sizeInBytes",
    "sizeInBytesCompressed",
];

const SORTABLE: &[&str] = &[
    "accountId",
    "bucketName",
    "classifiableObjectCount",
    "classifiableSizeInBytes",
    "objectCount",
    "sensitivityScore",
    "sizeInBytes",
];

fn describe(world: &World, scope: &Scope, request: &Describe) -> Outcome {
    let paging = Paging::new(request.max_results, request.next_token.as_deref(), 50, 1000)?;
    known(
        request.criteria.keys().map(String::as_str),
        "criteria",
        PROPERTIES,
    )?;
    let sort = request.sort_criteria.as_ref();
    let attribute = sort.and_then(|sort| sort.attribute_name.as_deref());
    known(
        attribute.into_iter(),
        "sortCriteria.attributeName",
        SORTABLE,
    )?;
    let property = |document: &Value, name: &str| document.get(name).cloned().unwrap_or_default();
    let mut documents: Vec<(Seen, Value)> = inventory::seen(world, scope, world.now(), |_| true)
        .into_iter()
        .map(|bucket| {
            let document = metadata(world, scope, &bucket);
            (bucket, document)
        })
        .filter(|(_, document)| {
            let mut criteria = request.criteria.iter();
            criteria.all(|(name, condition)| condition.holds(&property(document, name)))
        })
        .collect();
    if let (Some(sort), Some(name)) = (sort, attribute) {
        sort.order_by.sort(&mut documents, |(_, document)| {
            let value = property(document, name);
            (value.as_i64(), text(&value))
        });
    }
    let (page, next) = paging.cut(documents);
    let page = page
        .into_iter()
        .map(|(bucket, mut document)| {
            set(
                &mut document,
                "jobDetails",
                Some(job_details(world, scope, &bucket)),
            );
            document
        })
        .collect();
    Ok(Reply::json(paged("buckets", page, next)))
}

fn known<'n>(
    mut names: impl Iterator<Item = &'n str>,
    member: &str,
    known: &[&str],
) -> Result<(), ApiError> {
    match names.find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => Err(invalid(format!(
            "`{member}` names `{name}`: expected one of {}",
            known.join(", ")
        ))),
    }
}

/// What both bucket lists tell, all but `jobDetails`.
pub(super) fn common(world: &World, viewer: &Scope, bucket: &Seen) -> Value {
    let mut document = json!({
        "accountId": bucket.account,
        "automatedDiscoveryMonitoringStatus": monitoring(world, viewer, bucket),
        "bucketName": bucket.name,
    });
    if let Some(code) = bucket.error {
        set(&mut document, "errorCode", Some(code));
        let message = "Macie cannot retrieve and process information about the bucket";
        set(&mut document, "errorMessage", Some(message));
    }
    if let Some(sizes) = inventory::sizes(world, bucket) {
        set_sizes(&mut document, &sizes);
        let score = if sizes.objects == 0 { 1 } else { 50 };
        set(&mut document, "sensitivityScore", Some(score));
        let by_encryption = json!({
            "customerManaged": 0, "kmsManaged": 0, "s3Managed": sizes.objects,
            "unencrypted": 0, "unknown": 0,
        });
        set(
            &mut document,
            "objectCountByEncryptionType",
            Some(by_encryption),
        );
    }
    document
}

pub(super) fn set_sizes(document: &mut Value, sizes: &Sizes) {
    let without_extension = |all: u64, classifiable: u64| {
        let rest = all.saturating_sub(classifiable);
        json!({ "fileType": rest, "storageClass": 0, "total": rest })
    };
    for (name, value) in [
        ("classifiableObjectCount", json!(sizes.classifiable_objects)),
        ("classifiableSizeInBytes", json!(sizes.classifiable_bytes)),
        ("objectCount", json!(sizes.objects)),
        ("sizeInBytes", json!(sizes.bytes)),
        ("sizeInBytesCompressed", json!(sizes.compressed_bytes)),
        (
            "unclassifiableObjectCount",
            without_extension(sizes.objects, sizes.classifiable_objects),
        ),
        (
            "unclassifiableObjectSizeInBytes",
            without_extension(sizes.bytes, sizes.classifiable_bytes),
        ),
    ] {
        set(document, name, Some(value));
    }
}

fn discovered(world: &World, viewer: &Scope, account: &str) -> bool {
    world
        .macie
        .session(&viewer.region, account)
        .is_some_and(|session| session.discovery.enabled)
}

fn monitoring(world: &World, viewer: &Scope, bucket: &Seen) -> &'static str {
    if discovered(world, viewer, &bucket.account) {
        "MONITORED"
    } else {
        "NOT_MONITORED"
    }
}

/// A bucket of DescribeBuckets. When Macie cannot see it, most members are null or UNKNOWN, and
/// versioning is false.
fn metadata(world: &World, viewer: &Scope, bucket: &Seen) -> Value {
    let seen = bucket.error.is_none();
    let or_unknown = |value: &'static str| if seen { value } else { "UNKNOWN" };
    let mut document = common(world, viewer, bucket);
    for (name, value) in [
        ("allowsUnencryptedObjectUploads", json!(or_unknown("TRUE"))),
        ("bucketArn", json!(format!("arn:aws:s3:::{}", bucket.name))),
        ("bucketCreatedAt", json!(bucket.created_at.to_string())),
        ("lastUpdated", json!(bucket.updated_at.to_string())),
        (
            "publicAccess",
            json!({ "effectivePermission": or_unknown("NOT_PUBLIC") }),
        ),
        ("region", json!(viewer.region)),
        ("sharedAccess", json!(or_unknown("NOT_SHARED"))),
        ("versioning", json!(false)),
    ] {
        set(&mut document, name, Some(value));
    }
    if let Some(tags) = &bucket.tags {
        let pair = |(key, value): (&String, &String)| json!({ "key": key, "value": value });
        let tags: Vec<Value> = tags.iter().map(pair).collect();
        set(&mut document, "tags", Some(tags));
        set(
            &mut document,
            "serverSideEncryption",
            Some(json!({ "type": "AES256" })),
        );
        let replication = json!({ "replicated": false, "replicatedExternally": false, "replicationAccounts": [] });
        set(&mut document, "replicationDetails", Some(replication));
    }
    document
}

/// Only the caller's own jobs count: nobody sees another account's.
pub(super) fn job_details(world: &World, viewer: &Scope, bucket: &Seen) -> Value {
    let key = (bucket.account.clone(), bucket.name.clone());
    let candidate = candidate(world, viewer, bucket);
    let mut last: Option<&Job> = None;
    let (mut defined, mut monitored) = (false, false);
    for job in world.macie.jobs_of(&viewer.region, &viewer.account) {
        let definition = &job.definition.s3_job_definition;
        let alive = job.status != JobStatus::Cancelled;
        let named = definition.names(&bucket.account, &bucket.name);
        let ran = job.matched.contains(&key);
        defined |= named && alive || ran && !named;
        monitored |= alive && job.schedule.is_some() && (named || definition.matches(&candidate));
        if ran && last.is_none_or(|last| last.last_run_at <= job.last_run_at) {
            last = Some(job);
        }
    }
    let word = |yes: bool| if yes { "TRUE" } else { "FALSE" };
    let mut document =
        json!({ "isDefinedInJob": word(defined), "isMonitoredByJob": word(monitored) });
    set(&mut document, "lastJobId", last.map(|job| job.id.clone()));
    set(
        &mut document,
        "lastJobRunTime",
        last.map(|job| job.last_run_at.to_string()),
    );
    document
}

pub(super) fn candidate<'b>(world: &World, viewer: &Scope, bucket: &'b Seen) -> Candidate<'b> {
    Candidate {
        account: &bucket.account,
        name: &bucket.name,
        tags: bucket.tags.as_ref(),
        discovery: discovered(world, viewer, &bucket.account),
    }
}
