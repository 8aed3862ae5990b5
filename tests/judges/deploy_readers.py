"""Reads back what an engine made, in the terms of the template that asked for it."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

Client = Callable[[str], Any]
Properties = dict[str, Any]


def role(client: Client, name: str) -> Properties:
    """AWS::IAM::Role."""
    iam = client("iam")
    found = iam.get_role(RoleName=name)["Role"]
    policies = [
        iam.get_role_policy(RoleName=name, PolicyName=policy)
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    return found | {
        "Policies": [
            {
                "PolicyName": policy["PolicyName"],
                "PolicyDocument": _document(policy["PolicyDocument"]),
            }
            for policy in policies
        ]
    }


def role_policy(client: Client, name: str, role: str) -> Properties:
    """AWS::IAM::Policy, which is one of a role."""
    found = client("iam").get_role_policy(RoleName=role, PolicyName=name)
    return found | {"Roles": [role], "PolicyDocument": _document(found["PolicyDocument"])}


def queue(client: Client, name: str) -> Properties:
    """AWS::SQS::Queue."""
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {"QueueName": name} | {key: _value(value) for key, value in found.items()}


def bus(client: Client, name: str) -> Properties:
    """AWS::Events::EventBus."""
    return client("events").describe_event_bus(Name=name)


def rule(client: Client, name: str, bus: str = "default") -> Properties:
    """AWS::Events::Rule."""
    events = client("events")
    found = events.describe_rule(Name=name, EventBusName=bus)
    targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    return found | {"EventPattern": json.loads(found["EventPattern"]), "Targets": targets}


def topic(client: Client, arn: str) -> Properties:
    """AWS::SNS::Topic."""
    found = client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    return found | {"TopicName": arn.rsplit(":", 1)[-1]}


def parameter(client: Client, name: str) -> Properties:
    """AWS::SSM::Parameter."""
    ssm = client("ssm")
    filters = [{"Key": "Name", "Values": [name]}]
    (found,) = ssm.describe_parameters(ParameterFilters=filters)["Parameters"]
    return found | ssm.get_parameter(Name=name)["Parameter"]


def log_group(client: Client, name: str) -> Properties:
    """AWS::Logs::LogGroup."""
    found = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    (group,) = [one for one in found if one["logGroupName"] == name]
    return {"LogGroupName": name, "RetentionInDays": group.get("retentionInDays")}


def function(client: Client, name: str) -> Properties:
    """AWS::Lambda::Function."""
    functions = client("lambda")
    found = functions.get_function_configuration(FunctionName=name)
    concurrency = functions.get_function_concurrency(FunctionName=name)
    return found | {
        "ReservedConcurrentExecutions": concurrency.get("ReservedConcurrentExecutions"),
    }


def event_source(client: Client, identity: str) -> Properties:
    """AWS::Lambda::EventSourceMapping."""
    found = client("lambda").get_event_source_mapping(UUID=identity)
    return found | {"FunctionName": found["FunctionArn"].rsplit(":", 1)[-1]}


def key(client: Client, identity: str) -> Properties:
    """AWS::KMS::Key."""
    kms = client("kms")
    assert identity in [one["KeyId"] for one in kms.list_keys()["Keys"]]
    found = {"EnableKeyRotation": kms.get_key_rotation_status(KeyId=identity)["KeyRotationEnabled"]}
    # moto fails when it is asked for a key whose policy came from a template.
    with suppress(ClientError):
        found |= kms.describe_key(KeyId=identity)["KeyMetadata"]
        policy = kms.get_key_policy(KeyId=identity, PolicyName="default")["Policy"]
        found["KeyPolicy"] = json.loads(policy)
    return found


def alias(client: Client, name: str) -> Properties:
    """AWS::KMS::Alias."""
    aliases = client("kms").list_aliases()["Aliases"]
    (found,) = [one for one in aliases if one["AliasName"] == name]
    return found


def bucket(client: Client, name: str) -> Properties:
    """AWS::S3::Bucket."""
    s3 = client("s3")
    return {
        "BucketName": name,
        "BucketEncryption": {"ServerSideEncryptionConfiguration": _encryption(s3, name)},
        "VersioningConfiguration": {
            "Status": s3.get_bucket_versioning(Bucket=name).get("Status"),
        },
        "PublicAccessBlockConfiguration": _part(
            s3.get_public_access_block, name, "PublicAccessBlockConfiguration"
        ),
        "OwnershipControls": _part(s3.get_bucket_ownership_controls, name, "OwnershipControls"),
        "LifecycleConfiguration": {"Rules": _rules(s3, name)},
    }


def _part(get: Callable[..., Any], bucket: str, part: str) -> Any:
    with suppress(ClientError):
        return get(Bucket=bucket)[part]


def _encryption(s3: Any, name: str) -> list[Properties]:
    rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    return [
        {
            "BucketKeyEnabled": rule["BucketKeyEnabled"],
            "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
        }
        for rule in rules
    ]


def _rules(s3: Any, name: str) -> list[Properties]:
    """A bucket's lifecycle rules, whose API always names a filter."""
    rules = _part(s3.get_bucket_lifecycle_configuration, name, "Rules") or []
    names = {"ID": "Id"}
    return [
        {
            names.get(key, key): value
            for key, value in rule.items()
            if key not in ("Filter", "Prefix")
        }
        for rule in rules
    ]


# The reader of a type, and the property by which it finds the resource: its name, or none for the
# physical id.
READERS: dict[str, tuple[Callable[..., Properties], str | None]] = {
    "AWS::Events::EventBus": (bus, "Name"),
    "AWS::Events::Rule": (rule, "Name"),
    "AWS::IAM::Policy": (role_policy, "PolicyName"),
    "AWS::IAM::Role": (role, "RoleName"),
    "AWS::KMS::Alias": (alias, "AliasName"),
    "AWS::KMS::Key": (key, None),
    "AWS::Lambda::EventSourceMapping": (event_source, None),
    "AWS::Lambda::Function": (function, "FunctionName"),
    "AWS::Logs::LogGroup": (log_group, "LogGroupName"),
    "AWS::S3::Bucket": (bucket, "BucketName"),
    "AWS::SNS::Topic": (topic, None),
    "AWS::SQS::Queue": (queue, "QueueName"),
    "AWS::SSM::Parameter": (parameter, "Name"),
}


def read(client: Client, kind: str, wanted: Properties, physical: str) -> Properties:
    """What there is of a resource of a kind that has a reader."""
    reader, name = READERS[kind]
    identity = wanted[name] if name else physical
    more = {"bus": wanted["EventBusName"]} if "EventBusName" in wanted else {}
    more |= {"role": wanted["Roles"][0]} if "Roles" in wanted else {}
    return reader(client, identity, **more)


def _value(text: str) -> Any:
    """A queue's attribute, which is always text."""
    return json.loads(text) if text[:1] in "{tf" or text.isdigit() else text


def _document(policy: Any) -> Any:
    """A role's policy; moto answers with the text that Python prints."""
    return ast.literal_eval(policy) if isinstance(policy, str) else policy
