"""Requests of roles to AWS, and an IAM simulator that we did not write to decide on them.

The policies are those of `policies/`, filled in for the accounts of the tests. What the context of
a request is by itself (the principal's ARN, its organization, TLS, ...) is added here as AWS adds
it; what the call says is in the record.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import node_tools
import world
from world import ADMINISTRATOR, HOME, MANAGEMENT, ROOT

POLICIES = ROOT / "policies"
FIXTURES = ROOT / "tests" / "fixtures"
SIMULATOR = Path(__file__).parent / "simulate"
ORGANIZATION = "o-exampleorg1"
PREFIX = "macie-self-service-"
RESULTS = f"{PREFIX}results-{ADMINISTRATOR}-{HOME}"
KEY = f"arn:aws:kms:{HOME}:{ADMINISTRATOR}:key/00000000-0000-0000-0000-000000000000"
# The roles whose identity policies are judged, by the names of their documents.
ROLES = (
    "controller",
    "sweeper",
    "costs",
    "operator",
    "settings",
    "scheduler",
    "costs-scheduler",
    "registration",
    "member",
    "forwarder",
    "stackset-execution",
)
# Documents that another stack adds to a role.
ADDED = {"operator-costs": "operator"}
ANYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Anything", "Effect": "Allow", "Action": "*", "Resource": "*"}],
}
MACIES = ["macie.amazonaws.com", "macie.eu-south-1.amazonaws.com"]


@dataclass(frozen=True)
class Request:
    """What IAM decides on."""

    principal: str
    action: str
    resource: str
    account: str
    context: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def role(self) -> str | None:
        """The name of the identity policy of the role, if it is one of the product's."""
        name = role_name(self.principal)
        if name is None or not name.startswith(PREFIX):
            return None
        rest = name.removeprefix(PREFIX)
        rest = "forwarder" if rest.startswith("forwarder-") else rest
        return rest if rest in ROLES else None

    def __str__(self) -> str:
        """For messages."""
        return f"{self.principal} {self.action} on {self.resource} {self.context or ''}".rstrip()


@dataclass(frozen=True)
class Decision:
    """What the simulator says."""

    decision: str
    statements: list[dict[str, Any]]
    errors: Any = None
    ignored: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether AWS would carry out the request."""
        return self.decision == "Allowed"


def role_name(principal: str) -> str | None:
    """The name of the role of an ARN."""
    _, found, name = principal.partition(":role/")
    return name.rsplit("/", 1)[-1] if found else None


def region_of(forwarder: str) -> str:
    """The Region of a forwarder's role, which its name tells; Organizations' events have one."""
    return forwarder.rsplit("forwarder-", 1)[1].replace("organization", "us-east-1")


def account_of(arn: str) -> str:
    """The account that an ARN names; empty for services and buckets."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 else ""


def in_organization(account: str) -> bool:
    """Whether an account of the tests belongs to the organization."""
    return account in (MANAGEMENT, ADMINISTRATOR) or account.startswith("3")


@cache
def document(name: str, account: str = ADMINISTRATOR, region: str = HOME) -> dict[str, Any]:
    """A document of `policies/`, as CloudFormation fills it in in an account and Region."""
    text = (POLICIES / f"{name}.json").read_text()
    values = {
        "AWS::Partition": "aws",
        "AWS::AccountId": account,
        "AWS::Region": region,
        "AWS::URLSuffix": "amazonaws.com",
        "OrganizationId": ORGANIZATION,
        "AdministratorAccountId": ADMINISTRATOR,
        "HomeRegion": HOME,
        "OperatorPrincipalArn": f"arn:aws:iam::{ADMINISTRATOR}:role/oncall",
        "StackSetsAccountId": MANAGEMENT,
        "AdministrationRoleName": "AWSCloudFormationStackSetAdministrationRole",
        "CodeBucket": "code-of-macie-self-service",
        "ResultsKey.Arn": KEY,
        "ResultsKeyArn": KEY,
    }
    for key, value in values.items():
        text = text.replace(f"${{{key}}}", value)
    text = text.replace('"${MacieServicePrincipals}"', json.dumps(MACIES))
    return json.loads(text)


def listed(value: Any) -> list[Any]:
    """Policies write one thing without brackets."""
    return value if isinstance(value, list) else [value]


def statements(name: str, filled: bool = True) -> list[dict[str, Any]]:
    """The statements of a document that allow."""
    raw = json.loads((POLICIES / f"{name}.json").read_text())
    found = document(name) if filled else raw
    return [each for each in found["Statement"] if each["Effect"] == "Allow"]


def resource_policy(request: Request) -> dict[str, Any] | None:
    """The policy of the thing that a request is about."""
    name = role_name(request.resource)
    if request.action == "sts:AssumeRole" and name is not None:
        asked = Request(request.resource, "", "", "").role
        region = region_of(name) if asked == "forwarder" else HOME
        return asked and document(f"trust/{asked}", account_of(request.resource), region)
    queue = f"arn:aws:sqs:{HOME}:{ADMINISTRATOR}:macie-self-service"
    return {
        f"arn:aws:events:{HOME}:{ADMINISTRATOR}:event-bus/macie-self-service": document(
            "event-bus"
        ),
        queue: document("queue"),
        f"{queue}-sweep": document("sweep-queue"),
        f"{queue}-dead-letters": document("dead-letter-queue"),
        f"arn:aws:s3:::{RESULTS}": document("results-bucket"),
        KEY: document("results-key"),
    }.get(re.sub(r"(?<=:::)([^/]+)/.*", r"\1", request.resource))


def identity_policies(request: Request) -> list[dict[str, Any]]:
    """The policy of a role of ours; an administrator's for everybody else, none for services."""
    if request.principal.endswith(".amazonaws.com"):
        return []
    account, region = account_of(request.principal), HOME
    if request.role is None:
        return [{"name": "administrator", "policy": ANYTHING}]
    if request.role == "forwarder":
        region = region_of(request.principal)
    names = [request.role, *(name for name, role in ADDED.items() if role == request.role)]
    return [{"name": name, "policy": document(name, account, region)} for name in names]


def control_policies(request: Request) -> list[dict[str, Any]]:
    """What the organization denies its accounts; not the management account, nor services."""
    account = account_of(request.principal)
    if not in_organization(account) or account == MANAGEMENT:
        return []
    policies = [
        {"name": "FullAWSAccess", "policy": ANYTHING},
        {"name": "ours", "policy": document("service-control-policy")},
    ]
    return [{"orgIdentifier": "r-root", "policies": policies}]


def context(request: Request) -> dict[str, Any]:
    """The keys that AWS adds to every request, and those of the call."""
    found: dict[str, Any] = {"aws:SecureTransport": "true", "aws:ResourceAccount": request.account}
    if in_organization(request.account):
        found["aws:ResourceOrgID"] = ORGANIZATION
    if account := account_of(request.principal):
        found["aws:PrincipalArn"] = request.principal
        found["aws:PrincipalAccount"] = account
        member = in_organization(account)
        found["aws:PrincipalOrgID"] = ORGANIZATION if member else "o-somebodyelse"
    return found | request.context


def simulation(request: Request) -> dict[str, Any]:
    """The request in the simulator's words."""
    principal, name = request.principal, role_name(request.principal)
    if name is not None:
        principal = f"arn:aws:sts::{account_of(principal)}:assumed-role/{name}/session"
    asked: dict[str, Any] = {
        "request": {
            "principal": principal,
            "action": request.action,
            "resource": {"resource": request.resource, "accountId": request.account},
            "contextVariables": context(request),
        },
        "identityPolicies": identity_policies(request),
        "serviceControlPolicies": control_policies(request),
        "resourceControlPolicies": [],
    }
    if policy := resource_policy(request):
        asked["resourcePolicy"] = policy
    return asked


def simulate(requests: list[Request]) -> list[Decision]:
    """The simulator's decisions, in order."""
    reply = _run({"simulations": [simulation(each) for each in requests], "actions": []})
    return [Decision(**each) for each in reply["decisions"]]


def resource_types(actions: list[str]) -> dict[str, list[str]]:
    """The types of resources that AWS knows for actions."""
    return _run({"simulations": [], "actions": actions})["resourceTypes"]


def _run(asked: dict[str, Any]) -> dict[str, Any]:
    command = ["node", SIMULATOR / "simulate.mjs", installed()]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"the simulator failed:\n{done.stderr}")
    return json.loads(done.stdout)


def installed() -> Path:
    """Where the simulator is."""
    return node_tools.installed(SIMULATOR)


def records() -> list[tuple[Request, bool]]:
    """Every request that the tests recorded, and whether it was allowed there."""
    folder = world.logs() / "permissions"
    found: dict[tuple[Request, str], bool] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            request, allowed = _record(json.loads(line))
            key = (request, json.dumps(sorted(request.context)))
            found[key] = found.get(key, False) or allowed
    assert found, f"{folder} holds no recorded requests: run ./tests/check first"
    return [(request, allowed) for (request, _), allowed in found.items()]


def _record(line: dict[str, Any]) -> tuple[Request, bool]:
    account = line["resourceAccount"]
    names = ("principal", "action", "resource", "context")
    principal, action, resource, given = (line[name] for name in names)
    if action == "organizations:RegisterDelegatedAdministrator":
        # A move is an update of the stack whose parameter, and with it the policy, is the new one.
        resource = f"{resource.rpartition('/')[0]}/{ADMINISTRATOR}"
    return Request(principal, action, resource, account, given), line["allowed"]


def platform() -> list[Request]:
    """What AWS itself asks for in the name of a role, from the reviewed list."""
    entries = json.loads((FIXTURES / "platform-permissions.json").read_text())["requests"]
    return [
        Request(
            entry["principal"],
            action,
            entry["resource"],
            entry.get("account") or account_of(entry["resource"]) or account_of(entry["principal"]),
            entry.get("context", {}),
        )
        for entry in entries
        for action in entry["actions"]
    ]
