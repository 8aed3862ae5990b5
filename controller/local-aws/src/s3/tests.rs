//! What the wire does, by replies and end states.

use jiff::SignedDuration;

use super::*;
use crate::{
    Clock,
    organization::{Organization, admin},
    request::Body,
};

const ACCOUNT: &str = "300000000001";
const OTHER: &str = "300000000002";

fn world() -> World {
    let clock = Clock::Frozen(Timestamp::UNIX_EPOCH);
    let mut world = Organization::new(2, &["eu-west-1"], clock).build().unwrap();
    create(&mut world, "eu-west-1", "orders", &[("macie", "true")]);
    world
}

fn create(world: &mut World, region: &str, name: &str, tags: &[(&str, &str)]) {
    create_bucket(world, &admin(ACCOUNT), region, name, tags).unwrap();
}

/// A request of an account in eu-west-1; `path` may carry a query.
fn call(account: &str, method: &str, path: &str, body: &str) -> Call {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let control = path.starts_with("/v20180820/");
    Call {
        service: if control { "s3control" } else { "s3" },
        region: "eu-west-1".to_owned(),
        caller: admin(account),
        method: method.to_owned(),
        segments: path[1..].split('/').map(str::to_owned).collect(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: vec![("x-amz-account-id".to_owned(), account.to_owned())],
        body: body.as_bytes().to_vec(),
        input: serde_json::Value::Null,
    }
}

fn send(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let operation = route(call).expect("a known operation");
    perform(world, call, operation)
}

fn ask(world: &mut World, method: &str, path: &str, body: &str) -> Result<Reply, ApiError> {
    send(world, &call(ACCOUNT, method, path, body))
}

fn text(outcome: Result<Reply, ApiError>) -> String {
    match outcome.unwrap().body {
        Body::Xml(document) => document,
        other => panic!("expected a document, found {other:?}"),
    }
}

fn refused(outcome: Result<Reply, ApiError>) -> (String, u16) {
    let error = outcome.unwrap_err();
    (error.code, error.status)
}

fn is(code: &str, status: u16) -> (String, u16) {
    (code.to_owned(), status)
}

fn tags(world: &World, name: &str) -> Vec<(String, String)> {
    world.s3.buckets[name].tags.clone().into_iter().collect()
}

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn body_of(tags: &[(&str, &str)]) -> String {
    let tags: String = tags
        .iter()
        .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
        .collect();
    format!(
        "<Tagging xmlns=\"{}\"><TagSet>{tags}</TagSet></Tagging>",
        xml::S3
    )
}

#[test]
fn requests_are_told_apart_by_method_path_and_query() {
    for (method, path, operation) in [
        ("GET", "/", Some("ListBuckets")),
        ("GET", "/?x-id=ListBuckets&prefix=a", Some("ListBuckets")),
        ("PUT", "/orders", Some("CreateBucket")),
        ("PUT", "/orders/", Some("CreateBucket")),
        ("DELETE", "/orders", Some("DeleteBucket")),
        ("HEAD", "/orders", Some("HeadBucket")),
        ("GET", "/orders?tagging", Some("GetBucketTagging")),
        ("PUT", "/orders?tagging", Some("PutBucketTagging")),
        ("DELETE", "/orders?tagging", Some("DeleteBucketTagging")),
        ("PUT", "/orders/a/b?x-id=PutObject", Some("PutObject")),
        ("PUT", "/orders/a?uploadId=1", None),
        ("PUT", "/orders?acl", None),
        ("GET", "/orders?policy", None),
        ("GET", "/orders/a", Some("GetObject")),
        ("GET", "/orders/a?acl", None),
        (
            "POST",
            "/v20180820/tags/arn:aws:s3:::orders",
            Some("TagResource"),
        ),
        ("GET", "/v20180820/jobs", None),
    ] {
        let call = call(ACCOUNT, method, path, "");
        assert_eq!(route(&call), operation, "{method} {path}");
    }
}

#[test]
fn putting_tags_replaces_the_set() {
    let mut world = world();
    let body = body_of(&[("team", " a b ")]);
    ask(&mut world, "PUT", "/orders?tagging", &body).unwrap();
    assert_eq!(tags(&world, "orders"), pairs(&[("team", " a b ")]));
    let read = text(ask(&mut world, "GET", "/orders?tagging", ""));
    assert!(
        read.contains("<Key>team</Key><Value> a b </Value>"),
        "{read}"
    );
    let deleted = ask(&mut world, "DELETE", "/orders?tagging", "").unwrap();
    assert_eq!(deleted.status, 204);
    let untagged = refused(ask(&mut world, "GET", "/orders?tagging", ""));
    assert_eq!(untagged, is("NoSuchTagSet", 404));
    let operations: Vec<&str> = world.s3.history.iter().map(|c| c.operation).collect();
    assert_eq!(
        operations,
        ["CreateBucket", "PutBucketTagging", "DeleteBucketTagging"]
    );
}

#[test]
fn bad_tags_change_nothing() {
    let mut world = world();
    let many: Vec<String> = (0..51).map(|n| format!("key-{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "v")).collect();
    let long = "x".repeat(257);
    for (tags, code) in [
        (&[("a", "1"), ("a", "2")][..], "InvalidTag"),
        (&[("aws:a", "1")], "InvalidTag"),
        (&[("", "1")], "InvalidTag"),
        (&[("a", "!")], "InvalidTag"),
        (&[("a", &long)], "InvalidTag"),
        (&many, "BadRequest"),
    ] {
        let outcome = ask(&mut world, "PUT", "/orders?tagging", &body_of(tags));
        assert_eq!(refused(outcome), is(code, 400));
    }
    let outcome = ask(&mut world, "PUT", "/orders?tagging", "<Tagging>");
    assert_eq!(refused(outcome), is("MalformedXML", 400));
    assert_eq!(tags(&world, "orders"), pairs(&[("macie", "true")]));
    assert_eq!(world.s3.history.len(), 1);
}

#[test]
fn abac_leaves_tagging_to_the_control_api() {
    let mut world = world();
    let path = "/v20180820/tags/arn:aws:s3:::orders";
    let status = "<AbacStatus><Status>Enabled</Status></AbacStatus>";
    ask(&mut world, "PUT", "/orders?abac", status).unwrap();
    assert!(text(ask(&mut world, "GET", "/orders?abac", "")).contains("Enabled"));
    let put = ask(&mut world, "PUT", "/orders?tagging", &body_of(&[]));
    assert_eq!(refused(put), is("InvalidRequest", 400));
    let delete = ask(&mut world, "DELETE", "/orders?tagging", "");
    assert_eq!(refused(delete), is("InvalidRequest", 400));
    let body = "<TagResourceRequest><Tags><Tag><Key>team</Key><Value>a</Value></Tag></Tags></TagResourceRequest>";
    ask(&mut world, "POST", path, body).unwrap();
    let merged = pairs(&[("macie", "true"), ("team", "a")]);
    assert_eq!(tags(&world, "orders"), merged);
    let listed = text(ask(&mut world, "GET", path, ""));
    assert!(listed.contains("<Tags><Tag><Key>macie</Key>"), "{listed}");
    let gone = format!("{path}?tagKeys=macie&tagKeys=none");
    assert_eq!(ask(&mut world, "DELETE", &gone, "").unwrap().status, 204);
    assert_eq!(tags(&world, "orders"), pairs(&[("team", "a")]));
}

#[test]
fn the_control_api_takes_only_buckets_of_the_account() {
    let mut world = world();
    for arn in [
        "arn:aws:s3:::missing",
        "arn:aws:s3:eu-west-1:300000000001:accesspoint/x",
    ] {
        let outcome = ask(&mut world, "GET", &format!("/v20180820/tags/{arn}"), "");
        assert_eq!(refused(outcome), is("NoSuchResource", 404));
    }
    let path = "/v20180820/tags/arn:aws:s3:::orders";
    let stranger = call(OTHER, "GET", path, "");
    assert_eq!(
        refused(send(&mut world, &stranger)),
        is("AccessDenied", 403)
    );
    let mut wrong = call(ACCOUNT, "GET", path, "");
    wrong.headers = vec![("x-amz-account-id".to_owned(), OTHER.to_owned())];
    assert_eq!(refused(send(&mut world, &wrong)), is("AccessDenied", 403));
    wrong.headers.clear();
    assert_eq!(refused(send(&mut world, &wrong)), is("InvalidRequest", 400));
}

#[test]
fn buckets_are_reached_by_their_owner_in_their_region() {
    let mut world = world();
    create(&mut world, "us-east-1", "invoices", &[]);
    let missing = ask(&mut world, "GET", "/missing?tagging", "");
    assert_eq!(refused(missing), is("NoSuchBucket", 404));
    let stranger = call(OTHER, "GET", "/orders?tagging", "");
    assert_eq!(
        refused(send(&mut world, &stranger)),
        is("AccessDenied", 403)
    );
    let elsewhere = ask(&mut world, "GET", "/invoices?tagging", "").unwrap_err();
    assert_eq!(
        (elsewhere.code.as_str(), elsewhere.status),
        ("PermanentRedirect", 301)
    );
    let region = ("x-amz-bucket-region".to_owned(), "us-east-1".to_owned());
    assert_eq!(elsewhere.headers, [region]);
    let located = text(ask(&mut world, "GET", "/orders?location", ""));
    assert!(located.contains(">eu-west-1<"), "{located}");
    for (owner, ok) in [(ACCOUNT, true), (OTHER, false)] {
        let mut call = call(ACCOUNT, "GET", "/orders?tagging", "");
        call.headers = vec![("x-amz-expected-bucket-owner".to_owned(), owner.to_owned())];
        assert_eq!(send(&mut world, &call).is_ok(), ok);
    }
}

#[test]
fn a_locked_bucket_is_read_by_the_accounts_own_keys_only() {
    let mut world = world();
    world.s3.buckets.get_mut("orders").unwrap().locked = true;
    ask(&mut world, "GET", "/orders?tagging", "").unwrap();
    let mut call = call(ACCOUNT, "GET", "/orders?tagging", "");
    call.caller.role = Some("macie-self-service-member".to_owned());
    assert_eq!(refused(send(&mut world, &call)), is("AccessDenied", 403));
}

#[test]
fn buckets_are_created_where_the_request_says() {
    let mut world = world();
    let constraint = |region: &str| {
        format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint><Tags><Tag><Key>macie</Key><Value>true</Value></Tag></Tags></CreateBucketConfiguration>"
        )
    };
    ask(&mut world, "PUT", "/invoices", &constraint("eu-west-1")).unwrap();
    let made = &world.s3.buckets["invoices"];
    assert_eq!(
        (made.region.as_str(), made.account.as_str()),
        ("eu-west-1", ACCOUNT)
    );
    assert_eq!(tags(&world, "invoices"), pairs(&[("macie", "true")]));
    let illegal = is("IllegalLocationConstraintException", 400);
    assert_eq!(refused(ask(&mut world, "PUT", "/payments", "")), illegal);
    let other = ask(&mut world, "PUT", "/payments", &constraint("us-east-1"));
    assert_eq!(refused(other), illegal);
    let mine = ask(&mut world, "PUT", "/orders", &constraint("eu-west-1"));
    assert_eq!(refused(mine), is("BucketAlreadyOwnedByYou", 409));
    let taken = call(OTHER, "PUT", "/orders", &constraint("eu-west-1"));
    assert_eq!(
        refused(send(&mut world, &taken)),
        is("BucketAlreadyExists", 409)
    );
    for name in [
        "ab", "Upper", "a..b", "-ab", "ab-", "10.0.0.1", "xn--ab", "ab--x-s3",
    ] {
        let outcome = ask(
            &mut world,
            "PUT",
            &format!("/{name}"),
            &constraint("eu-west-1"),
        );
        assert_eq!(refused(outcome), is("InvalidBucketName", 400), "{name}");
    }
    let names: Vec<&String> = world.s3.buckets.keys().collect();
    assert_eq!(names, ["invoices", "orders"]);
}

#[test]
fn a_role_creates_tagged_buckets_only_if_it_may_tag() {
    let mut world = world();
    let role = crate::iam::Role {
        allows: vec!["s3:CreateBucket".to_owned()],
        ..crate::iam::Role::default()
    };
    world.iam.put_role(ACCOUNT, "builder", role);
    let mut caller = admin(ACCOUNT);
    caller.role = Some("builder".to_owned());
    let tags = [("macie", "true")];
    let denied = create_bucket(&mut world, &caller, "eu-west-1", "invoices", &tags);
    assert_eq!(denied.unwrap_err().code, "AccessDenied");
    create_bucket(&mut world, &caller, "eu-west-1", "invoices", &[]).unwrap();
}

#[test]
fn buckets_are_listed_in_pages_with_region_on_request() {
    let mut world = world();
    create(&mut world, "us-east-1", "invoices", &[]);
    create_bucket(&mut world, &admin(OTHER), "eu-west-1", "other", &[]).unwrap();
    let names = |document: &str| -> Vec<String> {
        document
            .split("<Name>")
            .skip(1)
            .map(|rest| rest.split("</Name>").next().unwrap().to_owned())
            .collect()
    };
    let plain = text(ask(&mut world, "GET", "/", ""));
    assert_eq!(names(&plain), ["invoices", "orders"]);
    assert!(!plain.contains("BucketRegion") && !plain.contains("ContinuationToken"));
    let first = text(ask(&mut world, "GET", "/?max-buckets=1", ""));
    assert_eq!(names(&first), ["invoices"]);
    assert!(first.contains("<BucketRegion>us-east-1</BucketRegion>"));
    let token = "<ContinuationToken>invoices</ContinuationToken>";
    assert!(first.contains(token), "{first}");
    let rest = "/?max-buckets=1&continuation-token=invoices";
    let rest = text(ask(&mut world, "GET", rest, ""));
    assert_eq!(names(&rest), ["orders"]);
    assert!(!rest.contains("ContinuationToken"));
    let here = text(ask(
        &mut world,
        "GET",
        "/?bucket-region=eu-west-1&prefix=o",
        "",
    ));
    assert_eq!(names(&here), ["orders"]);
    for bad in [
        "/?max-buckets=0",
        "/?max-buckets=10001",
        "/?bucket-region=us-east-1",
    ] {
        assert_eq!(
            refused(ask(&mut world, "GET", bad, "")),
            is("InvalidArgument", 400)
        );
    }
}

#[test]
fn objects_keep_size_and_time_and_hold_their_bucket() {
    let mut world = world();
    world.advance(SignedDuration::from_secs(5));
    ask(&mut world, "PUT", "/orders/2026/a b.csv", "12345").unwrap();
    put_object(&mut world, "orders", "2026/c.csv", 1 << 40).unwrap();
    let objects = &world.s3.buckets["orders"].objects;
    assert_eq!(objects["2026/a b.csv"].bytes, 5);
    assert_eq!(
        objects["2026/a b.csv"].modified_at,
        Timestamp::from_second(5).unwrap()
    );
    assert_eq!(objects["2026/c.csv"].bytes, 1 << 40);
    let full = refused(ask(&mut world, "DELETE", "/orders", ""));
    assert_eq!(full, is("BucketNotEmpty", 409));
    let listed = text(ask(&mut world, "GET", "/orders?list-type=2&max-keys=1", ""));
    assert!(listed.contains("<Key>2026/a b.csv</Key>"), "{listed}");
    assert!(listed.contains("<IsTruncated>true</IsTruncated>"));
    let rolled = text(ask(
        &mut world,
        "GET",
        "/orders?list-type=2&delimiter=/",
        "",
    ));
    assert!(
        rolled.contains("<CommonPrefixes><Prefix>2026/</Prefix>"),
        "{rolled}"
    );
    assert!(!rolled.contains("<Key>"));
    for key in ["2026/a b.csv", "2026/c.csv", "none"] {
        ask(&mut world, "DELETE", &format!("/orders/{key}"), "").unwrap();
    }
    ask(&mut world, "DELETE", "/orders", "").unwrap();
    assert!(world.s3.buckets.is_empty());
    let last = world.s3.history.last().unwrap();
    assert_eq!((last.operation, &last.tags), ("DeleteBucket", &None));
}

#[test]
fn an_object_is_read_as_it_was_put_and_put_only_once_if_asked_so() {
    let mut world = world();
    let mut put = call(ACCOUNT, "PUT", "/orders/usage/a.jsonl", "first");
    put.headers
        .push(("if-none-match".to_owned(), "*".to_owned()));
    send(&mut world, &put).unwrap();
    assert_eq!(
        refused(send(&mut world, &put)),
        is("PreconditionFailed", 412)
    );
    let read = ask(&mut world, "GET", "/orders/usage/a.jsonl", "").unwrap();
    assert_eq!(read.body, Body::Bytes(b"first".to_vec()));
    ask(&mut world, "PUT", "/orders/usage/a.jsonl", "second").unwrap();
    let read = ask(&mut world, "GET", "/orders/usage/a.jsonl", "").unwrap();
    assert_eq!(read.body, Body::Bytes(b"second".to_vec()));
    assert_eq!(
        refused(ask(&mut world, "GET", "/orders/b", "")),
        is("NoSuchKey", 404)
    );
    put.headers.pop();
    put.headers
        .push(("if-none-match".to_owned(), "\"etag\"".to_owned()));
    assert_eq!(refused(send(&mut world, &put)), is("NotImplemented", 501));
}

/// Amazon S3 API Reference, sigv4-streaming: the example's framing, with shorter chunks.
#[test]
fn the_framing_of_a_chunked_upload_is_taken_off() {
    let mut world = world();
    let body = "5;chunk-signature=ab\r\n12\r\n3\r\n3\r\nabc\r\n0;chunk-signature=ef\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    let mut put = call(ACCOUNT, "PUT", "/orders/a.csv", body);
    let header = ("x-amz-decoded-content-length".to_owned(), "8".to_owned());
    put.headers.push(header);
    send(&mut world, &put).unwrap();
    assert_eq!(world.s3.buckets["orders"].objects["a.csv"].bytes, 8);
    let read = ask(&mut world, "GET", "/orders/a.csv", "").unwrap();
    assert_eq!(read.body, Body::Bytes(b"12\r\n3abc".to_vec()));
}
