"""Peer 1: self-service Macie as such recipes are usually published.

One function does one step after the other: check the event, check the bucket's tag, check the
member, list the other buckets one by one, create the member or suspend it, create the job. Clients
of the administrator's account are made once; those of a workload account for each event.
"""

import json
import logging
import os
import uuid

import boto3
from botocore.exceptions import ClientError

logger = logging.getLogger()
logger.setLevel(logging.INFO)

TAG_KEY = os.environ.get("TAG_KEY", "macie")
TAG_VALUE = os.environ.get("TAG_VALUE", "true")
ROLE_NAME = os.environ.get("ROLE_NAME", "macie-self-service-member")
ADMINISTRATOR = os.environ.get("ADMINISTRATOR_ACCOUNT", "222222222222")
REGIONS = os.environ.get("REGIONS", "eu-west-1").split(",")

sts = boto3.client("sts")
organizations = boto3.client("organizations")


def handler(event, context):
    """Handle a batch of events from the queue, or the schedule's event."""
    if event.get("detail-type") == "Scheduled Event":
        return sweep()
    failures = []
    for record in event["Records"]:
        try:
            handle(json.loads(record["body"]))
        except Exception:
            logger.exception("message %s failed", record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def handle(event):
    """Handle one event of a bucket."""
    detail = event["detail"]
    if detail.get("errorCode"):
        return
    account, region = event["account"], event["region"]
    bucket = detail["requestParameters"]["bucketName"]
    s3 = s3_client(account, region)
    macie = boto3.client("macie2", region_name=region)
    if is_tagged(s3, bucket):
        enrol(macie, account)
    else:
        opt_out(macie, s3, account, region)


def s3_client(account, region):
    """Make an S3 client of a workload account."""
    role = sts.assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{ROLE_NAME}", RoleSessionName="macie-self-service"
    )
    credentials = role["Credentials"]
    return boto3.client(
        "s3",
        region_name=region,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def is_tagged(s3, bucket):
    """Tell whether a bucket is opted in."""
    try:
        tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchTagSet", "NoSuchBucket"):
            return False
        raise
    return any(tag["Key"] == TAG_KEY and tag["Value"] == TAG_VALUE for tag in tags)


def member_status(macie, account):
    """Return the status of a member, or None for an account that is not one."""
    try:
        return macie.get_member(id=account)["relationshipStatus"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ResourceNotFoundException", "ValidationException"):
            return None
        raise


def enrol(macie, account):
    """Make the account a member, and give it a job."""
    status = member_status(macie, account)
    if status == "Paused":
        macie.update_member_session(id=account, status="ENABLED")
    elif status in (None, "Removed"):
        email = organizations.describe_account(AccountId=account)["Account"]["Email"]
        macie.create_member(account={"accountId": account, "email": email})
        logger.info("account %s enrolled", account)
    if not has_job(macie, account):
        create_job(macie, account)


def job_name(account):
    """Name the account's job."""
    return f"self-service-{account}"


def has_job(macie, account):
    """Tell whether the account has a job that is not cancelled."""
    name = {"key": "name", "comparator": "EQ", "values": [job_name(account)]}
    pages = macie.get_paginator("list_classification_jobs").paginate(
        filterCriteria={"includes": [name]}
    )
    return any(job["jobStatus"] != "CANCELLED" for page in pages for job in page["items"])


def create_job(macie, account):
    """Create the daily job of an account's tagged buckets."""
    macie.create_classification_job(
        clientToken=str(uuid.uuid4()),
        name=job_name(account),
        jobType="SCHEDULED",
        scheduleFrequency={"dailySchedule": {}},
        initialRun=True,
        s3JobDefinition={
            "bucketCriteria": {
                "includes": {
                    "and": [
                        {
                            "simpleCriterion": {
                                "comparator": "EQ",
                                "key": "ACCOUNT_ID",
                                "values": [account],
                            }
                        },
                        {
                            "tagCriterion": {
                                "comparator": "EQ",
                                "tagValues": [{"key": TAG_KEY, "value": TAG_VALUE}],
                            }
                        },
                    ]
                }
            }
        },
    )
    logger.info("job of account %s created", account)


def opt_out(macie, s3, account, region):
    """Suspend the account when none of its buckets is tagged any more."""
    if member_status(macie, account) != "Enabled":
        return
    pages = s3.get_paginator("list_buckets").paginate(BucketRegion=region)
    for page in pages:
        for bucket in page.get("Buckets", []):
            if is_tagged(s3, bucket["Name"]):
                return
    macie.update_member_session(id=account, status="PAUSED")
    logger.info("account %s suspended", account)


def sweep():
    """Look at every account: what a schedule starts, in case an event was lost."""
    looked = 0
    for page in organizations.get_paginator("list_accounts").paginate():
        for account in page["Accounts"]:
            if account["State"] != "ACTIVE" or account["Id"] == ADMINISTRATOR:
                continue
            for region in REGIONS:
                sweep_account(account["Id"], region)
                looked += 1
    return {"looked": looked}


def sweep_account(account, region):
    """Look at one account in one Region."""
    s3 = s3_client(account, region)
    macie = boto3.client("macie2", region_name=region)
    for page in s3.get_paginator("list_buckets").paginate(BucketRegion=region):
        for bucket in page.get("Buckets", []):
            if is_tagged(s3, bucket["Name"]):
                enrol(macie, account)
                return
    if member_status(macie, account) == "Enabled":
        macie.update_member_session(id=account, status="PAUSED")
