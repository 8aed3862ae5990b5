"""Macie."""

import uuid
from typing import Any

from contract import case
from world import ADMINISTRATOR, HOME, MANAGEMENT, STRANGER, WORKLOADS, Driver

MEMBER, OTHER, THIRD = WORKLOADS
ENABLING = "PT2M"
TAGS = {"macie-self-service:owner": "controller"}


def macie(aws: Driver, account: str = ADMINISTRATOR) -> Any:
    return aws.client("macie2", account)


def with_members(aws: Driver, *accounts: str) -> Any:
    administrator = macie(aws)
    for account in accounts:
        details = {"accountId": account, "email": f"{account}@example.com"}
        administrator.create_member(account=details, tags=TAGS)
    aws.advance(ENABLING)
    return administrator


def bucket(aws: Driver, name: str, account: str = MEMBER) -> str:
    s3 = aws.client("s3", account)
    tags = [{"Key": "macie", "Value": "true"}]
    place = {"LocationConstraint": HOME, "Tags": tags}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    s3.put_object(Bucket=name, Key="customers.csv", Body=b"x" * 2000)
    return name


def criteria(account: str = MEMBER) -> dict[str, Any]:
    owner = {"comparator": "EQ", "key": "ACCOUNT_ID", "values": [account]}
    tag = {"comparator": "EQ", "tagValues": [{"key": "macie", "value": "true"}]}
    return {"includes": {"and": [{"simpleCriterion": owner}, {"tagCriterion": tag}]}}


def daily(name: str = "daily", **more: Any) -> dict[str, Any]:
    return {
        "clientToken": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        "jobType": "SCHEDULED",
        "name": name,
        "scheduleFrequency": {"dailySchedule": {}},
        "s3JobDefinition": {"bucketCriteria": criteria()},
        "tags": TAGS,
        **more,
    }


def listed(client: Any, name: str, key: str, size: int = 2, **parameters: Any) -> list[Any]:
    """Every item of a list, read in small pages."""
    pages = list(
        client.get_paginator(name).paginate(PaginationConfig={"PageSize": size}, **parameters)
    )
    assert all(len(page[key]) <= size for page in pages)
    return [item for page in pages for item in page[key]]


@case("macie2", "EnableMacie", "GetMacieSession", "UpdateMacieSession", "DisableMacie")
def session(aws: Driver) -> None:
    own = macie(aws, MEMBER)
    denied = aws.refused("AccessDeniedException", own.get_macie_session)
    assert denied.response["Error"]["Message"] == "Macie is not enabled"
    aws.refused("AccessDeniedException", own.disable_macie)
    aws.refused("AccessDeniedException", own.update_macie_session, status="PAUSED")
    own.enable_macie(findingPublishingFrequency="ONE_HOUR", status="ENABLED")
    aws.refused("ConflictException", own.enable_macie)
    found = own.get_macie_session()
    assert (found["status"], found["findingPublishingFrequency"]) == ("ENABLED", "ONE_HOUR")
    own.update_macie_session(status="PAUSED")
    assert own.get_macie_session()["status"] == "PAUSED"
    own.disable_macie()
    aws.refused("AccessDeniedException", own.get_macie_session)


@case(
    "macie2",
    "EnableOrganizationAdminAccount",
    "ListOrganizationAdminAccounts",
    "DisableOrganizationAdminAccount",
)
def designation(aws: Driver) -> None:
    management = macie(aws, MANAGEMENT)
    name = {"adminAccountId": ADMINISTRATOR}
    enable = management.enable_organization_admin_account
    aws.refused("AccessDeniedException", macie(aws, MEMBER).list_organization_admin_accounts)
    foreign = macie(aws, MEMBER).enable_organization_admin_account
    aws.refused("AccessDeniedException", foreign, **name)
    aws.refused("ConflictException", enable, adminAccountId=OTHER)
    accounts = listed(management, "list_organization_admin_accounts", "adminAccounts")
    assert accounts == [{"accountId": ADMINISTRATOR, "status": "ENABLED"}]
    assert macie(aws).get_macie_session()["status"] == "ENABLED"
    disable = management.disable_organization_admin_account
    aws.refused("ResourceNotFoundException", disable, adminAccountId=OTHER)
    disable(**name)
    assert listed(management, "list_organization_admin_accounts", "adminAccounts") == []
    enable(**name)
    assert listed(management, "list_organization_admin_accounts", "adminAccounts") == accounts
    aws.control("switches", {"disablingTakes": "PT1M"})
    disable(**name)
    leaving = listed(management, "list_organization_admin_accounts", "adminAccounts")
    assert leaving == [{"accountId": ADMINISTRATOR, "status": "DISABLING_IN_PROGRESS"}]
    aws.refused("ConflictException", enable, **name)
    aws.advance("PT2M")
    assert listed(management, "list_organization_admin_accounts", "adminAccounts") == []


@case("macie2", "GetFindingsPublicationConfiguration", "PutFindingsPublicationConfiguration")
def publication(aws: Driver) -> None:
    own = macie(aws)
    found = own.get_findings_publication_configuration()["securityHubConfiguration"]
    assert found == {"publishPolicyFindings": True, "publishClassificationFindings": False}
    wanted = {"publishPolicyFindings": False, "publishClassificationFindings": True}
    own.put_findings_publication_configuration(securityHubConfiguration=wanted)
    found = own.get_findings_publication_configuration()["securityHubConfiguration"]
    assert found == wanted
    stranger = macie(aws, MEMBER)
    aws.refused("AccessDeniedException", stranger.get_findings_publication_configuration)
    aws.refused("AccessDeniedException", stranger.put_findings_publication_configuration)


@case("macie2", "DescribeOrganizationConfiguration", "UpdateOrganizationConfiguration")
def configuration(aws: Driver) -> None:
    administrator = macie(aws)
    administrator.update_organization_configuration(autoEnable=True)
    found = administrator.describe_organization_configuration()
    assert (found["autoEnable"], found["maxAccountLimitReached"]) == (True, False)
    stranger = macie(aws, MEMBER)
    aws.refused("AccessDeniedException", stranger.describe_organization_configuration)
    update = stranger.update_organization_configuration
    aws.refused("AccessDeniedException", update, autoEnable=False)


@case("macie2", "CreateMember", "GetMember", "ListMembers")
def members(aws: Driver) -> None:
    administrator = macie(aws)
    create = administrator.create_member
    details = {"accountId": MEMBER, "email": "workload-1@example.com"}
    made = create(account=details, tags=TAGS)
    assert made["arn"] == f"arn:aws:macie2:{HOME}:{ADMINISTRATOR}:member/{MEMBER}"
    assert administrator.get_member(id=MEMBER)["relationshipStatus"] == "Created"
    aws.advance(ENABLING)
    found = administrator.get_member(id=MEMBER)
    assert (found["relationshipStatus"], found["tags"]) == ("Enabled", TAGS)
    for account in (OTHER, THIRD):
        create(account={"accountId": account, "email": f"{account}@example.com"})
    assert [one["accountId"] for one in administrator.list_members()["members"]] == [MEMBER]
    everyone = listed(administrator, "list_members", "members", onlyAssociated="false")
    assert [one["accountId"] for one in everyone] == list(WORKLOADS)
    aws.refused("ConflictException", create, account=details)
    unknown = {"accountId": STRANGER, "email": "nobody@example.com"}
    aws.refused("ValidationException", create, account=unknown)
    aws.refused("AccessDeniedException", macie(aws, MEMBER).create_member, account=unknown)
    aws.refused("ResourceNotFoundException", administrator.get_member, id=STRANGER)
    aws.refused("ValidationException", administrator.list_members, nextToken="made-up")
    aws.control("switches", {"strangerIsValidation": True})
    aws.refused("ValidationException", administrator.get_member, id=STRANGER)


@case("macie2", "UpdateMemberSession", "DisassociateMember", "DeleteMember")
def member_life(aws: Driver) -> None:
    administrator = with_members(aws, MEMBER)
    update = administrator.update_member_session

    def relationship() -> str:
        return administrator.get_member(id=MEMBER)["relationshipStatus"]

    update(id=MEMBER, status="PAUSED")
    assert relationship() == "Paused"
    update(id=MEMBER, status="ENABLED")
    assert relationship() == "Enabled"
    aws.refused("ResourceNotFoundException", update, id=STRANGER, status="PAUSED")
    aws.refused("ValidationException", administrator.delete_member, id=MEMBER)
    administrator.disassociate_member(id=MEMBER)
    assert relationship() == "Removed"
    aws.refused("ValidationException", administrator.disassociate_member, id=MEMBER)
    administrator.delete_member(id=MEMBER)
    aws.refused("ResourceNotFoundException", administrator.get_member, id=MEMBER)
    aws.refused("ValidationException", administrator.delete_member, id=MEMBER)


@case(
    "macie2",
    "GetAutomatedDiscoveryConfiguration",
    "UpdateAutomatedDiscoveryConfiguration",
    "ListAutomatedDiscoveryAccounts",
    "BatchUpdateAutomatedDiscoveryAccounts",
)
def automated_discovery(aws: Driver) -> None:
    administrator = with_members(aws, MEMBER, OTHER)
    get = administrator.get_automated_discovery_configuration
    assert get()["status"] == "DISABLED"
    batch = administrator.batch_update_automated_discovery_accounts
    on = [{"accountId": MEMBER, "status": "ENABLED"}]
    aws.refused("ConflictException", batch, accounts=on)
    update = administrator.update_automated_discovery_configuration
    update(status="ENABLED", autoEnableOrganizationMembers="NONE")
    assert get()["autoEnableOrganizationMembers"] == "NONE"
    assert "errors" not in batch(accounts=on)
    unknown = [{"accountId": STRANGER, "status": "ENABLED"}]
    errors = batch(accounts=unknown)["errors"]
    assert errors == [{"accountId": STRANGER, "errorCode": "ACCOUNT_NOT_FOUND"}]
    items = listed(administrator, "list_automated_discovery_accounts", "items")
    assert {one["accountId"]: one["status"] for one in items} == {
        ADMINISTRATOR: "ENABLED",
        MEMBER: "ENABLED",
        OTHER: "DISABLED",
    }
    update(status="DISABLED")
    assert get()["status"] == "DISABLED"
    member = macie(aws, MEMBER)
    denied = "AccessDeniedException"
    aws.refused(denied, member.get_automated_discovery_configuration)
    aws.refused(denied, member.update_automated_discovery_configuration, status="DISABLED")
    aws.refused(denied, member.list_automated_discovery_accounts)
    aws.refused(denied, member.batch_update_automated_discovery_accounts, accounts=on)


@case(
    "macie2",
    "CreateClassificationJob",
    "DescribeClassificationJob",
    "ListClassificationJobs",
    "UpdateClassificationJob",
)
def jobs(aws: Driver) -> None:
    administrator = with_members(aws, MEMBER)
    bucket(aws, "orders")
    create = administrator.create_classification_job
    made = create(**daily())
    assert create(**daily())["jobId"] == made["jobId"]
    aws.refused("ThrottlingException", create, **daily("too soon"))
    aws.advance("PT11S")
    named = [{"accountId": MEMBER, "buckets": ["orders"]}]
    once = {
        "clientToken": "once",
        "jobType": "ONE_TIME",
        "name": "baseline",
        "s3JobDefinition": {
            "bucketDefinitions": named,
            "scoping": {
                "includes": {
                    "and": [
                        {
                            "simpleScopeTerm": {
                                "comparator": "GTE",
                                "key": "OBJECT_LAST_MODIFIED_DATE",
                                "values": ["2020-01-01T00:00:00Z"],
                            }
                        }
                    ]
                }
            },
        },
    }
    baseline = create(**once)["jobId"]
    weekly = {"weeklySchedule": {"dayOfWeek": "MONDAY"}}
    aws.advance("PT11S")
    create(**daily("weekly", scheduleFrequency=weekly, initialRun=True))
    aws.advance("PT25H")
    describe = administrator.describe_classification_job
    found = describe(jobId=made["jobId"])
    assert (found["jobStatus"], found["tags"]) == ("IDLE", TAGS)
    assert found["statistics"]["numberOfRuns"] >= 2
    assert describe(jobId=baseline)["jobStatus"] == "COMPLETE"
    names = [one["name"] for one in listed(administrator, "list_classification_jobs", "items")]
    assert names == ["weekly", "baseline", "daily"]
    term = {"comparator": "EQ", "key": "name", "values": ["daily"]}
    filtered = {"filterCriteria": {"includes": [term]}}
    only = administrator.list_classification_jobs(**filtered)["items"]
    assert [one["jobId"] for one in only] == [made["jobId"]]
    update = administrator.update_classification_job
    for status in ("USER_PAUSED", "RUNNING", "CANCELLED"):
        update(jobId=made["jobId"], jobStatus=status)
        describe(jobId=made["jobId"])
    aws.refused("ValidationException", update, jobId=made["jobId"], jobStatus="RUNNING")
    missing = {"jobId": "0" * 32}
    aws.refused("ResourceNotFoundException", update, jobStatus="CANCELLED", **missing)
    aws.refused("ResourceNotFoundException", describe, **missing)
    unscheduled = daily("bad")
    del unscheduled["scheduleFrequency"]
    aws.refused("ValidationException", create, **unscheduled)
    listing = administrator.list_classification_jobs
    aws.refused("ValidationException", listing, nextToken="made-up")
    aws.refused("AccessDeniedException", macie(aws, OTHER).list_classification_jobs)


@case("macie2", "DescribeBuckets", "SearchResources", "GetBucketStatistics")
def buckets(aws: Driver) -> None:
    administrator = with_members(aws, MEMBER, OTHER)
    for number in range(3):
        bucket(aws, f"orders-{number}")
    bucket(aws, "refunds", OTHER)
    administrator.create_classification_job(**daily(initialRun=True))
    aws.advance("PT1H")
    wanted = {"criteria": {"accountId": {"eq": [MEMBER]}}}
    found = listed(administrator, "describe_buckets", "buckets", **wanted)
    assert [one["bucketName"] for one in found] == [f"orders-{number}" for number in range(3)]
    assert found[0]["tags"] == [{"key": "macie", "value": "true"}]
    assert found[0]["jobDetails"]["isMonitoredByJob"] == "TRUE"
    search = {"bucketCriteria": criteria()}
    matching = listed(administrator, "search_resources", "matchingResources", **search)
    assert len(matching) == 3
    statistics = administrator.get_bucket_statistics(accountId=MEMBER)
    assert (statistics["bucketCount"], statistics["objectCount"]) == (3, 3)
    denied = "AccessDeniedException"
    for name in ("describe_buckets", "search_resources", "get_bucket_statistics"):
        aws.refused(denied, getattr(macie(aws, THIRD), name))
    describe = administrator.describe_buckets
    aws.refused("ValidationException", describe, nextToken="made-up")


@case("macie2", "GetUsageStatistics", "GetUsageTotals")
def usage(aws: Driver) -> None:
    administrator = with_members(aws, MEMBER, OTHER)
    bucket(aws, "orders")
    administrator.create_classification_job(**daily(initialRun=True))
    aws.advance("P3D")
    past = {"timeRange": "PAST_30_DAYS"}
    records = listed(administrator, "get_usage_statistics", "records", **past)
    assert {one["accountId"] for one in records} == {ADMINISTRATOR, MEMBER, OTHER}
    used = {one["accountId"]: {kind["type"] for kind in one["usage"]} for one in records}
    assert used[MEMBER] >= {"DATA_INVENTORY_EVALUATION", "SENSITIVE_DATA_DISCOVERY"}
    term = {"comparator": "CONTAINS", "key": "accountId", "values": [MEMBER]}
    sort = {"key": "total", "orderBy": "DESC"}
    few = administrator.get_usage_statistics(filterBy=[term], sortBy=sort, **past)
    assert [one["accountId"] for one in few["records"]] == [MEMBER]
    totals = administrator.get_usage_totals(**past)["usageTotals"]
    assert "DATA_INVENTORY_EVALUATION" in {one["type"] for one in totals}
    for name in ("get_usage_statistics", "get_usage_totals"):
        aws.refused("AccessDeniedException", getattr(macie(aws, THIRD), name))


@case("macie2", "GetClassificationExportConfiguration", "PutClassificationExportConfiguration")
def export(aws: Driver) -> None:
    administrator = macie(aws)
    assert "configuration" not in administrator.get_classification_export_configuration()
    results = bucket(aws, "macie-results", ADMINISTRATOR)
    destination = {
        "bucketName": results,
        "keyPrefix": "results/",
        "kmsKeyArn": f"arn:aws:kms:{HOME}:{ADMINISTRATOR}:key/0a1b2c3d",
    }
    put = administrator.put_classification_export_configuration
    put(configuration={"s3Destination": destination})
    found = administrator.get_classification_export_configuration()
    assert found["configuration"]["s3Destination"] == destination
    missing = {"s3Destination": destination | {"bucketName": "missing"}}
    aws.refused("ValidationException", put, configuration=missing)
    get = macie(aws, MEMBER).get_classification_export_configuration
    aws.refused("AccessDeniedException", get)


@case("macie2", "GetAdministratorAccount")
def administrator_account(aws: Driver) -> None:
    aws.refused("AccessDeniedException", macie(aws, MEMBER).get_administrator_account)
    administrator = with_members(aws, MEMBER)
    found = macie(aws, MEMBER).get_administrator_account()["administrator"]
    assert (found["accountId"], found["relationshipStatus"]) == (ADMINISTRATOR, "Enabled")
    assert "administrator" not in administrator.get_administrator_account()


@case("macie2", "TagResource", "UntagResource", "ListTagsForResource")
def tags(aws: Driver) -> None:
    administrator = with_members(aws, MEMBER)
    job = administrator.create_classification_job(**daily())["jobArn"]
    for arn in (administrator.get_member(id=MEMBER)["arn"], job):
        resource = {"resourceArn": arn}
        administrator.tag_resource(tags={"since": "2026-01-01T00:00:00Z"}, **resource)
        found = administrator.list_tags_for_resource(**resource)["tags"]
        assert found == {**TAGS, "since": "2026-01-01T00:00:00Z"}
        administrator.untag_resource(tagKeys=["since", "unknown"], **resource)
        assert administrator.list_tags_for_resource(**resource)["tags"] == TAGS
    missing = {"resourceArn": job[:-1] + "x"}
    absent = "ResourceNotFoundException"
    aws.refused(absent, administrator.list_tags_for_resource, **missing)
    aws.refused(absent, administrator.tag_resource, tags=TAGS, **missing)
    aws.refused(absent, administrator.untag_resource, tagKeys=["since"], **missing)
