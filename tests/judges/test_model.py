"""The judge of replies is judged: one thing is spoilt, and it must say so."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.model import OperationModel

import model
import world


def operation(service: str, name: str) -> OperationModel:
    made = world.client(service, "http://127.0.0.1:1", world.MANAGEMENT)
    return made.meta.service_model.operation_model(name)


MEMBER = {
    "accountId": "300000000001",
    "relationshipStatus": "Enabled",
    "tags": {"owner": "controller"},
    "updatedAt": "2026-01-01T00:00:00Z",
}
SPOILT_JSON: dict[str, tuple[Callable[[dict], None], str]] = {
    "an unknown member": (lambda member: member.update(color="red"), ".color: not a member"),
    "an unknown value": (
        lambda member: member.update(relationshipStatus="ENABLED"),
        ".relationshipStatus: `ENABLED` is not one of",
    ),
    "a number for a string": (lambda member: member.update(accountId=3), "is not a string"),
    "a null": (lambda member: member.update(email=None), ".email: null"),
    "seconds for ISO 8601": (lambda member: member.update(updatedAt=1.5), "is not an ISO 8601"),
    "a local time": (
        lambda member: member.update(updatedAt="2026-01-01T00:00:00"),
        "is not an ISO 8601",
    ),
    "a list for a map": (lambda member: member.update(tags=[]), ".tags: [] is not an object"),
    "a number in a map": (lambda member: member.update(tags={"a": 1}), ".tags['a']: 1"),
}


def judged(body: object) -> list[str]:
    reply = model.Reply(200, {}, json.dumps(body).encode())
    return model.check_success(operation("macie2", "GetMember"), reply)


def test_a_good_document_has_no_problem() -> None:
    assert judged(MEMBER) == []


@pytest.mark.parametrize("name", SPOILT_JSON)
def test_a_spoilt_document_has_one(name: str) -> None:
    spoil, expected = SPOILT_JSON[name]
    member = dict(MEMBER)
    spoil(member)
    (problem,) = judged(member)
    assert expected in problem


@pytest.mark.parametrize("body", [b"<html>", b'"text"'])
def test_what_is_not_an_object_is_a_problem(body: bytes) -> None:
    reply = model.Reply(200, {}, body)
    assert len(model.check_success(operation("macie2", "GetMember"), reply)) == 1


def test_a_missing_required_member_is_a_problem() -> None:
    put = operation("events", "ListRules")
    described = operation("macie2", "DescribeClassificationJob")
    reply = model.Reply(200, {}, b'{"s3JobDefinition": {"bucketDefinitions": [{"buckets": []}]}}')
    (problem,) = model.check_success(described, reply)
    assert problem.endswith(".accountId: missing, S3BucketDefinitionForJob requires it")
    assert model.check_success(put, model.Reply(200, {}, b"{}")) == []


TAGGING = '<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</Tagging>'
TAG = "<Tag><Key>macie</Key><Value>true</Value></Tag>"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (f"<TagSet>{TAG}</TagSet>", None),
        (f"<TagSet>{TAG}{TAG}</TagSet>", None),
        (f"<TagSet>{TAG}</TagSet><Tags/>", ".Tags: not a member"),
        ("", ".TagSet: missing"),
        ("<TagSet><Label/></TagSet>", "<Label>, expected <Tag>"),
        ("<TagSet><Tag><Key>a</Key></Tag></TagSet>", ".Value: missing"),
        (f"<TagSet>{TAG}</TagSet><TagSet>{TAG}</TagSet>", ".TagSet: 2 times"),
    ],
)
def test_xml(inner: str, expected: str | None) -> None:
    reply = model.Reply(200, {}, TAGGING.format(inner).encode())
    problems = model.check_success(operation("s3", "GetBucketTagging"), reply)
    assert len(problems) == (expected is not None)
    assert expected is None or expected in problems[0]


IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{}'
    "</GetCallerIdentityResponse>"
)
METADATA = "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (f"<GetCallerIdentityResult/>{METADATA}", None),
        ("<GetCallerIdentityResult/>", "no RequestId"),
        (f"<Result/>{METADATA}", "expected GetCallerIdentityResult"),
        (
            f"<GetCallerIdentityResult><Name/></GetCallerIdentityResult>{METADATA}",
            ".Name: not a member",
        ),
    ],
)
def test_query(inner: str, expected: str | None) -> None:
    reply = model.Reply(200, {}, IDENTITY.format(inner).encode())
    problems = model.check_success(operation("sts", "GetCallerIdentity"), reply)
    assert len(problems) == (expected is not None)
    assert expected is None or expected in problems[0]


@pytest.mark.parametrize(
    ("status", "code", "body", "expected"),
    [
        (409, "ConflictException", {"message": "no"}, None),
        (400, "ConflictException", {"message": "no"}, "the model says 409"),
        (409, "ConflictException", {}, "has no message"),
        (409, "ConflictException", {"message": "no", "why": 1}, ".why: not a member"),
    ],
)
def test_error(status: int, code: str, body: dict, expected: str | None) -> None:
    headers = {"x-amzn-errortype": code}
    reply = model.Reply(status, headers, json.dumps(body).encode())
    enable = operation("macie2", "EnableMacie")
    assert model.error_code(enable, reply) == code
    problems = model.check_error(enable, reply)
    assert len(problems) == (expected is not None)
    assert expected is None or expected in problems[0]
