"""Organizations."""

from typing import Any

from contract import case
from world import ADMINISTRATOR, MANAGEMENT, STRANGER, WORKLOADS, Driver

ALL = [MANAGEMENT, ADMINISTRATOR, *WORKLOADS]
MACIE = "macie.amazonaws.com"


def management(aws: Driver) -> Any:
    return aws.client("organizations", MANAGEMENT)


def root(aws: Driver) -> str:
    return management(aws).list_roots()["Roots"][0]["Id"]


def refused_to_members(aws: Driver, name: str, **parameters: Any) -> None:
    """Reading is for the management account and delegated administrators."""
    member = aws.client("organizations", WORKLOADS[0])
    aws.refused("AccessDeniedException", getattr(member, name), **parameters)


def pages(aws: Driver, name: str, key: str, size: int, **parameters: Any) -> list[Any]:
    """Every item of a list, read in small pages."""
    paginator = management(aws).get_paginator(name)
    found = list(paginator.paginate(PaginationConfig={"PageSize": size}, **parameters))
    assert all(len(page[key]) <= size for page in found)
    return [item for page in found for item in page[key]]


@case("organizations", "DescribeOrganization")
def describe_organization(aws: Driver) -> None:
    for account in (MANAGEMENT, WORKLOADS[0]):
        reply = aws.client("organizations", account).describe_organization()
        assert reply["Organization"]["MasterAccountId"] == MANAGEMENT
    aws.control("faults", {"kind": "throttle", "operation": "DescribeOrganization"})
    aws.refused("TooManyRequestsException", management(aws).describe_organization)


@case("organizations", "ListAccounts")
def list_accounts(aws: Driver) -> None:
    accounts = pages(aws, "list_accounts", "Accounts", 2)
    assert sorted(account["Id"] for account in accounts) == ALL
    refused_to_members(aws, "list_accounts")
    aws.refused("InvalidInputException", management(aws).list_accounts, NextToken="made-up")
    delegated = aws.client("organizations", ADMINISTRATOR).list_accounts()
    assert len(delegated["Accounts"]) == len(ALL)


@case("organizations", "DescribeAccount")
def describe_account(aws: Driver) -> None:
    reply = management(aws).describe_account(AccountId=WORKLOADS[0])
    assert reply["Account"]["State"] == "ACTIVE"
    aws.refused("AccountNotFoundException", management(aws).describe_account, AccountId=STRANGER)
    aws.refused("InvalidInputException", management(aws).describe_account, AccountId="12")


@case("organizations", "ListRoots")
def list_roots(aws: Driver) -> None:
    assert len(pages(aws, "list_roots", "Roots", 1)) == 1
    refused_to_members(aws, "list_roots")


@case("organizations", "ListParents")
def list_parents(aws: Driver) -> None:
    parents = pages(aws, "list_parents", "Parents", 1, ChildId=MANAGEMENT)
    assert parents == [{"Id": root(aws), "Type": "ROOT"}]
    unit = management(aws).list_parents(ChildId=WORKLOADS[0])["Parents"][0]
    assert unit["Type"] == "ORGANIZATIONAL_UNIT"
    aws.refused("ChildNotFoundException", management(aws).list_parents, ChildId=STRANGER)


@case("organizations", "ListOrganizationalUnitsForParent")
def list_units(aws: Driver) -> None:
    management(aws).create_organizational_unit(ParentId=root(aws), Name="sandbox")
    parameters = {"ParentId": root(aws)}
    name = "list_organizational_units_for_parent"
    units = pages(aws, name, "OrganizationalUnits", 1, **parameters)
    assert sorted(unit["Name"] for unit in units) == ["Workloads", "sandbox"]
    call = management(aws).list_organizational_units_for_parent
    aws.refused("ParentNotFoundException", call, ParentId="ou-root-missing1")


@case("organizations", "ListAccountsForParent")
def list_accounts_for_parent(aws: Driver) -> None:
    unit = management(aws).list_parents(ChildId=WORKLOADS[0])["Parents"][0]["Id"]
    accounts = pages(aws, "list_accounts_for_parent", "Accounts", 2, ParentId=unit)
    assert sorted(account["Id"] for account in accounts) == list(WORKLOADS)
    call = management(aws).list_accounts_for_parent
    aws.refused("ParentNotFoundException", call, ParentId="r-none")


@case(
    "organizations",
    "ListDelegatedAdministrators",
    "RegisterDelegatedAdministrator",
    "DeregisterDelegatedAdministrator",
)
def delegated_administrators(aws: Driver) -> None:
    service = {"ServicePrincipal": "guardduty.amazonaws.com"}
    register = management(aws).register_delegated_administrator
    aws.refused("ConstraintViolationException", register, AccountId=WORKLOADS[0], **service)
    management(aws).enable_aws_service_access(**service)
    register(AccountId=WORKLOADS[0], **service)
    aws.refused("AccountAlreadyRegisteredException", register, AccountId=WORKLOADS[0], **service)
    aws.refused("AccountNotFoundException", register, AccountId=STRANGER, **service)
    name, key = "list_delegated_administrators", "DelegatedAdministrators"
    assert [account["Id"] for account in pages(aws, name, key, 1)] == [
        ADMINISTRATOR,
        WORKLOADS[0],
    ]
    macie = pages(aws, name, key, 1, ServicePrincipal=MACIE)
    assert [account["Id"] for account in macie] == [ADMINISTRATOR]
    refused_to_members_of(aws, WORKLOADS[1], name)
    deregister = management(aws).deregister_delegated_administrator
    deregister(AccountId=WORKLOADS[0], **service)
    assert [account["Id"] for account in pages(aws, name, key, 1)] == [ADMINISTRATOR]
    again = {"AccountId": WORKLOADS[0], **service}
    aws.refused("AccountNotRegisteredException", deregister, **again)


def refused_to_members_of(aws: Driver, account: str, name: str) -> None:
    call = getattr(aws.client("organizations", account), name)
    aws.refused("AccessDeniedException", call)


@case("organizations", "EnableAWSServiceAccess", "ListAWSServiceAccessForOrganization")
def service_access(aws: Driver) -> None:
    enable = management(aws).enable_aws_service_access
    enable(ServicePrincipal="guardduty.amazonaws.com")
    enable(ServicePrincipal="guardduty.amazonaws.com")
    aws.refused("InvalidInputException", enable, ServicePrincipal="nothing")
    name = "list_aws_service_access_for_organization"
    found = pages(aws, name, "EnabledServicePrincipals", 1)
    assert sorted(entry["ServicePrincipal"] for entry in found) == [
        "guardduty.amazonaws.com",
        MACIE,
        "member.org.stacksets.cloudformation.amazonaws.com",
    ]
    refused_to_members(aws, name)


@case("organizations", "CreateAccount", "DescribeCreateAccountStatus")
def create_account(aws: Driver) -> None:
    create = management(aws).create_account
    details = {"Email": "orders-dev@example.com", "AccountName": "orders-dev"}
    request = create(**details)["CreateAccountStatus"]
    assert request["State"] == "IN_PROGRESS"
    describe = management(aws).describe_create_account_status
    ended = describe(CreateAccountRequestId=request["Id"])["CreateAccountStatus"]
    assert ended["State"] == "SUCCEEDED"
    account = management(aws).describe_account(AccountId=ended["AccountId"])["Account"]
    assert (account["Name"], account["Email"]) == ("orders-dev", details["Email"])
    again = create(**details)["CreateAccountStatus"]["Id"]
    failed = describe(CreateAccountRequestId=again)["CreateAccountStatus"]
    assert (failed["State"], failed["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    aws.refused("InvalidInputException", create, Email="nothing", AccountName="x")
    missing = {"CreateAccountRequestId": "car-00000000"}
    aws.refused("CreateAccountStatusNotFoundException", describe, **missing)


@case("organizations", "ListTagsForResource")
def list_tags(aws: Driver) -> None:
    owned = {"Email": "owned@example.com", "AccountName": "owned"}
    tags = [{"Key": "Owner", "Value": "team-orders"}]
    request = management(aws).create_account(**owned, Tags=tags)["CreateAccountStatus"]["Id"]
    describe = management(aws).describe_create_account_status
    account = describe(CreateAccountRequestId=request)["CreateAccountStatus"]["AccountId"]
    for reader in (MANAGEMENT, ADMINISTRATOR):
        read = aws.client("organizations", reader).list_tags_for_resource
        assert read(ResourceId=account)["Tags"] == tags
        assert read(ResourceId=WORKLOADS[0])["Tags"] == []
        aws.refused("TargetNotFoundException", read, ResourceId=STRANGER)
    refused_to_members(aws, "list_tags_for_resource", ResourceId=account)


@case("organizations", "CloseAccount")
def close_account(aws: Driver) -> None:
    close = management(aws).close_account
    close(AccountId=WORKLOADS[2])
    account = management(aws).describe_account(AccountId=WORKLOADS[2])["Account"]
    assert account["State"] == "CLOSED"
    aws.refused("AccountAlreadyClosedException", close, AccountId=WORKLOADS[2])
    aws.refused("ConstraintViolationException", close, AccountId=MANAGEMENT)
    aws.refused("AccountNotFoundException", close, AccountId=STRANGER)


@case("organizations", "MoveAccount", "CreateOrganizationalUnit")
def move_account(aws: Driver) -> None:
    create = management(aws).create_organizational_unit
    unit = create(ParentId=root(aws), Name="sandbox")["OrganizationalUnit"]["Id"]
    named = {"ParentId": root(aws), "Name": "sandbox"}
    aws.refused("DuplicateOrganizationalUnitException", create, **named)
    aws.refused("ParentNotFoundException", create, ParentId="r-none", Name="sandbox")
    before = management(aws).list_parents(ChildId=WORKLOADS[0])["Parents"][0]["Id"]
    move = management(aws).move_account
    there = {"AccountId": WORKLOADS[0], "SourceParentId": before, "DestinationParentId": unit}
    move(**there)
    assert management(aws).list_parents(ChildId=WORKLOADS[0])["Parents"][0]["Id"] == unit
    aws.refused("DuplicateAccountException", move, **there)
    wrong = there | {"DestinationParentId": root(aws)}
    aws.refused("SourceParentNotFoundException", move, **wrong)
    nowhere = there | {"DestinationParentId": "ou-root-missing1"}
    aws.refused("DestinationParentNotFoundException", move, **nowhere)
