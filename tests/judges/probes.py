"""What is asked of moto and of the local AWS alike, with what AWS documents as the answer.

A probe acts through boto3 on a place of its own and returns what a client sees, without what
differs by nature (times, identifiers, order).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from world import HOME, OPERATOR, WORKLOADS

OWNER, OTHER = WORKLOADS[0], WORKLOADS[1]
PLACE = {"LocationConstraint": HOME}
OPTED_IN = [{"Key": "macie", "Value": "true"}, {"Key": "team", "Value": "orders"}]


class Place(Protocol):
    """Where probes act."""

    def client(self, service: str, account: str = OWNER, region: str = HOME) -> Any:
        """A client as an account."""


@dataclass(frozen=True)
class Probe:
    """What is asked, and the answer by AWS's documentation."""

    ask: Callable[[Place, str], object]
    answer: object


PROBES: dict[str, Probe] = {}


def probe(answer: object) -> Callable[[Callable[[Place, str], object]], Callable]:
    """Register a probe under its name."""

    def register(ask: Callable[[Place, str], object]) -> Callable:
        PROBES[ask.__name__] = Probe(ask, answer)
        return ask

    return register


def outcome(call: Callable[..., Any], **parameters: Any) -> str:
    """Tell how a call ended: `ok`, or the error's code."""
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "ok"


def bucket(place: Place, name: str, **more: Any) -> str:
    configuration = {**PLACE, **more}
    place.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=configuration)
    return name


def tag_set(place: Place, name: str) -> dict[str, str]:
    found = place.client("s3").get_bucket_tagging(Bucket=name)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


# S3


@probe({"macie": "true", "team": "orders"})
def tags_are_read_back(place: Place, name: str) -> object:
    bucket(place, name)
    place.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": OPTED_IN})
    return tag_set(place, name)


@probe({"team": "orders"})
def tags_are_replaced_as_a_whole(place: Place, name: str) -> object:
    bucket(place, name)
    for tags in (OPTED_IN[:1], OPTED_IN[1:]):
        place.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    return tag_set(place, name)


@probe(["NoSuchTagSet", "ok", "NoSuchTagSet"])
def a_bucket_without_tags(place: Place, name: str) -> object:
    bucket(place, name)
    s3 = place.client("s3")
    before = outcome(s3.get_bucket_tagging, Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": OPTED_IN})
    with_tags = outcome(s3.get_bucket_tagging, Bucket=name)
    s3.delete_bucket_tagging(Bucket=name)
    return [before, with_tags, outcome(s3.get_bucket_tagging, Bucket=name)]


@probe(["NoSuchBucket", "NoSuchBucket", "404"])
def a_bucket_that_does_not_exist(place: Place, name: str) -> object:
    s3 = place.client("s3")
    calls = (s3.get_bucket_tagging, s3.delete_bucket, s3.head_bucket)
    return [outcome(call, Bucket=name) for call in calls]


@probe(["BucketAlreadyExists", "BucketAlreadyOwnedByYou"])
def a_name_that_is_taken(place: Place, name: str) -> object:
    bucket(place, name)
    asked = {"Bucket": name, "CreateBucketConfiguration": PLACE}
    return [outcome(place.client("s3", who).create_bucket, **asked) for who in (OTHER, OWNER)]


@probe(["InvalidBucketName", "InvalidTag", "InvalidTag"])
def names_and_tags_that_are_not_valid(place: Place, name: str) -> object:
    bucket(place, name)
    s3 = place.client("s3")
    put = s3.put_bucket_tagging
    system = [{"Key": "aws:mine", "Value": "x"}]
    return [
        outcome(s3.create_bucket, Bucket="No_Capitals", CreateBucketConfiguration=PLACE),
        outcome(put, Bucket=name, Tagging={"TagSet": [OPTED_IN[0]] * 2}),
        outcome(put, Bucket=name, Tagging={"TagSet": system}),
    ]


@probe("IllegalLocationConstraintException")
def a_bucket_without_its_region(place: Place, name: str) -> object:
    return outcome(place.client("s3").create_bucket, Bucket=name)


@probe([2, 1])
def pages_of_buckets(place: Place, name: str) -> object:
    for number in range(3):
        bucket(place, f"{name}-{number}")
    pages = place.client("s3").get_paginator("list_buckets")
    found = pages.paginate(Prefix=name, PaginationConfig={"PageSize": 2})
    return [len(page["Buckets"]) for page in found]


@probe([HOME])
def the_region_of_listed_buckets(place: Place, name: str) -> object:
    bucket(place, name)
    found = place.client("s3").list_buckets(Prefix=name)["Buckets"]
    return [entry.get("BucketRegion") for entry in found]


@probe([HOME, None])
def the_location_of_a_bucket(place: Place, name: str) -> object:
    bucket(place, name)
    place.client("s3", region="us-east-1").create_bucket(Bucket=f"{name}-us")
    locate = place.client("s3").get_bucket_location
    return [locate(Bucket=one)["LocationConstraint"] for one in (name, f"{name}-us")]


@probe([["ok"], []])
def buckets_are_listed_to_their_owner(place: Place, name: str) -> object:
    bucket(place, name)
    seen = [
        [entry["Name"] for entry in place.client("s3", who).list_buckets()["Buckets"]]
        for who in (OWNER, OTHER)
    ]
    return [["ok" for found in names if found == name] for names in seen]


@probe("AccessDenied")
def tags_of_another_account(place: Place, name: str) -> object:
    bucket(place, name)
    place.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": OPTED_IN})
    return outcome(place.client("s3", OTHER).get_bucket_tagging, Bucket=name)


@probe("AccessDenied")
def an_owner_that_is_not_expected(place: Place, name: str) -> object:
    bucket(place, name)
    expected = {"Bucket": name, "ExpectedBucketOwner": OTHER}
    return outcome(place.client("s3").get_bucket_tagging, **expected)


@probe({"macie": "true", "team": "orders"})
def tags_at_creation(place: Place, name: str) -> object:
    bucket(place, name, Tags=OPTED_IN)
    return tag_set(place, name)


@probe([{"macie": "true", "team": "orders"}, {"macie": "true"}])
def tags_by_the_control_api(place: Place, name: str) -> object:
    bucket(place, name)
    control = place.client("s3control")
    resource = {"AccountId": OWNER, "ResourceArn": f"arn:aws:s3:::{name}"}
    control.tag_resource(Tags=OPTED_IN, **resource)
    before = tag_set(place, name)
    control.untag_resource(TagKeys=["team"], **resource)
    return [before, tag_set(place, name)]


@probe("InvalidRequest")
def classic_tags_with_abac_on(place: Place, name: str) -> object:
    bucket(place, name)
    place.client("s3").put_bucket_abac(Bucket=name, AbacStatus={"Status": "Enabled"})
    put = place.client("s3").put_bucket_tagging
    return outcome(put, Bucket=name, Tagging={"TagSet": OPTED_IN})


@probe([[2, 1], ["logs/"], "BucketNotEmpty", "ok"])
def objects(place: Place, name: str) -> object:
    bucket(place, name)
    s3 = place.client("s3")
    keys = ["logs/1.json", "logs/2.json", "z.txt"]
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=b"12345")
    pages = s3.get_paginator("list_objects_v2")
    counts = [
        page["KeyCount"] for page in pages.paginate(Bucket=name, PaginationConfig={"PageSize": 2})
    ]
    folders = s3.list_objects_v2(Bucket=name, Delimiter="/")["CommonPrefixes"]
    full = outcome(s3.delete_bucket, Bucket=name)
    for key in keys:
        s3.delete_object(Bucket=name, Key=key)
    prefixes = [folder["Prefix"] for folder in folders]
    return [counts, prefixes, full, outcome(s3.delete_bucket, Bucket=name)]


# The tagging index


def tagged(place: Place, name: str, region: str = HOME) -> list[str]:
    wanted = {"TagFilters": [{"Key": "probe", "Values": [name]}], "ResourceTypeFilters": ["s3"]}
    index = place.client("resourcegroupstaggingapi", region=region)
    pages = index.get_paginator("get_resources").paginate(
        PaginationConfig={"PageSize": 2}, **wanted
    )
    found = [entry for page in pages for entry in page["ResourceTagMappingList"]]
    return sorted(entry["ResourceARN"].rsplit(":", 1)[-1].removeprefix(name) for entry in found)


@probe([["-0", "-1", "-2"], []])
def buckets_by_tag(place: Place, name: str) -> object:
    for number in range(3):
        one = bucket(place, f"{name}-{number}")
        tags = [{"Key": "probe", "Value": name}]
        place.client("s3").put_bucket_tagging(Bucket=one, Tagging={"TagSet": tags})
    return [tagged(place, name), tagged(place, "nothing")]


@probe([["-0"], []])
def buckets_by_tag_in_their_region(place: Place, name: str) -> object:
    one = bucket(place, f"{name}-0")
    tags = [{"Key": "probe", "Value": name}]
    place.client("s3").put_bucket_tagging(Bucket=one, Tagging={"TagSet": tags})
    return [tagged(place, name), tagged(place, name, "us-east-1")]


# STS


@probe([OWNER, f"arn:aws:sts::{OWNER}:assumed-role/macie-self-service-member/probe"])
def an_assumed_role(place: Place, _: str) -> object:
    sts = place.client("sts", OPERATOR)
    role = f"arn:aws:iam::{OWNER}:role/macie-self-service-member"
    assumed = sts.assume_role(RoleArn=role, RoleSessionName="probe")["AssumedRoleUser"]["Arn"]
    return [assumed.split(":")[4], assumed]


@probe("AccessDenied")
def a_role_that_does_not_exist(place: Place, _: str) -> object:
    role = f"arn:aws:iam::{OWNER}:role/missing"
    sts = place.client("sts", OPERATOR)
    return outcome(sts.assume_role, RoleArn=role, RoleSessionName="probe")


@probe("AccessDenied")
def a_role_that_trusts_someone_else(place: Place, _: str) -> object:
    role = f"arn:aws:iam::{OWNER}:role/macie-self-service-member"
    sts = place.client("sts", OTHER)
    return outcome(sts.assume_role, RoleArn=role, RoleSessionName="probe")


# SQS


def queue(place: Place, name: str, **attributes: str) -> dict[str, str]:
    sqs = place.client("sqs")
    return {"QueueUrl": sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]}


def received(place: Place, url: dict[str, str], **more: Any) -> list[dict[str, Any]]:
    return place.client("sqs").receive_message(**url, **more).get("Messages", [])


def waiting(place: Place, url: dict[str, str]) -> list[str]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    asked = {"AttributeNames": names, **url}
    found = place.client("sqs").get_queue_attributes(**asked)["Attributes"]
    return [found[name] for name in names]


@probe([["x"], [], ["0", "1"], ["x"], ["0", "0"]])
def a_message_is_hidden_until_it_is_deleted(place: Place, name: str) -> object:
    url = queue(place, name)
    sqs = place.client("sqs")
    sqs.send_message(MessageBody="x", **url)
    first = received(place, url)
    hidden = received(place, url)
    counts = waiting(place, url)
    handle = {"ReceiptHandle": first[0]["ReceiptHandle"]}
    sqs.change_message_visibility(VisibilityTimeout=0, **handle, **url)
    again = received(place, url)
    sqs.delete_message(ReceiptHandle=again[0]["ReceiptHandle"], **url)
    bodies = [[message["Body"] for message in seen] for seen in (first, hidden, again)]
    return [bodies[0], bodies[1], counts, bodies[2], waiting(place, url)]


@probe([["1", "2"], [], ["x"]])
def a_message_that_nobody_handles_goes_to_the_dead_letters(place: Place, name: str) -> object:
    dead = queue(place, f"{name}-dead")
    arn = f"arn:aws:sqs:{HOME}:{OWNER}:{name}-dead"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    url = queue(place, name, VisibilityTimeout="0", RedrivePolicy=policy)
    place.client("sqs").send_message(MessageBody="x", **url)
    asked = {"MessageSystemAttributeNames": ["ApproximateReceiveCount"]}
    seen = [message for _ in range(2) for message in received(place, url, **asked)]
    counts = [message["Attributes"]["ApproximateReceiveCount"] for message in seen]
    left = received(place, url)
    return [counts, left, [message["Body"] for message in received(place, dead)]]


@probe([["m0", "m1"], ["0", "0"]])
def batches_of_messages(place: Place, name: str) -> object:
    url = queue(place, name)
    sqs = place.client("sqs")
    entries = [{"Id": f"m{number}", "MessageBody": f"{number}"} for number in range(2)]
    sent = sqs.send_message_batch(Entries=entries, **url)["Successful"]
    seen = received(place, url, MaxNumberOfMessages=10)
    handles = [
        {"Id": f"m{number}", "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(seen)
    ]
    sqs.delete_message_batch(Entries=handles, **url)
    return [sorted(entry["Id"] for entry in sent), waiting(place, url)]


@probe(
    [
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueAlreadyExists",
        "ReceiptHandleIsInvalid",
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    ]
)
def what_sqs_refuses(place: Place, name: str) -> object:
    url = queue(place, name)
    sqs = place.client("sqs")
    many = [{"Id": f"m{number}", "MessageBody": "x"} for number in range(11)]
    other = {"QueueName": name, "Attributes": {"VisibilityTimeout": "99"}}
    return [
        outcome(sqs.get_queue_url, QueueName=f"{name}-missing"),
        outcome(sqs.create_queue, **other),
        outcome(sqs.delete_message, ReceiptHandle="x", **url),
        outcome(sqs.send_message_batch, Entries=many, **url),
    ]


# EventBridge, inside one account


def rule(place: Place, name: str, state: str) -> dict[str, str]:
    url = queue(place, name)
    events = place.client("events")
    pattern = json.dumps({"source": [name]})
    events.put_rule(Name=name, EventPattern=pattern, State=state)
    target = {"Id": "queue", "Arn": f"arn:aws:sqs:{HOME}:{OWNER}:{name}"}
    events.put_targets(Rule=name, Targets=[target])
    return url


def put(place: Place, source: str) -> object:
    entry = {"Source": source, "DetailType": "probe", "Detail": "{}", "Resources": ["a"]}
    reply = place.client("events").put_events(Entries=[entry])
    return reply["Entries"][0].get("ErrorCode", "ok")


@probe(["ok", [[OWNER, HOME, ["a"]]]])
def an_event_keeps_its_envelope(place: Place, name: str) -> object:
    url = rule(place, name, "ENABLED")
    ended = put(place, name)
    events = [json.loads(message["Body"]) for message in received(place, url)]
    envelope = [[one.get(key) for key in ("account", "region", "resources")] for one in events]
    return [ended, envelope]


@probe(["ok", []])
def a_disabled_rule_delivers_nothing(place: Place, name: str) -> object:
    url = rule(place, name, "DISABLED")
    return [put(place, name), received(place, url)]


@probe("NotAuthorizedForSourceException")
def a_source_of_aws(place: Place, _: str) -> object:
    return put(place, "aws.s3")


@probe(["True", "InvalidEventPatternException"])
def a_pattern_is_tested(place: Place, name: str) -> object:
    test = place.client("events").test_event_pattern
    event = {
        "id": "1",
        "source": name,
        "detail-type": "probe",
        "account": OWNER,
        "time": "2026-01-01T00:00:00Z",
        "region": HOME,
        "resources": [],
        "detail": {},
    }
    asked = {"EventPattern": json.dumps({"source": [name]}), "Event": json.dumps(event)}
    bad = asked | {"EventPattern": '{"source": "text"}'}
    return [str(test(**asked).get("Result")), outcome(test, **bad)]


# Organizations


@probe("AccessDeniedException")
def accounts_for_a_member(place: Place, _: str) -> object:
    return outcome(place.client("organizations", OTHER).list_accounts)


@probe("AccessDeniedException")
def writing_as_a_member(place: Place, _: str) -> object:
    create = place.client("organizations", OTHER).create_account
    return outcome(create, Email="orders@example.com", AccountName="orders")


@probe(True)
def accounts_for_the_delegated_administrator(place: Place, _: str) -> object:
    found = place.client("organizations", "222222222222").list_accounts()["Accounts"]
    return len(found) > 2
