//! The shapes of the events, and when they are emitted.

use jiff::Timestamp;

use super::*;
use crate::{
    Clock,
    organization::{Organization, admin},
    s3,
};

const ACCOUNT: &str = "300000000001";
const OTHER: &str = "300000000002";

fn world() -> World {
    let clock = Clock::Frozen(Timestamp::UNIX_EPOCH);
    let mut world = Organization::new(2, &["eu-west-1"], clock).build().unwrap();
    s3::create_bucket(&mut world, &admin(ACCOUNT), "eu-west-1", "orders", &[]).unwrap();
    world
}

/// The events of a tagging call by an account; the tags are set if it may.
fn tagging_by(world: &mut World, account: &str, tags: &[(&str, &str)]) -> Vec<Emitted> {
    let caller = admin(account);
    let event = Recorded {
        caller: &caller,
        region: "eu-west-1",
        operation: "PutBucketTagging",
        bucket: "orders",
        parameters: tagging(tags),
    };
    let act = |world: &mut World| {
        let bucket = s3::reach(world, &caller, "eu-west-1", "orders")?;
        bucket.tags = s3::tags::checked(&BTreeMap::new(), tags)?;
        Ok(())
    };
    carry_out(world, &event, act).1
}

#[test]
fn a_tagging_is_recorded_and_changes_tags() {
    let mut world = world();
    let emitted = tagging_by(&mut world, ACCOUNT, &[("macie", "true"), ("team", "a")]);
    let [call, change] = emitted.as_slice() else {
        panic!("expected two events")
    };
    assert_eq!((call.source, call.account.as_str()), ("aws.s3", ACCOUNT));
    assert_eq!(call.detail["eventName"], "PutBucketTagging");
    assert_eq!(call.detail["eventTime"], "1970-01-01T00:00:00Z");
    assert_eq!(call.detail["recipientAccountId"], ACCOUNT);
    assert_eq!(call.detail.get("errorCode"), None);
    assert_eq!(
        call.detail["resources"],
        json!([{ "accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::orders" }])
    );
    assert_eq!(
        call.detail["requestParameters"],
        json!({
            "Tagging": { "xmlns": NAMESPACE, "TagSet": { "Tag": [
                { "Key": "macie", "Value": "true" }, { "Key": "team", "Value": "a" },
            ] } },
            "tagging": "",
            "bucketName": "orders",
            "Host": "s3.eu-west-1.amazonaws.com",
        })
    );
    assert_eq!(change.detail_type, "Tag Change on Resource");
    assert_eq!(change.resources, ["arn:aws:s3:::orders"]);
    assert_eq!(change.detail["changed-tag-keys"], json!(["macie", "team"]));
    let expected = json!({ "macie": "true", "team": "a" });
    assert_eq!(change.detail["tags"], expected);
}

#[test]
fn only_a_real_change_of_tags_is_a_tag_change() {
    let mut world = world();
    assert_eq!(tagging_by(&mut world, ACCOUNT, &[]).len(), 1);
    assert_eq!(tagging_by(&mut world, ACCOUNT, &[("a", "1")]).len(), 2);
    assert_eq!(tagging_by(&mut world, ACCOUNT, &[("a", "1")]).len(), 1);
    let emitted = tagging_by(&mut world, ACCOUNT, &[("b", "1")]);
    let changed = &emitted[1].detail["changed-tag-keys"];
    assert_eq!(changed, &json!(["a", "b"]));
}

#[test]
fn a_failed_call_is_recorded_with_its_error() {
    let mut world = world();
    let emitted = tagging_by(&mut world, ACCOUNT, &[("a", "1"), ("a", "2")]);
    assert_eq!(emitted.len(), 1);
    assert_eq!(emitted[0].detail["errorCode"], "InvalidTag");
    assert!(emitted[0].detail["errorMessage"].is_string());
}

#[test]
fn a_call_from_another_account_reaches_both() {
    let mut world = world();
    let emitted = tagging_by(&mut world, OTHER, &[("macie", "true")]);
    let accounts: Vec<&str> = emitted.iter().map(|e| e.account.as_str()).collect();
    assert_eq!(accounts, [ACCOUNT, OTHER]);
    for one in &emitted {
        assert_eq!(one.detail["errorCode"], "AccessDenied");
        assert_eq!(one.detail["recipientAccountId"], one.account.as_str());
        assert_eq!(one.detail["resources"][0]["accountId"], ACCOUNT);
    }
    let shared = &emitted[0].detail["sharedEventID"];
    assert!(shared.is_string());
    assert_eq!(shared, &emitted[1].detail["sharedEventID"]);
    assert_ne!(emitted[0].detail["eventID"], emitted[1].detail["eventID"]);
}

#[test]
fn the_switches_silence_the_events() {
    let mut world = world();
    world.switches.trail = false;
    let emitted = tagging_by(&mut world, ACCOUNT, &[("a", "1")]);
    assert_eq!(emitted.len(), 1);
    assert_eq!(emitted[0].source, "aws.tag");
    world.switches.tag_change_events = false;
    assert!(tagging_by(&mut world, ACCOUNT, &[("a", "2")]).is_empty());
}

#[test]
fn one_tag_is_an_object_and_none_leaves_no_member() {
    let tag = json!({ "Key": "macie", "Value": "true" });
    assert_eq!(tag_list(&[("macie", "true")]), json!({ "Tag": tag }));
    assert_eq!(tag_list(&[]), json!({}));
    assert_eq!(creation("us-east-1", &[]), json!({}));
    let created = creation("eu-west-1", &[("macie", "true")]);
    let configuration = &created["CreateBucketConfiguration"];
    assert_eq!(configuration["LocationConstraint"], "eu-west-1");
    assert_eq!(configuration["Tags"]["Tag"], tag);
    assert_eq!(untag_request(&["a"]), json!({ "tagKeys": "a" }));
}

#[test]
fn the_control_operations_name_the_arn() {
    let caller = admin(ACCOUNT);
    let event = Recorded {
        caller: &caller,
        region: "eu-west-1",
        operation: "UntagResource",
        bucket: "orders",
        parameters: untag_request(&["a", "b"]),
    };
    let expected = json!({
        "resourceArn": "arn:aws:s3:::orders",
        "tagKeys": ["a", "b"],
        "Host": "s3-control.eu-west-1.amazonaws.com",
    });
    assert_eq!(parameters(&event, "eu-west-1"), expected);
}
