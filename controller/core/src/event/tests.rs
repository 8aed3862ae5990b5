mod fixtures;
mod malformed;
mod organization;

use serde_json::{Value, json};

use super::*;
use crate::sweep::resync_message;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-north-1";

/// A PutBucketTagging as CloudTrail reports it, with two tags.
fn good() -> Value {
    json!({
        "version": "0", "id": "77dd1b93-0000-4000-8000-000000000001",
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3",
        "account": ACCOUNT, "time": "2025-07-07T09:03:08Z", "region": REGION, "resources": [],
        "detail": {
            "eventVersion": "1.11", "userIdentity": {}, "eventTime": "2025-07-07T09:03:08Z",
            "eventSource": "s3.amazonaws.com", "eventName": "PutBucketTagging", "awsRegion": REGION,
            "requestParameters": {
                "Tagging": { "TagSet": { "Tag": [{ "Key": "macie", "Value": "true" }, { "Key": "team", "Value": "a" }] } },
                "tagging": "", "bucketName": "team-a-data", "Host": "s3.eu-north-1.amazonaws.com"
            },
            "responseElements": null, "readOnly": false,
            "resources": [{ "accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::team-a-data" }],
            "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": ACCOUNT
        }
    })
}

fn call(name: &str, parameters: Value) -> Value {
    let mut event = good();
    event["detail"]["eventName"] = json!(name);
    event["detail"]["requestParameters"] = parameters;
    event["detail"]["resources"] = json!([]);
    event
}

fn scope() -> Scope {
    Scope {
        account: ACCOUNT.parse().unwrap(),
        region: REGION.parse().unwrap(),
    }
}

fn refusal(event: &Value) -> String {
    parse_value(event).unwrap_err().to_string()
}

/// The only spoiled field is the one at the pointer.
fn spoiled(pointer: &str, value: Value) -> Value {
    let mut event = good();
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

#[test]
fn a_call_triggers_the_account_and_region_of_the_envelope() {
    let trigger = parse(&good().to_string()).unwrap();
    assert_eq!(
        trigger,
        Trigger {
            scope: scope(),
            bucket: Some("team-a-data".parse().unwrap()),
            cause: Cause::PutBucketTagging,
            event_id: "77dd1b93-0000-4000-8000-000000000001".into(),
            time: Some("2025-07-07T09:03:08Z".parse().unwrap()),
            slot: None,
        }
    );
}

#[test]
fn what_detail_says_of_accounts_and_regions_is_not_heard() {
    let mut event = good();
    event["detail"]["recipientAccountId"] = json!("444455556666");
    event["detail"]["awsRegion"] = json!("us-east-1");
    event["detail"]["userIdentity"] = json!({ "accountId": "444455556666" });
    event["detail"]["resources"][0]["accountId"] = json!("444455556666");
    event["detail"]["account"] = json!("444455556666");
    assert_eq!(parse_value(&event).unwrap().scope, scope());
}

/// Each row spoils one field of a good event: the refusal is this one.
#[test]
fn a_refusal_says_what_is_wrong() {
    let rows = [
        (
            "/source",
            json!("aws.ec2"),
            "not-ours",
            "not an event for this controller: aws.ec2 / AWS API Call via CloudTrail",
        ),
        (
            "/source",
            json!("macie.self-service"),
            "not-ours",
            "not an event for this controller: macie.self-service / AWS API Call via CloudTrail",
        ),
        (
            "/source",
            json!(7),
            "unreadable",
            "unreadable: `source` or `detail-type` is not text",
        ),
        (
            "/detail-type",
            json!("Object Created"),
            "not-ours",
            "not an event for this controller: aws.s3 / Object Created",
        ),
        (
            "/detail/eventName",
            json!("GetBucketTagging"),
            "not-ours",
            "not an event for this controller: GetBucketTagging of s3.amazonaws.com",
        ),
        (
            "/detail/eventName",
            json!("x".repeat(80)),
            "not-ours",
            &format!(
                "not an event for this controller: {} of s3.amazonaws.com",
                "x".repeat(64)
            ),
        ),
        (
            "/detail/eventName",
            json!(["PutBucketTagging"]),
            "unreadable",
            "unreadable: a CloudTrail event without `detail.eventName`",
        ),
        (
            "/detail/eventSource",
            json!("sns.amazonaws.com"),
            "not-ours",
            "not an event for this controller: PutBucketTagging of sns.amazonaws.com",
        ),
        (
            "/detail",
            json!("{}"),
            "unreadable",
            "unreadable: a CloudTrail event without `detail.eventName`",
        ),
        (
            "/account",
            json!("12345"),
            "no-account",
            "`account` is `12345`, expected an AWS account id of 12 digits",
        ),
        (
            "/account",
            json!(111122223333_u64),
            "no-account",
            "`account` is `111122223333`, expected an AWS account id of 12 digits",
        ),
        (
            "/account",
            Value::Null,
            "no-account",
            "`account` is `missing`, expected an AWS account id of 12 digits",
        ),
        (
            "/region",
            json!("eu-north-1\nforged"),
            "no-region",
            "`region` is `eu-north-1?forged`, expected an AWS Region such as `eu-west-1`",
        ),
    ];
    for (pointer, value, name, message) in rows {
        let refusal = parse_value(&spoiled(pointer, value)).unwrap_err();
        assert_eq!(
            (refusal.name(), refusal.to_string().as_str()),
            (name, message)
        );
        let poison = ["unreadable", "no-account", "no-region"].contains(&name);
        assert_eq!(refusal.is_poison(), poison, "{message}");
    }
    assert!(refusal(&json!([])).starts_with("unreadable: neither"));
    assert!(
        parse("{")
            .unwrap_err()
            .to_string()
            .starts_with("unreadable: not JSON: EOF")
    );
}

#[test]
fn a_call_that_failed_changed_nothing() {
    for (code, expected) in [
        (json!("AccessDenied"), Some("the call failed: AccessDenied")),
        (json!({ "code": 1 }), Some(r#"the call failed: {"code":1}"#)),
        (json!(""), None),
        (Value::Null, None),
    ] {
        let mut event = good();
        event["detail"]["errorCode"] = code;
        let refused = parse_value(&event).err().map(|refusal| refusal.to_string());
        assert_eq!(refused.as_deref(), expected);
    }
}

/// A known name is enough: whatever else is missing or of another shape, the account is triggered.
#[test]
fn a_known_call_with_an_unreadable_detail_still_triggers_its_account() {
    for name in [
        "PutBucketTagging",
        "DeleteBucketTagging",
        "TagResource",
        "UntagResource",
        "CreateBucket",
        "DeleteBucket",
    ] {
        for parameters in [
            Value::Null,
            json!([]),
            json!("x"),
            json!({ "bucketName": 7, "resourceArn": {} }),
            json!({ "bucketName": "Not A Bucket", "resourceArn": "arn" }),
        ] {
            let trigger = parse_value(&call(name, parameters)).unwrap();
            assert_eq!((trigger.scope, trigger.bucket), (scope(), None), "{name}");
        }
        let mut bare = good();
        bare["detail"] = json!({ "eventName": name });
        assert_eq!(parse_value(&bare).unwrap().bucket, None);
    }
    for tags in [
        json!(""),
        json!({}),
        json!({ "Tag": { "Key": "macie", "Value": true } }),
        json!([[]]),
    ] {
        let event = spoiled("/detail/requestParameters/Tagging/TagSet", tags);
        assert!(parse_value(&event).unwrap().bucket.is_some());
    }
}

#[test]
fn tags_of_anything_but_a_bucket_are_not_ours() {
    for (arn, expected) in [
        ("arn:aws:s3:::team-a-data", Ok(Some("team-a-data"))),
        ("arn:aws-us-gov:s3:::team-a-data", Ok(Some("team-a-data"))),
        ("arn:aws:s3:::Old_Bucket", Ok(Some("Old_Bucket"))),
        ("arn%3Aaws%3As3%3A%3A%3Ateam-a-data", Ok(None)),
        ("arn:aws:s3:::team-a-data/key", Err("s3 object")),
        (
            "arn:aws:s3:eu-north-1:111122223333:accesspoint/team-a",
            Err("s3 accesspoint"),
        ),
        (
            "arn:aws:s3:eu-north-1:111122223333:storage-lens-group/all",
            Err("s3 storage-lens-group"),
        ),
        (
            "arn:aws:s3:eu-north-1:111122223333:access-grants/default",
            Err("s3 access-grants"),
        ),
        (
            "arn:aws:s3express:eu-north-1:111122223333:bucket/a--eun1-az1--x-s3",
            Err("s3express bucket"),
        ),
    ] {
        for name in ["TagResource", "UntagResource"] {
            let result = parse_value(&call(name, json!({ "resourceArn": arn })));
            let expected = expected
                .map(|bucket| bucket.map(str::to_owned))
                .map_err(|kind| Refusal::NotABucket { kind: kind.into() });
            assert_eq!(
                result.map(|trigger| trigger.bucket.map(|name| name.to_string())),
                expected
            );
        }
    }
}

#[test]
fn a_tag_change_needs_s3_and_a_bucket() {
    let event = |detail: Value, resources: Value| {
        json!({
            "source": "aws.tag", "detail-type": "Tag Change on Resource",
            "account": ACCOUNT, "region": REGION, "resources": resources, "detail": detail,
        })
    };
    let bucket = json!(["arn:aws:s3:::team-a-data"]);
    let detail = json!({ "service": "s3", "resource-type": "bucket", "version": 3.0 });
    let trigger = parse_value(&event(detail.clone(), bucket.clone())).unwrap();
    assert_eq!(trigger.cause, Cause::TagChange);
    assert_eq!((trigger.event_id.as_str(), trigger.time), ("", None));
    assert_eq!(trigger.bucket, Some("team-a-data".parse().unwrap()));
    assert_eq!(
        parse_value(&event(detail, json!("x"))).unwrap().bucket,
        None
    );
    for (detail, name) in [
        (
            json!({ "service": "ec2", "resource-type": "instance" }),
            "not-ours",
        ),
        (
            json!({ "service": "s3", "resource-type": "accesspoint" }),
            "not-a-bucket",
        ),
        (json!({ "service": 3 }), "unreadable"),
        (json!(null), "unreadable"),
    ] {
        assert_eq!(
            parse_value(&event(detail, bucket.clone()))
                .unwrap_err()
                .name(),
            name
        );
    }
}

#[test]
fn a_sweep_message_comes_back_as_it_was_made() {
    let message = sweep_message(&scope(), "sweep-1");
    let trigger = parse(&message).unwrap();
    let expected = Trigger {
        scope: scope(),
        bucket: None,
        cause: Cause::Sweep,
        event_id: "sweep-1".into(),
        time: None,
        slot: None,
    };
    assert_eq!(trigger, expected);
    let record = json!({ "messageId": "m-1", "eventSource": "aws:sqs", "body": message });
    assert_eq!(parse_value(&record).unwrap(), expected);
}

#[test]
fn only_the_controllers_own_message_has_a_slot_in_the_line() {
    let slot: Timestamp = "2026-03-02T10:00:10.5Z".parse().unwrap();
    let message = line_message(&scope(), "again-1", slot);
    assert_eq!(parse(&message).unwrap().slot, Some(slot));
    let mut event = good();
    event["slot"] = json!(slot);
    event["detail"]["slot"] = json!(slot);
    assert_eq!(parse_value(&event).unwrap().slot, None);
    let unreadable = message.replace("2026", "then");
    assert_eq!(parse(&unreadable).unwrap().slot, None);
}

#[test]
fn a_sweep_message_cannot_be_forged_within_an_event() {
    let mut both = good();
    both["macieSelfService"] = json!("sweep");
    assert_eq!(
        refusal(&both),
        "unreadable: both `macieSelfService` and `detail-type` in one message"
    );
    let mut inside = good();
    inside["detail"] = serde_json::from_str(&sweep_message(&scope(), "x")).unwrap();
    assert_eq!(parse_value(&inside).unwrap_err().name(), "unreadable");
    for (field, value, message) in [
        (
            "version",
            json!(2),
            "unreadable: a sweep message of version `2`, expected 1",
        ),
        (
            "macieSelfService",
            json!("purge"),
            "unreadable: `macieSelfService` is `purge`, expected `sweep`",
        ),
    ] {
        let mut sweep: Value = serde_json::from_str(&sweep_message(&scope(), "x")).unwrap();
        sweep[field] = value;
        assert_eq!(refusal(&sweep), message);
    }
}

#[test]
fn an_sqs_record_is_unwrapped_once() {
    let record =
        |body: String| json!({ "messageId": "m-1", "eventSource": "aws:sqs", "body": body });
    let once = record(good().to_string());
    assert!(parse_value(&once).is_ok());
    assert_eq!(
        parse_value(&record(once.to_string())).unwrap_err().name(),
        "unreadable"
    );
    assert_eq!(
        parse_value(&record("<Message/>".into()))
            .unwrap_err()
            .name(),
        "unreadable"
    );
    let mut envelope_with_body = good();
    envelope_with_body["messageId"] = json!("m-1");
    envelope_with_body["body"] = json!(sweep_message(&scope(), "x"));
    assert_eq!(
        parse_value(&envelope_with_body).unwrap().cause,
        Cause::PutBucketTagging
    );
}

#[test]
fn many_events_come_as_an_array_as_lines_or_as_a_batch() {
    let (event, sweep) = (good().to_string(), sweep_message(&scope(), "x"));
    let record =
        |id: &str, body: &str| json!({ "messageId": id, "eventSource": "aws:sqs", "body": body });
    let batch =
        json!({ "Records": [record("m-1", &event), record("m-2", "{"), record("m-3", &sweep)] });
    let pretty = serde_json::to_string_pretty(&good()).unwrap();
    let rows: Vec<(String, Vec<bool>)> = vec![
        (String::new(), vec![]),
        (event.clone(), vec![true]),
        (format!("\u{feff}{pretty}\n{pretty}"), vec![true, true]),
        (format!("[{event}, 7, {sweep}]"), vec![true, false, true]),
        (format!("{event}\n\n{sweep}\r\n"), vec![true, true]),
        (
            format!("nonsense\n{event}\n{{\n{sweep}"),
            vec![false, true, false, true],
        ),
        (batch.to_string(), vec![true, false, true]),
        (format!("{batch}\n{event}"), vec![true, false, true, true]),
        (pretty.replace("\"account\"", "account"), vec![false]),
        ("nonsense".into(), vec![false]),
    ];
    for (text, expected) in rows {
        let good: Vec<bool> = parse_many(&text)
            .iter()
            .map(|one| one.result.is_ok())
            .collect();
        assert_eq!(good, expected, "{text}");
    }
    let ids: Vec<Option<String>> = parse_many(&batch.to_string())
        .into_iter()
        .map(|one| one.id)
        .collect();
    assert_eq!(ids, ["m-1", "m-2", "m-3"].map(|id| Some(id.to_owned())));
    assert_eq!(parse_many(&event)[0].id, None);
}

fn request_of(message: &Value) -> Result<Request, Refusal> {
    let bare = parse_many(&message.to_string()).remove(0).result;
    let record = json!({ "messageId": "m-1", "body": message.to_string() });
    let in_a_batch = parse_many(&json!({ "Records": [record] }).to_string()).remove(0);
    assert_eq!(in_a_batch.result, bare);
    bare
}

/// Else a pass that lost its Region would be one over all of them.
#[test]
fn a_pass_of_no_region_is_refused() {
    let message = json!({ "macieSelfService": "pass", "version": 1 });
    assert!(request_of(&message).is_err());
}

#[test]
fn a_pass_is_read_as_it_was_written() {
    for region in [None, Some("eu-west-1".parse().unwrap())] {
        for only_pending in [false, true] {
            let region = region.clone();
            let pass = Pass {
                region,
                only_pending,
            };
            let message: Value = serde_json::from_str(&pass.message()).unwrap();
            assert_eq!(request_of(&message), Ok(Request::Sweep(pass)));
        }
    }
}

#[test]
fn half_of_a_scope_is_not_a_wish_for_everything() {
    let all: Value = serde_json::from_str(&Pass::EVERYTHING.message()).unwrap();
    for (name, value) in [
        ("version", json!(2)),
        ("version", Value::Null),
        ("macieSelfService", json!("everything")),
        ("account", json!("111122223333")),
        ("account", Value::Null),
        ("region", json!("eu-west-1")),
        ("region", Value::Null),
        ("only", json!("some")),
        ("only", json!(true)),
        ("detail-type", json!("Tag Change on Resource")),
    ] {
        let mut half = all.clone();
        half[name] = value;
        assert!(request_of(&half).is_err(), "{half}");
    }
}

#[test]
fn a_resync_is_read_as_it_was_written() {
    let member = json!({ "status": "Enabled", "tags": { "a": "b" }, "updatedAt": null });
    let job = json!({
        "id": "job-1", "name": "macie-self-service/111122223333/daily/x", "status": "Idle",
        "kind": { "kind": "daily", "spec": "x" }, "createdAt": "2026-03-02T10:00:00Z",
        "buckets": ["orders"],
    });
    for seen in [
        Value::Null,
        json!({ "member": null, "jobs": [] }),
        json!({ "member": member, "jobs": [job] }),
        json!({ "member": null, "jobs": [], "units": ["ou-abcd-12345678"] }),
    ] {
        let message = json!({
            "macieSelfService": "resync", "version": 1, "account": "111122223333",
            "region": "eu-west-1", "seen": seen,
        });
        let Ok(Request::Resync { scope, seen }) = request_of(&message) else {
            panic!("{message}");
        };
        let written = resync_message(&scope, seen.as_deref());
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), message);
    }
}

#[test]
fn a_resync_with_anything_strange_is_refused() {
    let good = json!({
        "macieSelfService": "resync", "version": 1, "account": "111122223333",
        "region": "eu-west-1", "seen": { "member": null, "jobs": [] },
    });
    for (place, value) in [
        ("/account", json!("1")),
        ("/region", json!(7)),
        ("/version", json!(2)),
        (
            "/seen",
            json!({ "member": null, "jobs": [], "wish": "suspend" }),
        ),
        ("/seen/jobs", json!([{ "id": "job-1" }])),
        ("/seen/member", json!({ "status": 1, "tags": {} })),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(place).unwrap() = value;
        assert!(request_of(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_settings_message_is_read_as_it_was_written() {
    let region: Region = "eu-west-1".parse().unwrap();
    let message = serde_json::from_str(&settings_message(&region)).unwrap();
    assert_eq!(request_of(&message), Ok(Request::Settings(region)));
}

#[test]
fn the_message_of_the_collection_is_read_as_it_was_written() {
    let message = serde_json::from_str(&collect_message()).unwrap();
    assert_eq!(request_of(&message), Ok(Request::Collect));
    let newer = json!({ "macieSelfService": "collect", "version": 2 });
    assert!(request_of(&newer).is_err());
}

#[test]
fn a_cause_is_written_alike_everywhere() {
    for name in [
        "PutBucketTagging",
        "DeleteBucketTagging",
        "TagResource",
        "UntagResource",
        "CreateBucket",
        "DeleteBucket",
    ] {
        let cause = Cause::of_call(name).unwrap();
        assert_eq!(serde_json::to_value(cause).unwrap(), cause.to_string());
    }
    for cause in [Cause::TagChange, Cause::Sweep, Cause::Manual] {
        assert_eq!(serde_json::to_value(cause).unwrap(), cause.to_string());
    }
}
