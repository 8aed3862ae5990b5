"""LocalStack with our stacks in it, and the local AWS for what LocalStack has not.

Functions are the real programs. They find the queue, the bus and the policy in LocalStack, and
Macie, Organizations, S3 and the member role in the local AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import deploy
import localstack_engine
import world
from deploy import until
from world import ADMINISTRATOR, HOME, MANAGEMENT, WORKLOADS, Driver

FAMILIES = ("s3-calls", "tag-changes")
STACK, REGISTRATION = "macie-self-service", "macie-self-service-registration"
FORWARDERS = "macie-self-service-forwarders"
BUS = "macie-self-service"
QUEUE, DEAD_LETTERS = "macie-self-service", "macie-self-service-dead-letters"
SWEEP_QUEUE = "macie-self-service-sweep"
CONTROLLER, SWEEPER = "macie-self-service-controller", "macie-self-service-sweeper"
# What the functions ask LocalStack for; all else they ask the local AWS.
DEPLOYED = ("EVENTBRIDGE", "LAMBDA", "SQS", "SSM")
PROGRAMS = ("controller", "administrator-settings", "registration")


@dataclass
class Rig:
    """LocalStack with our stacks, and the local AWS for what LocalStack has not."""

    engine: deploy.Engine
    aws: Driver
    patterns: dict[str, str] = field(default_factory=dict)

    def call(self, service: str, account: str = ADMINISTRATOR, region: str = HOME) -> Any:
        """A client of LocalStack."""
        return self.engine.client(service, account, region)

    def put(self, event: dict[str, Any], account: str, region: str = HOME) -> None:
        """Puts an event on an account's default bus, with the account's own credentials."""
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Resources": event["resources"],
            "Detail": json.dumps(event["detail"]),
        }
        reply = self.call("events", account, region).put_events(Entries=[entry])
        assert reply["FailedEntryCount"] == 0, reply

    def queue(self, name: str) -> str:
        """The address of a queue of the administrator."""
        return self.call("sqs").get_queue_url(QueueName=name)["QueueUrl"]

    def receive(self, name: str, **more: Any) -> list[dict[str, Any]]:
        """Takes what is in a queue."""
        sqs, url = self.call("sqs"), self.queue(name)
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **more)
        for message in found.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found.get("Messages", [])

    def collect(self, name: str, last: str) -> list[dict[str, Any]]:
        """Events of a queue, until the one with a marker in its detail has come."""
        events: list[dict[str, Any]] = []

        def came() -> bool:
            events.extend(json.loads(message["Body"]) for message in self.receive(name))
            return any(event["detail"].get("marker") == last for event in events)

        until(f"event {last} in {name}", came)
        return events

    def switch(self, function: str, on: bool) -> None:
        """Lets a function take from its queue, or not."""
        functions = self.call("lambda")
        found = functions.list_event_source_mappings(FunctionName=function)
        (mapping,) = [source["UUID"] for source in found["EventSourceMappings"]]
        functions.update_event_source_mapping(UUID=mapping, Enabled=on)
        wanted = "Enabled" if on else "Disabled"
        until(wanted, lambda: functions.get_event_source_mapping(UUID=mapping)["State"] == wanted)

    @contextmanager
    def subscriber(self) -> Iterator[str]:
        """The name of a queue that gets what the controller publishes on the bus."""
        name, events, sqs = "subscriber", self.call("events"), self.call("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        pattern = json.dumps({"source": ["macie.self-service"]})
        events.put_rule(Name=name, EventBusName=BUS, EventPattern=pattern)
        arn = f"arn:aws:sqs:{HOME}:{ADMINISTRATOR}:{name}"
        target = {"Id": "queue", "Arn": arn}
        events.put_targets(Rule=name, EventBusName=BUS, Targets=[target])
        yield name
        events.remove_targets(Rule=name, EventBusName=BUS, Ids=["queue"])
        events.delete_rule(Name=name, EventBusName=BUS)
        sqs.delete_queue(QueueUrl=url)

    def is_idle(self) -> bool:
        """Whether nothing waits in the queues and no function is at work."""
        return all(self.waiting(name) == {"0"} for name in (SWEEP_QUEUE, QUEUE))

    def waiting(self, name: str) -> set[str]:
        """How many messages a queue has, and how many of them are at work."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        sqs, url = self.call("sqs"), self.queue(name)
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return set(found["Attributes"].values())

    def members(self, region: str = HOME) -> dict[str, str]:
        """Macie's members of the local AWS and their states."""
        macie = self.aws.client("macie2", ADMINISTRATOR, region)
        found = macie.list_members(onlyAssociated="false")["members"]
        return {member["accountId"]: member["relationshipStatus"] for member in found}

    def bucket(self, account: str, name: str, tags: dict[str, str]) -> None:
        """A bucket in the local AWS."""
        s3 = self.aws.client("s3", account)
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": HOME})
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs})


def functions_environment(local_aws: str, localstack: str) -> dict[str, str]:
    """Where a function finds the two halves of AWS."""
    endpoints = {f"AWS_ENDPOINT_URL_{service}": localstack for service in DEPLOYED}
    return {
        "AWS_ENDPOINT_URL": local_aws,
        **endpoints,
        "AWS_SECRET_ACCESS_KEY": world.SECRET,
        "AWS_SESSION_TOKEN": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def deployed() -> Iterator[Rig]:
    """Everything deployed, and the event sources of both functions off."""
    programs = {}
    for name in PROGRAMS:
        world.build("--bin", name)
        programs[name] = world.target_folder() / "debug" / name
    with world.local_aws() as local_aws:
        environment = functions_environment(local_aws, localstack_engine.ENDPOINT)
        with localstack_engine.serving(environment):
            rig = Rig(deploy.Engine(localstack_engine.client), Driver(local_aws))
            _deploy(rig.engine, programs)
            for function in (CONTROLLER, SWEEPER):
                rig.switch(function, on=False)
            events = rig.call("events", WORKLOADS[0])
            for family in FAMILIES:
                rule = events.describe_rule(Name=f"macie-self-service-{family}")
                rig.patterns[family] = rule["EventPattern"]
            yield rig


def _deploy(engine: deploy.Engine, programs: dict[str, Path]) -> None:
    """In the order of the installation."""
    for account in (MANAGEMENT, ADMINISTRATOR):
        engine.release(account, programs)
    body, given = deploy.REGISTRATION.read_text(), deploy.registration_parameters()
    engine.deploy(MANAGEMENT, HOME, REGISTRATION, body, given)
    body, given = deploy.CONTROLLER.read_text(), deploy.controller_parameters()
    engine.deploy(ADMINISTRATOR, HOME, STACK, body, given)
    body, given = deploy.WORKLOAD.read_text(), deploy.workload_parameters()
    for account in WORKLOADS:
        for region in deploy.REGIONS:
            engine.deploy(account, region, FORWARDERS, body, given)
