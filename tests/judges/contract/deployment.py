"""What doctor reads of a deployment: CloudFormation, CloudTrail, Lambda, Systems Manager."""

from typing import Any

from contract import case
from world import ADMINISTRATOR, HOME, MANAGEMENT, WORKLOADS, Driver

STACK_SET = {"StackSetName": "macie-self-service-forwarders"}
DELEGATED = {"CallAs": "DELEGATED_ADMIN"}
FUNCTION = {"FunctionName": "macie-self-service-controller"}
TRAIL = f"arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/organization"
MISSING = "missing"


def cloudformation(aws: Driver, account: str = MANAGEMENT) -> Any:
    return aws.client("cloudformation", account)


@case("cloudformation", "DescribeStackSet")
def stack_set(aws: Driver) -> None:
    found = cloudformation(aws).describe_stack_set(**STACK_SET)["StackSet"]
    assert found["PermissionModel"] == "SERVICE_MANAGED"
    assert [entry["ParameterKey"] for entry in found["Parameters"]] == ["Version"]
    administrator = cloudformation(aws, ADMINISTRATOR).describe_stack_set
    assert administrator(**STACK_SET, **DELEGATED)["StackSet"] == found
    aws.refused("StackSetNotFoundException", administrator, **STACK_SET)
    member = cloudformation(aws, WORKLOADS[0]).describe_stack_set
    aws.refused("ValidationError", member, **STACK_SET, **DELEGATED)


@case("cloudformation", "ListStackInstances")
def stack_instances(aws: Driver) -> None:
    pages = cloudformation(aws).get_paginator("list_stack_instances")
    config = {"PageSize": 3}
    found = [
        entry
        for page in pages.paginate(**STACK_SET, PaginationConfig=config)
        for entry in page["Summaries"]
    ]
    assert len(found) == 2 * (1 + len(WORKLOADS))
    assert {entry["Status"] for entry in found} == {"CURRENT"}
    read = cloudformation(aws).list_stack_instances
    one = read(**STACK_SET, StackInstanceAccount=WORKLOADS[0], StackInstanceRegion=HOME)
    assert [entry["Account"] for entry in one["Summaries"]] == [WORKLOADS[0]]
    aws.refused("StackSetNotFoundException", read, StackSetName=MISSING)


@case("cloudformation", "ListStackSets")
def stack_sets(aws: Driver) -> None:
    found = cloudformation(aws).list_stack_sets(Status="ACTIVE")["Summaries"]
    assert [entry["StackSetName"] for entry in found] == [STACK_SET["StackSetName"]]
    member = cloudformation(aws, WORKLOADS[0]).list_stack_sets
    assert member()["Summaries"] == []
    aws.refused("ValidationError", member, **DELEGATED)


@case("cloudtrail", "DescribeTrails")
def trails(aws: Driver) -> None:
    read = aws.client("cloudtrail", WORKLOADS[0], "us-east-1").describe_trails
    assert [trail["TrailARN"] for trail in read()["trailList"]] == [TRAIL]
    assert read(includeShadowTrails=False)["trailList"] == []
    aws.control("faults", {"kind": "throttle", "operation": "DescribeTrails"})
    aws.refused("ThrottlingException", read)


@case("cloudtrail", "GetTrailStatus", "GetEventSelectors")
def trail(aws: Driver) -> None:
    cloudtrail = aws.client("cloudtrail", ADMINISTRATOR)
    assert cloudtrail.get_trail_status(Name=TRAIL)["IsLogging"] is True
    selectors = cloudtrail.get_event_selectors(TrailName=TRAIL)["EventSelectors"]
    assert [selector["ReadWriteType"] for selector in selectors] == ["All"]
    aws.refused("TrailNotFoundException", cloudtrail.get_trail_status, Name=MISSING)
    aws.refused("TrailNotFoundException", cloudtrail.get_event_selectors, TrailName=MISSING)


@case("lambda", "GetAccountSettings")
def account_settings(aws: Driver) -> None:
    read = aws.client("lambda", ADMINISTRATOR).get_account_settings
    limits = read()["AccountLimit"]
    assert (limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]) == (1000, 998)
    aws.control("faults", {"kind": "throttle", "operation": "GetAccountSettings"})
    aws.refused("TooManyRequestsException", read)


@case("lambda", "GetFunctionConfiguration", "GetFunctionConcurrency")
def function(aws: Driver) -> None:
    client = aws.client("lambda", ADMINISTRATOR)
    settings = client.get_function_configuration(**FUNCTION)
    assert settings["Timeout"] == 120
    assert client.get_function_concurrency(**FUNCTION)["ReservedConcurrentExecutions"] == 1
    for read in (client.get_function_configuration, client.get_function_concurrency):
        aws.refused("ResourceNotFoundException", read, FunctionName=MISSING)


@case("ssm", "GetParameter")
def parameter(aws: Driver) -> None:
    read = aws.client("ssm", ADMINISTRATOR).get_parameter
    found = read(Name="/macie-self-service/policy", WithDecryption=True)["Parameter"]
    assert '"homeRegion": "eu-west-1"' in found["Value"]
    aws.refused("ParameterNotFound", read, Name=MISSING)
