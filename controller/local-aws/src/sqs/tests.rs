//! Queues and messages by the world's clock.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::{
    clock::Clock,
    request::{Body, Caller},
};

const ACCOUNT: &str = "222222222222";
const REGION: &str = "eu-west-1";
const URL: &str = "http://127.0.0.1:4566/222222222222/work";

fn world() -> World {
    World::new(Clock::Frozen("2026-11-22T00:00:00Z".parse().unwrap()))
}

fn act_as(world: &mut World, account: &str, name: &str, input: Value) -> Result<Value, ApiError> {
    let call = Call {
        service: "sqs",
        region: REGION.to_owned(),
        caller: Caller {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/admin"),
            role: None,
        },
        method: "POST".to_owned(),
        segments: Vec::new(),
        query: Vec::new(),
        headers: vec![("host".to_owned(), "127.0.0.1:4566".to_owned())],
        body: Vec::new(),
        input,
    };
    perform(world, &call, name).map(|reply| match reply.body {
        Body::Json(value) => value,
        _ => Value::Null,
    })
}

fn act(world: &mut World, name: &str, mut input: Value) -> Result<Value, ApiError> {
    if input.get("QueueName").is_none() && input.get("QueueUrl").is_none() {
        input["QueueUrl"] = json!(URL);
    }
    act_as(world, ACCOUNT, name, input)
}

fn advance(world: &mut World, seconds: i64) {
    world.advance(SignedDuration::from_secs(seconds));
}

fn work(world: &mut World, attributes: Value) -> QueueId {
    let input = json!({"QueueName": "work", "Attributes": attributes});
    let reply = act(world, "CreateQueue", input).unwrap();
    assert_eq!(reply["QueueUrl"], URL);
    QueueId::new(ACCOUNT, REGION, "work")
}

fn counts(world: &mut World) -> [String; 3] {
    let reply = act(
        world,
        "GetQueueAttributes",
        json!({"AttributeNames": ["All"]}),
    )
    .unwrap();
    ["", "NotVisible", "Delayed"].map(|kind| {
        let name = format!("ApproximateNumberOfMessages{kind}");
        reply["Attributes"][name].as_str().unwrap().to_owned()
    })
}

fn receive_all(world: &mut World) -> Vec<Value> {
    let input = json!({"MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]});
    let reply = act(world, "ReceiveMessage", input).unwrap();
    reply["Messages"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_message_is_sent_received_hidden_and_deleted() {
    let mut world = world();
    work(&mut world, json!({}));
    let sent = act(&mut world, "SendMessage", json!({"MessageBody": "hello"})).unwrap();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let received = receive_all(&mut world);
    assert_eq!(received[0]["Body"], "hello");
    assert_eq!(received[0]["MessageId"], sent["MessageId"]);
    assert_eq!(received[0]["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(received[0]["Attributes"]["SentTimestamp"], "1795305600000");
    assert!(receive_all(&mut world).is_empty());
    assert_eq!(counts(&mut world), ["0", "1", "0"]);
    advance(&mut world, 30);
    let again = receive_all(&mut world);
    assert_eq!(again[0]["Attributes"]["ApproximateReceiveCount"], "2");
    let old = json!({"ReceiptHandle": received[0]["ReceiptHandle"]});
    act(&mut world, "DeleteMessage", old).unwrap();
    assert_eq!(counts(&mut world), ["0", "1", "0"]);
    let latest = json!({"ReceiptHandle": again[0]["ReceiptHandle"]});
    act(&mut world, "DeleteMessage", latest.clone()).unwrap();
    act(&mut world, "DeleteMessage", latest).unwrap();
    assert_eq!(counts(&mut world), ["0", "0", "0"]);
}

#[test]
fn delays_and_retention_follow_the_clock() {
    let mut world = world();
    work(
        &mut world,
        json!({"DelaySeconds": "5", "MessageRetentionPeriod": "60"}),
    );
    act(&mut world, "SendMessage", json!({"MessageBody": "a"})).unwrap();
    act(
        &mut world,
        "SendMessage",
        json!({"MessageBody": "b", "DelaySeconds": 0}),
    )
    .unwrap();
    assert_eq!(counts(&mut world), ["1", "0", "1"]);
    advance(&mut world, 5);
    assert_eq!(counts(&mut world), ["2", "0", "0"]);
    advance(&mut world, 55);
    assert_eq!(counts(&mut world), ["0", "0", "0"]);
}

#[test]
fn visibility_can_be_chosen_and_changed() {
    let mut world = world();
    work(&mut world, json!({"VisibilityTimeout": "10"}));
    act(&mut world, "SendMessage", json!({"MessageBody": "a"})).unwrap();
    let reply = act(
        &mut world,
        "ReceiveMessage",
        json!({"VisibilityTimeout": 100}),
    )
    .unwrap();
    let handle = reply["Messages"][0]["ReceiptHandle"].clone();
    advance(&mut world, 50);
    assert!(receive_all(&mut world).is_empty());
    let change = json!({"ReceiptHandle": handle, "VisibilityTimeout": 0});
    act(&mut world, "ChangeMessageVisibility", change.clone()).unwrap();
    let error = act(&mut world, "ChangeMessageVisibility", change).unwrap_err();
    assert_eq!(error.code, "MessageNotInflight");
    assert_eq!(receive_all(&mut world).len(), 1);
}

#[test]
fn a_message_received_too_often_moves_to_the_dead_letter_queue() {
    let mut world = world();
    let letters = create_queue(&mut world, ACCOUNT, REGION, "letters", &[]).unwrap();
    let redrive = json!({"deadLetterTargetArn": letters.arn(), "maxReceiveCount": "2"});
    let queue = work(&mut world, json!({"RedrivePolicy": redrive.to_string()}));
    send(&mut world, &queue, "poison".to_owned()).unwrap();
    for _ in 0..2 {
        assert_eq!(receive_all(&mut world).len(), 1);
        advance(&mut world, 30);
    }
    assert!(receive_all(&mut world).is_empty());
    assert_eq!(bodies(&world, &queue), Vec::<String>::new());
    assert_eq!(bodies(&world, &letters), ["poison"]);
    assert_eq!(receive(&mut world, &letters, 1).unwrap()[0].receives, 3);
    act(
        &mut world,
        "SetQueueAttributes",
        json!({"Attributes": {"RedrivePolicy": ""}}),
    )
    .unwrap();
    assert_eq!(world.sqs.queues[&queue].redrive, None);
}

#[test]
fn batches_fail_entry_by_entry() {
    let mut world = world();
    work(&mut world, json!({}));
    let entries = json!({"Entries": [
        {"Id": "1", "MessageBody": "a"},
        {"Id": "2", "MessageBody": "b", "DelaySeconds": 901},
    ]});
    let reply = act(&mut world, "SendMessageBatch", entries).unwrap();
    assert_eq!(reply["Successful"][0]["Id"], "1");
    assert_eq!(reply["Failed"][0]["Id"], "2");
    assert_eq!(reply["Failed"][0]["Code"], "InvalidParameterValue");
    let handle = receive_all(&mut world)[0]["ReceiptHandle"].clone();
    let entries = json!({"Entries": [
        {"Id": "1", "ReceiptHandle": handle},
        {"Id": "2", "ReceiptHandle": "nonsense"},
    ]});
    let reply = act(&mut world, "DeleteMessageBatch", entries).unwrap();
    assert_eq!(reply["Successful"], json!([{"Id": "1"}]));
    assert_eq!(reply["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    assert_eq!(counts(&mut world), ["0", "0", "0"]);
}

#[test]
fn bad_batches_are_refused_whole() {
    let mut world = world();
    work(&mut world, json!({}));
    let entry = |id: &str| json!({"Id": id, "MessageBody": "a"});
    for (entries, code) in [
        (vec![], "EmptyBatchRequest"),
        (vec![entry("1"); 11], "TooManyEntriesInBatchRequest"),
        (vec![entry("1"), entry("1")], "BatchEntryIdsNotDistinct"),
        (vec![entry("a b")], "InvalidBatchEntryId"),
    ] {
        let error = act(
            &mut world,
            "SendMessageBatch",
            json!({ "Entries": entries }),
        )
        .unwrap_err();
        assert_eq!(error.code, code);
    }
}

#[test]
fn bad_calls_get_the_services_errors() {
    let mut world = world();
    work(&mut world, json!({}));
    let elsewhere = "http://127.0.0.1/222222222222/none";
    for (name, input, code) in [
        (
            "GetQueueUrl",
            json!({"QueueName": "none"}),
            "QueueDoesNotExist",
        ),
        (
            "SendMessage",
            json!({"QueueUrl": elsewhere, "MessageBody": "a"}),
            "QueueDoesNotExist",
        ),
        ("SendMessage", json!({}), "MissingParameter"),
        (
            "SendMessage",
            json!({"MessageBody": ""}),
            "InvalidParameterValue",
        ),
        (
            "SendMessage",
            json!({"MessageBody": "a", "DelaySeconds": 901}),
            "InvalidParameterValue",
        ),
        (
            "SendMessage",
            json!({"MessageBody": "a", "MessageAttributes": {"k": {"DataType": "String"}}}),
            "UnsupportedOperation",
        ),
        (
            "ReceiveMessage",
            json!({"MaxNumberOfMessages": 11}),
            "InvalidParameterValue",
        ),
        (
            "ReceiveMessage",
            json!({"WaitTimeSeconds": 21}),
            "InvalidParameterValue",
        ),
        (
            "DeleteMessage",
            json!({"ReceiptHandle": "x"}),
            "ReceiptHandleIsInvalid",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "a b"}),
            "InvalidParameterValue",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "f", "Attributes": {"FifoQueue": "true"}}),
            "InvalidAttributeName",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "f", "Attributes": {"DelaySeconds": "901"}}),
            "InvalidAttributeValue",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "work", "Attributes": {"DelaySeconds": "1"}}),
            "QueueNameExists",
        ),
        (
            "SetQueueAttributes",
            json!({"Attributes": {"RedrivePolicy": "{}"}}),
            "InvalidParameterValue",
        ),
        (
            "SetQueueAttributes",
            json!({"Attributes": {"RedrivePolicy": "{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:1:q\",\"maxReceiveCount\":3}"}}),
            "InvalidParameterValue",
        ),
        (
            "GetQueueAttributes",
            json!({"AttributeNames": ["Nonsense"]}),
            "InvalidAttributeName",
        ),
    ] {
        let error = act(&mut world, name, input.clone()).unwrap_err();
        assert_eq!(error.code, code, "{name} {input}");
    }
    let error = act_as(
        &mut world,
        "300000000001",
        "ReceiveMessage",
        json!({"QueueUrl": URL}),
    );
    assert_eq!(error.unwrap_err().code, "AccessDenied");
    act(&mut world, "CreateQueue", json!({"QueueName": "work"})).unwrap();
}

#[test]
fn a_deleted_queue_is_gone_with_its_messages() {
    let mut world = world();
    let queue = work(&mut world, json!({}));
    send(&mut world, &queue, "a".to_owned()).unwrap();
    act(&mut world, "DeleteQueue", json!({})).unwrap();
    let error = act(&mut world, "DeleteQueue", json!({})).unwrap_err();
    assert_eq!(error.code, "QueueDoesNotExist");
    work(&mut world, json!({}));
    assert_eq!(counts(&mut world), ["0", "0", "0"]);
}

#[test]
fn queues_are_listed_in_pages_and_purged_once_a_minute() {
    let mut world = world();
    let queue = work(&mut world, json!({}));
    for name in ["a1", "a2", "a3"] {
        create_queue(&mut world, ACCOUNT, REGION, name, &[]).unwrap();
    }
    let input = json!({"QueueNamePrefix": "a", "MaxResults": 2});
    let first = act(&mut world, "ListQueues", input).unwrap();
    assert_eq!(first["QueueUrls"].as_array().unwrap().len(), 2);
    let input = json!({"QueueNamePrefix": "a", "MaxResults": 2, "NextToken": first["NextToken"]});
    let rest = act(&mut world, "ListQueues", input).unwrap();
    assert_eq!(
        rest["QueueUrls"],
        json!(["http://127.0.0.1:4566/222222222222/a3"])
    );
    send(&mut world, &queue, "a".to_owned()).unwrap();
    act(&mut world, "PurgeQueue", json!({})).unwrap();
    assert_eq!(counts(&mut world), ["0", "0", "0"]);
    let error = act(&mut world, "PurgeQueue", json!({})).unwrap_err();
    assert_eq!(error.code, "PurgeQueueInProgress");
    advance(&mut world, 60);
    act(&mut world, "PurgeQueue", json!({})).unwrap();
}
