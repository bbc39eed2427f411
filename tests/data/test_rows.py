"""Reading and parsing rows; expected values by hand."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from waze_data_tfx.data import rows
from waze_data_tfx.data.encode import encode
from waze_data_tfx.errors import DataError


def read(file, kind, names):
    return pa.Table.from_batches(list(rows.read_batches(file, kind, names))).combine_chunks().to_batches()[0]


@pytest.fixture
def csv_file(tmp_path):
    def write(text):
        file = tmp_path / "x.csv"
        file.write_text(text)
        return file

    return write


def test_csv_fields_are_text_and_empty_ones_null(csv_file):
    batch = read(csv_file('a,b,c\n1.50,,x\n2,"two\nlines",""\n'), "csv", ["b", "a"])
    assert batch.schema.names == ["b", "a"]
    assert batch.column("b").to_pylist() == [None, "two\nlines"]
    assert batch.column("a").to_pylist() == ["1.50", "2"]


def test_parse_by_declared_type(csv_file):
    file = csv_file("f,i,s,rest\n1.5,3,x,7\n nan ,4.0,,8\n,,é,9\ninf,-5,y,\n")
    batch = rows.parse(
        read(file, "csv", ["f", "i", "s", "rest"]), {"f": "float", "i": "int", "s": "string"}, file=file, first_row=2
    )
    assert batch.column("f").to_pylist() == [1.5, None, None, None]
    assert batch.column("i").to_pylist() == [3, 4, None, -5]
    assert batch.column("s").to_pylist() == ["x", None, "é", "y"]
    assert batch.column("rest").to_pylist() == ["7", "8", "9", None]


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [("abc", "float", "'abc'"), ("1.5", "int", "'1.5'"), ("1,5", "float", "'1,5'"), ("NA", "int", "'NA'")],
)
def test_a_bad_value_is_named_by_file_row_and_column(csv_file, value, kind, shown):
    lines = ["1"] * 50
    lines[37] = f'"{value}"'
    file = csv_file("n\n" + "\n".join(lines) + "\n")
    with pytest.raises(DataError) as caught:
        rows.parse(read(file, "csv", ["n"]), {"n": kind}, file=file, first_row=2)
    assert caught.value.message == f"{file}:row 39: n: expected {kind}; received {shown}"


def test_damaged_files_are_named(csv_file, tmp_path):
    with pytest.raises(DataError, match=r"x.csv:3: received 3 fields; expected 2, as in the header"):
        read(csv_file("a,b\n1,2\n1,2,3\n"), "csv", ["a"])
    with pytest.raises(DataError, match=r"x.csv:3: received 1 fields; expected 2"):
        read(csv_file('a,b\n1,2\n"1,2\n3,4\n'), "csv", ["a"])
    gzipped = tmp_path / "x.csv.gz"
    gzipped.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 999)[:-20])
    with pytest.raises(DataError, match=r"x.csv.gz: cannot be read as csv; .*\n  next: look whether the file is complete"):
        read(gzipped, "csv", ["a"])
    with pytest.raises(DataError, match=r"x.csv: column 'aa' is missing; known: a, b; did you mean 'a'?"):
        read(csv_file("a,b\n1,2\n"), "csv", ["aa"])
    file = tmp_path / "x.tfrecord"
    file.write_bytes(b"not a record at all, but long enough")
    with pytest.raises(DataError, match="not a TFRecord"):
        read(file, "tfrecord", ["a"])
    file = tmp_path / "x.parquet"
    file.write_bytes(b"nor a table")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        read(file, "parquet", ["a"])


def test_parquet_keeps_stored_types_and_parses_the_same(tmp_path):
    file = tmp_path / "x.parquet"
    table = pa.table(
        {"i": pa.array([1.0, None, 3.0]), "s": pa.array(["a", "", None]).dictionary_encode(), "f": pa.array([1, 2, None])}
    )
    pq.write_table(table, file)
    batch = rows.parse(read(file, "parquet", ["s", "f", "i"]), {"i": "int", "s": "string", "f": "float"}, file=file, first_row=1)
    assert batch.to_pydict() == {"s": ["a", None, None], "f": [1.0, 2.0, None], "i": [1, None, 3]}


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_tfrecords_of_examples(tmp_path, compression):
    file = tmp_path / "x.tfrecord"
    batch = pa.record_batch({"f": pa.array([1.5, None]), "i": pa.array([None, 2]), "s": pa.array(["é", None], pa.large_string())})
    with tf.io.TFRecordWriter(str(file), compression) as writer:
        for example in encode(batch, ["f", "i", "s"]):
            writer.write(example)
    assert read(file, "tfrecord", ["s", "i", "f", "absent"]).to_pydict() == {
        "s": ["é", None],
        "i": [None, 2],
        "f": [1.5, None],
        "absent": [None, None],
    }


def test_the_whole_record_of_a_tfrecord(tmp_path):
    file = tmp_path / "x.tfrecord"
    records = encode(pa.record_batch({"f": [1.5, 2.5], "s": ["a", "b"]}), ["f", "s"])
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in records:
            writer.write(record)
    batch = read(file, "tfrecord", ["f", rows.RECORD])
    assert batch.column("f").to_pylist() == [1.5, 2.5]
    assert batch.column(rows.RECORD).to_pylist() == records


def test_encode_leaves_missing_features_out():
    batch = pa.record_batch({"f": pa.array([None, 0.1]), "i": pa.array([7, None]), "s": pa.array([None, "é"], pa.large_string())})
    first, second = (tf.train.Example.FromString(e).features.feature for e in encode(batch, ["f", "i", "s"]))
    assert list(first["i"].int64_list.value) == [7]
    assert list(second["f"].float_list.value) == [np.float32(0.1)]
    assert list(second["s"].bytes_list.value) == ["é".encode()]
    assert [f.WhichOneof("kind") for f in (first["f"], first["s"], second["i"])] == [None, None, None]


def test_inferred_types_hold_over_the_whole_file(csv_file):
    body = "\n".join(["1,1,1,"] * 20000 + ["2,2.5,x,"])
    file = csv_file(f"i,f,s,none\n{body}\n")
    assert rows.infer_types([file], "csv", ["i", "f", "s", "none"]) == {"i": "int", "f": "float", "s": "string", "none": "int"}
