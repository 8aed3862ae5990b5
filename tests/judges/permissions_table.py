"""The table of roles, actions and resources in docs/security.md."""

from __future__ import annotations

import re
from typing import Any

import permissions

PAGE = permissions.ROOT / "docs" / "security.md"
BEGIN = "<!-- permissions: written from policies/ by tests/judges/test_permissions.py -->"
END = "<!-- /permissions -->"


def filled(page: str) -> str:
    """The page with the table as it must be."""
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.S)
    assert between.search(page), f"{PAGE} has no `{BEGIN}` and `{END}`"
    return between.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", page)


def table() -> str:
    """Every statement of every role, in the order of the documents."""
    rows = ["| role | actions | resources | only if |", "| --- | --- | --- | --- |"]
    for role in permissions.ROLES:
        added = [name for name, other in permissions.ADDED.items() if other == role]
        for document in [role, *added]:
            name = f"`{permissions.PREFIX}{role}`"
            if document != role:
                name += ", with the costs"
            # Placeholders are not filled in: the table is for every organization.
            for statement in permissions.statements(document, filled=False):
                rows.append(f"| {name} | {row(statement)} |")
                name = ""
    return "\n".join(rows)


def row(statement: dict[str, Any]) -> str:
    """Actions, resources and conditions of a statement."""
    actions = lines(permissions.listed(statement["Action"]))
    resources = lines([short(each) for each in permissions.listed(statement["Resource"])])
    conditions = [
        f"{key} {operator} {' or '.join(permissions.listed(values))}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return f"{actions} | {resources} | {lines(conditions)}"


def short(arn: str) -> str:
    """Without the part that is the same in every ARN."""
    return arn.removeprefix("arn:${AWS::Partition}:")


def lines(texts: list[str]) -> str:
    """One below the other in a cell."""
    return "<br>".join(f"`{text}`" for text in texts)
