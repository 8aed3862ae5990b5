//! A small organization for the tests of this module.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{perform, route};
use crate::{
    ApiError, Call, Caller, Clock, World,
    organizations::Account,
    request::Body,
    s3::{Bucket, Change, Object},
};

pub(super) const REGION: &str = "eu-west-1";
pub(super) const MANAGEMENT: &str = "111111111111";
pub(super) const ADMIN: &str = "222222222222";
pub(super) const TEAM: &str = "300000000001";
pub(super) const OTHER: &str = "300000000002";

/// 10:00 on a Monday.
pub(super) const START: &str = "2026-03-02T10:00:00Z";

/// A management account, an administrator that is designated, and two accounts.
pub(super) fn world() -> World {
    let mut world = undesignated();
    super::designate(&mut world, ADMIN, REGION).unwrap();
    world
}

pub(super) fn undesignated() -> World {
    let mut world = World::new(Clock::Frozen(START.parse().unwrap()));
    world.organizations.management = MANAGEMENT.to_owned();
    for id in [MANAGEMENT, ADMIN, TEAM, OTHER] {
        add_account(&mut world, id);
    }
    world
}

pub(super) fn add_account(world: &mut World, id: &str) {
    let account = Account {
        id: id.to_owned(),
        name: format!("account-{id}"),
        email: format!("{id}@example.com"),
        state: "ACTIVE".to_owned(),
        parent: "r-root".to_owned(),
        disabled_regions: Vec::new(),
    };
    world.organizations.accounts.insert(id.to_owned(), account);
}

/// One HTTP request, through the router.
pub(super) fn send(
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
pub(super) fn refused(
    world: &mut World,
    account: &str,
    method: &str,
    path: &str,
    input: Value,
) -> String {
    send(world, account, method, path, input).unwrap_err().code
}

pub(super) fn enroll(world: &mut World, account: &str) {
    let body = json!({"account": {"accountId": account, "email": "a@example.com"}});
    send(world, ADMIN, "POST", "/members", body).unwrap();
    world.advance(SignedDuration::from_secs(30));
}

pub(super) fn suspend(world: &mut World, account: &str, status: &str) {
    let path = format!("/macie/members/{account}");
    send(world, ADMIN, "PATCH", &path, json!({ "status": status })).unwrap();
}

pub(super) fn tag(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

pub(super) fn opted_in() -> BTreeMap<String, String> {
    tag("macie", "true")
}

pub(super) fn add_bucket(
    world: &mut World,
    account: &str,
    name: &str,
    tags: BTreeMap<String, String>,
) {
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

pub(super) fn retag(
    world: &mut World,
    account: &str,
    name: &str,
    operation: &'static str,
    tags: BTreeMap<String, String>,
) {
    world.s3.buckets.get_mut(name).unwrap().tags = tags.clone();
    change(world, account, name, operation, Some(tags));
}

pub(super) fn delete_bucket(world: &mut World, account: &str, name: &str) {
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

pub(super) fn put(world: &mut World, bucket: &str, key: &str, bytes: u64) {
    let modified_at: Timestamp = world.now();
    let bucket = world.s3.buckets.get_mut(bucket).unwrap();
    bucket
        .objects
        .insert(key.to_owned(), Object { bytes, modified_at });
}

pub(super) fn hours(world: &mut World, hours: i64) {
    world.advance(SignedDuration::from_hours(hours));
}

pub(super) fn minutes(world: &mut World, minutes: i64) {
    world.advance(SignedDuration::from_mins(minutes));
}
