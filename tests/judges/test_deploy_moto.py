"""Our templates on moto, which others wrote: what they ask for is there, and goes again.

moto takes many resources and properties for made without making them: NOT_MADE and NOT_KEPT name
them, so that nothing is taken for proven that was not looked at. The way of an event is proven on
LocalStack (test_deploy_localstack.py); alarms, schedules and resource policies by the linters and
by the tests of `policies/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest

import deploy
import moto_server
import world
from deploy_template import Template
from world import ADMINISTRATOR, HOME, MANAGEMENT

CONTROLLER, REGISTRATION = "macie-self-service", "macie-self-service-registration"
STACK_SET = "macie-self-service-forwarders"
FUNCTIONS = {"controller": "controller", "sweeper": "sweep"}
NEXT = "0.2.0"
# Types that moto does not make, or of which it keeps nothing that could be read.
NOT_MADE = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Events::EventBusPolicy",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "Custom::MacieAdministratorSettings",
    "Custom::MacieRegistration",
}
# Properties of the others that moto does not keep.
NOT_KEPT = {
    ("AWS::Events::EventBus", "Description"),
    ("AWS::KMS::Key", "Description"),
    ("AWS::KMS::Key", "KeyPolicy"),
    ("AWS::Lambda::Function", "RecursiveLoop"),
    ("AWS::S3::Bucket", "BucketEncryption"),
    ("AWS::S3::Bucket", "LifecycleConfiguration"),
    ("AWS::S3::Bucket", "OwnershipControls"),
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration"),
    ("AWS::S3::Bucket", "VersioningConfiguration"),
    ("AWS::SQS::Queue", "RedriveAllowPolicy"),
}
# What moto cannot read in the templates, and what stands for it.
REWRITTEN = {
    r"!Ref Bus\n": "!GetAtt Bus.Name\n",
    r"\$\{\w+Alarm\.Arn\}": "not made by moto",
}


def readable(text: str) -> str:
    """A template as moto can read it."""
    for pattern, instead in REWRITTEN.items():
        text = re.sub(pattern, instead, text)
    return text


@dataclass
class Moto:
    """A moto server, where an account is entered by assuming a role in it."""

    endpoint: str
    _keys: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self, service: str, account: str, region: str = HOME) -> Any:
        """A client as an account."""
        if account not in self._keys:
            sts = world.client("sts", self.endpoint, account)
            role = f"arn:aws:iam::{account}:role/judge"
            found = sts.assume_role(RoleArn=role, RoleSessionName="judge")["Credentials"]
            self._keys[account] = {
                "aws_access_key_id": found["AccessKeyId"],
                "aws_secret_access_key": found["SecretAccessKey"],
                "token": found["SessionToken"],
            }
        return world.client(service, self.endpoint, account, region, **self._keys[account])

    def roles(self, account: str) -> list[str]:
        """Our roles in an account."""
        names = [role["RoleName"] for role in self.client("iam", account).list_roles()["Roles"]]
        return [name for name in names if name.startswith("macie-self-service")]

    @cached_property
    def engine(self) -> deploy.Engine:
        """Where stacks are deployed."""
        return deploy.Engine(self.client)


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    """Everything deployed in the administrator's and the management account."""
    with moto_server.serving() as endpoint:
        moto = Moto(endpoint)
        for account in (ADMINISTRATOR, MANAGEMENT):
            moto.engine.release(account, {})
        body, given = readable(deploy.CONTROLLER.read_text()), deploy.controller_parameters()
        moto.engine.deploy(ADMINISTRATOR, HOME, CONTROLLER, body, given)
        body, given = deploy.REGISTRATION.read_text(), deploy.registration_parameters()
        moto.engine.deploy(MANAGEMENT, HOME, REGISTRATION, body, given)
        yield moto


def test_the_administrator_has_what_the_template_says(moto: Moto) -> None:
    given = deploy.controller_parameters()
    template = Template(deploy.CONTROLLER, given, ADMINISTRATOR, HOME)
    assert moto.engine.differences(template, CONTROLLER, NOT_MADE) == NOT_KEPT


def test_the_management_account_has_what_the_template_says(moto: Moto) -> None:
    given = deploy.registration_parameters()
    template = Template(deploy.REGISTRATION, given, MANAGEMENT, HOME)
    assert moto.engine.differences(template, REGISTRATION, NOT_MADE) == set()


def test_the_organizations_events_have_what_the_template_says(moto: Moto) -> None:
    given = deploy.organization_events_parameters()
    place, name = (MANAGEMENT, "us-east-1"), "macie-self-service-organization-events"
    body = deploy.ORGANIZATION_EVENTS.read_text()
    moto.engine.deploy(*place, name, body, given)
    template = Template(deploy.ORGANIZATION_EVENTS, given, *place)
    assert moto.engine.differences(template, name, NOT_MADE) == set()
    assert moto.engine.deploy(*place, name, body, given) == []
    moto.engine.delete(*place, name)
    assert moto.client("events", *place).list_rules()["Rules"] == []


def test_the_costs_have_what_the_template_says(moto: Moto) -> None:
    given = deploy.costs_parameters()
    place, name = (ADMINISTRATOR, HOME), "macie-self-service-costs"
    body = readable(deploy.COSTS.read_text())
    moto.engine.deploy(*place, name, body, given)
    template = Template(deploy.COSTS, given, *place)
    assert moto.engine.differences(template, name, NOT_MADE) == set()
    assert moto.engine.deploy(*place, name, body, given) == []
    moto.engine.delete(*place, name)
    assert "macie-self-service-costs" not in moto.roles(ADMINISTRATOR)


@pytest.fixture(scope="module")
def stack_set(moto: Moto) -> tuple[str, ...]:
    """The accounts of an organizational unit to which the StackSet of our template is rolled out.

    moto does not make a StackSet that a template asks for: it is made by the same properties.
    """
    organizations = moto.client("organizations", MANAGEMENT)
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="workloads")
    unit_id = unit["OrganizationalUnit"]["Id"]
    accounts = []
    for name in ("payments", "orders"):
        details = {"Email": f"{name}@example.com", "AccountName": name}
        account = organizations.create_account(**details)["CreateAccountStatus"]["AccountId"]
        organizations.move_account(
            AccountId=account, SourceParentId=root, DestinationParentId=unit_id
        )
        accounts.append(account)
    given = deploy.stack_set_parameters(unit_id)
    template = Template(deploy.STACK_SET, given, MANAGEMENT, HOME)
    _, wanted = template.asked()["Forwarders"]
    cloudformation = moto.client("cloudformation", MANAGEMENT)
    (group,) = wanted.pop("StackInstancesGroup")
    preferences = wanted.pop("OperationPreferences")
    body = {"TemplateBody": deploy.WORKLOAD.read_text()}
    cloudformation.create_stack_set(**_without(wanted, "TemplateURL"), **body)
    cloudformation.create_stack_instances(
        StackSetName=STACK_SET, OperationPreferences=preferences, **group
    )
    return tuple(accounts)


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def test_the_stack_set_reaches_every_account_and_region(
    moto: Moto, stack_set: tuple[str, ...]
) -> None:
    cloudformation = moto.client("cloudformation", MANAGEMENT)
    instances = cloudformation.list_stack_instances(StackSetName=STACK_SET)["Summaries"]
    places = {(one["Account"], one["Region"]) for one in instances}
    assert places == {(account, region) for account in stack_set for region in deploy.REGIONS}
    for account, region in places:
        # moto lists no stacks in the accounts of a service-managed StackSet, but makes them.
        template = Template(deploy.WORKLOAD, deploy.workload_parameters(), account, region)
        assert moto.engine.differences(template, None, NOT_MADE) == set()


def test_the_stack_set_takes_its_stacks_back(moto: Moto, stack_set: tuple[str, ...]) -> None:
    cloudformation = moto.client("cloudformation", MANAGEMENT)
    cloudformation.delete_stack_instances(
        StackSetName=STACK_SET,
        Accounts=list(stack_set),
        Regions=list(deploy.REGIONS),
        RetainStacks=False,
    )
    for account in stack_set:
        assert moto.roles(account) == []
        for region in deploy.REGIONS:
            assert moto.client("events", account, region).list_rules()["Rules"] == []
    cloudformation.delete_stack_set(StackSetName=STACK_SET)


def test_a_second_deploy_changes_nothing(moto: Moto) -> None:
    body, given = readable(deploy.CONTROLLER.read_text()), deploy.controller_parameters()
    assert moto.engine.deploy(ADMINISTRATOR, HOME, CONTROLLER, body, given) == []
    body, given = deploy.REGISTRATION.read_text(), deploy.registration_parameters()
    assert moto.engine.deploy(MANAGEMENT, HOME, REGISTRATION, body, given) == []


def test_a_release_updates_the_functions_in_place(moto: Moto) -> None:
    before = moto.engine.resources(ADMINISTRATOR, HOME, CONTROLLER)
    moto.engine.release(ADMINISTRATOR, {}, NEXT)
    # moto compares templates as text, so the version must be in it.
    body = readable(deploy.CONTROLLER.read_text()).replace("${Version}", NEXT)
    given = deploy.controller_parameters()
    moto.engine.deploy(ADMINISTRATOR, HOME, CONTROLLER, body, given)
    functions = moto.client("lambda", ADMINISTRATOR)
    for name, what in FUNCTIONS.items():
        name = f"macie-self-service-{name}"
        function = functions.get_function_configuration(FunctionName=name)
        assert function["Description"] == f"Macie self-service {what} {NEXT}"
    assert moto.engine.resources(ADMINISTRATOR, HOME, CONTROLLER) == before


def test_deleted_stacks_leave_the_results_and_nothing_else(moto: Moto) -> None:
    kept = moto.engine.resources(ADMINISTRATOR, HOME, CONTROLLER)["ResultsKey"][1]
    moto.engine.delete(ADMINISTRATOR, HOME, CONTROLLER)
    moto.engine.delete(MANAGEMENT, HOME, REGISTRATION)
    buckets = moto.client("s3", ADMINISTRATOR).list_buckets()["Buckets"]
    results = f"macie-self-service-results-{ADMINISTRATOR}-{HOME}"
    expected = [deploy.code_bucket(ADMINISTRATOR), results]
    assert [bucket["Name"] for bucket in buckets] == expected
    keys = [key["KeyId"] for key in moto.client("kms", ADMINISTRATOR).list_keys()["Keys"]]
    assert keys == [kept]
    assert "QueueUrls" not in moto.client("sqs", ADMINISTRATOR).list_queues()
    assert moto.client("ssm", ADMINISTRATOR).describe_parameters()["Parameters"] == []
    buses = moto.client("events", ADMINISTRATOR).list_event_buses()["EventBuses"]
    assert [bus["Name"] for bus in buses] == ["default"]
    for account in (ADMINISTRATOR, MANAGEMENT):
        assert moto.roles(account) == []
        assert moto.client("lambda", account).list_functions()["Functions"] == []
        assert moto.client("logs", account).describe_log_groups()["logGroups"] == []
        assert moto.client("events", account).list_rules()["Rules"] == []
