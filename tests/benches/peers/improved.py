"""Peer 2: the recipe of Peer 1, as well as Python can do it.

Sessions and clients are kept, what does not depend on one another is read at the same time, the
tagging index answers instead of a listing, a listing is read with threads, events of one account
in a batch are handled once, and the job has a token that makes its creation idempotent.
"""

import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

logger = logging.getLogger()
logger.setLevel(logging.INFO)

TAG_KEY = os.environ.get("TAG_KEY", "macie")
TAG_VALUE = os.environ.get("TAG_VALUE", "true")
ROLE_NAME = os.environ.get("ROLE_NAME", "macie-self-service-member")
ADMINISTRATOR = os.environ.get("ADMINISTRATOR_ACCOUNT", "222222222222")
REGIONS = os.environ.get("REGIONS", "eu-west-1").split(",")
THREADS = 16
# Accounts whose clients are kept; one takes about half a megabyte.
KEPT = 100
# Credentials are replaced this long before they expire.
MARGIN = timedelta(minutes=5)

config = Config(max_pool_connections=64, retries={"mode": "standard"})
session = boto3.session.Session()
sts = session.client("sts", config=config)
organizations = session.client("organizations", config=config)
# Accounts and Regions at the same time; what one of them reads at the same time has a pool of its
# own, so that neither can wait for a thread that waits for it.
scopes = ThreadPoolExecutor(THREADS)
reads = ThreadPoolExecutor(4 * THREADS)
lock = threading.Lock()
macie_clients = {}
workloads = {}


def handler(event, context):
    """Handle a batch of events from the queue, or the schedule's event."""
    if event.get("detail-type") == "Scheduled Event":
        return sweep()
    work, failures = {}, []
    for record in event["Records"]:
        try:
            scope, bucket = parse(json.loads(record["body"]))
        except Exception:
            logger.exception("message %s is refused", record["messageId"])
            failures.append(record["messageId"])
            continue
        buckets, messages = work.setdefault(scope, (set(), []))
        if bucket:
            buckets.add(bucket)
        messages.append(record["messageId"])
    running = {scopes.submit(handle, *scope, work[scope][0]): scope for scope in work}
    for future, scope in running.items():
        if error := future.exception():
            logger.error("%s failed: %s", scope, error)
            failures.extend(work[scope][1])
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failures]}


def parse(event):
    """Return the account and Region of an event, and its bucket if it succeeded."""
    detail = event["detail"]
    bucket = None if detail.get("errorCode") else detail["requestParameters"]["bucketName"]
    return (event["account"], event["region"]), bucket


def handle(account, region, buckets):
    """Handle what happened to some buckets of an account."""
    if not buckets:
        return
    macie = macie_client(region)
    status = reads.submit(member_status, macie, account)
    job = reads.submit(has_job, macie, account)
    s3, index = workload(account, region)
    tagged = any(list(reads.map(lambda bucket: is_tagged(s3, bucket), buckets)))
    if tagged:
        enrol(macie, account, status.result(), job.result())
    elif status.result() == "Enabled":
        opt_out(macie, s3, index, account, region)


def macie_client(region):
    """Return the Macie client of a Region."""
    with lock:
        if region not in macie_clients:
            macie_clients[region] = session.client("macie2", region_name=region, config=config)
        return macie_clients[region]


def workload(account, region):
    """Return the clients of S3 and of the tagging index in a workload account."""
    known = workloads.get((account, region))
    if known and known[0] - datetime.now(UTC) > MARGIN:
        return known[1]
    role = sts.assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{ROLE_NAME}", RoleSessionName="macie-self-service"
    )
    credentials = role["Credentials"]
    options = {
        "region_name": region,
        "config": config,
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    # Making a client is not thread-safe in boto3, using one is.
    with lock:
        clients = (
            session.client("s3", **options),
            session.client("resourcegroupstaggingapi", **options),
        )
        workloads[account, region] = (credentials["Expiration"], clients)
        while len(workloads) > KEPT:
            del workloads[next(iter(workloads))]
    return clients


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


def enrol(macie, account, status, job):
    """Make the account a member, and give it a job."""
    if status == "Paused":
        macie.update_member_session(id=account, status="ENABLED")
    elif status in (None, "Removed"):
        email = organizations.describe_account(AccountId=account)["Account"]["Email"]
        macie.create_member(account={"accountId": account, "email": email})
        logger.info("account %s enrolled", account)
    if not job:
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
    account_is = {"comparator": "EQ", "key": "ACCOUNT_ID", "values": [account]}
    tag_is = {"comparator": "EQ", "tagValues": [{"key": TAG_KEY, "value": TAG_VALUE}]}
    criteria = [{"simpleCriterion": account_is}, {"tagCriterion": tag_is}]
    macie.create_classification_job(
        clientToken=job_name(account),
        name=job_name(account),
        jobType="SCHEDULED",
        scheduleFrequency={"dailySchedule": {}},
        initialRun=True,
        s3JobDefinition={"bucketCriteria": {"includes": {"and": criteria}}},
    )
    logger.info("job of account %s created", account)


def indexed(index):
    """Yield the buckets that are opted in according to the tagging index."""
    pages = index.get_paginator("get_resources").paginate(
        ResourceTypeFilters=["s3:bucket"],
        TagFilters=[{"Key": TAG_KEY, "Values": [TAG_VALUE]}],
        ResourcesPerPage=100,
    )
    for page in pages:
        for resource in page["ResourceTagMappingList"]:
            yield resource["ResourceARN"].rpartition(":")[2]


def any_tagged(s3, index, region):
    """Tell whether a bucket is opted in: the index says yes, only a whole listing says no."""
    if any(is_tagged(s3, bucket) for bucket in indexed(index)):
        return True
    pages = s3.get_paginator("list_buckets").paginate(BucketRegion=region)
    names = [bucket["Name"] for page in pages for bucket in page.get("Buckets", [])]
    return any(reads.map(lambda name: is_tagged(s3, name), names))


def opt_out(macie, s3, index, account, region):
    """Suspend the account when none of its buckets is tagged any more."""
    if not any_tagged(s3, index, region):
        macie.update_member_session(id=account, status="PAUSED")
        logger.info("account %s suspended", account)


def sweep():
    """Look at every account: what a schedule starts, in case an event was lost.

    Members and jobs come from their lists, so that an account costs no call for them.
    """
    members = {region: scopes.submit(list_members, region) for region in REGIONS}
    jobs = {region: scopes.submit(list_jobs, region) for region in REGIONS}
    pages = organizations.get_paginator("list_accounts").paginate()
    accounts = [
        account["Id"]
        for page in pages
        for account in page["Accounts"]
        if account["State"] == "ACTIVE" and account["Id"] != ADMINISTRATOR
    ]
    members = {region: future.result() for region, future in members.items()}
    jobs = {region: future.result() for region, future in jobs.items()}

    def look(account):
        for region in REGIONS:
            job = job_name(account) in jobs[region]
            sweep_account(account, region, members[region].get(account), job)

    for _ in scopes.map(look, accounts):
        pass
    return {"looked": len(accounts) * len(REGIONS)}


def list_members(region):
    """Return the status of every member of a Region."""
    pages = macie_client(region).get_paginator("list_members").paginate()
    return {
        member["accountId"]: member["relationshipStatus"]
        for page in pages
        for member in page["members"]
    }


def list_jobs(region):
    """Return the names of the jobs of a Region that are not cancelled."""
    pages = macie_client(region).get_paginator("list_classification_jobs").paginate()
    return {
        job["name"] for page in pages for job in page["items"] if job["jobStatus"] != "CANCELLED"
    }


def sweep_account(account, region, status, job):
    """Look at one account in one Region; a member that is not to be seen costs its own look."""
    s3, index = workload(account, region)
    enabled = status == "Enabled"
    if any(is_tagged(s3, bucket) for bucket in indexed(index)):
        if not enabled or not job:
            macie = macie_client(region)
            enrol(macie, account, member_status(macie, account), job)
    elif enabled:
        opt_out(macie_client(region), s3, index, account, region)
