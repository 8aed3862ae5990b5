"""cfn-guard with our rules, parliament and checkov, each also on something that it must refuse."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import templates
import world
from test_policies import IAM, IN_TEMPLATES

# tests/check puts both beside the judges' own environment.
TARGET = Path(sys.prefix).parent
GUARD = TARGET / "tools/bin/cfn-guard"
LINTERS = TARGET / "linters-venv/bin"
RULES = world.ROOT / "policies/guard/deployment.guard"
BROKEN = 19  # cfn-guard's exit code when a template breaks a rule

# Findings of parliament that are accepted: file and finding, with the reason.
ACCEPTED = {
    # The key's own policy: `*` is the key (KMS Developer Guide, key-policy-overview).
    ("results-key.json", "RESOURCE_STAR"),
}


def run(program: Path, *arguments: str | Path, text: str | None = None) -> tuple[int, str]:
    """Exit code and output; skipped by name when the program could not be installed."""
    if not program.exists():
        pytest.skip(f"{program.name} is not installed: run ./tests/check")
    ended = subprocess.run(
        [program, *arguments],
        cwd=world.ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def guard(data: str | Path) -> tuple[int, str]:
    """Judge one template by our rules."""
    return run(GUARD, "validate", "-r", RULES, "-d", data, "--show-summary", "fail")


@pytest.mark.parametrize("name", templates.NAMES)
def test_cfn_guard_finds_nothing(name: str) -> None:
    assert guard(name) == (0, "")


def trust_anybody(template: dict[str, Any]) -> None:
    role = template["Resources"]["ControllerRole"]["Properties"]
    role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = "*"


def open_bus(template: dict[str, Any]) -> None:
    statement = template["Resources"]["BusPolicy"]["Properties"]["Statement"]
    del statement["Condition"]["StringEquals"]["aws:PrincipalOrgID"]


def drop(resource: str, *path: str) -> Callable[[dict[str, Any]], None]:
    """Delete one value below a resource."""

    def change(template: dict[str, Any]) -> None:
        place = template["Resources"][resource]
        for key in path[:-1]:
            place = place[int(key)] if isinstance(place, list) else place[key]
        del place[path[-1]]

    return change


CONTROLLER = "delegated-admin/controller.yaml"
FORWARDERS = "stacksets/workload-account.yaml"
ROLLOUT = "stacksets/stack-set.yaml"
# For each rule a template, and what is taken from it.
SPOILT: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "roles_are_narrow": (CONTROLLER, trust_anybody),
    "bus_is_closed": (CONTROLLER, open_bus),
    "functions_are_ours": (CONTROLLER, drop("ControllerFunction", "Properties", "FunctionName")),
    "loops_are_bounded": (
        CONTROLLER,
        drop("SweeperFunction", "Properties", "ReservedConcurrentExecutions"),
    ),
    "batches_fail_in_part": (
        CONTROLLER,
        drop("ControllerSource", "Properties", "FunctionResponseTypes"),
    ),
    "rules_name_role_and_patience": (
        FORWARDERS,
        drop("S3Calls", "Properties", "Targets", "0", "RoleArn"),
    ),
    "queues_are_encrypted_and_stated": (CONTROLLER, drop("Queue", "DeletionPolicy")),
    "results_are_kept_and_closed": (CONTROLLER, drop("ResultsBucket", "DeletionPolicy")),
    "keys_are_kept": (CONTROLLER, drop("ResultsKey", "UpdateReplacePolicy")),
    "logs_end": (CONTROLLER, drop("ControllerLog", "Properties", "RetentionInDays")),
    "alarms_say_what_silence_means": (
        CONTROLLER,
        drop("SweepMissingAlarm", "Properties", "TreatMissingData"),
    ),
    "rollout_does_not_stop_at_one_account": (
        ROLLOUT,
        drop("Forwarders", "Properties", "ManagedExecution"),
    ),
}


@pytest.mark.parametrize("rule", SPOILT)
def test_cfn_guard_refuses_a_spoilt_template(rule: str, tmp_path: Path) -> None:
    name, spoil = SPOILT[rule]
    template = copy.deepcopy(templates.load(name))
    spoil(template)
    data = tmp_path / "spoilt.json"
    data.write_text(json.dumps(template))
    code, said = guard(data)
    assert code == BROKEN
    assert rule in said


def test_every_rule_of_ours_is_tried() -> None:
    lines = RULES.read_text().splitlines()
    assert {line.split()[1] for line in lines if line.startswith("rule ")} == set(SPOILT)


def parliament(policy: Any) -> set[str]:
    """The names of parliament's findings."""
    policy = copy.deepcopy(policy)
    for statement in policy["Statement"]:
        # A trust policy has no resource; parliament takes that for malformed.
        if statement["Action"] == "sts:AssumeRole":
            statement.setdefault("Resource", "arn:aws:iam::222222222222:role/example")
    _, said = run(LINTERS / "parliament", "--json", text=json.dumps(policy))
    lines = [json.loads(line) for line in said.splitlines() if line.startswith('{"issue"')]
    return {line["issue"] for line in lines}


@pytest.mark.parametrize("file", IAM)
def test_parliament_finds_nothing_else(file: str) -> None:
    found = parliament(IN_TEMPLATES[file])
    assert found == {finding for name, finding in ACCEPTED if name == file}


def test_parliament_refuses_an_unknown_action() -> None:
    policy = copy.deepcopy(IN_TEMPLATES["member.json"])
    policy["Statement"][0]["Action"] = "s3:ListMyBuckets"
    assert parliament(policy) == {"UNKNOWN_ACTION"}


def checkov(*folders: str | Path) -> tuple[int, dict[str, Any]]:
    """Exit code and summary over all templates of some folders. It must not call home."""
    options = ["--framework", "cloudformation", "--skip-download", "--output", "json"]
    places = [part for folder in folders for part in ("-d", str(folder))]
    code, said = run(LINTERS / "checkov", "--quiet", *options, *places)
    report = json.loads(said[said.index("{") :])
    return code, report


def test_checkov_finds_nothing() -> None:
    for folder in ("stacksets", "delegated-admin"):
        code, report = checkov(folder)
        failed = [(one["check_id"], one["resource"]) for one in report["results"]["failed_checks"]]
        assert (code, failed) == (0, [])
        assert report["summary"]["passed"] > 0


def test_checkov_refuses_an_open_bucket(tmp_path: Path) -> None:
    template = copy.deepcopy(templates.load(CONTROLLER))
    del template["Resources"]["ResultsBucket"]["Properties"]["PublicAccessBlockConfiguration"]
    (tmp_path / "open.json").write_text(json.dumps(template))
    code, report = checkov(tmp_path)
    assert code == 1
    assert "AWS::S3::Bucket.ResultsBucket" in {
        one["resource"] for one in report["results"]["failed_checks"]
    }


def test_every_suppression_has_a_reason() -> None:
    for name in templates.NAMES:
        for resource, of in templates.load(name)["Resources"].items():
            for skip in of.get("Metadata", {}).get("checkov", {}).get("skip", []):
                assert len(skip["comment"]) > 20, (name, resource, skip["id"])
