"""The ordinary `aws` CLI drives the local AWS; what counts is the state in the end.

The walkthrough of the README belongs here too: each of its commands, in order, in a shell.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import world
from world import ADMINISTRATOR, HOME, MANAGEMENT, WORKLOADS, Driver

PROGRAM = Path(sys.executable).parent / "aws"
TEAM = WORKLOADS[0]


class Cli:
    """The `aws` program as an account."""

    def __init__(self, aws: Driver, account: str) -> None:
        """Keep whom to call as."""
        self.environment = world.environment(account, aws.endpoint)
        self.endpoint = aws.endpoint

    def run(self, *arguments: str, proxy: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command; S3 Control needs the endpoint as a proxy."""
        more = {"HTTP_PROXY": self.endpoint} if proxy else {}
        options = ["--output", "json"]
        if arguments[0] == "sqs":
            # Version 1 of the CLI has an endpoint of its own for SQS, which hides the variable.
            options += ["--endpoint-url", self.endpoint]
        return subprocess.run(
            [PROGRAM, *arguments, *options],
            env=self.environment | more,
            cwd=world.logs(),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def __call__(self, *arguments: str, proxy: bool = False) -> Any:
        """Run a command that must succeed; its document."""
        done = self.run(*arguments, proxy=proxy)
        assert done.returncode == 0, f"aws {' '.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def does(self, *arguments: str) -> str:
        """Run a command of the CLI's own that must succeed; what it says."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"aws {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def refused(self, code: str, *arguments: str) -> None:
        """Run a command that must fail with a code."""
        done = self.run(*arguments)
        assert done.returncode != 0
        assert f"({code})" in done.stderr, done.stderr


@pytest.fixture
def team(aws: Driver) -> Cli:
    return Cli(aws, TEAM)


@pytest.fixture
def administrator(aws: Driver) -> Cli:
    return Cli(aws, ADMINISTRATOR)


def test_who_am_i(team: Cli, aws: Driver) -> None:
    assert team("sts", "get-caller-identity")["Account"] == TEAM
    role = f"arn:aws:iam::{TEAM}:role/macie-self-service-member"
    assume = ("sts", "assume-role", "--role-session-name", "judge", "--role-arn", role)
    assumed = Cli(aws, world.OPERATOR)(*assume)
    assert assumed["AssumedRoleUser"]["Arn"].endswith("role/macie-self-service-member/judge")


def test_a_team_opts_a_bucket_in_and_out(team: Cli, aws: Driver) -> None:
    team.does("s3", "mb", "s3://orders")
    name = ("--bucket", "orders")
    tags = "TagSet=[{Key=macie,Value=true}]"
    team("s3api", "put-bucket-tagging", *name, "--tagging", tags)
    found = team("s3api", "get-bucket-tagging", *name)
    assert found == {"TagSet": [{"Key": "macie", "Value": "true"}]}
    opted_in = ("resourcegroupstaggingapi", "get-resources", "--tag-filters")
    listed = team(*opted_in, "Key=macie,Values=true")["ResourceTagMappingList"]
    assert [entry["ResourceARN"] for entry in listed] == ["arn:aws:s3:::orders"]
    team("s3api", "delete-bucket-tagging", *name)
    team.refused("NoSuchTagSet", "s3api", "get-bucket-tagging", *name)
    Cli(aws, WORKLOADS[1]).refused("AccessDenied", "s3api", "get-bucket-tagging", *name)


def test_objects_are_copied_listed_and_removed(team: Cli) -> None:
    team.does("s3", "mb", "s3://orders")
    source = world.logs() / "customers.csv"
    source.write_text("name,card\n")
    team.does("s3", "cp", str(source), "s3://orders/2026/customers.csv")
    found = team("s3api", "list-objects-v2", "--bucket", "orders")["Contents"]
    assert [(entry["Key"], entry["Size"]) for entry in found] == [("2026/customers.csv", 10)]
    assert "customers.csv" in team.does("s3", "ls", "s3://orders/2026/")
    team.does("s3", "rm", "s3://orders/2026/customers.csv")
    team.does("s3", "rb", "s3://orders")
    assert team("s3api", "list-buckets")["Buckets"] == []


def test_tag_resource_with_the_endpoint_as_proxy(team: Cli) -> None:
    team.does("s3", "mb", "s3://orders")
    bucket = ("--account-id", TEAM, "--resource-arn", "arn:aws:s3:::orders")
    team("s3control", "tag-resource", *bucket, "--tags", "Key=macie,Value=true", proxy=True)
    found = team("s3control", "list-tags-for-resource", *bucket, proxy=True)
    assert found == {"Tags": [{"Key": "macie", "Value": "true"}]}


def test_the_organization(aws: Driver) -> None:
    management = Cli(aws, MANAGEMENT)
    accounts = management("organizations", "list-accounts", "--page-size", "2")["Accounts"]
    assert sorted(account["Id"] for account in accounts) == [
        MANAGEMENT,
        ADMINISTRATOR,
        *WORKLOADS,
    ]


def test_the_administrator_enrols_and_suspends(administrator: Cli, aws: Driver) -> None:
    details = f"accountId={TEAM},email=workload-1@example.com"
    administrator("macie2", "create-member", "--account", details)
    aws.advance("PT2M")
    members = administrator("macie2", "list-members")["members"]
    assert [(one["accountId"], one["relationshipStatus"]) for one in members] == [(TEAM, "Enabled")]
    administrator("macie2", "update-member-session", "--id", TEAM, "--status", "PAUSED")
    member = administrator("macie2", "get-member", "--id", TEAM)
    assert member["relationshipStatus"] == "Paused"
    Cli(aws, TEAM).refused("AccessDeniedException", "macie2", "list-members")


def test_a_daily_job(administrator: Cli, aws: Driver) -> None:
    criteria = {
        "includes": {
            "and": [
                {
                    "simpleCriterion": {
                        "comparator": "EQ",
                        "key": "ACCOUNT_ID",
                        "values": [TEAM],
                    }
                }
            ]
        }
    }
    made = administrator(
        *("macie2", "create-classification-job", "--job-type", "SCHEDULED", "--name", "daily"),
        *("--schedule-frequency", '{"dailySchedule": {}}'),
        *("--s3-job-definition", json.dumps({"bucketCriteria": criteria})),
    )
    aws.advance("PT1H")
    jobs = administrator("macie2", "list-classification-jobs")["items"]
    assert [(job["jobId"], job["jobStatus"]) for job in jobs] == [(made["jobId"], "IDLE")]


def test_a_message(administrator: Cli) -> None:
    queue = administrator("sqs", "create-queue", "--queue-name", "sweeps")["QueueUrl"]
    url = ("--queue-url", queue)
    administrator("sqs", "send-message", *url, "--message-body", '{"sweep": 1}')
    (message,) = administrator("sqs", "receive-message", *url)["Messages"]
    assert message["Body"] == '{"sweep": 1}'
    handle = ("--receipt-handle", message["ReceiptHandle"])
    administrator("sqs", "delete-message", *url, *handle)
    names = ("--attribute-names", "ApproximateNumberOfMessagesNotVisible")
    attributes = administrator("sqs", "get-queue-attributes", *url, *names)["Attributes"]
    assert attributes == {"ApproximateNumberOfMessagesNotVisible": "0"}


def test_a_tag_reaches_the_controllers_queue(team: Cli, administrator: Cli) -> None:
    team.does("s3", "mb", "s3://orders")
    tags = "TagSet=[{Key=macie,Value=true}]"
    team("s3api", "put-bucket-tagging", "--bucket", "orders", "--tagging", tags)
    named = ("--queue-name", "macie-self-service")
    queue = administrator("sqs", "get-queue-url", *named)["QueueUrl"]
    most = ("--max-number-of-messages", "10")
    received = administrator("sqs", "receive-message", "--queue-url", queue, *most)["Messages"]
    events = [json.loads(message["Body"]) for message in received]
    calls = {event["detail"].get("eventName") for event in events}
    assert {"CreateBucket", "PutBucketTagging"} <= calls
    assert {(event["account"], event["region"]) for event in events} == {(TEAM, HOME)}
