"""Records and Examples read without TensorFlow are what TensorFlow wrote."""

import subprocess
import sys
from pathlib import Path

import pytest

from waze_data_tfx.data.records import parse, records
from waze_data_tfx.errors import RunFailed

WRITE = """
import sys, tensorflow as tf
f = tf.train.Feature
feature = {"x": f(float_list=tf.train.FloatList(value=[1.5])), "n": f(int64_list=tf.train.Int64List(value=[-3, 4])),
           "s": f(bytes_list=tf.train.BytesList(value=["ü".encode()])), "none": f()}
with tf.io.TFRecordWriter(sys.argv[1], "GZIP") as writer:
    writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    writer.write(b"")
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "rows.gz"
    subprocess.run([sys.executable, "-c", WRITE, str(path)], check=True, capture_output=True)
    return path


def test_what_tensorflow_wrote(file: Path) -> None:
    with file.open("rb") as opened:
        first, second = records(opened, str(file))
    assert parse(first) == {"x": [1.5], "n": [-3, 4], "s": ["ü".encode()], "none": []}
    assert parse(second) == {}


def test_a_file_that_ends_within_a_record(file: Path, tmp_path: Path) -> None:
    import gzip

    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:30]))
    with cut.open("rb") as opened, pytest.raises(RunFailed, match=r"cut\.gz: ends within a record"):
        list(records(opened, str(cut)))
