"""Least privilege, both ways: what the tests recorded is allowed, what nobody needs is not there,
and what must never happen is denied. An IAM simulator that we did not write decides."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from typing import Any

import pytest

import permissions
import permissions_table
from permissions import Decision, Request

# AWS knows a resource of these, but a call need not name one.
OPTIONAL = {"cloudformation:GetTemplateSummary": "the template is given by its address"}
DOCUMENTS = (*permissions.ROLES, *permissions.ADDED)
FORBIDDEN = json.loads((permissions.FIXTURES / "forbidden-permissions.json").read_text())


@pytest.fixture(scope="module", autouse=True)
def simulator() -> None:
    """The simulator, or the reason why there is none."""
    if not shutil.which("npm"):
        pytest.skip("the IAM simulator needs Node.js 20 with npm")
    try:
        permissions.installed()
    except subprocess.SubprocessError as error:
        pytest.skip(f"npm could not install the IAM simulator: {error}")


@pytest.fixture(scope="module")
def recorded() -> list[tuple[Request, bool]]:
    """What roles asked for in the tests."""
    return permissions.records()


@pytest.fixture(scope="module")
def needed(recorded: list[tuple[Request, bool]]) -> dict[Request, Decision]:
    """What roles were granted in the tests or ask for on AWS's platform; it must be allowed."""
    requests = [request for request, allowed in recorded if allowed] + permissions.platform()
    return dict(zip(requests, permissions.simulate(requests), strict=True))


def test_every_request_is_allowed(needed: dict[Request, Decision]) -> None:
    missing = [f"{each}: {found}" for each, found in needed.items() if not found.allowed]
    assert not missing, listing("these requests of the product are not allowed", missing)


def test_nothing_is_asked_for_and_always_denied(recorded: list[tuple[Request, bool]]) -> None:
    """A denial may be a test's own doing; an action that no test was ever allowed is missing."""
    granted = {(each.role, each.action) for each, allowed in recorded if allowed}
    never = {
        f"{request.role} {request.action}"
        for request, allowed in recorded
        if not allowed and (request.role, request.action) not in granted
    }
    assert not never, listing("asked for, and denied each time", sorted(never))


def test_every_action_of_every_statement_is_needed(needed: dict[Request, Decision]) -> None:
    """Also every resource of it: a pattern that matches no request is too wide."""
    used: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for request, found in needed.items():
        for statement in found.statements:
            parts = statement["actions"] + statement["resources"]
            account = permissions.account_of(request.principal)
            parts = [part.replace(account, permissions.ADMINISTRATOR) for part in parts]
            used[request.role or ""].update((statement["sid"], part) for part in parts)
    unused = [
        f"{name}.json, statement {statement['Sid']}: {part}"
        for name in DOCUMENTS
        for statement, part in parts_of(name)
        if (statement["Sid"], part) not in used[permissions.ADDED.get(name, name)]
    ]
    assert not unused, listing("nothing needs these", unused)


def parts_of(name: str) -> list[tuple[dict[str, Any], str]]:
    """Actions and resources of every statement, as the simulator names them."""
    found = []
    for statement in permissions.statements(name):
        parts = [*permissions.listed(statement["Action"])]
        resources = permissions.listed(statement["Resource"])
        # A document differs by account and Region; a single resource is needed if an action is.
        parts += resources if len(resources) > 1 else []
        found += [(statement, part) for part in parts]
    return found


def request_of(entry: dict[str, Any]) -> Request:
    """A request of the list of forbidden ones."""
    resource, principal = entry["resource"], entry["principal"]
    account = entry.get("account") or permissions.account_of(resource)
    account = account or permissions.account_of(principal)
    return Request(principal, entry["action"], resource, account, entry.get("context", {}))


def test_what_must_never_happen_is_denied() -> None:
    entries = FORBIDDEN["forbidden"]
    found = permissions.simulate([request_of(entry) for entry in entries])
    wrong = [
        f"{entry['why']}: {request_of(entry)}: {decision}"
        for entry, decision in zip(entries, found, strict=True)
        if not decision.decision.endswith("Denied")
    ]
    assert not wrong, listing("these must be denied", wrong)


def test_the_twins_of_what_is_forbidden_are_allowed() -> None:
    """One thing is different in each: so it is this thing for which the other is denied."""
    twins = [entry | entry["unless"] for entry in FORBIDDEN["forbidden"] if "unless" in entry]
    assert len(twins) >= 10
    found = permissions.simulate([request_of(twin) for twin in twins])
    wrong = [
        f"unless {twin['unless']}, {twin['why']}: {request_of(twin)}: {decision}"
        for twin, decision in zip(twins, found, strict=True)
        if not decision.allowed
    ]
    assert not wrong, listing("these must be allowed", wrong)


def test_a_statement_is_for_everything_only_where_aws_knows_no_resource() -> None:
    readme = (permissions.POLICIES / "README.md").read_text()
    explained = set(re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", readme.split("\n## Why some ")[1]))
    found = {
        action
        for name in DOCUMENTS
        for statement in permissions.statements(name)
        if "*" in permissions.listed(statement["Resource"])
        for action in permissions.listed(statement["Action"])
    }
    assert found >= OPTIONAL.keys()
    types = permissions.resource_types(sorted(found))
    narrower = [
        f"{action}: {names}" for action, names in types.items() if names and action not in OPTIONAL
    ]
    assert not narrower, listing("AWS knows resources of these actions", narrower)
    assert found <= explained, listing(
        "policies/README.md does not explain `*` of these", sorted(found - explained)
    )


def test_the_table_in_the_documentation_is_of_these_policies() -> None:
    page = permissions_table.PAGE.read_text()
    wanted = permissions_table.filled(page)
    if os.environ.get("UPDATE_DOCS"):
        permissions_table.PAGE.write_text(wanted)
    else:
        assert page == wanted, "docs/security.md is not up to date: run with UPDATE_DOCS=1"


def listing(what: str, entries: list[str]) -> str:
    """A failure that names each."""
    return "\n".join([f"{what}:", *(f"- {entry}" for entry in entries)])
