"""A log's passes: the same batches every time, held from the second pass on if they fit."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import pytest
import tensorflow as tf
from conftest import REPOSITORY

from waze_data_tfx.config import load
from waze_data_tfx.errors import DataError
from waze_data_tfx.training import logged

N_ROWS, N_ACTIONS = 20, 12
SPEC = {
    "age": tf.io.FixedLenFeature([], tf.float32),
    "action": tf.io.FixedLenFeature([], tf.int64),
    "propensity": tf.io.FixedLenFeature([], tf.float32),
    "reward": tf.io.FixedLenFeature([], tf.float32),
    "eligible_actions": tf.io.FixedLenFeature([N_ACTIONS], tf.int64),
    "decided_on": tf.io.FixedLenFeature([], tf.int64),
}


def example(row: int, age: float) -> bytes:
    floats = {"age": age, "propensity": 0.25, "reward": float(row % 3 - 1)}
    ints = {"action": [row % N_ACTIONS], "decided_on": [row // 7], "eligible_actions": [1] * 6 + [0] * 6}
    feature = {k: tf.train.Feature(float_list=tf.train.FloatList(value=[v])) for k, v in floats.items()}
    feature |= {k: tf.train.Feature(int64_list=tf.train.Int64List(value=v)) for k, v in ints.items()}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return a function that writes a log with these ages and reads it, 8 rows a batch."""
    monkeypatch.setattr(logged, "ROWS", 8)
    config = load(REPOSITORY / "configs" / "newsletter.yaml").config

    def of(ages=range(N_ROWS), **settings):
        with tf.io.TFRecordWriter(str(tmp_path / "log.gz"), tf.io.TFRecordOptions(compression_type="GZIP")) as file:
            for row, age in enumerate(ages):
                file.write(example(row, float(age)))

        def encode(columns):
            return columns["age"][:, None]

        return logged.read_log("train", [str(tmp_path / "log*")], SPEC, config, encode=encode, context_dim=1, **settings)

    return of


def test_batches_hold_the_columns_of_the_log(read):
    first, second, third = read().batches()
    assert [len(b.action) for b in (first, second, third)] == [8, 8, 4]
    np.testing.assert_array_equal(second.context, np.arange(8, 16)[:, None])
    np.testing.assert_array_equal(second.action, [8, 9, 10, 11, 0, 1, 2, 3])
    np.testing.assert_array_equal(second.reward, [1, -1, 0, 1, -1, 0, 1, -1])  # row % 3 - 1 from row 8 on
    np.testing.assert_array_equal(second.day, [1, 1, 1, 1, 1, 1, 2, 2])
    np.testing.assert_array_equal(second.eligible[0], [True] * 6 + [False] * 6)
    np.testing.assert_array_equal(third.weight, np.ones(4))
    np.testing.assert_array_equal(third.propensity, np.full(4, 0.25, np.float32))


@pytest.mark.parametrize(
    ("in_memory_bytes", "held"), [(N_ROWS * (1 + N_ACTIONS) * 4, True), (N_ROWS * (1 + N_ACTIONS) * 4 - 1, False)]
)
def test_only_what_fits_is_held_and_only_from_the_second_pass_on(read, in_memory_bytes, held):
    log = read(in_memory_bytes=in_memory_bytes)
    passes = [list(log.batches()) for _ in range(3)]
    assert log.split.columns is None
    assert passes[1][0] is not passes[0][0]  # nothing of a first pass is kept: a linear agent takes no other
    assert (passes[2][0] is passes[1][0]) == held
    for batches in passes[1:]:
        for again, once in zip(batches, passes[0], strict=True):
            np.testing.assert_array_equal(again.context, once.context)
            np.testing.assert_array_equal(again.reward, once.reward)


def test_a_context_that_is_not_finite_is_refused(read):
    log = read(ages=[*range(N_ROWS - 1), np.nan])
    with pytest.raises(DataError, match="a context holds a number that is not finite"):
        list(log.batches())
