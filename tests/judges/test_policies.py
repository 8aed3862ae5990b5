"""`policies/` and the templates hold the same policies, and each is explained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import templates
import world
from test_templates import resources

FOLDER = world.ROOT / "policies"
README = (FOLDER / "README.md").read_text()
NOT_IAM = {"self-service.json", "self-service.schema.json", "tag-policy.json"}
FILES = sorted(
    str(path.relative_to(FOLDER))
    for path in [*FOLDER.glob("*.json"), *FOLDER.glob("trust/*.json")]
    if not path.name.startswith("self-service")
)
IAM = [file for file in FILES if file not in NOT_IAM]


def in_templates() -> dict[str, Any]:
    """Every policy of every template, by the file that it should equal."""
    found: dict[str, Any] = {}

    def add(file: str, policy: Any) -> None:
        # The organization's events have a forwarder of their own.
        twice = file in ("forwarder.json", "trust/forwarder.json") and found.get(file) == policy
        assert twice or file not in found, f"two resources have {file}"
        found[file] = policy

    for _, _, role in resources("AWS::IAM::Role"):
        name = role["RoleName"].removeprefix("macie-self-service-")
        name = re.sub(r"^forwarder-(eu-west-1|organization)$", "forwarder", name)
        [policy] = role["Policies"]
        assert policy["PolicyName"] == name
        assert "ManagedPolicyArns" not in role
        add(f"{name}.json", policy["PolicyDocument"])
        add(f"trust/{name}.json", role["AssumeRolePolicyDocument"])
    for _, _, policy in resources("AWS::IAM::Policy"):
        [role] = policy["Roles"]
        assert policy["PolicyName"].startswith(f"{role.removeprefix('macie-self-service-')}-")
        add(f"{policy['PolicyName']}.json", policy["PolicyDocument"])
    for _, _, bus in resources("AWS::Events::EventBusPolicy"):
        statement = {"Sid": bus["StatementId"], **bus["Statement"]}
        add("event-bus.json", {"Version": "2012-10-17", "Statement": [statement]})
    for _, resource, queue in resources("AWS::SQS::QueuePolicy"):
        file = {
            "QueuePolicy": "queue.json",
            "SweepQueuePolicy": "sweep-queue.json",
            "DeadLettersPolicy": "dead-letter-queue.json",
        }
        add(file[resource], queue["PolicyDocument"])
    for _, _, bucket in resources("AWS::S3::BucketPolicy"):
        add("results-bucket.json", bucket["PolicyDocument"])
    for _, _, key in resources("AWS::KMS::Key"):
        add("results-key.json", key["KeyPolicy"])
    for _, _, policy in resources("AWS::Organizations::Policy"):
        add(f"{policy['Type'].lower().replace('_', '-')}.json", policy["Content"])
    return found


IN_TEMPLATES = in_templates()


def test_templates_have_every_policy_and_no_other() -> None:
    assert sorted(IN_TEMPLATES) == FILES


@pytest.mark.parametrize("file", FILES)
def test_the_template_has_exactly_this_policy(file: str) -> None:
    assert IN_TEMPLATES[file] == templates.filled((FOLDER / file).read_text())


def test_no_other_resource_gives_permissions() -> None:
    """A resource of these types would be a policy that the comparison does not see."""
    kinds = {
        *("AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"),
        *("AWS::Lambda::Permission", "AWS::SNS::TopicPolicy", "AWS::KMS::Grant"),
        *("AWS::Logs::ResourcePolicy", "AWS::SQS::QueueInlinePolicy"),
    }
    assert [found for kind in kinds for found in resources(kind)] == []
    for _, _, bus in resources("AWS::Events::EventBus"):
        assert "Policy" not in bus


@pytest.mark.parametrize("file", FILES)
def test_the_policy_is_explained(file: str) -> None:
    assert f"**[{file}]({file})**" in README


def test_the_readme_explains_no_policy_that_is_gone() -> None:
    linked = set(re.findall(r"\*\*\[([\w/.-]+\.json)\]", README))
    assert linked == set(FILES)


def statements(file: str) -> list[dict[str, Any]]:
    """The statements of a policy."""
    return json.loads((FOLDER / file).read_text())["Statement"]


@pytest.mark.parametrize("file", IAM)
def test_every_statement_has_a_name_of_its_own(file: str) -> None:
    names = [statement["Sid"] for statement in statements(file)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z]+", name) for name in names)


def listed(value: str | list[str]) -> list[str]:
    """One or many."""
    return [value] if isinstance(value, str) else value


def test_every_star_is_explained() -> None:
    starred = {
        action
        for file in IAM
        for statement in statements(file)
        if statement.get("Resource") == "*"
        for action in listed(statement["Action"])
    }
    table = README.split("## Why some statements are for `*`")[1]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {found for row in rows for found in re.findall(r"`([^`]+)`", row)} == starred


def test_actions_are_written_out() -> None:
    """`s3:*` in an Allow says nothing to a reader. In a key's policy AWS demands it."""
    broad = {
        (file, action)
        for file in IAM
        for statement in statements(file)
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        if "*" in action
    }
    assert broad == {("results-key.json", "kms:*")}


def test_the_service_control_policy_is_short_enough() -> None:
    """5,120 characters (AWS Organizations User Guide, orgs_reference_limits)."""
    text = json.dumps(IN_TEMPLATES["service-control-policy.json"], separators=(",", ":"))
    assert len(text) <= 5120


def test_inline_policies_are_short_enough() -> None:
    """10,240 characters in all for a role, 2,048 for its trust (IAM User Guide, quotas)."""
    sizes = {file: len(json.dumps(IN_TEMPLATES[file], separators=(",", ":"))) for file in IAM}
    # It is added to the operators' role.
    sizes["operator.json"] += sizes["operator-costs.json"]
    for file, size in sizes.items():
        assert size <= (2048 if file.startswith("trust/") else 10_240), file


def test_every_policy_file_is_here() -> None:
    """A file in a folder that no test reads would be a policy that nobody checks."""
    known = {*FILES, "self-service.json", "self-service.schema.json"}
    assert {str(path.relative_to(FOLDER)) for path in Path(FOLDER).rglob("*.json")} == known
