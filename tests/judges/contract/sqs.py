"""SQS."""

import json
from typing import Any

from contract import case
from world import ADMINISTRATOR, EMPTY, Driver


def sqs(aws: Driver) -> Any:
    return aws.client("sqs", ADMINISTRATOR, EMPTY)


def queue(aws: Driver, name: str = "events", **attributes: str) -> str:
    return sqs(aws).create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def arn(name: str) -> str:
    return f"arn:aws:sqs:{EMPTY}:{ADMINISTRATOR}:{name}"


def missing(aws: Driver) -> dict[str, str]:
    return {"QueueUrl": f"{aws.endpoint}/{ADMINISTRATOR}/missing"}


@case("sqs", "CreateQueue", "GetQueueUrl", "ListQueues")
def queues(aws: Driver) -> None:
    urls = [queue(aws, f"events-{number}") for number in range(3)]
    assert queue(aws, "events-0") == urls[0]
    assert sqs(aws).get_queue_url(QueueName="events-1")["QueueUrl"] == urls[1]
    pages = sqs(aws).get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 2})
    assert [page["QueueUrls"] for page in pages] == [urls[:2], urls[2:]]
    found = sqs(aws).list_queues(QueueNamePrefix="events-2")
    assert found["QueueUrls"] == urls[2:]
    create = sqs(aws).create_queue
    other = {"QueueName": "events-0", "Attributes": {"VisibilityTimeout": "99"}}
    aws.refused("QueueAlreadyExists", create, **other)
    bad = {"QueueName": "bad", "Attributes": {"VisibilityTimeout": "43201"}}
    aws.refused("InvalidAttributeValue", create, **bad)
    get = sqs(aws).get_queue_url
    aws.refused("AWS.SimpleQueueService.NonExistentQueue", get, QueueName="missing")
    aws.refused("InvalidParameterValue", sqs(aws).list_queues, MaxResults=1001)


@case("sqs", "DeleteQueue")
def deleting(aws: Driver) -> None:
    absent = "AWS.SimpleQueueService.NonExistentQueue"
    url = queue(aws)
    sqs(aws).delete_queue(QueueUrl=url)
    aws.refused(absent, sqs(aws).delete_queue, QueueUrl=url)
    assert queue(aws) == url


@case("sqs", "GetQueueAttributes", "SetQueueAttributes")
def attributes(aws: Driver) -> None:
    url = queue(aws)
    dead = queue(aws, "dead")
    assert dead
    redrive = json.dumps({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 2})
    change = {"VisibilityTimeout": "60", "RedrivePolicy": redrive}
    sqs(aws).set_queue_attributes(QueueUrl=url, Attributes=change)
    found = sqs(aws).get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["QueueArn"] == arn("events")
    assert found.items() >= change.items()
    absent = "AWS.SimpleQueueService.NonExistentQueue"
    aws.refused(absent, sqs(aws).get_queue_attributes, **missing(aws))
    put = sqs(aws).set_queue_attributes
    aws.refused(absent, put, Attributes=change, **missing(aws))
    wrong = {"VisibilityTimeout": "soon"}
    aws.refused("InvalidAttributeValue", put, QueueUrl=url, Attributes=wrong)


@case("sqs", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
def messages(aws: Driver) -> None:
    url = {"QueueUrl": queue(aws)}
    sent = sqs(aws).send_message(MessageBody="é & <x>", **url)
    names = {"MessageSystemAttributeNames": ["All"]}
    message = sqs(aws).receive_message(**url, **names)["Messages"][0]
    assert (message["Body"], message["MessageId"]) == ("é & <x>", sent["MessageId"])
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    receipt = {"ReceiptHandle": message["ReceiptHandle"]}
    assert "Messages" not in sqs(aws).receive_message(**url)
    sqs(aws).change_message_visibility(VisibilityTimeout=0, **receipt, **url)
    again = sqs(aws).receive_message(**url, **names)["Messages"][0]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    receipt = {"ReceiptHandle": again["ReceiptHandle"]}
    sqs(aws).delete_message(**receipt, **url)
    change = sqs(aws).change_message_visibility
    # What a client sees of the old code AWS.SimpleQueueService.MessageNotInflight.
    refusal = aws.refused
    gone = {"VisibilityTimeout": 0, **receipt, **url}
    refusal("AWS.SimpleQueueService.MessageNotInflight", change, **gone)
    refusal("ReceiptHandleIsInvalid", sqs(aws).delete_message, ReceiptHandle="x", **url)
    absent = "AWS.SimpleQueueService.NonExistentQueue"
    refusal(absent, sqs(aws).send_message, MessageBody="x", **missing(aws))
    refusal(absent, sqs(aws).receive_message, **missing(aws))
    refusal("InvalidParameterValue", sqs(aws).receive_message, MaxNumberOfMessages=11, **url)
    refusal(
        "InvalidParameterValue", sqs(aws).send_message, MessageBody="x", DelaySeconds=901, **url
    )


@case("sqs", "SendMessageBatch", "DeleteMessageBatch", "PurgeQueue")
def batches(aws: Driver) -> None:
    url = {"QueueUrl": queue(aws)}
    entries = [{"Id": f"m{number}", "MessageBody": f"body {number}"} for number in range(3)]
    entries[2]["DelaySeconds"] = 901
    sent = sqs(aws).send_message_batch(Entries=entries, **url)
    assert [entry["Id"] for entry in sent["Successful"]] == ["m0", "m1"]
    assert [entry["Id"] for entry in sent["Failed"]] == ["m2"]
    received = sqs(aws).receive_message(MaxNumberOfMessages=10, **url)["Messages"]
    receipts = [
        {"Id": f"m{number}", "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(received)
    ]
    broken = {"Id": "bad", "ReceiptHandle": "x"}
    deleted = sqs(aws).delete_message_batch(Entries=[*receipts, broken], **url)
    assert [entry["Id"] for entry in deleted["Successful"]] == ["m0", "m1"]
    assert [entry["Code"] for entry in deleted["Failed"]] == ["ReceiptHandleIsInvalid"]
    prefix = "AWS.SimpleQueueService"
    many = [{"Id": f"m{number}", "MessageBody": "x"} for number in range(11)]
    send = sqs(aws).send_message_batch
    aws.refused(f"{prefix}.TooManyEntriesInBatchRequest", send, Entries=many, **url)
    aws.refused(f"{prefix}.BatchEntryIdsNotDistinct", send, Entries=[many[0]] * 2, **url)
    delete = sqs(aws).delete_message_batch
    aws.refused(f"{prefix}.EmptyBatchRequest", delete, Entries=[], **url)
    sqs(aws).purge_queue(**url)
    aws.refused(f"{prefix}.PurgeQueueInProgress", sqs(aws).purge_queue, **url)
    aws.refused(f"{prefix}.NonExistentQueue", sqs(aws).purge_queue, **missing(aws))
