"""A query over files: rows, types, parts, identity and messages."""

import pickle

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store_for_test import config_in

from waze_data_tfx.config.data import Table
from waze_data_tfx.data.engines import duckdb as engine
from waze_data_tfx.data.query import Query
from waze_data_tfx.errors import DataError


@pytest.fixture
def run(tmp_path):
    """Return a function that makes the engine of a query over tables in `tmp_path`."""

    def make(sql, override=None, parameters=None, **tables):
        named = {f"city.{name}": Table.model_validate(table) for name, table in tables.items()}
        return engine.DuckDB(Query(tmp_path / "q.sql", sql, parameters or {}, named, override), config_in(tmp_path))

    return make


def staged(made, folder, n_shards=2):
    folder.mkdir()
    found = made.stage(str(folder), n_shards)
    return found, [row for shard in found.shards for batch in shard.batches() for row in batch.to_pylist()]


def test_csv_parquet_and_database_are_tables_of_one_query(run, tmp_path):
    (tmp_path / "trips.csv").write_text("id,km\n1,2.5\n2,\n3,4\n")
    pq.write_table(pa.table({"id": pa.array([1, 3], pa.int32()), "zone": ["a", "b"]}), tmp_path / "zones.parquet")
    with duckdb.connect(str(tmp_path / "city.duckdb")) as database:
        database.execute("CREATE TABLE fares AS SELECT 3 AS id, 7.25::DECIMAL(9, 2) AS fare")
    made = run(
        "SELECT t.id, km, zone, fare FROM `city.trips` t LEFT JOIN `city.zones` z ON t.id = z.id "
        "LEFT JOIN `city.fares` f ON t.id = f.id ORDER BY t.id",
        trips={"file": str(tmp_path / "trips.csv")},
        zones={"file": str(tmp_path / "zones.parquet")},
        fares={"file": str(tmp_path / "city.duckdb")},
    )
    assert {name: str(kind) for name, kind in made.columns().items()} == {
        "id": "int64",
        "km": "double",
        "zone": "string",
        "fare": "decimal128(38, 9)",
    }
    _, rows = staged(made, tmp_path / "staging")
    assert [(r["id"], r["km"], r["zone"], float(r["fare"] or 0)) for r in rows] == [
        (1, 2.5, "a", 0),
        (2, None, None, 0),
        (3, 4.0, "b", 7.25),
    ]


def test_parts_hold_every_row_once_in_order_and_travel(run, tmp_path):
    n = 3 * engine.BATCH_ROWS + 5
    pq.write_table(pa.table({"i": pa.array(range(n), pa.int32())}), tmp_path / "n.parquet")
    made = run("SELECT i, SUM(i) OVER () AS total FROM `city.n`", n={"file": str(tmp_path / "n.parquet")})
    (tmp_path / "staging").mkdir()
    found = made.stage(str(tmp_path / "staging"), 2)
    shards = pickle.loads(pickle.dumps(found.shards))
    read = [pa.Table.from_batches(list(shard.batches())) for shard in shards]
    assert found.n_rows == n
    assert len(shards) == 2
    assert pa.concat_tables(read).column("i").to_pylist() == list(range(n))
    assert read[0].schema.field("total").type == pa.int64()  # SUM of INT64, which DuckDB makes 128 bits wide


def test_no_row_makes_no_part(run, tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    found, rows = staged(run("SELECT a FROM `city.t` WHERE a > 1", t={"file": str(tmp_path / "t.csv")}), tmp_path / "staging")
    assert (found.n_rows, list(found.shards), rows) == (0, [], [])


def test_declared_types_win_over_what_a_csv_looks_like(run, tmp_path):
    (tmp_path / "t.csv").write_text("zip,at\n01234,2025-03-30 02:30:00\n")
    table = {"file": str(tmp_path / "t.csv"), "types": {"zip": "STRING", "at": "TIMESTAMP"}}
    made = run("SELECT zip, at FROM `city.t`", t=table)
    assert [str(kind) for kind in made.columns().values()] == ["string", "timestamp[us, tz=UTC]"]
    _, rows = staged(made, tmp_path / "staging")
    assert rows[0]["zip"] == "01234"
    assert rows[0]["at"].isoformat() == "2025-03-30T02:30:00+00:00"


def test_an_override_runs_in_place_of_the_translation(run, tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    made = run("this is no SQL", override='SELECT a FROM "city.t" WHERE a > 1', t={"file": str(tmp_path / "t.csv")})
    assert staged(made, tmp_path / "staging")[1] == [{"a": 2}]


def test_the_version_of_a_table_is_its_content(run, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a\n1\n")
    made = run("SELECT a FROM `city.t`", t={"file": str(file)}, unused={"file": "nowhere.csv"})
    before = dict(made.versions())
    assert list(before) == ["city.t"]
    assert dict(made.versions()) == before
    file.write_text("a\n2\n")
    assert made.versions() != before


def test_costs_are_rows_of_tables_and_bytes_of_their_files(run, tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "p.parquet")
    made = run(
        "SELECT t.a FROM `city.t` t JOIN `city.p` p ON t.a = p.a",
        t={"file": str(tmp_path / "t.csv")},
        p={"file": str(tmp_path / "p.parquet")},
    )
    assert [(c.what, c.n_rows, c.n_bytes) for c in made.costs()] == [
        ("city.t", 1, 4),
        ("city.p", 3, (tmp_path / "p.parquet").stat().st_size),
    ]


def test_a_value_that_fails_while_the_query_runs_is_said(run, tmp_path):
    (tmp_path / "t.csv").write_text("a\nx\n")
    made = run("SELECT CAST(a AS INT64) AS a FROM `city.t`", t={"file": str(tmp_path / "t.csv")})
    with pytest.raises(DataError, match=r"q\.sql: DuckDB cannot run the query; .*Bad int64 value: x"):
        staged(made, tmp_path / "staging")


def test_a_csv_is_looked_through_once_per_content_whoever_asks(run, tmp_path, monkeypatch):
    looks = []
    look = engine._described
    monkeypatch.setattr(engine, "_described", lambda *given: looks.append(1) or look(*given))
    file = tmp_path / "t.csv"

    def kinds(**table):
        made = run("SELECT * FROM `city.t`", t={"file": str(file), **table})  # a new engine, as in another process
        return {name: str(kind) for name, kind in made.columns().items()}

    file.write_text("a,b\n1,2\n")
    assert kinds() == kinds() == {"a": "int64", "b": "int64"}
    assert len(looks) == 1
    file.write_text("a,b\n1,2\n3,1.5\n")
    assert kinds() == {"a": "int64", "b": "double"}
    assert kinds(types={"a": "STRING"}) == {"a": "string", "b": "double"}
    assert len(looks) == 3
    (memo,) = tmp_path.rglob("csv_types.json")
    memo.write_text("{")
    assert kinds() == {"a": "int64", "b": "double"}
    assert len(looks) == 4
