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
import deploy_readers
import moto_server
import world
from deploy_template import Template
from world import ADMINISTRATOR, HOME, MANAGEMENT, WORKLOADS

CONTROLLER, REGISTRATION = "macie-self-service", "macie-self-service-registration"
STACK_SET = "macie-self-service-forwarders"
FUNCTION = "macie-self-service-controller"
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
NOT_KEPT: set[tuple[str, str]] = set()
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

    @cached_property
    def engine(self) -> deploy.Engine:
        """Where stacks are deployed."""
        return deploy.Engine(self.client)

    def differences(self, template: Template, stack: str) -> set[tuple[str, str]]:
        """Type and property of what is not as the template asks for."""
        engine_made = self.engine.resources(template.account, template.region, stack)
        found: set[tuple[str, str]] = set()
        for logical, (kind, wanted) in template.resources().items():
            if kind in NOT_MADE:
                continue
            assert logical in engine_made, f"{logical} ({kind}) of {stack} is not there"
            there = deploy_readers.read(
                lambda service: self.client(service, template.account, template.region),
                kind,
                wanted,
                engine_made[logical][1],
            )
            found |= {(kind, name) for name, value in wanted.items() if there.get(name) != value}
        return found


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

    assert moto.differences(template, CONTROLLER) == NOT_KEPT


def test_the_management_account_has_what_the_template_says(moto: Moto) -> None:
    given = deploy.registration_parameters()
    template = Template(deploy.REGISTRATION, given, MANAGEMENT, HOME)
    assert moto.differences(template, REGISTRATION) <= NOT_KEPT
