"""The templates say exactly what `policies/`, the event patterns, the code and the docs say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import templates
import world

ROLE = "macie-self-service-"
TEMPLATES = {name: templates.load(name) for name in templates.NAMES}
RESOLVED = {name: templates.Resolver(template) for name, template in TEMPLATES.items()}


def resources(kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """All resources of a type: template, logical name and resolved properties."""
    for name, resolver in RESOLVED.items():
        for resource, of in resolver.resources(kind).items():
            yield name, resource, of["Properties"]


def one(kind: str, name: str, field: str) -> dict[str, Any]:
    """The one resource of a type whose field has a value."""
    [found] = [properties for *_, properties in resources(kind) if properties.get(field) == name]
    return found


def test_every_template_is_judged() -> None:
    found = {
        str(path.relative_to(world.ROOT))
        for folder in ("stacksets", "delegated-admin")
        # Below them are examples for landing zones.
        for path in (world.ROOT / folder).glob("*.yaml")
    }
    assert found == set(templates.NAMES)


def test_cfn_lint_finds_nothing() -> None:
    main = "import sys; from cfnlint.runner import main; sys.exit(main())"
    command = [sys.executable, "-c", main, "--regions", "eu-west-1", "us-east-1", "--"]
    ended = subprocess.run(
        [*command, *templates.NAMES], cwd=world.ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("name", templates.NAMES)
def test_plain_cloudformation(name: str) -> None:
    """Service-managed StackSets refuse the rest."""
    template = TEMPLATES[name]
    assert "Transform" not in template
    kinds = {of["Type"] for of in template["Resources"].values()}
    assert not {kind for kind in kinds if "Macro" in kind or kind.endswith("::Stack")}
    text = (world.ROOT / name).read_text()
    assert "Fn::Transform" not in text
    assert "Fn::ForEach" not in text


@pytest.mark.parametrize("name", templates.NAMES)
def test_a_template_can_be_given_as_text(name: str) -> None:
    """51,200 bytes; a longer one must be in a bucket (CloudFormation User Guide, quotas)."""
    assert len((world.ROOT / name).read_bytes()) <= 51_200


@pytest.mark.parametrize("name", templates.NAMES)
def test_no_partition_is_written_out(name: str) -> None:
    assert not re.findall(r"arn:aws[\w-]*:", (world.ROOT / name).read_text())


@pytest.mark.parametrize("name", templates.NAMES)
def test_every_parameter_is_explained(name: str) -> None:
    template = TEMPLATES[name]
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [one for group in interface["ParameterGroups"] for one in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert sorted(interface["ParameterLabels"]) == sorted(template["Parameters"])
    for parameter, of in template["Parameters"].items():
        assert of["Description"].strip(), parameter
        if "AllowedValues" not in of:
            assert of["ConstraintDescription"], parameter
            re.compile(of["AllowedPattern"])
        if of.get("Default") == "":
            assert of["Description"].startswith("(Optional)"), parameter


@pytest.mark.parametrize("name", templates.NAMES)
def test_samples_and_defaults_fit_their_patterns(name: str) -> None:
    for parameter, of in TEMPLATES[name]["Parameters"].items():
        if "AllowedPattern" not in of:
            continue
        for value in (RESOLVED[name].values[parameter], of.get("Default")):
            for part in value if isinstance(value, list) else [value]:
                assert part is None or re.search(of["AllowedPattern"], part), (parameter, part)


def test_the_version_is_the_release() -> None:
    manifest = (world.ROOT / "Cargo.toml").read_text()
    release = re.search(r'^version = "([^"]+)"', manifest, re.MULTILINE)
    assert release
    for name, template in TEMPLATES.items():
        parameter = template["Parameters"]["Version"]
        assert (parameter["Default"], parameter["AllowedValues"]) == (release[1], [release[1]]), (
            name
        )


def test_data_is_kept() -> None:
    holding = ("SQS::Queue", "KMS::Key", "S3::Bucket", "Logs::LogGroup", "SSM::Parameter")
    kept = ("KMS::Key", "S3::Bucket")
    for name, template in TEMPLATES.items():
        for resource, of in template["Resources"].items():
            kind = of["Type"].removeprefix("AWS::")
            if kind in holding:
                assert "DeletionPolicy" in of, (name, resource)
                assert "UpdateReplacePolicy" in of, (name, resource)
            if kind in kept:
                assert of["DeletionPolicy"] == of["UpdateReplacePolicy"] == "Retain", resource


def pattern(file: str) -> Any:
    """Read an event pattern."""
    return json.loads((world.ROOT / file).read_text())


def test_rules_have_the_published_patterns() -> None:
    rules = {properties["Name"]: properties for *_, properties in resources("AWS::Events::Rule")}
    assert {name: rule["EventPattern"] for name, rule in rules.items()} == {
        "macie-self-service-s3-calls": pattern("stacksets/events/s3-calls.json"),
        "macie-self-service-tag-changes": pattern("stacksets/events/tag-changes.json"),
        "macie-self-service-organization": pattern("delegated-admin/events/organization.json"),
        "macie-self-service": pattern("delegated-admin/events/forwarded.json"),
    }
    assert [name for name, rule in rules.items() if rule["State"] != "ENABLED"] == []


def test_forwarders_aim_at_the_central_bus() -> None:
    bus = "arn:aws:events:eu-west-1:222222222222:event-bus/macie-self-service"
    for name in ("s3-calls", "tag-changes", "organization"):
        name = f"macie-self-service-{name}"
        rule = one("AWS::Events::Rule", name, "Name")
        [target] = rule["Targets"]
        assert (target["Id"], target["Arn"]) == ("bus", bus)
        assert target["RoleArn"] == "<ForwarderRole.Arn>"
        assert "EventBusName" not in rule


def test_the_bus_lets_in_what_its_rule_takes() -> None:
    policy = pattern("policies/event-bus.json")["Statement"][0]["Condition"]
    policy = policy["ForAllValues:StringEquals"]
    assert policy["events:source"] == pattern("delegated-admin/events/forwarded.json")["source"]
    forwarded = [pattern(f"stacksets/events/{name}.json") for name in ("s3-calls", "tag-changes")]
    forwarded.append(pattern("delegated-admin/events/organization.json"))
    assert [source for rule in forwarded for source in rule["source"]] == policy["events:source"]
    kinds = [kind for rule in forwarded for kind in rule["detail-type"]]
    assert list(dict.fromkeys(kinds)) == policy["events:detail-type"]


def test_the_member_role_is_made_in_the_home_region_only() -> None:
    name = "stacksets/workload-account.yaml"
    elsewhere = templates.Resolver(
        TEMPLATES[name], {**templates.SAMPLES, "AWS::Region": "us-east-1"}
    )
    roles = [
        role["Properties"]["RoleName"] for role in elsewhere.resources("AWS::IAM::Role").values()
    ]
    assert roles == ["macie-self-service-forwarder-us-east-1"]


QUEUES = "arn:aws:sqs:eu-west-1:222222222222:"
# Name, queue and messages a time of the two functions that work off a queue.
WORKERS = [
    ("macie-self-service-controller", "Queue", 10),
    ("macie-self-service-sweeper", "SweepQueue", 100),
]


@pytest.mark.parametrize(("name", "queue_id", "batch"), WORKERS)
def test_a_queue_waits_for_its_function(name: str, queue_id: str, batch: int) -> None:
    function = one("AWS::Lambda::Function", name, "FunctionName")
    [queue] = [found for _, other, found in resources("AWS::SQS::Queue") if other == queue_id]
    arn = f"{QUEUES}{queue['QueueName']}"
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": f"{QUEUES}macie-self-service-dead-letters",
        "maxReceiveCount": 5,
    }
    assert function["ReservedConcurrentExecutions"] == 1
    assert function["RecursiveLoop"] == "Allow"
    source = one("AWS::Lambda::EventSourceMapping", arn, "EventSourceArn")
    role = function["Role"].removeprefix("<").removesuffix("Role.Arn>")
    assert source["FunctionName"] == f"<{role}Function>"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (source["BatchSize"], source["MaximumBatchingWindowInSeconds"]) == (batch, 1)
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_dead_letters_are_of_our_queues_only() -> None:
    queues = {queue["QueueName"]: queue for *_, queue in resources("AWS::SQS::Queue")}
    dead = queues.pop("macie-self-service-dead-letters")
    assert dead["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"{QUEUES}{name}" for name in queues],
    }
    assert list(queues) == ["macie-self-service", "macie-self-service-sweep"]


def test_the_functions_get_the_variables_that_they_read() -> None:
    config = (world.ROOT / "controller/src/config.rs").read_text()
    read = set(re.findall(r'var\("(MACIECTL_\w+)"\)', config))
    function = one("AWS::Lambda::Function", "macie-self-service-controller", "FunctionName")
    variables = function["Environment"]["Variables"]
    # Only the sweeper spreads passes, and only the collection keeps something.
    kept = {"MACIECTL_RESULTS_BUCKET", "MACIECTL_RESULTS_KEY"}
    assert set(variables) == read - {"MACIECTL_SWEEP_QUEUE_URL"} - kept | {"RUST_LOG"}
    assert variables["MACIECTL_POLICY"] == "ssm:/macie-self-service/policy"
    member = one("AWS::IAM::Role", "macie-self-service-member", "RoleName")
    assert variables["MACIECTL_MEMBER_ROLE"] == member["RoleName"]
    sweeper = one("AWS::Lambda::Function", "macie-self-service-sweeper", "FunctionName")
    names = ("MACIECTL_POLICY", "MACIECTL_MEMBER_ROLE", "MACIECTL_QUEUE_URL", "RUST_LOG")
    assert sweeper["Environment"]["Variables"] == {
        **{name: variables[name] for name in names},
        "MACIECTL_SWEEP_QUEUE_URL": "<SweepQueue>",
    }
    costs = one("AWS::Lambda::Function", "macie-self-service-costs", "FunctionName")
    results = one(
        "AWS::S3::Bucket", "macie-self-service-results-222222222222-eu-west-1", "BucketName"
    )
    bus = one("AWS::Events::EventBus", "macie-self-service", "Name")
    assert costs["Environment"]["Variables"] == {
        **{name: variables[name] for name in ("MACIECTL_POLICY", "RUST_LOG")},
        "MACIECTL_EVENT_BUS": bus["Name"],
        "MACIECTL_RESULTS_BUCKET": results["BucketName"],
        "MACIECTL_RESULTS_KEY": templates.SAMPLES["ResultsKeyArn"],
    }
    # The same package: what a function is, its role and variables say.
    assert sweeper["Code"] == costs["Code"] == function["Code"]


def test_functions_log_where_their_role_may() -> None:
    groups = {properties["LogGroupName"] for *_, properties in resources("AWS::Logs::LogGroup")}
    functions = [properties for *_, properties in resources("AWS::Lambda::Function")]
    assert groups == {f"/aws/lambda/{function['FunctionName']}" for function in functions}
    for function in functions:
        assert function["Runtime"] == "provided.al2023"
        binary = function["Code"]["S3Key"].rsplit("/", 1)[1]
        assert function["Code"]["S3Key"] == f"macie-self-service/0.1.0/{binary}"
        assert binary.endswith("-arm64.zip")


def test_code_is_named_after_the_binaries() -> None:
    binaries = {path.stem for path in (world.ROOT / "controller").glob("**/src/bin/*.rs")} | {
        found
        for path in (world.ROOT / "controller").glob("*/Cargo.toml")
        for found in re.findall(r'\[\[bin\]\]\s*name = "([^"]+)"', path.read_text())
    }
    for *_, function in resources("AWS::Lambda::Function"):
        code = function["Code"]["S3Key"].rsplit("/", 1)[1]
        assert code.removesuffix("-arm64.zip") in binaries


def test_the_schedules_send_what_the_sweep_reads() -> None:
    """tests/tests/functions.rs compares the texts with the program's own."""
    schedules = {found["Name"]: found for *_, found in resources("AWS::Scheduler::Schedule")}
    assert {
        name: (found["ScheduleExpression"], json.loads(found["Target"]["Input"]))
        for name, found in schedules.items()
    } == {
        "macie-self-service-sweep": ("rate(6 hours)", {"macieSelfService": "sweep", "version": 1}),
        "macie-self-service-pending": (
            "rate(1 hour)",
            {"macieSelfService": "sweep", "version": 1, "only": "pending"},
        ),
        "macie-self-service-costs": (
            "cron(0 3,9,15,21 * * ? *)",
            {"macieSelfService": "collect", "version": 1},
        ),
    }
    for found in schedules.values():
        assert found["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert found["State"] == "ENABLED"
    collects = schedules.pop("macie-self-service-costs")
    assert collects["ScheduleExpressionTimezone"] == "UTC"
    assert collects["Target"]["Arn"] == "<Function.Arn>"
    for found in schedules.values():
        target = found["Target"]
        assert target["Arn"] == f"{QUEUES}macie-self-service-sweep"
        assert target["DeadLetterConfig"] == {"Arn": f"{QUEUES}macie-self-service-dead-letters"}


# What costs.yaml, a stack of its own, says of the topic of controller.yaml.
TOPIC = "arn:aws:sns:eu-west-1:222222222222:macie-self-service-alarms"


def test_both_stacks_mean_the_same_topic() -> None:
    [(_, _, topic)] = resources("AWS::SNS::Topic")
    assert TOPIC.endswith(f":{topic['TopicName']}")


def test_alarms_lead_to_a_runbook() -> None:
    runbooks = (world.ROOT / "docs/operations.md").read_text()
    headings = re.findall(r"^## (.+)$", runbooks, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    named = set()
    for _, _, alarm in resources("AWS::CloudWatch::Alarm"):
        address = alarm["AlarmDescription"].split()[-1]
        url, anchor = address.split("#")
        assert url == "docs/operations.md"
        assert anchor == alarm["AlarmName"].replace("macie-self-service", "alarm")
        assert alarm["TreatMissingData"] in ("breaching", "notBreaching")
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert alarm["AlarmActions"] in (["<AlarmTopic>"], [TOPIC])
        named.add(anchor)
    assert named == {anchor for anchor in anchors if anchor.startswith("alarm-")}


def test_alarms_are_as_sharp_as_promised() -> None:
    alarms = {alarm["AlarmName"]: alarm for *_, alarm in resources("AWS::CloudWatch::Alarm")}
    one_dead = alarms["macie-self-service-dead-letters"]
    assert one_dead["Threshold"] == 1
    assert one_dead["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    sweep = alarms["macie-self-service-sweep-missing"]
    assert sweep["Period"] * sweep["EvaluationPeriods"] == 26 * 3600
    assert sweep["TreatMissingData"] == "breaching"
    functions = {"<ControllerFunction>", "<SweeperFunction>"}
    assert watched(alarms, "Throttles") == functions
    assert watched(alarms, "Errors") == functions | {"<Function>"}
    missing = alarms["macie-self-service-collection-missing"]
    assert missing["Period"] * missing["EvaluationPeriods"] == 48 * 3600
    assert missing["TreatMissingData"] == "breaching"
    for name, alarm in alarms.items():
        # A figure comes once a day: an alarm must not end before the next one.
        if alarm["MetricName"] in printed() - {"Collections"}:
            assert alarm["Period"] * alarm["EvaluationPeriods"] == 26 * 3600, name
            assert alarm["DatapointsToAlarm"] == 1, name
            assert alarm["Statistic"] == "Maximum", name
            assert "Dimensions" not in alarm, name
    assert watched(alarms, "ApproximateAgeOfOldestMessage") == {
        "<Queue.QueueName>",
        "<SweepQueue.QueueName>",
    }
    for name, alarm in alarms.items():
        # CloudWatch API Reference, PutMetricAlarm, Period.
        longest = 604_800 if alarm["Period"] >= 3600 else 86_400
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= longest, name


def printed() -> set[str]:
    """The metrics that the collection prints."""
    text = (world.ROOT / "controller/core/src/collection/figures.rs").read_text()
    return set(re.findall(r'\(\s*"([A-Z][A-Za-z0-9]+)",', text))


def watched(alarms: dict[str, Any], metric: str) -> set[str]:
    """The functions or queues whose metric has an alarm."""
    found = [alarm for alarm in alarms.values() if alarm["MetricName"] == metric]
    return {dimension["Value"] for alarm in found for dimension in alarm["Dimensions"]}


def test_metrics_come_from_the_log() -> None:
    filters = {
        properties["MetricTransformations"][0]["MetricName"]: (
            properties["LogGroupName"],
            properties["FilterPattern"],
        )
        for *_, properties in resources("AWS::Logs::MetricFilter")
    }
    assert filters == {
        "Sweeps": ("<SweeperLog>", '{ $.message = "sweep" }'),
        "CircuitBreakerOpen": ("<ControllerLog>", "{ $.circuit_breaker IS TRUE }"),
    }
    counted = {
        alarm["MetricName"]
        for *_, alarm in resources("AWS::CloudWatch::Alarm")
        if alarm["Namespace"] == "MacieSelfService"
    }
    assert len(printed()) == 14
    assert set(filters) <= counted <= set(filters) | printed()


def test_the_dashboards_are_json() -> None:
    dashboards = list(resources("AWS::CloudWatch::Dashboard"))
    assert len(dashboards) == 2
    for file, _, dashboard in dashboards:
        body = json.loads(dashboard["DashboardBody"])
        [alarms] = [widget for widget in body["widgets"] if widget["type"] == "alarm"]
        own = [name for name, *_ in resources("AWS::CloudWatch::Alarm") if name == file]
        assert len(alarms["properties"]["alarms"]) == len(own)


def test_the_rollout_reaches_every_account_and_region() -> None:
    [(_, _, stack_set)] = resources("AWS::CloudFormation::StackSet")
    inner = TEMPLATES["stacksets/workload-account.yaml"]["Parameters"]
    given = {one["ParameterKey"] for one in stack_set["Parameters"]}
    assert given == set(inner)
    assert stack_set["StackSetName"] == "macie-self-service-forwarders"
    assert stack_set["PermissionModel"] == "SERVICE_MANAGED"
    assert stack_set["AutoDeployment"] == {"Enabled": True, "RetainStacksOnAccountRemoval": False}
    assert stack_set["ManagedExecution"] == {"Active": True}
    assert stack_set["TemplateURL"] == (
        "https://example-code.s3.eu-west-1.amazonaws.com/macie-self-service/0.1.0/workload-account.yaml"
    )


def test_custom_resources_get_what_they_read() -> None:
    [(_, _, registration)] = resources("Custom::MacieRegistration")
    assert set(registration) == {
        *("ServiceToken", "ServiceTimeout", "AdministratorAccountId"),
        *("Regions", "MoveFrom", "OnDelete", "Version", "Again"),
    }
    [(_, _, settings)] = resources("Custom::MacieAdministratorSettings")
    assert set(settings) == {
        *("ServiceToken", "ServiceTimeout", "Regions", "FindingPublishingFrequency"),
        *("ResultsBucket", "ResultsKeyArn", "KeyPrefix", "Version", "Again"),
        *("PublishPolicyFindings", "PublishClassificationFindings"),
    }
    assert settings["ServiceTimeout"] == registration["ServiceTimeout"] == 3600


def example_stacks() -> list[tuple[str, dict[str, str]]]:
    """Template and parameters of each stack in the examples for landing zones."""
    manifest = templates.load("stacksets/control-tower/manifest.yaml")
    config = templates.load("stacksets/landing-zone-accelerator/customizations-config.yaml")
    tower = [
        (
            one["resource_file"],
            {p["parameter_key"]: p["parameter_value"] for p in one["parameters"]},
        )
        for one in manifest["resources"]
    ]
    accelerator = [
        (one["template"], {p["name"]: p["value"] for p in one["parameters"]})
        for one in config["customizations"]["cloudFormationStacks"]
    ]
    return tower + accelerator


def test_the_examples_for_landing_zones_give_every_parameter() -> None:
    by_file = {name.rsplit("/", 1)[1]: template for name, template in TEMPLATES.items()}
    stacks = example_stacks()
    assert len(stacks) == 6
    for file, given in stacks:
        parameters = by_file[file.rsplit("/", 1)[1]]["Parameters"]
        needed = {name for name, of in parameters.items() if "Default" not in of}
        assert needed <= set(given) <= set(parameters), file
        for name, value in given.items():
            parts = value.split(",") if parameters[name]["Type"] != "String" else [value]
            for part in parts:
                assert re.search(parameters[name]["AllowedPattern"], part), (name, part)
