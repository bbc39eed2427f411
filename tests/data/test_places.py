"""Files of libraries that know this disk only, on another file system: TensorFlow's in memory stands for a bucket."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from waze_data_tfx.data import disjoint, places
from waze_data_tfx.data.staging import stage
from waze_data_tfx.errors import DataError


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    folder = f"ram://{request.node.name}"
    tf.io.gfile.makedirs(folder)
    yield folder
    tf.io.gfile.rmtree(folder)


def broken_off(path: str) -> str:
    with suppress(OSError), places.written(path) as part:
        Path(part).write_text("other")
        raise OSError("no")
    return part


@pytest.mark.parametrize("kind", ["disk", "bucket"])
def test_a_file_appears_when_it_is_complete(kind: str, bucket: str, tmp_path: Path) -> None:
    path = f"{bucket if kind == 'bucket' else tmp_path}/file"
    with places.written(path) as part:
        Path(part).write_text("half")
        assert not tf.io.gfile.exists(path)
        Path(part).write_text("whole")
    assert Path(places.local(path)).read_text() == "whole"
    assert not Path(part).exists()
    part = broken_off(path)
    with tf.io.gfile.GFile(path) as file:
        assert file.read() == "whole"
    assert not Path(part).exists()


def test_rows_and_keys_go_through_a_bucket(bucket: str) -> None:
    batch = pa.record_batch({"n": pa.array([1, 2, 3])})
    [one, two] = stage(f"{bucket}/rows.arrow", batch.schema, [batch, batch]).in_parts(3)
    assert [b.to_pydict() for part in (one, two) for b in part.batches()] == [{"n": [1, 2, 3]}] * 2
    for number, split in enumerate((0, 1)):
        keys = disjoint.KeyFile(bucket, number, ["n"])
        keys.add(batch.slice(number, 2), np.array([split] * 2))  # 1, 2 and 2, 3
        keys.close()
    with pytest.raises(DataError, match=r"1 of 3 values of n are in more than one split: n=2"):
        disjoint.check(bucket, names=("train", "eval"), columns=["n"], where="q.sql")
