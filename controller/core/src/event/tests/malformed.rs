//! Events as nobody should send them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{call, good, scope};
use crate::event::{Request, parse, parse_many, parse_value};

/// A small generator of numbers, so that a run can be repeated from the seed that it prints.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Every place in a value, as JSON pointers.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, inner)| (name.clone(), inner))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, inner)| (at.to_string(), inner))
            .collect(),
        _ => vec![],
    };
    for (name, inner) in children {
        let path = format!("{path}/{name}");
        places(inner, &path, found);
        found.push(path);
    }
}

/// One to three fields replaced by something that does not belong there.
fn malformed(numbers: &mut Numbers) -> Value {
    let wrong = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(3.5),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([{ "Key": 1 }]),
        json!("444455556666"),
        json!("us-east-1"),
        json!("arn:aws:s3:::other"),
        json!("\u{0}\n"),
        json!("a".repeat(10_000)),
        json!({ "detail-type": "x", "account": "444455556666" }),
        json!([[[[]]]]),
        json!("AccessDenied"),
        json!("TagResource"),
    ];
    let mut tag_resource = call(
        "TagResource",
        json!({ "resourceArn": "arn:aws:s3:::team-a-data" }),
    );
    tag_resource["detail"]["errorCode"] = Value::Null;
    let access_point = "arn:aws:s3:eu-north-1:111122223333:accesspoint/team-a";
    let other = call("UntagResource", json!({ "resourceArn": access_point }));
    let mut event = [good(), tag_resource, other][numbers.below(3)].clone();
    for _ in 0..=numbers.below(3) {
        let mut found = Vec::new();
        places(&event, "", &mut found);
        let place = &found[numbers.below(found.len())];
        *event.pointer_mut(place).unwrap() = wrong[numbers.below(wrong.len())].clone();
    }
    event
}

#[test]
fn malformed_events_are_refused_by_name_or_trigger_their_sender_and_never_harm_their_neighbours() {
    let seed = 20_250_707;
    let mut numbers = Numbers(seed);
    let (mut triggers, mut refusals) = (0, std::collections::BTreeMap::<&str, u32>::new());
    let names = [
        "not-ours",
        "failed-call",
        "not-a-bucket",
        "no-account",
        "no-region",
        "unreadable",
    ];
    for round in 0..1_000 {
        let event = malformed(&mut numbers);
        let result = parse_value(&event);
        match &result {
            Ok(trigger) => {
                assert_eq!(event["account"], trigger.scope.account.as_str());
                assert_eq!(event["region"], trigger.scope.region.as_str());
                triggers += 1;
            }
            Err(refusal) => {
                assert!(names.contains(&refusal.name()));
                assert!(
                    refusal.to_string().len() < 400 && !refusal.to_string().contains('\n'),
                    "{refusal}"
                );
                *refusals.entry(refusal.name()).or_default() += 1;
            }
        }
        let text = event.to_string();
        let cut = text
            .chars()
            .take(numbers.below(text.chars().count()))
            .collect::<String>();
        let lines = format!("{}\n{text}\n{cut}\n{}", good(), good());
        let together = parse_many(&lines);
        assert_eq!(
            together.first().unwrap().result,
            parse_value(&good()).map(Request::Look),
            "round {round}"
        );
        assert_eq!(
            together.last().unwrap().result,
            parse_value(&good()).map(Request::Look),
            "round {round}"
        );
        assert_eq!(
            together[1].result,
            result.clone().map(Request::Look),
            "round {round}"
        );
        let record =
            |body: &str| json!({ "messageId": "m", "eventSource": "aws:sqs", "body": body });
        let batch = json!({ "Records": [record(&good().to_string()), record(&text), record(&cut), record(&good().to_string())] });
        let outcomes: Vec<bool> = parse_many(&batch.to_string())
            .iter()
            .map(|one| one.result.is_ok())
            .collect();
        assert_eq!(
            outcomes,
            [true, result.is_ok(), false, true],
            "round {round}"
        );
    }
    println!(
        "1000 malformed events from seed {seed}: {triggers} triggers of their sender, refused: {refusals:?}"
    );
    assert!(
        triggers > 0 && refusals.len() == names.len(),
        "{refusals:?}"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("arn:aws:s3:::other")),
        Just(json!("444455556666")),
    ];
    let name = prop_oneof![
        Just("account".to_owned()),
        Just("region".to_owned()),
        Just("recipientAccountId".to_owned()),
        Just("awsRegion".to_owned()),
        Just("resources".to_owned()),
        Just("requestParameters".to_owned()),
        Just("bucketName".to_owned()),
        Just("resourceArn".to_owned()),
        Just("detail-type".to_owned()),
        Just("macieSelfService".to_owned()),
        Just("body".to_owned()),
        ".{0,8}",
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..5)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_the_detail_a_trigger_is_of_the_envelopes_account_and_region(
        detail in any_json(),
        resources in any_json(),
        name in prop::sample::select(vec!["PutBucketTagging", "TagResource", "UntagResource", "CreateBucket", "DeleteBucket"]),
    ) {
        let mut event = good();
        event["resources"] = resources;
        event["detail"] = detail;
        if let Some(detail) = event["detail"].as_object_mut() {
            detail.insert("eventName".into(), name.into());
        }
        if let Ok(trigger) = parse_value(&event) {
            prop_assert_eq!(trigger.scope, scope());
        }
    }

    #[test]
    fn no_json_makes_the_parser_panic(value in any_json()) {
        let _ = parse_value(&value);
        let _ = parse_many(&value.to_string());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".*") {
        let _ = parse(&text);
        let _ = parse_many(&text);
    }
}
