"""EventBridge."""

import json
from typing import Any

from contract import case
from contract.sqs import arn, queue, sqs
from world import ADMINISTRATOR, EMPTY, WORKLOADS, Driver

PATTERN = json.dumps({"source": ["self-service.test"]})


def events(aws: Driver, account: str = ADMINISTRATOR) -> Any:
    return aws.client("events", account, EMPTY)


def rule(aws: Driver, name: str = "sweep", **more: str) -> dict[str, str]:
    events(aws).put_rule(Name=name, EventPattern=PATTERN, **more)
    return {"Name": name}


def paged(aws: Driver, call: Any, key: str, **parameters: Any) -> list[dict[str, Any]]:
    """Every item of a list, two a page."""
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = call(Limit=2, **token, **parameters)
        assert len(page[key]) <= 2
        found += page[key]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


@case("events", "CreateEventBus", "DescribeEventBus", "ListEventBuses")
def buses(aws: Driver) -> None:
    for name in ("payments", "self-service"):
        made = events(aws).create_event_bus(Name=name)["EventBusArn"]
        assert made == f"arn:aws:events:{EMPTY}:{ADMINISTRATOR}:event-bus/{name}"
    assert events(aws).describe_event_bus()["Name"] == "default"
    found = paged(aws, events(aws).list_event_buses, "EventBuses")
    assert [bus["Name"] for bus in found] == ["default", "payments", "self-service"]
    create = events(aws).create_event_bus
    aws.refused("ResourceAlreadyExistsException", create, Name="payments")
    aws.refused("ValidationException", create, Name="a/b")
    describe = events(aws).describe_event_bus
    aws.refused("ResourceNotFoundException", describe, Name="missing")
    call = events(aws).list_event_buses
    aws.refused("ValidationException", call, Limit=101)


@case("events", "PutPermission")
def put_permission(aws: Driver) -> None:
    events(aws).create_event_bus(Name="self-service")
    statement = {"Action": "events:PutEvents", "Principal": WORKLOADS[0], "StatementId": "one"}
    put = events(aws).put_permission
    put(EventBusName="self-service", **statement)
    policy = events(aws).describe_event_bus(Name="self-service")["Policy"]
    assert json.loads(policy)["Statement"][0]["Sid"] == "one"
    aws.refused("ResourceNotFoundException", put, EventBusName="missing", **statement)
    aws.refused("ValidationException", put, EventBusName="self-service", Policy="no JSON")


@case("events", "PutRule", "DescribeRule", "ListRules", "DeleteRule")
def rules(aws: Driver) -> None:
    for number in range(3):
        rule(aws, f"rule-{number}", State="DISABLED", Description="d")
    found = events(aws).describe_rule(Name="rule-0")
    assert (found["State"], found["EventPattern"]) == ("DISABLED", PATTERN)
    names = [entry["Name"] for entry in paged(aws, events(aws).list_rules, "Rules")]
    assert names == ["rule-0", "rule-1", "rule-2"]
    put = events(aws).put_rule
    aws.refused("InvalidEventPatternException", put, Name="bad", EventPattern='{"a": "b"}')
    elsewhere = {"EventBusName": "missing", "EventPattern": PATTERN}
    aws.refused("ResourceNotFoundException", put, Name="bad", **elsewhere)
    aws.refused("ResourceNotFoundException", events(aws).describe_rule, Name="missing")
    aws.refused("ResourceNotFoundException", events(aws).list_rules, EventBusName="missing")
    queue(aws)
    target = [{"Id": "queue", "Arn": arn("events")}]
    events(aws).put_targets(Rule="rule-0", Targets=target)
    aws.refused("ValidationException", events(aws).delete_rule, Name="rule-0")
    events(aws).delete_rule(Name="rule-1")
    events(aws).delete_rule(Name="rule-1")
    names = [entry["Name"] for entry in events(aws).list_rules()["Rules"]]
    assert names == ["rule-0", "rule-2"]


@case("events", "EnableRule", "DisableRule")
def rule_states(aws: Driver) -> None:
    name = rule(aws)
    events(aws).disable_rule(**name)
    assert events(aws).describe_rule(**name)["State"] == "DISABLED"
    events(aws).enable_rule(**name)
    assert events(aws).describe_rule(**name)["State"] == "ENABLED"
    for call in (events(aws).enable_rule, events(aws).disable_rule):
        aws.refused("ResourceNotFoundException", call, Name="missing")


@case("events", "PutTargets", "RemoveTargets", "ListTargetsByRule")
def targets(aws: Driver) -> None:
    rule(aws)
    queue(aws)
    three = [{"Id": f"t{number}", "Arn": arn("events")} for number in range(3)]
    put = events(aws).put_targets
    assert put(Rule="sweep", Targets=three)["FailedEntryCount"] == 0
    found = paged(aws, events(aws).list_targets_by_rule, "Targets", Rule="sweep")
    assert found == three
    events(aws).remove_targets(Rule="sweep", Ids=["t0", "unknown"])
    listed = events(aws).list_targets_by_rule
    assert listed(Rule="sweep")["Targets"] == three[1:]
    more = [{"Id": f"u{number}", "Arn": arn("events")} for number in range(4)]
    aws.refused("LimitExceededException", put, Rule="sweep", Targets=more)
    bus = f"arn:aws:events:{EMPTY}:{WORKLOADS[0]}:event-bus/default"
    no_role = [{"Id": "bus", "Arn": bus}]
    aws.refused("ValidationException", put, Rule="sweep", Targets=no_role)
    missing = {"Rule": "missing"}
    aws.refused("ResourceNotFoundException", put, Targets=three, **missing)
    aws.refused("ResourceNotFoundException", events(aws).remove_targets, Ids=["t0"], **missing)
    aws.refused("ResourceNotFoundException", listed, **missing)


@case("events", "PutEvents")
def put_events(aws: Driver) -> None:
    url = queue(aws)
    rule(aws)
    events(aws).put_targets(Rule="sweep", Targets=[{"Id": "queue", "Arn": arn("events")}])
    entry = {"Source": "self-service.test", "DetailType": "sweep", "Detail": '{"n": 1}'}
    forged = entry | {"Source": "aws.s3"}
    broken = entry | {"Detail": "no JSON"}
    unmatched = entry | {"Source": "someone.else"}
    reply = events(aws).put_events(Entries=[entry, forged, broken, unmatched])
    codes = [one.get("ErrorCode") for one in reply["Entries"]]
    assert codes == [None, "NotAuthorizedForSourceException", "MalformedDetail", None]
    assert reply["FailedEntryCount"] == 2
    received = sqs(aws).receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    bodies = [json.loads(message["Body"]) for message in received]
    assert [body["id"] for body in bodies] == [reply["Entries"][0]["EventId"]]
    assert bodies[0]["account"] == ADMINISTRATOR
    call = events(aws).put_events
    aws.refused("ValidationException", call, Entries=[entry] * 11)


@case("events", "TestEventPattern")
def pattern(aws: Driver) -> None:
    event = {
        "id": "1",
        "source": "self-service.test",
        "detail-type": "sweep",
        "account": ADMINISTRATOR,
        "time": "2026-01-01T00:00:00Z",
        "region": EMPTY,
        "resources": [],
        "detail": {},
    }
    matches = events(aws).test_event_pattern
    assert matches(EventPattern=PATTERN, Event=json.dumps(event))["Result"] is True
    other = json.dumps(event | {"source": "x"})
    assert matches(EventPattern=PATTERN, Event=other)["Result"] is False
    bad = {"EventPattern": '{"source": "text"}', "Event": other}
    aws.refused("InvalidEventPatternException", matches, **bad)
