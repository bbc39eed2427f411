"""Splits by hash, time and column; expected values by hand or from BigQuery's documentation."""

import datetime as dt
import pickle
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import tensorflow as tf

from waze_data_tfx.config.split import Split
from waze_data_tfx.data import splits
from waze_data_tfx.data.hash_text import as_text, joined, sql_bucket
from waze_data_tfx.data.splits import fingerprints, splitter_of
from waze_data_tfx.data.sql import prepare, translate
from waze_data_tfx.errors import DataError


def placed(split: dict, batch: dict | pa.RecordBatch) -> splits.Placed:
    batch = batch if isinstance(batch, pa.RecordBatch) else pa.record_batch(batch)
    splitter = pickle.loads(pickle.dumps(splitter_of(Split(**split), batch.schema.names)))  # as Beam's workers get it
    return splitter.place(batch)


def ids(split: dict, batch: dict | pa.RecordBatch) -> list[int]:
    return placed(split, batch).ids.tolist()


def test_fingerprints_are_bigquerys() -> None:
    """Values from BigQuery's documentation of FARM_FINGERPRINT: CONCAT(CAST(x AS STRING), y, CAST(z AS STRING))."""
    batch = pa.record_batch({"text": ["1footrue", "2applefalse", "3true"]})
    expected = [-1541654101129638711, 2794438866806483259, -4880158226897771312]
    assert fingerprints(batch, ["text"]).tolist() == expected
    # buckets of 10: |MOD| = 1, 9, 2; shares 2, 7, 1 end at 2, 9, 10
    assert ids({"by": ["text"], "buckets": {"train": 2, "eval": 7, "test": 1}}, batch) == [0, 2, 1]
    assert ids({"by": ["text"], "buckets": {"test": 1, "eval": 7, "train": 2}}, batch) == [0, 2, 1]  # whatever their order


def test_the_hash_text_joins_columns_in_order_and_marks_nulls() -> None:
    batch = pa.record_batch({"a": ["x", None, ""], "b": pa.array([1, 2, 3])})
    hashed = pa.record_batch({"t": ["x\x1f1", "\x1e\x1f2", "\x1e\x1f3"]})  # empty text is a null, as in files
    assert fingerprints(batch, ["a", "b"]).tolist() == fingerprints(hashed, ["t"]).tolist()
    assert fingerprints(batch, ["b", "a"]).tolist() != fingerprints(hashed, ["t"]).tolist()


UTC = dt.UTC
MOMENT = dt.datetime(2024, 2, 29, 3, 4, 5, 450000)
NUMERIC = pa.decimal128(38, 9)


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array(["é", "", None]), ["é", None, None]),
        (pa.array([-7, None]), ["-7", None]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([dt.date(2024, 2, 29)]), ["2024-02-29"]),
        # BigQuery's conversion rules: "the CAST function will truncate zero, three, or six digits" of a second
        (
            pa.array([MOMENT, MOMENT.replace(microsecond=0)], pa.timestamp("us")),
            ["2024-02-29 03:04:05.450", "2024-02-29 03:04:05"],
        ),
        (pa.array([MOMENT.replace(microsecond=120)], pa.timestamp("us", "UTC")), ["2024-02-29 03:04:05.000120+00"]),
        (pa.array([MOMENT.replace(tzinfo=UTC)], pa.timestamp("ms", "Europe/Zurich")), ["2024-02-29 03:04:05.450+00"]),
        (pa.array([dt.time(1, 2, 3)]), ["01:02:03"]),
        (pa.array([Decimal("1.50"), Decimal(100), Decimal("-0.000000001"), None], NUMERIC), ["1.5", "100", "-0.000000001", None]),
        (pa.array([Decimal("1e-10"), Decimal(0)], pa.decimal256(76, 38)), ["0.0000000001", "0"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
    ],
)
def test_a_value_has_the_text_of_bigquery_s_cast(array: pa.Array, texts: list[str | None]) -> None:
    assert [None if t is None else t.decode() for t in as_text(array, "x").to_pylist()] == texts


def test_bytes_are_hashed_as_they_are() -> None:
    batch = pa.record_batch(
        {"b": pa.array([b"\xff\x00", b"\xff", "é".encode(), None], pa.binary()), "t": ["x", "x", "é", "\x1e"]}
    )
    of_bytes, of_text = fingerprints(batch, ["b"]).tolist(), fingerprints(batch, ["t"]).tolist()
    assert of_bytes[2:] == of_text[2:]
    assert len(set(of_bytes)) == 4


def test_values_without_a_text_cannot_be_hashed_and_are_named() -> None:
    batch = pa.record_batch({"a": [1], "tags": [["x"]], "place": [{"lat": 1.0}]})
    with pytest.raises(
        DataError, match=r"column 'tags' cannot be hashed to split the rows; received list<item: string>"
    ) as caught:
        placed({"by": ["a", "tags"]}, batch)
    assert caught.value.hint.startswith("set data.split.by to columns of plain values")
    with pytest.raises(DataError, match=r"column 'place' .*; received struct<lat: double>"):
        fingerprints(batch, ["place"])


def test_shares_come_out_and_equal_rows_stay_together() -> None:
    found = placed({"buckets": {"train": 2, "eval": 1}}, {"a": [str(i % 3000) for i in range(9000)]}).ids
    assert abs((found == 0).mean() - 2 / 3) < 0.03
    assert (found[:3000] == found[3000:6000]).all()


def test_buckets_stay_when_rows_are_added_and_a_test_split_is_cut_out_of_eval() -> None:
    before, after = ([str(i) for i in range(n)] for n in (500, 2000))
    split = {"by": ["user"], "buckets": {"train": 8, "eval": 2}}
    was = ids(split, {"user": before})
    assert ids(split, {"user": after})[:500] == was
    cut = ids({"by": ["user"], "buckets": {"train": 8, "eval": 1, "test": 1}}, {"user": before})
    assert [min(i, 1) for i in cut] == was  # no row came to train or left it


ZURICH = {"time": {"column": "t", "starts": {"test": "2025-04-10", "eval": "2025-03-30"}, "timezone": "Europe/Zurich"}}
"""Summer time begins in Zurich on 2025-03-30 at 2:00: midnight is 2025-03-29 23:00 UTC, and on 2025-04-10 it is 22:00 UTC."""


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([dt.date(2025, 3, 29), dt.date(2025, 3, 30), dt.date(2025, 4, 9), dt.date(2025, 4, 10), None], [0, 1, 1, 2, -1]),
        ([dt.datetime(2025, 3, 29, 23, 59, 59, 999999), dt.datetime(2025, 3, 30)], [0, 1]),  # DATETIME: no time zone
        (pa.array([dt.datetime(2025, 3, 29, 22, 59, 59), dt.datetime(2025, 3, 29, 23)], pa.timestamp("us", "UTC")), [0, 1]),
        (pa.array([dt.datetime(2025, 4, 9, 21, 59, 59), dt.datetime(2025, 4, 9, 22)], pa.timestamp("ns", "UTC")), [1, 2]),
        ([1743289199, 1743289200], [0, 1]),  # unix seconds of 2025-03-29 22:59:59 and 23:00 UTC
        (
            ["2025-03-29T22:59:59Z", "2025-03-29T23:00:00Z", "2025-03-30 00:30:00+02:00", "2025-03-30", "1743289199", ""],
            [0, 1, 0, 1, 0, -1],
        ),
    ],
)
def test_splits_by_time_begin_at_midnight_in_their_time_zone(column: pa.Array, expected: list[int]) -> None:
    assert Split(**ZURICH).names == ("train", "eval", "test")
    assert ids(ZURICH, {"t": column}) == expected
    assert placed(ZURICH, {"t": column}).n_missing == expected.count(-1)


@pytest.mark.parametrize("value", ["soon", "2025-02-29", "12.5", "2025-03-29 22:59:59 UTC"])
def test_a_time_that_is_none_is_named(value: str) -> None:
    with pytest.raises(DataError, match=rf"data.split.time.column: 't': received '{value}'; expected DATE, DATETIME, TIMESTAMP"):
        placed(ZURICH, {"t": ["2025-03-29", value, None]})
    with pytest.raises(DataError, match=r"data.split.time.column: 't' is double; expected DATE"):
        placed(ZURICH, {"t": [1.5]})


def test_a_column_says_the_split_by_name_or_by_value() -> None:
    found = placed({"column": "part"}, {"part": ["train", "eval", "dev", None, "dev", ""]})
    assert (found.ids.tolist(), found.n_missing, dict(found.unknown)) == ([0, 1, -1, -1, -1, -1], 2, {"dev": 2})
    values = {"train": [0, 1], "eval": 2, "test": 3}
    assert ids({"column": "fold", "values": values}, {"fold": [3, 2, 1, 0]}) == [2, 1, 0, 0]
    assert ids({"column": "fold", "values": values}, {"fold": ["3", "2", "1", "0"]}) == [2, 1, 0, 0]  # of a CSV
    assert ids({"column": "held_out", "values": {"train": False, "eval": True}}, {"held_out": [True, False]}) == [1, 0]


def test_types_of_a_query_that_cannot_decide_are_refused_by_their_key() -> None:
    types = {"f": pa.float64(), "l": pa.list_(pa.int64()), "s": pa.string(), "b": pa.bool_()}

    def problems(**split: object) -> list[tuple[object, str]]:
        return [(".".join(map(str, key)), what) for key, what in splits.type_problems(Split(**split), types)]

    [(key, what)] = problems(by=["s", "f"])
    assert key == "data.split.by.1"
    assert what.startswith("'f' is FLOAT64, whose last digits depend on the order of a sum")
    assert "CAST(f AS INT64)" in what
    assert [key for key, _ in problems(column="l", disjoint=["s", "l"])] == ["data.split.disjoint.1", "data.split.column"]
    assert problems(time={"column": "b", "starts": {"eval": "2025-01-01"}}) == [
        ("data.split.time.column", f"'b' is bool; {splits.MOMENTS}")
    ]
    assert problems(by=["s", "b", "not there"]) == []


def test_keys_are_joined_and_fingerprinted_as_tensorflow_does() -> None:
    texts = joined([as_text(pa.array(["a", "b"]), "x"), as_text(pa.array([1, 2]), "y")])
    raw = tf.raw_ops.Fingerprint(data=["a\x1f1", "b\x1f2"], method="farmhash64").numpy().view("<i8").reshape(-1)
    assert splits.fingerprints_of(texts).tolist() == raw.tolist()


def test_the_documented_sql_makes_the_same_bucket() -> None:
    """The SQL of `sql_bucket`, translated and run by DuckDB over the very values, makes the same buckets."""
    columns = {
        "s": pa.array(["é", "", None, "x"]),
        "i": pa.array([1, -2, None, 4]),
        "b": pa.array([True, None, False, True]),
        "d": pa.array([dt.date(2024, 2, 29), None, dt.date(1999, 12, 31), dt.date(2025, 1, 1)]),
        "at": pa.array([MOMENT, MOMENT.replace(microsecond=7), MOMENT.replace(microsecond=0), None], pa.timestamp("us", "UTC")),
        "local": pa.array([MOMENT, MOMENT.replace(microsecond=7), MOMENT.replace(microsecond=0), None], pa.timestamp("us")),
        "n": pa.array([Decimal("1.50"), Decimal(100), None, Decimal("-0.000000001")], NUMERIC),
    }
    batch = pa.record_batch(columns)
    types = dict(zip(batch.schema.names, batch.schema.types, strict=True))
    for by in [[name] for name in columns] + [["s", "i", "b", "d"], ["at", "local", "n"]]:
        query = f"SELECT {sql_bucket(by, 7, types)} AS bucket FROM `shop.trips`"
        translated = translate(query, file=Path("bucket.sql"))
        with duckdb.connect() as database:
            prepare(database)
            database.register("shop.trips", pa.table(columns))
            found = [row[0] for row in database.execute(translated.sql).fetchall()]
        ours = ids({"by": by, "buckets": {f"s{i}" if i > 1 else ("train", "eval")[i]: 1 for i in range(7)}}, batch)
        assert found == ours, (by, query)


def test_the_documented_sql_takes_bytes_as_they_are() -> None:
    """No DuckDB here: BYTES are not on the list of `data.sql`. `test_bytes_are_hashed_as_they_are` says what the hash is of."""
    types = {"raw": pa.binary(), "s": pa.string()}
    assert sql_bucket(["raw"], 3, types) == r"ABS(MOD(FARM_FINGERPRINT(IFNULL(`raw`, b'\x1e')), 3))"
    assert sql_bucket(["raw", "s"], 3, types) == (
        r"ABS(MOD(FARM_FINGERPRINT(CONCAT(IFNULL(`raw`, b'\x1e'), b'\x1f', "
        r"IFNULL(CAST(NULLIF(CAST(`s` AS STRING), '') AS BYTES), b'\x1e'))), 3))"
    )
