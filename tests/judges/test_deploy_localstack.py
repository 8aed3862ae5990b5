"""The way of an event through our templates, on LocalStack, which others wrote.

The templates are deployed unchanged. A call's event on a workload account's default bus goes
through the deployed rule, role and bus into the deployed queue; LocalStack's event source mapping
hands it to the real controller, and that enrols the account in the local AWS's Macie.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

import deploy
import localstack_engine
import world
from deploy import until
from deploy_custom_resource import ask
from deploy_localstack import (
    CONTROLLER,
    DEAD_LETTERS,
    FAMILIES,
    FORWARDERS,
    QUEUE,
    REGISTRATION,
    STACK,
    SWEEP_QUEUE,
    SWEEPER,
    Rig,
    deployed,
)
from deploy_template import Template
from world import ADMINISTRATOR, HOME, MANAGEMENT, WORKLOADS

FIXTURES = world.ROOT / "tests" / "fixtures"
TABLE = json.loads((FIXTURES / "pattern-twins.json").read_text())
OTHER = "us-east-1"
NEXT = "0.2.0"
# Policies that list service principals by a parameter look changed to this engine in every update.
TAKEN_FOR_CHANGED = {"ResultsBucketPolicy", "ResultsKey"}
# What this engine takes for made without making it.
NOT_MADE = {
    "AWS::CloudWatch::Dashboard",
    "AWS::Logs::MetricFilter",
    "Custom::MacieAdministratorSettings",
}
# What is made here, but has no reader.
NOT_LOOKED_AT = {
    "AWS::CloudWatch::Alarm",
    "AWS::Events::EventBusPolicy",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
}
# Properties that this engine does not keep.
NOT_KEPT = {
    ("AWS::Events::EventBus", "Description"),
    ("AWS::Lambda::Function", "RecursiveLoop"),
    ("AWS::Lambda::Function", "ReservedConcurrentExecutions"),
    ("AWS::Logs::LogGroup", "RetentionInDays"),
    ("AWS::S3::Bucket", "BucketEncryption"),
    ("AWS::S3::Bucket", "LifecycleConfiguration"),
}

pytestmark = pytest.mark.skipif(
    localstack_engine.missing() is not None, reason=f"LocalStack: {localstack_engine.missing()}"
)


def fixture(name: str) -> dict[str, Any]:
    """An event of the fixtures."""
    return json.loads((FIXTURES / "events" / f"{name}.json").read_text())["event"]


def merge(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), change)
    return merged


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Everything deployed, and the event sources of both functions off."""
    with deployed() as rig:
        yield rig


def marked(event: dict[str, Any], marker: str) -> dict[str, Any]:
    """The event with a marker by which it is known again."""
    marked = copy.deepcopy(event)
    marked["detail"]["marker"] = marker
    return marked


def about(name: str, account: str, bucket: str) -> dict[str, Any]:
    """A fixture's event, about an account's bucket."""
    text = json.dumps(fixture(name))
    return json.loads(text.replace("111122223333", account).replace("team-a-data", bucket))


def test_only_what_this_engine_has_not_is_not_made(rig: Rig) -> None:
    found = rig.engine.resources(ADMINISTRATOR, HOME, STACK)
    assert {kind for kind, place in found.values() if place == "unknown"} == NOT_MADE
    for account in WORKLOADS:
        home = rig.engine.resources(account, HOME, FORWARDERS)
        assert set(home) == {"ForwarderRole", "MemberRole", "S3Calls", "TagChanges"}
        other = rig.engine.resources(account, OTHER, FORWARDERS)
        assert set(other) == {"ForwarderRole", "S3Calls", "TagChanges"}


def test_the_stacks_are_what_the_templates_say(rig: Rig) -> None:
    given = deploy.controller_parameters()
    template = Template(deploy.CONTROLLER, given, ADMINISTRATOR, HOME)
    assert rig.engine.differences(template, STACK, NOT_MADE | NOT_LOOKED_AT) == NOT_KEPT
    for region in deploy.REGIONS:
        template = Template(deploy.WORKLOAD, deploy.workload_parameters(), WORKLOADS[0], region)
        assert rig.engine.differences(template, FORWARDERS, set()) == set()


def test_the_custom_resources_designate_the_administrator_and_keep_its_settings(rig: Rig) -> None:
    given = deploy.registration_parameters()
    template = Template(deploy.REGISTRATION, given, MANAGEMENT, HOME)
    answer = ask(rig.call("lambda", MANAGEMENT), template, "Registration", "Create")
    assert answer["Status"] == "SUCCESS", answer
    key = rig.engine.resources(ADMINISTRATOR, HOME, STACK)["ResultsKey"][1]
    given = deploy.controller_parameters()
    chosen = {"ResultsKey.Arn": f"arn:aws:kms:{HOME}:{ADMINISTRATOR}:key/{key}"}
    template = Template(deploy.CONTROLLER, given, ADMINISTRATOR, HOME, chosen)
    results = f"macie-self-service-results-{ADMINISTRATOR}-{HOME}"
    rig.bucket(ADMINISTRATOR, results, {})
    answer = ask(rig.call("lambda"), template, "Settings", "Create")
    assert answer["Status"] == "SUCCESS", answer
    for region in deploy.REGIONS:
        macie = rig.aws.client("macie2", ADMINISTRATOR, region)
        assert macie.describe_organization_configuration()["autoEnable"] is False
        place = macie.get_classification_export_configuration()["configuration"]["s3Destination"]
        assert place["bucketName"] == results
        assert place["kmsKeyArn"] == chosen["ResultsKey.Arn"]


def test_deployed_patterns_forward_every_event_that_they_should(rig: Rig) -> None:
    for family in FAMILIES:
        for name in TABLE["forwarded"][family]:
            assert _forwarding(rig, fixture(name)) == [family], name
    for name in [*TABLE["stopped"], *TABLE["lost"]]:
        assert _forwarding(rig, fixture(name)) == [], name


def test_deployed_patterns_stop_the_negative_twins(rig: Rig) -> None:
    for family in FAMILIES:
        for name in TABLE["forwarded"][family]:
            for twin in TABLE["twins"][family]:
                event = merge(fixture(name), twin["merge"])
                wanted = [family] if twin["forwarded"] else []
                assert _forwarding(rig, event) == wanted, f"{twin['name']} of {name}"


def _forwarding(rig: Rig, event: dict[str, Any]) -> list[str]:
    """The families whose deployed rule has a pattern that the event matches."""
    events = rig.call("events", WORKLOADS[0])

    def matches(family: str) -> bool:
        pattern = rig.patterns[family]
        return events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]

    return [family for family in FAMILIES if matches(family)]


@pytest.mark.parametrize("region", deploy.REGIONS)
@pytest.mark.parametrize(
    "name", ["put-bucket-tagging-one-tag", "tag-resource-on-bucket", "tag-change"]
)
def test_an_event_arrives_in_the_queue_as_the_account_sent_it(
    rig: Rig, name: str, region: str
) -> None:
    sent = marked(fixture(name), f"{name} {region}")
    rig.put(sent, WORKLOADS[1], region)
    (came,) = rig.collect(QUEUE, sent["detail"]["marker"])
    assert (came["account"], came["region"]) == (WORKLOADS[1], region)
    for part in ("source", "detail-type", "resources", "detail"):
        assert came[part] == sent[part]


def test_an_event_of_the_organization_arrives_from_the_management_account(rig: Rig) -> None:
    place, name = (MANAGEMENT, OTHER), "macie-self-service-organization-events"
    body, given = deploy.ORGANIZATION_EVENTS.read_text(), deploy.organization_events_parameters()
    rig.engine.deploy(*place, name, body, given)
    assert rig.engine.deploy(*place, name, body, given) == []
    events = rig.call("events", *place)
    pattern = events.describe_rule(Name="macie-self-service-organization")["EventPattern"]
    rows = json.loads((FIXTURES / "organization-events.json").read_text())
    for row in rows:
        found = events.test_event_pattern(EventPattern=pattern, Event=json.dumps(row["event"]))
        assert found["Result"] == row["forwarded"], row["name"]
    first = {row["forwarded"]: row["event"] for row in reversed(rows)}
    sent = marked(first[True], "organization")
    rig.put(first[False], *place)
    rig.put(sent, *place)
    (came,) = rig.collect(QUEUE, "organization")
    assert (came["account"], came["region"]) == place
    assert came["detail"] == sent["detail"]
    rig.engine.delete(*place, name)


def test_what_no_pattern_matches_does_not_arrive(rig: Rig) -> None:
    for family, name in (("s3-calls", "put-bucket-tagging-one-tag"), ("tag-changes", "tag-change")):
        for twin in TABLE["twins"][family]:
            if not twin["forwarded"]:
                rig.put(merge(fixture(name), twin["merge"]), WORKLOADS[1])
    rig.put(marked(fixture("tag-change"), "after them"), WORKLOADS[1])
    assert [event["detail"].get("marker") for event in rig.collect(QUEUE, "after them")] == [
        "after them"
    ]


def test_the_function_enrols_the_account_that_tagged(rig: Rig) -> None:
    rig.bucket(WORKLOADS[0], "invoices", {"macie": "true"})
    rig.bucket(WORKLOADS[1], "holiday-photos", {"team": "a"})
    rig.switch(CONTROLLER, on=True)
    rig.put(about("put-bucket-tagging-one-tag", WORKLOADS[1], "holiday-photos"), WORKLOADS[1])
    rig.put(about("put-bucket-tagging-one-tag", WORKLOADS[0], "invoices"), WORKLOADS[0])
    until("enrolled", lambda: WORKLOADS[0] in rig.members())
    until("an empty queue", rig.is_idle)
    assert rig.members() == {WORKLOADS[0]: "Created"}
    assert rig.members(OTHER) == {}


def test_a_poison_message_ends_among_the_dead_letters(rig: Rig) -> None:
    sqs, url = rig.call("sqs"), rig.queue(QUEUE)
    # Twelve minutes are waited between two of the five attempts: time is turned.
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "0"})
    sqs.send_message(QueueUrl=url, MessageBody="not an event")
    dead = until("a dead letter", lambda: rig.receive(DEAD_LETTERS, AttributeNames=["All"]))
    assert [message["Body"] for message in dead] == ["not an event"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "720"})
    until("an empty queue", rig.is_idle)


def test_the_sweep_finds_what_no_event_told_and_the_bus_hears_of_it(rig: Rig) -> None:
    rig.bucket(WORKLOADS[2], "ledgers", {"macie": "true"})
    target = rig.call("scheduler").get_schedule(Name="macie-self-service-sweep")["Target"]
    assert target["Arn"] == f"arn:aws:sqs:{HOME}:{ADMINISTRATOR}:{SWEEP_QUEUE}"
    with rig.subscriber() as subscriber:
        rig.call("sqs").send_message(QueueUrl=rig.queue(SWEEP_QUEUE), MessageBody=target["Input"])
        # An event finds its way though nobody works the sweep off.
        rig.put(about("put-bucket-tagging-one-tag", WORKLOADS[1], "holiday-photos"), WORKLOADS[1])
        until("handled", lambda: rig.waiting(QUEUE) == {"0"})
        assert WORKLOADS[2] not in rig.members()
        rig.switch(SWEEPER, on=True)
        until("enrolled", lambda: WORKLOADS[2] in rig.members())
        (message,) = until("published", lambda: rig.receive(subscriber))
        published = json.loads(message["Body"])
        assert published["detail-type"] == "Account Enrolled"
        assert published["detail"]["account"] == WORKLOADS[2]
        until("an empty queue", rig.is_idle)


def test_a_second_deploy_changes_nothing(rig: Rig) -> None:
    body, given = deploy.CONTROLLER.read_text(), deploy.controller_parameters()
    assert rig.engine.deploy(ADMINISTRATOR, HOME, STACK, body, given) == []
    body, given = deploy.WORKLOAD.read_text(), deploy.workload_parameters()
    for region in deploy.REGIONS:
        assert rig.engine.deploy(WORKLOADS[0], region, FORWARDERS, body, given) == []


def test_a_release_updates_the_functions_and_replaces_nothing(rig: Rig) -> None:
    rig.engine.release(ADMINISTRATOR, {}, NEXT)
    body = deploy.CONTROLLER.read_text().replace(deploy.VERSION, NEXT)
    given = deploy.controller_parameters()
    changes = [
        change["ResourceChange"]
        for change in rig.engine.deploy(ADMINISTRATOR, HOME, STACK, body, given)
    ]
    assert {change["Action"] for change in changes} == {"Modify"}
    assert not [change for change in changes if change.get("Replacement") == "True"]
    found = {change["LogicalResourceId"] for change in changes}
    functions = {"ControllerFunction", "SweeperFunction", "SettingsFunction"}
    assert found - TAKEN_FOR_CHANGED == functions | {"Settings"}
    for name, what in ((CONTROLLER, "controller"), (SWEEPER, "sweep")):
        function = rig.call("lambda").get_function_configuration(FunctionName=name)
        assert function["Description"] == f"Macie self-service {what} {NEXT}"


def test_deleted_stacks_leave_the_results_and_nothing_else(rig: Rig) -> None:
    kept = rig.engine.resources(ADMINISTRATOR, HOME, STACK)["ResultsKey"][1]
    rig.engine.delete(ADMINISTRATOR, HOME, STACK)
    rig.engine.delete(MANAGEMENT, HOME, REGISTRATION)
    for account in WORKLOADS:
        for region in deploy.REGIONS:
            rig.engine.delete(account, region, FORWARDERS)
    buckets = [bucket["Name"] for bucket in rig.call("s3").list_buckets()["Buckets"]]
    results = f"macie-self-service-results-{ADMINISTRATOR}-{HOME}"
    assert buckets == [deploy.code_bucket(ADMINISTRATOR), results]
    assert rig.call("kms").describe_key(KeyId=kept)["KeyMetadata"]["KeyState"] == "Enabled"
    assert "QueueUrls" not in rig.call("sqs").list_queues()
    for account in (MANAGEMENT, ADMINISTRATOR, *WORKLOADS):
        assert rig.call("iam", account).list_roles()["Roles"] == []
        for region in deploy.REGIONS:
            assert rig.call("events", account, region).list_rules()["Rules"] == []
    assert rig.call("lambda").list_functions()["Functions"] == []
    assert rig.call("scheduler").list_schedules()["Schedules"] == []
    assert rig.call("ssm").describe_parameters()["Parameters"] == []
