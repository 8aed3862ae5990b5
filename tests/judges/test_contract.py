"""Every operation that the local AWS lists, judged against AWS's service models.

One test for each operation: its case must have had a success and an error from it, the errors'
codes must be known to AWS, a list must have been read beyond its first page, and no reply may
have a member, type or value that the model does not have.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker

import contract
import world
from contract import cost_explorer
from world import Call, Driver

DRIVEN = contract.load()


@cache
def calls_of(drive: contract.Case) -> tuple[tuple[Call, ...], str]:
    """The calls that a case makes on a fresh local AWS, and how it failed."""
    with world.local_aws() as endpoint:
        aws = Driver(endpoint)
        try:
            drive(aws)
        except Exception as error:  # noqa: BLE001 - the operations that were reached still count
            return tuple(aws.calls), f"{type(error).__name__}: {error}"
        return tuple(aws.calls), ""


@pytest.mark.parametrize(("service", "name"), world.operations())
def test_operation(service: str, name: str) -> None:
    drive = DRIVEN.get((service, name))
    assert drive is not None, f"no case in tests/judges/contract drives {service} {name}"
    made, failure = calls_of(drive)
    assert not failure, failure
    client = world.client_of(service, name)
    calls = [call for call in made if (call.service, call.operation) == (client, name)]
    assert [call for call in calls if call.error is None], "no success"
    assert [call for call in calls if call.error is not None], "no error"
    problems = [problem for call in calls for problem in judge(call)]
    assert not problems, "\n".join(problems)
    if world.pages(client, name) and (service, name) not in contract.ONE_PAGE:
        turned = [call for call in calls if call.asked_for_page and call.error is None]
        assert turned, "no second page"


def judge(call: Call) -> list[str]:
    """What is wrong with a reply."""
    problems = [f"{call.operation}{problem}" for problem in call.problems]
    documented = contract.UNMODELLED.get(call.service, {})
    if call.error is not None and not call.modelled and call.error not in documented:
        problems.append(f"{call.operation}: the model lists no error {call.error}")
    return problems


# A read of each service, with what it needs; of Lambda, the one call that there is.
READS: dict[str, tuple[str, dict[str, Any]]] = {
    "sts": ("get_caller_identity", {}),
    "organizations": ("list_accounts", {}),
    "s3": ("list_buckets", {}),
    "s3control": (
        "list_tags_for_resource",
        {"AccountId": world.MANAGEMENT, "ResourceArn": "arn:aws:s3:::orders"},
    ),
    "resourcegroupstaggingapi": ("get_resources", {}),
    "events": ("list_rules", {}),
    "sqs": ("list_queues", {}),
    "macie2": ("list_members", {}),
    "account": ("list_regions", {}),
    "cloudformation": ("list_stack_sets", {}),
    "cloudtrail": ("describe_trails", {}),
    "lambda": ("get_account_settings", {}),
    "pricing": ("get_products", {"ServiceCode": "AmazonMacie"}),
    "ssm": ("get_parameter", {"Name": "/macie-self-service/policy"}),
    "ce": ("get_cost_and_usage", cost_explorer.request("2026-10-01", "2026-11-01")),
}


@pytest.mark.parametrize("service", READS)
@pytest.mark.parametrize("kind", ["throttle", "deny", "server-error"])
def test_fault(aws: Driver, service: str, kind: str) -> None:
    """An injected fault looks like the service's own error."""
    read, parameters = READS[service]
    aws.control("faults", {"kind": kind})
    client = aws.client(service, world.MANAGEMENT)
    with pytest.raises(ClientError):
        getattr(client, read)(**parameters)
    (call,) = aws.calls
    assert not judge(call), call
    # What retries: botocore knows throttling by its code, and broken servers by their status.
    if kind == "throttle":
        assert call.error in ThrottledRetryableChecker._THROTTLED_ERROR_CODES
    assert (call.status >= 500) == (kind == "server-error" or call.error == "SlowDown")


def test_every_service_has_a_read() -> None:
    assert set(READS) == {world.client_of(*operation) for operation in world.operations()}


def test_no_case_drives_what_the_local_aws_does_not_list() -> None:
    assert set(DRIVEN) <= set(world.operations())
    assert set(contract.ONE_PAGE) <= set(world.operations())
