"""The local AWS and moto, which others wrote, are asked the same.

Where they differ, AWS's documentation decides: differences.json says what, and is also the table
in docs/local-aws.md. A difference that is not listed fails, and so does a listed one that is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import moto_server
import world
from probes import PROBES, Place
from world import ADMINISTRATOR, HOME, MANAGEMENT, WORKLOADS, Driver

DIFFERENCES = json.loads((Path(__file__).parent / "differences.json").read_text())
LISTED = {entry["probe"]: entry for entry in DIFFERENCES}


@dataclass
class Ours:
    """The local AWS, where an account's own key is known."""

    driver: Driver

    def client(self, service: str, account: str = WORKLOADS[0], region: str = HOME) -> Any:
        """A client as an account."""
        return self.driver.client(service, account, region)


@dataclass
class Moto:
    """The moto server, where an account is entered by assuming a role in it."""

    endpoint: str
    # The organization's accounts there, whose ids moto chooses, by those here.
    members: dict[str, str]
    _keys: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self, service: str, account: str = WORKLOADS[0], region: str = HOME) -> Any:
        """A client as an account; moto does not tell its roles apart."""
        account = account.partition("/")[0]
        if service == "organizations":
            account = self.members[account]
        keys = self._keys.get(account) or self._enter(account)
        return world.client(service, self.endpoint, account, region, **keys)

    def _enter(self, account: str) -> dict[str, str]:
        role = f"arn:aws:iam::{account}:role/macie-self-service-member"
        sts = world.client("sts", self.endpoint, account)
        found = sts.assume_role(RoleArn=role, RoleSessionName="judge")["Credentials"]
        self._keys[account] = {
            "aws_access_key_id": found["AccessKeyId"],
            "aws_secret_access_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
        }
        return self._keys[account]


@pytest.fixture(scope="module")
def ours() -> Iterator[Ours]:
    with world.local_aws() as endpoint:
        yield Ours(Driver(endpoint))


@pytest.fixture(scope="module")
def theirs(moto: str) -> Moto:
    management = world.client("organizations", moto, MANAGEMENT)
    management.create_organization(FeatureSet="ALL")
    members = {}
    for account in (ADMINISTRATOR, WORKLOADS[1]):
        details = {"Email": f"{account}@example.com", "AccountName": account}
        created = management.create_account(**details)["CreateAccountStatus"]
        members[account] = created["AccountId"]
    service = {"ServicePrincipal": "macie.amazonaws.com"}
    management.enable_aws_service_access(**service)
    management.register_delegated_administrator(AccountId=members[ADMINISTRATOR], **service)
    return Moto(moto, members)


def answer(place: Place, name: str) -> object:
    """What a probe finds; what it cannot even finish is an answer too."""
    try:
        return PROBES[name].ask(place, name.replace("_", "-")[:40].strip("-"))
    except (ClientError, BotoCoreError) as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("name", PROBES)
def test_the_local_aws_answers_as_aws_documents(ours: Ours, name: str) -> None:
    assert answer(ours, name) == PROBES[name].answer


@pytest.mark.parametrize("name", PROBES)
def test_moto_agrees_or_the_difference_is_listed(theirs: Moto, name: str) -> None:
    found = answer(theirs, name)
    if name in LISTED:
        assert found != PROBES[name].answer, "moto agrees: take it out of differences.json"
    else:
        assert found == PROBES[name].answer


def test_every_listed_difference_has_a_probe() -> None:
    assert LISTED.keys() <= PROBES.keys()
    assert len(LISTED) == len(DIFFERENCES)
    for entry in DIFFERENCES:
        assert entry.keys() == {"probe", "operation", "ours", "moto", "decided_by"}
        assert all(isinstance(text, str) and text for text in entry.values())


def test_moto_ends_with_the_command_that_it_serves() -> None:
    """The scenarios of other languages find moto by the variables of the SDKs."""
    variables = moto_server.environment("http://127.0.0.1:1")
    assert "AWS_ENDPOINT_URL_S3" in variables
    assert "AWS_ENDPOINT_URL_MACIE2" not in variables
