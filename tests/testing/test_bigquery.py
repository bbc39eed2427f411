"""The fake of BigQuery: one query and one config give the same on DuckDB and on it, and it refuses what BigQuery refuses."""

import datetime as dt
import json
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.error import HTTPError, URLError

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from waze_data_tfx.config import load
from waze_data_tfx.data.engines import engine_of
from waze_data_tfx.errors import DataError
from waze_data_tfx.testing.bigquery import FakeBigQuery

UTC = dt.UTC
ORDERS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "customer": ["ann", "bob", None, "ann"],
        "amount": pa.array([Decimal("1.5"), Decimal("2.25"), None, Decimal("10")], pa.decimal128(38, 9)),
        "at": pa.array([dt.datetime(2025, 1, day, 23, 30, tzinfo=UTC) for day in (1, 2, 3, 31)], pa.timestamp("us", tz="UTC")),
        "items": pa.array([["pen", "ink"], [], None, ["pen"]], pa.list_(pa.string())),
    }
)
CUSTOMERS = pa.table({"customer": ["ann", "bob"], "joined": pa.array([dt.date(2024, 5, 1), dt.date(2024, 6, 1)], pa.date32())})
QUERY = """
WITH recent AS (SELECT * FROM `shop.orders` WHERE at < @until)
SELECT
  o.id,
  COALESCE(o.customer, 'nobody') AS customer,
  o.amount,
  SAFE_DIVIDE(CAST(o.amount AS FLOAT64), o.id) AS per_id,
  TIMESTAMP_TRUNC(o.at, DAY) AS day,
  c.joined,
  ARRAY_LENGTH(o.items) AS n_items,
  o.items,
  MOD(ABS(FARM_FINGERPRINT(CAST(o.id AS STRING))), 10) AS bucket,
  o.id IN UNNEST(@chosen) AS is_chosen
FROM recent AS o
LEFT JOIN `shop.customers` AS c ON c.customer = o.customer
"""
CONFIG = """
name: orders
label: per_id
data:
  query: orders.sql
  tables: {shop.orders: orders.parquet, shop.customers: customers.parquet}
  parameters: {until: {type: TIMESTAMP, value: "2025-01-31T00:00:00Z"}, chosen: [1, 3]}
features: {vocabulary: {customer: {top_k: 2}}}
evaluation: {metrics: [{name: mae, upper_bound: 5}]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "orders.sql").write_text(QUERY)
    (tmp_path / "orders.yaml").write_text(CONFIG)
    pq.write_table(ORDERS, tmp_path / "orders.parquet")
    pq.write_table(CUSTOMERS, tmp_path / "customers.parquet")
    return tmp_path / "orders.yaml"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeBigQuery]:
    with FakeBigQuery({"test-project.shop.orders": ORDERS, "test-project.shop.customers": CUSTOMERS}) as fake:
        yield fake


def rows(config: Path, folder: Path, env: str, sets: list[str]) -> tuple[dict, list[dict]]:
    engine = engine_of(load(config, env=env, sets=sets).config)
    folder.mkdir()
    shards = engine.stage(str(folder), 2).shards
    found = [row for shard in shards for batch in shard.batches() for row in batch.to_pylist()]
    return dict(engine.columns()), sorted(found, key=lambda row: row["id"])


def test_one_config_and_query_give_the_same_on_both_engines(project: Path, tmp_path: Path, fake: FakeBigQuery) -> None:
    here = rows(project, tmp_path / "here", "local", [])
    there = rows(project, tmp_path / "there", "bigquery", fake.sets)
    assert there == here
    columns, found = there
    assert str(columns["day"]) == "timestamp[us, tz=UTC]"
    assert len(found) == 3  # the fourth order is of the 31st
    assert found[0]["per_id"] == 1.5
    assert (found[2]["customer"], found[2]["amount"], found[2]["joined"]) == ("nobody", None, None)
    assert [row["is_chosen"] for row in found] == [True, False, True]


def test_a_view_is_answered(project: Path, tmp_path: Path) -> None:
    query = "SELECT 0.5 AS per_id, customer FROM `shop.anns`"
    (tmp_path / "orders.sql").write_text(query)
    views = {"test-project.shop.anns": "SELECT * FROM shop.orders WHERE customer = 'ann'"}
    with FakeBigQuery({"test-project.shop.orders": ORDERS}, views=views) as fake:
        engine = engine_of(load(project, env="bigquery", sets=fake.sets).config)
        assert engine.stage("", 1).n_rows == 2
        assert list(engine.versions()) == ["test-project.shop.anns", "test-project.shop.orders"]


def test_what_duckdb_cannot_run_is_an_invalid_query(project: Path, tmp_path: Path, fake: FakeBigQuery) -> None:
    (tmp_path / "orders.sql").write_text("SELECT customr AS customer FROM `shop.orders`")
    with pytest.raises(DataError, match=r"orders.sql: BigQuery cannot run the query; .*customr"):
        engine_of(load(project, env="bigquery", sets=fake.sets).config).columns()
    (tmp_path / "orders.sql").write_text("SELECT per_id,\n  customer customer customer FROM `shop.orders`")
    with pytest.raises(DataError, match=r"orders.sql:2: Syntax error.*; column \d+\n    {3}customer customer"):
        engine_of(load(project, env="bigquery", sets=fake.sets).config).columns()


def post(fake: FakeBigQuery, configuration: dict) -> dict:
    body = {"jobReference": {"jobId": "a", "projectId": "p"}, "configuration": configuration}
    address = f"{fake.settings['api_endpoint']}/bigquery/v2/projects/test-project/jobs"
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        return json.load(urllib.request.urlopen(request))
    except HTTPError as error:
        return json.load(error)["error"]["errors"][0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"query": {"query": "SELECT 1 AS x"}}, "useLegacySql must be false"),
        ({"query": {"query": "SELECT 1 AS x", "useLegacySql": False, "cache": True}}, 'Unknown name "cache"'),
        ({"labels": {"Team": "x"}}, 'Invalid value for label "Team"'),
        (
            {"query": {"query": "SELECT 1", "useLegacySql": False, "queryParameters": [{"name": "x"}]}},
            "parameterMode must be NAMED",
        ),
    ],
)
def test_it_refuses_what_bigquery_refuses(changed: dict, said: str, fake: FakeBigQuery) -> None:
    fine = {"dryRun": True, "query": {"query": "SELECT id FROM `shop.orders`", "useLegacySql": False}}
    assert post(fake, fine)["statistics"]["query"]["statementType"] == "SELECT"
    assert said in post(fake, {**fine, **changed})["message"]


def test_it_is_gone_after_its_block() -> None:
    with FakeBigQuery({}) as fake:
        address = fake.settings["api_endpoint"]
        assert address.startswith("http://127.0.0.1:")
    with pytest.raises(URLError):
        urllib.request.urlopen(address, timeout=2)
