"""A query over files: rows, types, parts, identity and messages."""

import pickle
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store_for_test import config_in

from waze_data_tfx.config.data import QueryParameter, Table
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
    made = run("SELECT i, i + 0 AS total FROM `city.n`", n={"file": str(tmp_path / "n.parquet")})
    (tmp_path / "staging").mkdir()
    found = made.stage(str(tmp_path / "staging"), 2)
    shards = pickle.loads(pickle.dumps(found.shards))
    read = [pa.Table.from_batches(list(shard.batches())) for shard in shards]
    assert found.n_rows == n
    assert len(shards) == 2
    assert pa.concat_tables(read).column("i").to_pylist() == list(range(n))
    assert read[0].schema.field("total").type == pa.int64()


def test_a_join_gives_its_rows_in_one_order_whatever_the_threads(run, tmp_path):
    n = 20_000
    table = pa.table({"i": pa.array(range(n), pa.int32()), "k": pa.array([i % 7 for i in range(n)], pa.int32())})
    pq.write_table(table, tmp_path / "n.parquet", row_group_size=500)
    files = {"n": {"file": str(tmp_path / "n.parquet")}}
    made = run("SELECT a.i, SUM(b.i) AS total FROM `city.n` a JOIN `city.n` b ON a.i = b.i GROUP BY a.i", **files)
    assert [str(kind) for kind in made.columns().values()] == ["int64", "int64"]  # SUM of INT64, which DuckDB makes 128 bits wide
    orders = [[row["i"] for row in staged(made, tmp_path / str(k))[1]] for k in range(3)]
    assert orders[0] == orders[1] == orders[2]
    assert sorted(orders[0]) == list(range(n))
    _, rows = staged(run("SELECT i FROM `city.n` ORDER BY i DESC LIMIT 3", **files), tmp_path / "said")
    assert [row["i"] for row in rows] == [n - 1, n - 2, n - 3]


def test_what_pandas_writes_is_read(run, tmp_path):
    moments = pa.array([1_743_301_800_123_456_000], pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"at": moments, "day": moments.cast(pa.timestamp("ns"))}), tmp_path / "p.parquet")
    sql = "SELECT at, day, EXTRACT(HOUR FROM at) AS hour FROM `city.p` WHERE at >= TIMESTAMP '2025-01-01'"
    made = run(sql, p={"file": str(tmp_path / "p.parquet")})
    assert [str(kind) for kind in made.columns().values()] == ["timestamp[us, tz=UTC]", "timestamp[us]", "int64"]
    [row] = staged(made, tmp_path / "staging")[1]
    assert (row["at"].isoformat(), row["hour"]) == ("2025-03-30T02:30:00.123456+00:00", 2)


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


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT CAST(a AS INT64) AS a\nFROM `city.t`", r"q\.sql: DuckDB cannot run the query; .*Bad int64 value: x"),
        ("SELECT b,\n  aa FROM `city.t`", r"q\.sql:2: unknown column 'aa'; known: a, b; did you mean 'a'\?"),
        ("SELECT b FROM `city.t` t WHERE\n t.bb > 1", r"q\.sql:2: unknown column 'bb'; known: a, b; did you mean 'b'\?"),
        ("SELECT b / 0 AS c FROM `city.t`", r"q\.sql: DuckDB cannot run the query; .*division by zero: use SAFE_DIVIDE"),
    ],
)
def test_what_duckdb_refuses_is_said_of_the_query(run, tmp_path, sql, expected):
    (tmp_path / "t.csv").write_text("a,b\nx,1\n")
    with pytest.raises(DataError, match=expected):
        staged(run(sql, t={"file": str(tmp_path / "t.csv")}), tmp_path / "staging")


def test_numbers_and_times_of_a_file_are_as_wide_as_bigquerys(run, tmp_path):
    columns = {
        "i": pa.array([3], pa.int32()),
        "f": pa.array([0.1], pa.float32()),
        "at": pa.array([86_400 * 10**9], pa.timestamp("ns")),
    }
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    made = run(
        "SELECT i * 2000000000 AS i, f * f AS f, DATETIME_TRUNC(at, DAY) AS day FROM `city.p`",
        p={"file": str(tmp_path / "p.parquet")},
    )
    [row] = staged(made, tmp_path / "staging")[1]
    assert row["i"] == 6_000_000_000
    assert row["f"] == 0.10000000149011612**2  # 0.1 as a float32, squared as a double
    assert row["day"].isoformat() == "1970-01-02T00:00:00"


def test_parameters_have_their_declared_types(run, tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    parameters = {
        "n": QueryParameter(type="INT64", value=3),
        "share": QueryParameter(type="FLOAT64", value=5),
        "since": QueryParameter(type="TIMESTAMP", value="2025-01-02"),
        "some": QueryParameter(type="DATE", value=("2025-01-02", "2025-01-03")),
        "price": QueryParameter(type="NUMERIC", value="1.50"),
    }
    made = run(
        "SELECT @n * 2000000000 AS n, @share * 3 AS share, TIMESTAMP_SUB(@since, INTERVAL 1 DAY) AS since,"
        " DATE '2025-01-03' IN UNNEST(@some) AS known, @price AS price FROM `city.t`",
        parameters=parameters,
        t={"file": str(tmp_path / "t.csv")},
    )
    [row] = staged(made, tmp_path / "staging")[1]
    assert [str(kind) for kind in made.columns().values()][1] == "double"
    assert (row["n"], row["share"], row["known"], row["price"]) == (6_000_000_000, 15.0, True, Decimal("1.5"))
    assert row["since"].isoformat() == "2025-01-01T00:00:00+00:00"


def test_two_columns_of_one_name_are_refused_as_by_bigquery(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    made = run("SELECT t.*, 5 AS B FROM `city.t` AS t", t={"file": str(tmp_path / "t.csv")})
    with pytest.raises(DataError, match=r"q\.sql: 2 columns of the result are named 'b'; expected each once"):
        made.columns()


def test_a_csv_is_not_guessed_at(run, tmp_path):
    n = 25_000  # more than DuckDB looks at
    (tmp_path / "t.csv").write_text("a,day\n" + "x,01/02/2025\n" * n + '"q","1,5"\n')
    made = run("SELECT a, day FROM `city.t` WHERE a <> 'x'", t={"file": str(tmp_path / "t.csv")})
    assert staged(made, tmp_path / "staging")[1] == [{"a": "q", "day": "1,5"}]
    (tmp_path / "t.csv").write_text("a,day\n" + "x,01/02/2025\n" * 300 + "x,y,z\n")
    again = run("SELECT * FROM `city.t`", t={"file": str(tmp_path / "t.csv")})
    with pytest.raises(DataError, match=r"t\.csv:302: received 3 fields; expected 2, as in the header"):
        again.columns()


def test_a_value_that_is_not_of_its_declared_type_is_named_by_line(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\nx,3\n")
    made = run("SELECT a FROM `city.t`", t={"file": str(tmp_path / "t.csv"), "types": {"a": "INT64"}})
    with pytest.raises(DataError, match=r"t\.csv:3: a: expected BIGINT; received 'x'"):
        staged(made, tmp_path / "staging")
    undeclared = run("SELECT a + 1 AS a FROM `city.t`", t={"file": str(tmp_path / "t.csv")})
    with pytest.raises(DataError, match="cannot run the query") as caught:
        undeclared.columns()
    assert "data.tables: {city.t: {file: ..., types: {COLUMN: INT64}}}" in caught.value.hint


def test_a_late_mistake_is_said_as_an_early_one(run, tmp_path):
    n = 3 * engine.BATCH_ROWS * 16
    pq.write_table(pa.table({"a": pa.array(range(n, 0, -1))}), tmp_path / "p.parquet", row_group_size=engine.BATCH_ROWS)
    made = run("SELECT 1 / (a - 5) AS x FROM `city.p`", p={"file": str(tmp_path / "p.parquet")})
    with pytest.raises(DataError, match=r"q\.sql: DuckDB cannot run the query; .*: division by zero: use SAFE_DIVIDE$"):
        staged(made, tmp_path / "staging")


def test_how_a_table_is_read_is_part_of_its_version(run, tmp_path):
    (tmp_path / "t.csv").write_text("zip\n01\n")
    versions = [
        dict(run("SELECT zip FROM `city.t`", t={"file": str(tmp_path / "t.csv"), "types": types}).versions())
        for types in ({}, {"zip": "STRING"}, {"zip": "INT64"})
    ]
    assert len({str(version) for version in versions}) == 3


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
