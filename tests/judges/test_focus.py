"""Validators of others judge the FOCUS exports, and refuse spoiled ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import focus
from focus import Exports

Rows = list[dict[str, str]]
Spoil = Callable[[Rows], None]


def set_to(column: str, value: str) -> Spoil:
    """Put a value into a column of one row."""

    def spoil(rows: Rows) -> None:
        rows[0][column] = value

    return spoil


def drop(column: str) -> Spoil:
    """Leave a column out."""

    def spoil(rows: Rows) -> None:
        for row in rows:
            del row[column]

    return spoil


def spoiled(exports: Exports, version: str, spoil: Spoil, folder: Path) -> Path:
    """A spoiled copy of an export that is accepted otherwise."""
    source = exports.files(version, "csv")[0]
    copy = focus.with_text_ids(source, folder / "spoiled.csv")
    rows = focus.rows(copy)
    spoil(rows)
    return focus.save(copy, rows)


def test_the_validator_accepts_1_2_as_parquet(exports: Exports) -> None:
    for path in exports.files("1.2", "parquet"):
        assert focus.failures(path) == focus.KNOWN


def test_the_validator_accepts_1_2_as_csv(exports: Exports, tmp_path: Path) -> None:
    for path in exports.files("1.2", "csv"):
        copy = focus.with_text_ids(path, tmp_path / path.name)
        assert focus.failures(copy) == focus.KNOWN


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (set_to("BillingCurrency", "dollars"), "BillingCurrency-C-003-M"),
        (set_to("ChargePeriodStart", "yesterday"), "ChargePeriodStart-C-002-M"),
        (set_to("ListCost", "much"), "ListCost-C-001-M"),
        (drop("ListCost"), "CostAndUsage-D-032-M"),
        (drop("SubAccountName"), "CostAndUsage-D-029-C"),
    ],
)
def test_the_validator_refuses_what_is_spoiled(
    exports: Exports, tmp_path: Path, spoil: Spoil, rule: str
) -> None:
    assert rule in focus.failures(spoiled(exports, "1.2", spoil, tmp_path))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_toolkit_accepts_1_4(exports: Exports, form: str) -> None:
    for path in exports.files("1.4", form):
        code, said = focus.toolkit(path)
        assert (code, "STRUCTURAL_VALID, SEMANTIC_VALID" in said) == (0, True)


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (set_to("ServiceSubcategory", "Network Security"), "ServiceSubcategory"),
        (set_to("ListCost", "much"), "ListCost"),
        (drop("HostProviderName"), "missing_mandatory_column"),
    ],
)
def test_the_toolkit_refuses_what_is_spoiled(
    exports: Exports, tmp_path: Path, spoil: Spoil, word: str
) -> None:
    code, said = focus.toolkit(spoiled(exports, "1.4", spoil, tmp_path))
    assert (code, word in said) == (1, True), said


def test_the_toolkit_knows_a_1_2_export_from_a_1_4_one(exports: Exports) -> None:
    code, said = focus.toolkit(exports.files("1.2", "csv")[0])
    assert (code, "unknown_column" in said) == (1, True), said
