"""The life of an opt-in by `maciectl`, with S3, STS, the tagging index and SQS on moto.

Macie and Organizations stay on the local AWS, which moto does not implement. Each scenario also
runs with everything on the local AWS: the controller must not notice the difference. Buckets are
made on both, since the local AWS's Macie looks at the local AWS's S3.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

import moto_server
import world

TEAM = world.WORKLOADS[0]
POLICY = json.dumps(
    {
        "version": 1,
        "homeRegion": world.HOME,
        "regions": [world.HOME],
        "gracePeriod": "PT0S",
        "minimumEnrolledTime": "PT0S",
    }
)


@cache
def maciectl() -> str:
    """The command line, freshly built."""
    world.build("--bin", "maciectl")
    return str(world.target_folder() / "debug" / "maciectl")


@dataclass
class Scene:
    """An organization, the endpoints of its services, and the controller's queue."""

    driver: world.Driver
    variables: dict[str, str]
    team: list[Any]
    sqs: Any
    queue: str

    def run(self, *arguments: str, stdin: str = "") -> dict[str, Any]:
        """Runs `maciectl` and reads its JSON."""
        command = [maciectl(), *arguments, "--output", "json"]
        done = subprocess.run(
            command, input=stdin, env=self.variables, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def handle(self, name: str, bucket: str) -> dict[str, Any]:
        """Feeds the event of an S3 call to the controller and answers with its one report."""
        event = {
            "version": "0",
            "id": f"{name}-{bucket}",
            "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.s3",
            "account": TEAM,
            "time": "2026-03-02T10:00:00Z",
            "region": world.HOME,
            "resources": [],
            "detail": {
                "eventSource": "s3.amazonaws.com",
                "eventName": name,
                "requestParameters": {"bucketName": bucket},
            },
        }
        [report] = self.run("handle", "-", stdin=json.dumps(event))["reports"]
        return report

    def apply(self) -> dict[str, Any]:
        """A sweep over the team's account."""
        [report] = self.run("apply", "--account", TEAM)["reports"]
        return report

    def create(self, bucket: str) -> None:
        """Makes a bucket."""
        where = {"LocationConstraint": world.HOME}
        for s3 in self.team:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)

    def tag(self, bucket: str, value: str) -> dict[str, Any]:
        """Tags a bucket and tells the controller."""
        for s3 in self.team:
            tags = {"TagSet": [{"Key": "macie", "Value": value}]}
            s3.put_bucket_tagging(Bucket=bucket, Tagging=tags)
        return self.handle("PutBucketTagging", bucket)

    def untag(self, bucket: str) -> dict[str, Any]:
        """Removes a bucket's tags and tells the controller."""
        for s3 in self.team:
            s3.delete_bucket_tagging(Bucket=bucket)
        return self.handle("DeleteBucketTagging", bucket)

    def enrol(self, bucket: str) -> None:
        """Opts a bucket in and waits until it has its jobs."""
        self.create(bucket)
        self.tag(bucket, "true")
        self.apply()

    def member(self) -> str:
        """The team's relationship with the administrator."""
        macie = self.driver.client("macie2", world.ADMINISTRATOR)
        return macie.get_member(id=TEAM)["relationshipStatus"]

    def jobs(self) -> dict[str, list[str]]:
        """The buckets of every job that is not cancelled, by its kind."""
        macie = self.driver.client("macie2", world.ADMINISTRATOR)
        found: dict[str, list[str]] = {}
        for job in macie.list_classification_jobs()["items"]:
            if job["jobStatus"] == "CANCELLED":
                continue
            kind = job["name"].split("/")[2]
            lists = [entry["buckets"] for entry in job.get("bucketDefinitions", [])]
            found.setdefault(kind, []).extend(name for names in lists for name in names)
        return {kind: sorted(names) for kind, names in found.items()}


@pytest.fixture(params=["local-aws", "moto"])
def scene(request: pytest.FixtureRequest, aws: world.Driver) -> Iterator[Scene]:
    """The services on one side or the other."""
    with ExitStack() as stack:
        variables = world.environment(world.OPERATOR, aws.endpoint)
        team = [aws.client("s3", TEAM)]
        there = aws.endpoint
        if request.param == "moto":
            there = stack.enter_context(moto_server.serving(world.ADMINISTRATOR))
            variables |= moto_server.environment(there)
            team.append(moto_client(there, "s3"))
        aws.control("switches", {"enablingTakes": "PT0S", "createJobInterval": "PT0S"})
        sqs = world.client("sqs", there, world.ADMINISTRATOR)
        queue = sqs.create_queue(QueueName="waiting")["QueueUrl"]
        variables |= {"MACIECTL_POLICY": POLICY, "MACIECTL_QUEUE_URL": queue}
        variables["MACIECTL_JOB_INTERVAL"] = "PT0S"
        yield Scene(aws, variables, team, sqs, queue)


def moto_client(endpoint: str, service: str) -> Any:
    """A client of moto in the team's account, which moto knows by a session in it."""
    sts = world.client("sts", endpoint, world.ADMINISTRATOR)
    role = f"arn:aws:iam::{TEAM}:role/team"
    keys = sts.assume_role(RoleArn=role, RoleSessionName="team")["Credentials"]
    session = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
    }
    made = world.client(service, endpoint, TEAM, token=keys["SessionToken"], **session)
    return made


def membership(report: dict[str, Any]) -> list[str]:
    """What a report changed, but for jobs: a baseline that still runs ends with its bucket."""
    return [change["kind"] for change in report["changes"] if change["kind"] != "job-cancelled"]


def test_the_first_opt_in_enrols_and_brings_both_jobs(scene: Scene) -> None:
    """Enrolled at once, then a daily job, then a baseline job that lists the bucket."""
    scene.create("invoices")
    scene.driver.control("switches", {"enablingTakes": "PT1H"})
    report = scene.tag("invoices", "true")
    assert [change["kind"] for change in report["changes"]] == ["account-enrolled"]
    assert report["outcome"] == "waiting"
    attributes = scene.sqs.get_queue_attributes(QueueUrl=scene.queue, AttributeNames=["All"])
    assert attributes["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"
    scene.driver.advance("PT2H")
    scene.apply()
    assert scene.member() == "Enabled"
    assert scene.jobs() == {"daily": [], "baseline": ["invoices"]}
    assert scene.apply()["outcome"] == "unchanged"


def test_an_untagged_or_misspelt_bucket_changes_nothing(scene: Scene) -> None:
    """No tag, another value, another spelling: no member."""
    scene.create("invoices")
    assert scene.handle("CreateBucket", "invoices")["outcome"] == "unchanged"
    assert scene.tag("invoices", "false")["outcome"] == "unchanged"
    report = scene.tag("invoices", "True")
    assert report["notes"][0]["note"] == "near-miss"
    assert report["changes"] == []
    with pytest.raises(Exception, match="ResourceNotFound"):
        scene.member()


def test_one_of_two_buckets_leaves_and_nothing_is_suspended(scene: Scene) -> None:
    """The other bucket keeps the account."""
    scene.enrol("invoices")
    scene.enrol("orders")
    assert scene.jobs() == {"daily": [], "baseline": ["invoices", "orders"]}
    report = scene.untag("invoices")
    assert membership(report) == []
    assert scene.member() == "Enabled"
    assert scene.jobs() == {"daily": [], "baseline": ["orders"]}


def test_the_last_bucket_leaves_and_comes_back(scene: Scene) -> None:
    """Suspended without a grace period, as the policy says; resumed by the next tag."""
    scene.enrol("invoices")
    report = scene.untag("invoices")
    assert membership(report) == ["suspension-pending", "account-suspended"]
    assert scene.member() == "Paused"
    report = scene.tag("invoices", "true")
    assert "account-resumed" in membership(report)
    assert scene.member() == "Enabled"


def test_a_deleted_bucket_leaves(scene: Scene) -> None:
    """Deleting the last opted-in bucket is an opt-out."""
    scene.enrol("invoices")
    for s3 in scene.team:
        s3.delete_bucket(Bucket="invoices")
    scene.handle("DeleteBucket", "invoices")
    assert scene.member() == "Paused"
