"""Deploys our templates on an engine that others wrote, as `aws cloudformation deploy` does."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

import deploy_readers
import world
from deploy_template import Template
from world import ADMINISTRATOR, HOME, MANAGEMENT

ORGANIZATION = "o-exampleorg1"
REGIONS = (HOME, "us-east-1")
VERSION = "0.1.0"
CONTROLLER = world.ROOT / "delegated-admin" / "controller.yaml"
REGISTRATION = world.ROOT / "delegated-admin" / "management-account.yaml"
STACK_SET = world.ROOT / "stacksets" / "stack-set.yaml"
ORGANIZATION_EVENTS = world.ROOT / "delegated-admin" / "organization-events.yaml"
COSTS = world.ROOT / "delegated-admin" / "costs.yaml"
WORKLOAD = world.ROOT / "stacksets" / "workload-account.yaml"
FUNCTIONS = {
    ADMINISTRATOR: ("controller", "administrator-settings"),
    MANAGEMENT: ("registration",),
}
EMPTY = ("No updates are to be performed", "didn't contain changes")
# What AWS takes and never tells again.
NOT_TOLD = {("AWS::Lambda::Function", "Code")}
PATIENCE = 120.0


def until(what: str, found: Callable[[], Any]) -> Any:
    """The first answer that is something, asked again and again."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"after {PATIENCE:.0f} s still not: {what}")


def controller_parameters() -> dict[str, str]:
    """What the administrator's stack is given."""
    return {
        "OrganizationId": ORGANIZATION,
        "Regions": ",".join(REGIONS),
        "OptInPolicy": (world.ROOT / "policies" / "self-service.json").read_text(),
        "OperatorPrincipalArn": f"arn:aws:iam::{ADMINISTRATOR}:role/operators",
        "CodeBucket": code_bucket(ADMINISTRATOR),
        "Architecture": "x86_64",
    }


def workload_parameters() -> dict[str, str]:
    """What the stacks in the workload accounts are given."""
    return {
        "OrganizationId": ORGANIZATION,
        "AdministratorAccountId": ADMINISTRATOR,
        "HomeRegion": HOME,
    }


def organization_events_parameters() -> dict[str, str]:
    """What the management account's stack of the organization's events is given."""
    return {"AdministratorAccountId": ADMINISTRATOR, "HomeRegion": HOME}


def costs_parameters() -> dict[str, str]:
    """What the administrator's stack of the costs is given."""
    return {
        "OrganizationId": ORGANIZATION,
        "ResultsKeyArn": f"arn:aws:kms:{HOME}:{ADMINISTRATOR}:key/example",
        "OperatorRole": "macie-self-service-operator",
        "CodeBucket": code_bucket(ADMINISTRATOR),
        "Architecture": "x86_64",
    }


def registration_parameters() -> dict[str, str]:
    """What the management account's stack is given."""
    return {
        "AdministratorAccountId": ADMINISTRATOR,
        "Regions": ",".join(REGIONS),
        "CodeBucket": code_bucket(MANAGEMENT),
        "Architecture": "x86_64",
    }


def stack_set_parameters(unit: str) -> dict[str, str]:
    """What the stack of the StackSet is given."""
    return {
        **workload_parameters(),
        "OrganizationalUnitIds": unit,
        "Regions": ",".join(REGIONS),
        "CodeBucket": code_bucket(MANAGEMENT),
    }


def code_bucket(account: str) -> str:
    """The bucket of the release in an account."""
    return f"macie-self-service-release-{account}"


@dataclass
class Engine:
    """An engine, by how a client of an account and Region is made."""

    client: Callable[[str, str, str], Any]

    def release(self, account: str, programs: dict[str, Path], version: str = VERSION) -> None:
        """Puts the zips of a release where the account's stack looks for them."""
        s3 = self.client("s3", account, HOME)
        place = {"LocationConstraint": HOME}
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=code_bucket(account), CreateBucketConfiguration=place)
        for name in FUNCTIONS[account]:
            key = f"macie-self-service/{version}/{name}-x86_64.zip"
            s3.put_object(Bucket=code_bucket(account), Key=key, Body=_zip(programs.get(name)))

    def deploy(
        self, account: str, region: str, name: str, template: str, parameters: dict[str, str]
    ) -> list[dict[str, Any]]:
        """Makes or changes a stack by a change set, whose changes are returned."""
        cloudformation = self.client("cloudformation", account, region)
        kind = "UPDATE" if _stack(cloudformation, name) else "CREATE"
        pairs = [{"ParameterKey": key, "ParameterValue": text} for key, text in parameters.items()]
        set_id = cloudformation.create_change_set(
            StackName=name,
            ChangeSetName=f"deploy-{time.time_ns()}",
            ChangeSetType=kind,
            TemplateBody=template,
            Parameters=pairs,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )["Id"]
        made = until(f"change set of {name}", lambda: _ended(cloudformation, set_id, name))
        if made["Status"] == "FAILED":
            assert any(reason in made["StatusReason"] for reason in EMPTY), made["StatusReason"]
            return []
        cloudformation.execute_change_set(ChangeSetName=set_id, StackName=name)
        status = until(f"stack {name}", lambda: _settled(cloudformation, name))
        assert status == f"{kind}_COMPLETE", f"{name}: {status}: {_failures(cloudformation, name)}"
        return made["Changes"]

    def delete(self, account: str, region: str, name: str) -> None:
        """Deletes a stack."""
        cloudformation = self.client("cloudformation", account, region)
        cloudformation.delete_stack(StackName=name)
        until(f"deletion of {name}", lambda: not _stack(cloudformation, name))

    def resources(self, account: str, region: str, name: str) -> dict[str, tuple[str, str]]:
        """Type and physical id of a stack's resources, by logical id."""
        cloudformation = self.client("cloudformation", account, region)
        found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return {
            one["LogicalResourceId"]: (one["ResourceType"], one.get("PhysicalResourceId", ""))
            for one in found
            if "LogicalResourceId" in one
        }

    def differences(
        self, template: Template, stack: str | None, not_made: set[str]
    ) -> set[tuple[str, str]]:
        """Type and property of what is not as the template asks for.

        Without a stack, resources are found by their names alone.
        """
        made = {name: (kind, "") for name, (kind, _) in template.asked().items()}
        if stack is not None:
            made = self.resources(template.account, template.region, stack)
        found: set[tuple[str, str]] = set()
        for logical, (kind, wanted) in template.asked().items():
            if kind in not_made:
                continue
            assert logical in made, f"{logical} ({kind}) of {stack} is not there"
            there = deploy_readers.read(
                lambda service: self.client(service, template.account, template.region),
                kind,
                wanted,
                made[logical][1],
            )
            found |= {(kind, name) for name, value in wanted.items() if there.get(name) != value}
        return found - NOT_TOLD


def _zip(program: Path | None) -> bytes:
    """A function's zip, whose bootstrap is the program; without one it ends at once."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("bootstrap", f"#!/bin/sh\nexec {program or 'false'}\n")
    return content.getvalue()


def _stack(cloudformation: Any, name: str) -> dict[str, Any] | None:
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except (ClientError, IndexError):
        return None
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack


def _settled(cloudformation: Any, name: str) -> str | None:
    stack = _stack(cloudformation, name)
    status = stack["StackStatus"] if stack else ""
    return status if status.endswith(("_COMPLETE", "_FAILED")) else None


def _ended(cloudformation: Any, set_id: str, name: str) -> dict[str, Any] | None:
    found = cloudformation.describe_change_set(ChangeSetName=set_id, StackName=name)
    return found if found["Status"] in ("CREATE_COMPLETE", "FAILED") else None


def _failures(cloudformation: Any, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [
        {key: event.get(key) for key in ("LogicalResourceId", "ResourceStatusReason")}
        for event in events
        if event["ResourceStatus"].endswith("_FAILED")
    ]
    return json.dumps(failed)
