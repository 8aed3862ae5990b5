use serde_json::{Value, json};

use super::*;

fn tags_seen(world: &mut World, bucket: &str) -> bool {
    let request = json!({"bucketCriteria": {"includes": {"and": [
        {"simpleCriterion": {"comparator": "EQ", "key": "S3_BUCKET_NAME", "values": [bucket]}},
        {"tagCriterion": {"comparator": "EQ", "tagValues": [{"key": "macie", "value": "true"}]}},
    ]}}});
    let reply = send(
        world,
        ADMIN,
        "POST",
        "/datasources/search-resources",
        request,
    )
    .unwrap();
    !reply["matchingResources"].as_array().unwrap().is_empty()
}

fn buckets(world: &mut World, request: Value) -> Vec<Value> {
    let reply = send(world, ADMIN, "POST", "/datasources/s3", request).unwrap();
    reply["buckets"].as_array().unwrap().clone()
}

fn names(world: &mut World, request: Value) -> Vec<String> {
    let name = |bucket: &Value| bucket["bucketName"].as_str().unwrap().to_owned();
    buckets(world, request).iter().map(name).collect()
}

fn enrolled() -> World {
    let mut world = world();
    add_bucket(&mut world, TEAM, "data", BTreeMap::new());
    enroll(&mut world, TEAM);
    world
}

#[test]
fn a_watched_event_is_seen_after_the_lag() {
    let mut world = enrolled();
    world.switches.inventory_lag = SignedDuration::from_mins(5);
    retag(&mut world, TEAM, "data", "PutBucketTagging", opted_in());
    assert!(!tags_seen(&mut world, "data"));
    minutes(&mut world, 4);
    assert!(!tags_seen(&mut world, "data"));
    minutes(&mut world, 1);
    assert!(tags_seen(&mut world, "data"));
    retag(
        &mut world,
        TEAM,
        "data",
        "DeleteBucketTagging",
        BTreeMap::new(),
    );
    assert!(tags_seen(&mut world, "data"));
    minutes(&mut world, 5);
    assert!(!tags_seen(&mut world, "data"));
}

#[test]
fn tag_resource_is_seen_only_by_a_refresh() {
    let mut world = enrolled();
    minutes(&mut world, 1);
    retag(&mut world, TEAM, "data", "TagResource", opted_in());
    hours(&mut world, 23);
    assert!(!tags_seen(&mut world, "data"));
    // The daily refresh: 24 hours after the account was enabled.
    hours(&mut world, 1);
    assert!(tags_seen(&mut world, "data"));
    retag(&mut world, TEAM, "data", "UntagResource", BTreeMap::new());
    assert!(tags_seen(&mut world, "data"));
    names(&mut world, json!({}));
    assert!(!tags_seen(&mut world, "data"));
    // After a refresh at the same instant.
    retag(&mut world, TEAM, "data", "TagResource", opted_in());
    assert!(!tags_seen(&mut world, "data"));
    world.switches.inventory_sees_tag_resource = true;
    assert!(tags_seen(&mut world, "data"));
}

#[test]
fn fractions_of_a_second_are_no_daily_refresh() {
    let mut world = enrolled();
    world.advance(SignedDuration::from_millis(300));
    retag(&mut world, TEAM, "data", "TagResource", opted_in());
    world.advance(SignedDuration::from_millis(600));
    assert!(!tags_seen(&mut world, "data"));
}

#[test]
fn a_watched_event_brings_what_was_not_watched() {
    let mut world = enrolled();
    minutes(&mut world, 1);
    retag(&mut world, TEAM, "data", "TagResource", opted_in());
    let mut more = opted_in();
    more.insert("team".to_owned(), "payments".to_owned());
    retag(&mut world, TEAM, "data", "PutBucketTagging", more);
    assert!(tags_seen(&mut world, "data"));
}

#[test]
fn whether_describe_buckets_refreshes_members_is_a_switch() {
    let mut world = enrolled();
    world.switches.describe_buckets_refreshes_members = false;
    add_bucket(&mut world, ADMIN, "own", BTreeMap::new());
    minutes(&mut world, 1);
    retag(&mut world, TEAM, "data", "TagResource", opted_in());
    retag(&mut world, ADMIN, "own", "TagResource", opted_in());
    names(&mut world, json!({}));
    assert!(!tags_seen(&mut world, "data"));
    assert!(tags_seen(&mut world, "own"));
}

#[test]
fn a_suspended_account_has_no_inventory_and_a_resumed_one_is_current() {
    let mut world = enrolled();
    assert_eq!(names(&mut world, json!({})), ["data"]);
    suspend(&mut world, TEAM, "PAUSED");
    assert!(names(&mut world, json!({})).is_empty());
    let nothing = json!({"accountId": TEAM});
    let reply = send(
        &mut world,
        ADMIN,
        "POST",
        "/datasources/s3/statistics",
        nothing,
    )
    .unwrap();
    assert_eq!(reply["bucketCount"], 0);
    minutes(&mut world, 1);
    retag(&mut world, TEAM, "data", "TagResource", opted_in());
    suspend(&mut world, TEAM, "ENABLED");
    assert!(tags_seen(&mut world, "data"));
}

#[test]
fn strangers_suspended_accounts_and_disabled_regions_are_not_seen() {
    let mut world = enrolled();
    add_bucket(&mut world, OTHER, "theirs", opted_in());
    assert_eq!(names(&mut world, json!({})), ["data"]);
    let stranger = json!({"accountId": OTHER});
    let path = "/datasources/s3/statistics";
    assert_eq!(
        refused(&mut world, ADMIN, "POST", path, stranger),
        "ValidationException"
    );
    let account = world.organizations.accounts.get_mut(TEAM).unwrap();
    account.disabled_regions.push(REGION.to_owned());
    assert!(names(&mut world, json!({})).is_empty());
    // A member sees its own buckets, the administrator's are not its business.
    let reply = send(&mut world, TEAM, "POST", "/datasources/s3", json!({})).unwrap();
    assert_eq!(reply["buckets"].as_array().unwrap().len(), 1);
}

#[test]
fn a_deleted_bucket_disappears_after_the_lag() {
    let mut world = enrolled();
    world.switches.inventory_lag = SignedDuration::from_mins(5);
    retag(&mut world, TEAM, "data", "PutBucketTagging", opted_in());
    minutes(&mut world, 5);
    delete_bucket(&mut world, TEAM, "data");
    assert!(tags_seen(&mut world, "data"));
    minutes(&mut world, 5);
    assert!(!tags_seen(&mut world, "data"));
}

#[test]
fn a_locked_bucket_has_an_error_instead_of_tags_and_sizes() {
    let mut world = enrolled();
    retag(&mut world, TEAM, "data", "PutBucketTagging", opted_in());
    world.s3.buckets.get_mut("data").unwrap().locked = true;
    assert!(!tags_seen(&mut world, "data"));
    let bucket = buckets(&mut world, json!({})).remove(0);
    assert_eq!(bucket["errorCode"], "ACCESS_DENIED");
    assert_eq!(bucket["sharedAccess"], "UNKNOWN");
    assert_eq!(bucket["versioning"], false);
    for name in [
        "tags",
        "objectCount",
        "sizeInBytes",
        "classifiableSizeInBytes",
    ] {
        assert!(bucket.get(name).is_none(), "{name}");
    }
}

#[test]
fn objects_are_counted_once_a_day_if_the_world_says_so() {
    let mut world = enrolled();
    world.macie.figures.counts_daily = true;
    hours(&mut world, 1);
    put(&mut world, "data", "later.csv", 7);
    for (hours_later, size) in [(0, 0), (22, 0), (1, 7)] {
        hours(&mut world, hours_later);
        let bucket = buckets(&mut world, json!({})).remove(0);
        assert_eq!(bucket["classifiableSizeInBytes"], size, "{hours_later}");
    }
}

#[test]
fn beyond_ten_thousand_buckets_tags_are_missing() {
    let mut world = enrolled();
    retag(&mut world, TEAM, "data", "PutBucketTagging", opted_in());
    minutes(&mut world, 1);
    for n in 0..10_000 {
        add_bucket(&mut world, TEAM, &format!("new-{n:05}"), BTreeMap::new());
    }
    assert!(!tags_seen(&mut world, "data"));
}

#[test]
fn buckets_are_described_with_sizes_and_jobs() {
    let mut world = enrolled();
    retag(&mut world, TEAM, "data", "PutBucketTagging", opted_in());
    for (key, bytes) in [("a.csv", 100), ("b.gz", 10), ("none", 1)] {
        put(&mut world, "data", key, bytes);
    }
    let id = daily(&mut world, TEAM, true);
    let bucket = buckets(&mut world, json!({})).remove(0);
    assert_eq!(
        bucket["jobDetails"],
        json!({"isDefinedInJob": "FALSE", "isMonitoredByJob": "TRUE"})
    );
    minutes(&mut world, 1);
    let bucket = buckets(&mut world, json!({})).remove(0);
    for (name, value) in [
        ("accountId", json!(TEAM)),
        ("objectCount", json!(3)),
        ("sizeInBytes", json!(111)),
        ("sizeInBytesCompressed", json!(10)),
        ("classifiableObjectCount", json!(2)),
        ("classifiableSizeInBytes", json!(110)),
        (
            "unclassifiableObjectCount",
            json!({"fileType": 1, "storageClass": 0, "total": 1}),
        ),
        ("tags", json!([{"key": "macie", "value": "true"}])),
        ("region", json!(REGION)),
    ] {
        assert_eq!(bucket[name], value, "{name}");
    }
    let details = &bucket["jobDetails"];
    assert_eq!(details["isDefinedInJob"], "TRUE");
    assert_eq!(details["lastJobId"], json!(id));
    set_status(&mut world, &id, "CANCELLED").unwrap();
    let bucket = buckets(&mut world, json!({})).remove(0);
    assert_eq!(bucket["jobDetails"]["isMonitoredByJob"], "FALSE");
    let resource = send(
        &mut world,
        ADMIN,
        "POST",
        "/datasources/search-resources",
        json!({}),
    )
    .unwrap();
    let resource = &resource["matchingResources"][0]["matchingBucket"];
    assert_eq!(resource["classifiableSizeInBytes"], 110);
    assert!(resource.get("tags").is_none() && resource.get("region").is_none());
    let sums = send(
        &mut world,
        ADMIN,
        "POST",
        "/datasources/s3/statistics",
        json!({}),
    )
    .unwrap();
    assert_eq!(
        (&sums["bucketCount"], &sums["sizeInBytes"]),
        (&json!(1), &json!(111))
    );
}

#[test]
fn buckets_are_filtered_sorted_and_in_pages() {
    let mut world = enrolled();
    for (name, bytes) in [("logs-a", 5), ("logs-b", 50), ("web", 500)] {
        add_bucket(&mut world, TEAM, name, BTreeMap::new());
        put(&mut world, name, "a.csv", bytes);
    }
    for (criteria, expected) in [
        (
            json!({"bucketName": {"eq": ["web", "data"]}}),
            vec!["data", "web"],
        ),
        (
            json!({"bucketName": {"neq": ["web", "data"]}}),
            vec!["logs-a", "logs-b"],
        ),
        (
            json!({"bucketName": {"prefix": "logs-"}, "sizeInBytes": {"gte": 50}}),
            vec!["logs-b"],
        ),
        (json!({"accountId": {"eq": [OTHER]}}), vec![]),
        (json!({"objectCount": {"lt": 1}}), vec!["data"]),
    ] {
        assert_eq!(
            names(&mut world, json!({ "criteria": criteria })),
            expected,
            "{criteria}"
        );
    }
    let sort = json!({"sortCriteria": {"attributeName": "sizeInBytes", "orderBy": "DESC"}});
    assert_eq!(names(&mut world, sort), ["web", "logs-b", "logs-a", "data"]);
    for bad in [
        json!({"criteria": {"colour": {"eq": ["red"]}}}),
        json!({"sortCriteria": {"attributeName": "tags"}}),
    ] {
        assert_eq!(
            refused(&mut world, ADMIN, "POST", "/datasources/s3", bad),
            "ValidationException"
        );
    }
    let page = send(
        &mut world,
        ADMIN,
        "POST",
        "/datasources/s3",
        json!({"maxResults": 3}),
    )
    .unwrap();
    let next = json!({"maxResults": 3, "nextToken": page["nextToken"]});
    assert_eq!(names(&mut world, next), ["web"]);
    let search = json!({"sortCriteria": {"attributeName": "S3_CLASSIFIABLE_SIZE_IN_BYTES", "orderBy": "DESC"}, "maxResults": 1});
    let page = send(
        &mut world,
        ADMIN,
        "POST",
        "/datasources/search-resources",
        search,
    )
    .unwrap();
    assert_eq!(
        page["matchingResources"][0]["matchingBucket"]["bucketName"],
        "web"
    );
    assert!(page["nextToken"].is_string());
}
