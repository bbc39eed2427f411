import os
import struct

import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import gzip

import tensorflow as tf
import tfx  # noqa: F401

from waze_data_tfx.errors import RunFailed
from waze_data_tfx.evaluation import measure


def test_first_examples_are_read_across_files_in_the_order_of_their_names(tmp_path):
    for name, records in (("b.gz", [b"3"]), ("a.gz", [b"1", b""])):
        with tf.io.TFRecordWriter(str(tmp_path / name), "GZIP") as writer:
            for record in records:
                writer.write(record)
    assert measure.first_examples([str(tmp_path / "*")], 10) == [b"1", b"", b"3"]
    assert measure.first_examples([str(tmp_path / "*")], 1) == [b"1"]


def test_file_that_ends_within_a_record_is_an_error(tmp_path):
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        file.write(struct.pack("<Q", 100) + b"sum!" + b"too short")
    with pytest.raises(RunFailed, match="ends within a record"):
        measure.first_examples([str(tmp_path / "a.gz")], 1)
