"""DuckDB reads the FOCUS exports beside a sample of AWS's own, and runs what docs/finops.md says.

The sample has the columns and types of AWS's page (Data Exports User Guide,
table-dictionary-focus-1-2-aws-columns) and one month of October and November 2026, which is moved
to the month of the exports.
"""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

import focus
import world
from focus import Exports

SAMPLE = world.ROOT / "tests/fixtures/aws-focus-export.csv"
PAGE = (world.ROOT / "docs/finops.md").read_text()
# Athena's names of types, and DuckDB's.
TYPES = {"string": "VARCHAR", "double": "DOUBLE", "timestamp": "TIMESTAMP WITH TIME ZONE"}
MAPS = {"SkuPriceDetails", "Tags", "x_Discounts"}
BILLED = (focus.VETERAN[0], world.HOME)


def documented(mark: str) -> str:
    """The SQL between two marks of the page."""
    found = re.search(rf"<!-- {mark}.*?-->\n```sql\n(.*?)```\n<!-- /{mark} -->", PAGE, re.DOTALL)
    assert found, f"docs/finops.md has no {mark}"
    return found.group(1)


def read(folder: Path) -> str:
    """A table of files in folders by month, as Athena has it."""
    return f"read_parquet('{folder}/*/*.parquet', hive_partitioning = true)"


def aws_type(column: str) -> str:
    """The type that AWS documents for a column."""
    if column in MAPS:
        return "MAP(VARCHAR, VARCHAR)"
    if column.endswith(("Cost", "Price", "Quantity")):
        return "DOUBLE"
    return "TIMESTAMP_MS" if column.endswith(("PeriodStart", "PeriodEnd")) else "VARCHAR"


def sample(month: date, folder: Path) -> Path:
    """AWS's export with its newest month moved to this one."""
    text = SAMPLE.read_text()
    moved = {"2026-10": month - timedelta(1), "2026-11": month, "2026-12": month + timedelta(31)}
    text = re.sub(r"2026-1[012](?=-)", lambda old: f"{moved[old.group()]:%Y-%m}", text)
    source = folder / "aws.csv"
    source.write_text(text)
    columns = text.splitlines()[0].split(",")
    typed = (f"{name}{'::JSON' * (name in MAPS)}::{aws_type(name)} AS {name}" for name in columns)
    duckdb.execute(
        f"""COPY (
            SELECT {", ".join(typed)}, left(BillingPeriodStart, 7) AS billing_period
            FROM read_csv('{source}', all_varchar = true)
        ) TO '{folder}/aws' (FORMAT parquet, PARTITION_BY (billing_period))"""
    )
    return folder / "aws"


@pytest.fixture
def database(exports: Exports, tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """Both tables by the names of the page."""
    month = date.fromisoformat(exports.costs["asOf"][:7] + "-01")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, folder in (
        ("macie_estimates", exports.folder("1.2", "parquet")),
        ("aws_focus", sample(month, tmp_path)),
    ):
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {read(folder)}")
    connection.execute("CREATE TABLE this_month AS SELECT ?", [f"{month:%Y-%m}"])
    return connection


def sums(database: duckdb.DuckDBPyConnection, table: str) -> dict[tuple[str, str, str], float]:
    """Dollars of this month by account, Region and source."""
    found = database.execute(
        f"""SELECT SubAccountId, RegionId, source, sum(BilledCost) FROM {table}
            WHERE billing_period = (FROM this_month) AND ChargeCategory = 'Usage' GROUP BY ALL"""
    )
    return {(account, region, source): usd for account, region, source, usd in found.fetchall()}


def schema(database: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    """Names and types of columns."""
    return {row[0]: row[1] for row in database.execute(f"DESCRIBE {query}").fetchall()}


def test_the_documented_table_has_the_columns_of_the_files(
    database: duckdb.DuckDBPyConnection, exports: Exports
) -> None:
    columns = documented("table").split("(\n", 1)[1].split("\n)", 1)[0]
    listed = (line.strip().rstrip(",").split() for line in columns.splitlines())
    wanted = {name: TYPES[kind] for name, kind in listed}
    for path in exports.files("1.2", "parquet"):
        found = schema(database, f"FROM read_parquet('{path}', hive_partitioning = false)")
        assert list(found.items()) == list(wanted.items())


def test_both_exports_are_one_table(database: duckdb.DuckDBPyConnection) -> None:
    ours, aws = (schema(database, f"FROM {name}") for name in ("macie_estimates", "aws_focus"))
    assert len(aws) == 60 + 1, "57 columns of FOCUS 1.2, three of AWS, and the partition"
    assert {name for name in ours if name not in aws} == {
        "x_AsOf",
        "x_CostSource",
        "x_MacieUsageType",
        "x_TrialUntil",
    }
    both = "SELECT * FROM aws_focus UNION ALL BY NAME SELECT * FROM macie_estimates"
    database.execute(f"CREATE VIEW together AS {both}")
    for name, kind in schema(database, "FROM together").items():
        assert kind.split()[0] == (aws | ours)[name].split()[0].replace("_MS", ""), name
    [count] = database.execute("SELECT count(*), FROM together").fetchone()
    [estimates] = database.execute(
        "SELECT count(*) FROM together WHERE x_CostSource = 'macie2:GetUsageStatistics'"
    ).fetchone()
    assert (count - estimates, estimates) == (6, 4 * len(focus.PLACES))


def test_the_documented_view_counts_nothing_twice(
    database: duckdb.DuckDBPyConnection, exports: Exports
) -> None:
    database.execute(documented("view"))
    found = sums(database, "macie_costs")
    bill = {place: usd for place, usd in found.items() if place[2] == "bill"}
    assert bill == {(*BILLED, "bill"): pytest.approx(0.16)}
    estimated = {place[:2] for place in found if place[2] == "estimate"}
    assert estimated == focus.PLACES - {BILLED}
    # Without its condition the same view counts the account's month twice.
    naive = documented("view").replace("macie_costs", "naive").split("WHERE NOT EXISTS")[0]
    database.execute(naive)
    twice = sums(database, "naive")
    assert twice.keys() - found.keys() == {(*BILLED, "estimate")}
    [other] = database.execute(
        "SELECT count(*) FROM macie_costs WHERE BilledCost = 9.75"
    ).fetchone()
    assert other == 0, "another service's costs are in the view"


def test_list_costs_are_what_maciectl_cost_says(
    database: duckdb.DuckDBPyConnection, exports: Exports
) -> None:
    total, trial = database.execute(
        """SELECT sum(ListCost), sum(ListCost) FILTER (x_TrialUntil IS NOT NULL)
           FROM macie_estimates"""
    ).fetchone()
    assert total == pytest.approx(float(exports.costs["total"]["monthToDateUsd"]))
    [billed] = database.execute("SELECT sum(BilledCost) FROM macie_estimates").fetchone()
    assert trial > 0
    assert billed == pytest.approx(total - trial)


def differences(database: duckdb.DuckDBPyConnection, text: Path, typed: Path) -> int:
    """Rows that only one of a CSV file and a Parquet file, exported in turn, has."""
    parquet = f"FROM read_parquet('{typed}', hive_partitioning = false)"
    columns = json.dumps(schema(database, parquet)).replace('"', "'")
    csv = f"FROM read_csv('{text}', columns = {columns}, header = true, hive_partitioning = false)"
    same = "SELECT * EXCLUDE (x_AsOf, ChargePeriodEnd), x_AsOf = ChargePeriodEnd"
    csv, parquet = f"{same} {csv}", f"{same} {parquet}"
    pairs = ((csv, parquet), (parquet, csv))
    queries = (f"SELECT count(*) FROM (({one}) EXCEPT ALL ({other}))" for one, other in pairs)
    return sum(database.execute(query).fetchone()[0] for query in queries)


@pytest.mark.parametrize("version", ["1.2", "1.4"])
def test_csv_and_parquet_say_the_same(
    database: duckdb.DuckDBPyConnection, exports: Exports, tmp_path: Path, version: str
) -> None:
    pairs = zip(exports.files(version, "csv"), exports.files(version, "parquet"), strict=True)
    for text, typed in pairs:
        assert differences(database, text, typed) == 0
        rows = focus.rows(text)
        rows[0]["ListCost"] = "0.000000001"
        assert differences(database, focus.save(tmp_path / "spoiled.csv", rows), typed) == 2
