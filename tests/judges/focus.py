"""FOCUS exports of an organization on the local AWS, by the real `maciectl`, and their judges.

Both validators run in an environment of their own (`tests/requirements-focus.txt`).
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import world
from test_scenarios import maciectl
from world import ADMINISTRATOR, WORKLOADS, Driver

# tests/check puts it beside the judges' own environment.
PROGRAMS = Path(sys.prefix).parent / "focus-venv" / "bin"
OTHER_REGION = "us-east-1"
BYTES = 3_000_000
# Account, Region, bucket: the first one has been enrolled for longer than a trial takes.
VETERAN = (WORKLOADS[0], world.HOME, "orders")
BEGINNERS = (
    (WORKLOADS[0], OTHER_REGION, "orders-us"),
    (WORKLOADS[1], world.HOME, "payments"),
)
# What the exports are about; the administrator's own account is among those that Macie tells of.
PLACES = {(WORKLOADS[1], world.HOME)} | {
    (account, region)
    for account in (ADMINISTRATOR, WORKLOADS[0])
    for region in (world.HOME, OTHER_REGION)
}
# Of FOCUS's conditions those that hold for what Macie tells.
CRITERIA = "ACCOUNT_NAMING_SUPPORTED,REGION_SUPPORTED,SUB_ACCOUNT_SUPPORTED"
# The validator fails this for every null InvoiceId, and passes the rule above it, by which the
# estimate of a month that is not invoiced has none.
KNOWN = {"InvoiceId-C-005-C"}
# The validator reads twelve digits of a CSV file as a number, and then misses the text.
DIGITS = ("BillingAccountId", "SubAccountId")


@dataclass
class Exports:
    """Folders of exports, and what `maciectl cost` says of the same month."""

    root: Path
    costs: dict[str, Any]

    def folder(self, version: str, form: str) -> Path:
        """The folder of a table."""
        return self.root / f"focus-{version}-{form}"

    def files(self, version: str, form: str) -> list[Path]:
        """The files of its one month, one for each Region."""
        found = sorted(self.folder(version, form).glob(f"billing_period=*/*.{form}"))
        assert [path.stem for path in found] == [
            f"macie-estimate-{region}" for region in (world.HOME, OTHER_REGION)
        ]
        return found


def make(aws: Driver, root: Path) -> Exports:
    """Three accounts in two Regions, one of them after its trial, and every export of them."""
    aws.control("switches", {"createJobInterval": "PT0S"})
    enrol(aws, VETERAN)
    aws.advance("P40D")
    for place in BEGINNERS:
        enrol(aws, place)
    for place in (VETERAN, *BEGINNERS):
        scan(aws, place)
    aws.advance("PT2M")
    exports = Exports(root, json.loads(run(aws, "cost", "--output", "json")))
    for version in ("1.2", "1.4"):
        for form in ("csv", "parquet"):
            to = ("--to", str(exports.folder(version, form)))
            run(aws, "focus", *to, "--focus-version", version, "--format", form)
    return exports


def enrol(aws: Driver, place: tuple[str, str, str]) -> None:
    """A bucket with an object, and Macie for its account."""
    account, region, bucket = place
    s3 = aws.client("s3", account, region)
    where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **({} if region == OTHER_REGION else where))
    s3.put_object(Bucket=bucket, Key="customers.csv", Body=b"x" * BYTES)
    member = {"accountId": account, "email": "workload@example.com"}
    aws.client("macie2", ADMINISTRATOR, region).create_member(account=member)
    aws.advance("PT2M")


def scan(aws: Driver, place: tuple[str, str, str]) -> None:
    """A job that looks at the bucket once."""
    account, region, bucket = place
    aws.client("macie2", ADMINISTRATOR, region).create_classification_job(
        clientToken=bucket,
        jobType="ONE_TIME",
        name=bucket,
        s3JobDefinition={"bucketDefinitions": [{"accountId": account, "buckets": [bucket]}]},
    )


def run(aws: Driver, *arguments: str) -> str:
    """Runs `maciectl` as the operator; what it prints."""
    policy = {"version": 1, "homeRegion": world.HOME, "regions": [world.HOME, OTHER_REGION]}
    variables = world.environment(world.OPERATOR, aws.endpoint)
    done = subprocess.run(
        [maciectl(), *arguments],
        env=variables | {"MACIECTL_POLICY": json.dumps({**policy, "gracePeriod": "PT24H"})},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def save(path: Path, rows: list[dict[str, str]]) -> Path:
    """Writes rows as a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def with_text_ids(source: Path, to: Path) -> Path:
    """A copy whose account ids are no digits, for the validator's reader of CSV files."""
    found = rows(source)
    for row in found:
        row.update({name: f"account-{row[name]}" for name in DIGITS})
    return save(to, found)


def failures(path: Path) -> set[str]:
    """The rules of FOCUS 1.2 that the FinOps Foundation's validator finds broken.

    Its exit code is 0 whatever it finds, and it opens a file of its own relative to where it is
    installed.
    """
    code, said = _run("focus-validator", "--data-file", str(path), "--validate-version", "1.2",
        "--block-download", "--applicability-criteria", CRITERIA,
        cwd=next(PROGRAMS.parent.glob("lib/python*/site-packages"), None))  # fmt: skip
    total = re.search(r"^Total: (\d+) \| Pass: (\d+) \| Fail: (\d+)", said, re.MULTILINE)
    assert total, f"the validator ended with {code}:\n{said}"
    failed = set(re.findall(r"❌ ([A-Za-z0-9-]+): FAIL", said))
    print(f"{path.name}: {total.group()}: {', '.join(sorted(failed))}")
    assert len(failed) == int(total.group(3))
    assert int(total.group(2)) > 100, said
    return failed


def toolkit(path: Path) -> tuple[int, str]:
    """Exit code and verdict of focus-data-toolkit on a file of FOCUS 1.4."""
    code, said = _run("focus-toolkit", "validate", str(path), "--dataset", "cost-and-usage")
    print(said)
    return code, said


def _run(name: str, *arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    program = PROGRAMS / name
    if not program.exists():
        pytest.skip(f"{name} is not installed: run ./tests/check with Python 3.12 or later")
    done = subprocess.run(
        [program, *arguments], cwd=cwd or world.logs(), capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr
