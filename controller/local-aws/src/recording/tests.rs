//! What calls ask for.

use serde_json::{Value, json};

use super::needs;
use crate::{
    Call, Clock,
    operation::find,
    organization::{ADMINISTRATOR, Organization, admin},
};

/// Actions and resources of a call of the administrator.
fn asked(service: &'static str, name: &str, path: &str, input: Value) -> Vec<String> {
    let clock = Clock::Frozen(jiff::Timestamp::UNIX_EPOCH);
    let world = Organization::new(1, &["eu-west-1"], clock).build().unwrap();
    let call = Call {
        service,
        region: "eu-west-1".to_owned(),
        caller: admin(ADMINISTRATOR),
        method: "POST".to_owned(),
        segments: path.split('/').map(str::to_owned).collect(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        input,
    };
    needs(&world, &call, find(service, name).unwrap())
        .into_iter()
        .map(|need| format!("{} {}", need.action, need.resource))
        .collect()
}

#[test]
fn calls_name_the_resource_that_aws_names() {
    let account = json!({ "accountId": "300000000001" });
    let tagged = json!({ "account": account, "tags": { "a": "b" } });
    let member = "arn:aws:macie2:eu-west-1:222222222222:member/300000000001";
    let role = "arn:aws:iam::300000000001:role/x";
    let cases: [(&'static str, &str, &str, Value, &[&str]); 10] = [
        ("sts", "GetCallerIdentity", "", json!({}), &[]),
        ("sts", "AssumeRole", "", json!({ "RoleArn": role }), &[role]),
        (
            "macie2",
            "GetMember",
            "members/300000000001",
            json!({}),
            &[member],
        ),
        // Tagging what it creates is a permission of its own.
        (
            "macie2",
            "CreateMember",
            "members",
            json!({ "account": account }),
            &[member],
        ),
        (
            "macie2",
            "CreateMember",
            "members",
            tagged,
            &[member, member],
        ),
        ("macie2", "ListMembers", "members", json!({}), &["*"]),
        (
            "s3",
            "GetBucketTagging",
            "orders",
            json!({}),
            &["arn:aws:s3:::orders"],
        ),
        ("s3", "ListBuckets", "", json!({}), &["*"]),
        (
            "s3",
            "GetObject",
            "orders/a/b.csv",
            json!({}),
            &["arn:aws:s3:::orders/a/b.csv"],
        ),
        (
            "s3",
            "ListObjectsV2",
            "orders",
            json!({}),
            &["arn:aws:s3:::orders"],
        ),
    ];
    for (service, name, path, input, resources) in cases {
        let found = asked(service, name, path, input);
        let found: Vec<&str> = found
            .iter()
            .filter_map(|need| need.split(' ').nth(1))
            .collect();
        assert_eq!(found, resources, "{name}");
    }
}

#[test]
fn every_entry_of_a_call_is_asked_for_by_itself() {
    let entry = |bus: &str| json!({ "EventBusName": bus, "Source": "a", "DetailType": "b" });
    let foreign = "arn:aws:events:eu-west-1:300000000001:event-bus/x";
    let input = json!({ "Entries": [entry("ours"), entry(foreign)] });
    assert_eq!(
        asked("events", "PutEvents", "", input),
        [
            "events:PutEvents arn:aws:events:eu-west-1:222222222222:event-bus/ours",
            &format!("events:PutEvents {foreign}"),
        ]
    );
}
