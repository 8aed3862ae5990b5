"""The Resource Groups Tagging API."""

from contract import case
from contract.s3 import OTHER, OWNER, bucket
from world import Driver


@case("tagging", "GetResources")
def get_resources(aws: Driver) -> None:
    for number in range(3):
        bucket(aws, f"orders-{number}", Tags=[{"Key": "macie", "Value": "true"}])
    bucket(aws, "plain")
    bucket(aws, "refused", Tags=[{"Key": "macie", "Value": "false"}])
    index = aws.client("resourcegroupstaggingapi", OWNER)
    wanted = {"ResourceTypeFilters": ["s3"], "TagFilters": [{"Key": "macie", "Values": ["true"]}]}
    sizes = {"PaginationConfig": {"PageSize": 2}}
    pages = list(index.get_paginator("get_resources").paginate(**wanted, **sizes))
    found = [entry["ResourceARN"] for page in pages for entry in page["ResourceTagMappingList"]]
    assert found == [f"arn:aws:s3:::orders-{number}" for number in range(3)]
    foreign = aws.client("resourcegroupstaggingapi", OTHER)
    assert foreign.get_resources(**wanted)["ResourceTagMappingList"] == []
    call = index.get_resources
    aws.refused("InvalidParameterException", call, ResourcesPerPage=101)
    aws.refused("InvalidParameterException", call, PaginationToken="made-up")
    token = index.get_resources(ResourcesPerPage=1, **wanted)["PaginationToken"]
    aws.advance("PT16M")
    expired = {"PaginationToken": token, **wanted}
    aws.refused("PaginationTokenExpiredException", call, **expired)
