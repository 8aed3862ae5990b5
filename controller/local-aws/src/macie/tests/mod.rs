//! Tests of the whole module through its routes, and the small organization that they share.

mod inventory;
mod jobs;
mod members;
mod runs;
mod sessions;
mod usage;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{designate, perform, route};
use crate::{
    ApiError, Call, Caller, Clock, World,
    organizations::Account,
    request::Body,
    s3::{Bucket, Change, Object},
};

const REGION: &str = "eu-west-1";
const MANAGEMENT: &str = "111111111111";
const ADMIN: &str = "222222222222";
const TEAM: &str = "300000000001";
const OTHER: &str = "300000000002";

/// 10:00 on a Monday.
const START: &str = "2026-03-02T10:00:00Z";

/// A management account, an administrator that is designated, and two accounts.
fn world() -> World {
    let mut world = undesignated();
    designate(&mut world, ADMIN, REGION).unwrap();
    world
}

fn undesignated() -> World {
    let mut world = World::new(Clock::Frozen(START.parse().unwrap()));
    world.organizations.management = MANAGEMENT.to_owned();
    for id in [MANAGEMENT, ADMIN, TEAM, OTHER] {
        add_account(&mut world, id);
    }
    world
}

fn add_account(world: &mut World, id: &str) {
    let account = Account {
        id: id.to_owned(),
        name: format!("account-{id}"),
        email: format!("{id}@example.com"),
        state: "ACTIVE".to_owned(),
        parent: "r-root".to_owned(),
        disabled_regions: Vec::new(),
        tags: [].into(),
    };
    world.organizations.accounts.insert(id.to_owned(), account);
}

/// One HTTP request, through the router.
fn send(
    world: &mut World,
    account: &str,
    method: &str,
    path: &str,
    input: Value,
) -> Result<Value, ApiError> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let call = Call {
        service: "macie2",
        region: REGION.to_owned(),
        caller: Caller {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/admin"),
            role: None,
        },
        method: method.to_owned(),
        segments: path
            .trim_start_matches('/')
            .split('/')
            .map(str::to_owned)
            .collect(),
        query: query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        headers: Vec::new(),
        body: Vec::new(),
        input,
    };
    let operation = route(&call).unwrap_or_else(|| panic!("no operation for {method} {path}"));
    world.settle();
    match perform(world, &call, operation)?.body {
        Body::Json(document) => Ok(document),
        _ => Ok(Value::Null),
    }
}

/// The code of the error that a request gets.
fn refused(world: &mut World, account: &str, method: &str, path: &str, input: Value) -> String {
    send(world, account, method, path, input).unwrap_err().code
}

/// A daily job on the opted-in buckets of an account; its id.
fn daily(world: &mut World, account: &str, initial_run: bool) -> String {
    let mut body = job(&format!("daily-{account}"));
    body["initialRun"] = json!(initial_run);
    body["s3JobDefinition"] = criteria(account);
    create(world, ADMIN, body)
}

fn create(world: &mut World, account: &str, body: Value) -> String {
    let reply = send(world, account, "POST", "/jobs", body).unwrap();
    reply["jobId"].as_str().unwrap().to_owned()
}

/// A one-time job on named buckets; its id.
fn once(world: &mut World, account: &str, buckets: &[&str]) -> String {
    let mut body = job(&format!("once-{account}-{}", world.macie.jobs.len()));
    body["jobType"] = json!("ONE_TIME");
    body.as_object_mut().unwrap().remove("scheduleFrequency");
    body["s3JobDefinition"] =
        json!({"bucketDefinitions": [{"accountId": account, "buckets": buckets}]});
    create(world, ADMIN, body)
}

/// A daily job on every bucket.
fn job(name: &str) -> Value {
    json!({
        "clientToken": name,
        "name": name,
        "jobType": "SCHEDULED",
        "scheduleFrequency": {"dailySchedule": {}},
        "s3JobDefinition": {"bucketCriteria": {}},
    })
}

fn criteria(account: &str) -> Value {
    json!({"bucketCriteria": {"includes": {"and": [
        {"simpleCriterion": {"comparator": "EQ", "key": "ACCOUNT_ID", "values": [account]}},
        {"tagCriterion": {"comparator": "EQ", "tagValues": [{"key": "macie", "value": "true"}]}},
    ]}}})
}

fn status(world: &mut World, id: &str) -> String {
    describe(world, id)["jobStatus"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn describe(world: &mut World, id: &str) -> Value {
    send(world, ADMIN, "GET", &format!("/jobs/{id}"), Value::Null).unwrap()
}

fn set_status(world: &mut World, id: &str, status: &str) -> Result<Value, ApiError> {
    send(
        world,
        ADMIN,
        "PATCH",
        &format!("/jobs/{id}"),
        json!({ "jobStatus": status }),
    )
}

/// What was scanned so far: bucket, objects, bytes.
fn scanned(world: &World) -> Vec<(String, u64, u64)> {
    let runs = world.macie.runs.iter();
    runs.flat_map(|run| &run.scans)
        .map(|scan| (scan.bucket.clone(), scan.objects, scan.bytes))
        .collect()
}

fn enroll(world: &mut World, account: &str) {
    let body = json!({"account": {"accountId": account, "email": "a@example.com"}});
    send(world, ADMIN, "POST", "/members", body).unwrap();
    world.advance(SignedDuration::from_secs(30));
}

fn suspend(world: &mut World, account: &str, status: &str) {
    let path = format!("/macie/members/{account}");
    send(world, ADMIN, "PATCH", &path, json!({ "status": status })).unwrap();
}

fn tag(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

fn opted_in() -> BTreeMap<String, String> {
    tag("macie", "true")
}

fn add_bucket(world: &mut World, account: &str, name: &str, tags: BTreeMap<String, String>) {
    let bucket = Bucket {
        name: name.to_owned(),
        account: account.to_owned(),
        region: REGION.to_owned(),
        created_at: world.now(),
        tags: tags.clone(),
        abac: false,
        locked: false,
        objects: BTreeMap::new(),
    };
    world.s3.buckets.insert(name.to_owned(), bucket);
    change(world, account, name, "CreateBucket", Some(tags));
}

fn retag(
    world: &mut World,
    account: &str,
    name: &str,
    operation: &'static str,
    tags: BTreeMap<String, String>,
) {
    world.s3.buckets.get_mut(name).unwrap().tags = tags.clone();
    change(world, account, name, operation, Some(tags));
}

fn delete_bucket(world: &mut World, account: &str, name: &str) {
    world.s3.buckets.remove(name);
    change(world, account, name, "DeleteBucket", None);
}

fn change(
    world: &mut World,
    account: &str,
    name: &str,
    operation: &'static str,
    tags: Option<BTreeMap<String, String>>,
) {
    let change = Change {
        at: world.now(),
        bucket: name.to_owned(),
        account: account.to_owned(),
        region: REGION.to_owned(),
        operation,
        tags,
    };
    world.s3.history.push(change);
}

fn put(world: &mut World, bucket: &str, key: &str, bytes: u64) {
    let modified_at: Timestamp = world.now();
    let bucket = world.s3.buckets.get_mut(bucket).unwrap();
    let object = Object {
        bytes,
        unpacked: None,
        modified_at,
        content: None,
        key: None,
    };
    bucket.objects.insert(key.to_owned(), object);
}

fn hours(world: &mut World, hours: i64) {
    world.advance(SignedDuration::from_hours(hours));
}

fn minutes(world: &mut World, minutes: i64) {
    world.advance(SignedDuration::from_mins(minutes));
}
