"""The Price List."""

from __future__ import annotations

import json

from contract import case
from world import ADMINISTRATOR, Driver

# AWS has the price list in a few Regions only.
HOME = "us-east-1"
MACIE = {"ServiceCode": "AmazonMacie", "FormatVersion": "aws_v1"}


@case("pricing", "GetProducts")
def get_products(aws: Driver) -> None:
    pricing = aws.client("pricing", ADMINISTRATOR, HOME)
    pages = pricing.get_paginator("get_products").paginate(**MACIE)
    items = [json.loads(item) for page in pages for item in page["PriceList"]]
    assert len(items) > 100
    ireland = {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"}
    read = pricing.get_products
    found = [json.loads(item) for item in read(Filters=[ireland], **MACIE)["PriceList"]]
    assert [item for item in items if item in found] == found
    attributes = [item["product"]["attributes"] for item in found]
    assert {each["regionCode"] for each in attributes} == {"eu-west-1"}
    assert all(each["usagetype"].startswith("EUW1-Local") for each in attributes)
    jobs = {"Type": "TERM_MATCH", "Field": "usagetype", "Value": "EUW1-LocalJobGigabyte"}
    (item,) = read(Filters=[ireland, jobs], **MACIE)["PriceList"]
    (offer,) = json.loads(item)["terms"]["OnDemand"].values()
    tiers = sorted(offer["priceDimensions"].values(), key=lambda tier: int(tier["beginRange"]))
    assert [(tier["endRange"], tier["pricePerUnit"]) for tier in tiers] == [
        ("50000", {"USD": "1.0000000000"}),
        ("500000", {"USD": "0.5000000000"}),
        ("Inf", {"USD": "0.2500000000"}),
    ]
    aws.refused("NotFoundException", read, ServiceCode="AmazonNobody")
    aws.refused("InvalidNextTokenException", read, NextToken="made-up", **MACIE)
    aws.refused("InvalidParameterException", read, MaxResults=101, **MACIE)
    aws.refused("InvalidParameterException", read, Filters=[{**jobs, "Type": "CONTAINS"}], **MACIE)
