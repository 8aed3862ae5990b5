"""Account Management."""

from contract import case
from world import ADMINISTRATOR, HOME, MANAGEMENT, STRANGER, WORKLOADS, Driver


@case("account", "ListRegions")
def list_regions(aws: Driver) -> None:
    own = aws.client("account", ADMINISTRATOR)
    whole = own.list_regions()["Regions"]
    pages = list(own.get_paginator("list_regions").paginate(PaginationConfig={"PageSize": 10}))
    assert len(pages) > 1
    assert all(len(page["Regions"]) <= 10 for page in pages)
    assert [region for page in pages for region in page["Regions"]] == whole
    assert {"RegionName": HOME, "RegionOptStatus": "ENABLED_BY_DEFAULT"} in whole
    opted_in = own.list_regions(RegionOptStatusContains=["ENABLED"])["Regions"]
    assert opted_in
    assert all(region["RegionOptStatus"] == "ENABLED" for region in opted_in)
    management = aws.client("account", MANAGEMENT)
    assert management.list_regions(AccountId=WORKLOADS[0])["Regions"] == whole
    aws.refused("AccessDeniedException", own.list_regions, AccountId=MANAGEMENT)
    aws.refused("ValidationException", management.list_regions, AccountId=STRANGER)
    aws.refused("ValidationException", own.list_regions, NextToken="made-up")
