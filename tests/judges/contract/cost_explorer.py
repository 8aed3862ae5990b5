"""Cost Explorer."""

from datetime import date, timedelta
from typing import Any

from contract import case
from contract.macie import bucket, with_members
from world import HOME, MANAGEMENT, WORKLOADS, Driver

MONTHS = 5


def request(start: str, end: str) -> dict[str, Any]:
    """What was billed for Macie, by account and Region."""
    return {
        "TimePeriod": {"Start": start, "End": end},
        "Granularity": "MONTHLY",
        "Metrics": ["UnblendedCost"],
        "Filter": {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Macie"]}},
        "GroupBy": [{"Type": "DIMENSION", "Key": key} for key in ("LINKED_ACCOUNT", "REGION")],
    }


def period(aws: Driver) -> tuple[str, str]:
    """The last months that are over."""
    end = date.fromisoformat(aws.control("clock")["now"][:10]).replace(day=1)
    start = end
    for _ in range(MONTHS):
        start = (start - timedelta(days=1)).replace(day=1)
    return start.isoformat(), end.isoformat()


@case("ce", "GetCostAndUsage")
def cost_and_usage(aws: Driver) -> None:
    with_members(aws, *WORKLOADS)
    for account in WORKLOADS:
        bucket(aws, f"data-of-{account}", account)
    aws.advance("P220D")
    asked = request(*period(aws))
    ask = aws.client("ce", MANAGEMENT).get_cost_and_usage
    pages = [ask(**asked)]
    while token := pages[-1].get("NextPageToken"):
        pages.append(ask(**asked, NextPageToken=token))
    assert len(pages) > 1
    groups = [
        (month["TimePeriod"]["Start"], *group["Keys"], group["Metrics"]["UnblendedCost"])
        for page in pages
        for month in page["ResultsByTime"]
        for group in month["Groups"]
    ]
    assert len({group[:3] for group in groups}) == len(groups) == MONTHS * len(WORKLOADS)
    assert {group[1:3] for group in groups} == {(account, HOME) for account in WORKLOADS}
    assert all(cost["Unit"] == "USD" and float(cost["Amount"]) > 0 for *_, cost in groups)
    own = aws.client("ce", WORKLOADS[0]).get_cost_and_usage(**asked)["ResultsByTime"]
    assert {group["Keys"][0] for month in own for group in month["Groups"]} == {WORKLOADS[0]}
    start, end = period(aws)
    aws.refused("ValidationException", ask, **request(end, start))
    aws.refused("InvalidNextTokenException", ask, **asked, NextPageToken="made-up")
