"""Ids by hash, combinations, and several integers in one text."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx import features
from waze_data_tfx.errors import UserCodeError


def test_hashed_is_tfts_hash_and_missing_has_its_own_id():
    ids = features.hashed(tf.constant(["a", "b", "", "a"]), 5).numpy()
    a, b = tft.hash_strings(tf.constant(["a", "b"]), 5).numpy()
    assert ids.tolist() == [a, b, 5, a]
    numbers = features.hashed(tf.constant([7, tf.int64.min], tf.int64), 5).numpy()
    assert numbers.tolist() == [tft.hash_strings(tf.constant(["7"]), 5).numpy()[0], 5]


def test_a_cross_knows_which_value_is_whose_and_is_missing_if_one_is():
    one, two = tf.constant(["a", "ab", "a", ""]), tf.constant(["bc", "c", "bc", "x"])
    ids = features.cross([one, two], 1_000_000).numpy()
    assert ids[0] == ids[2]
    assert ids[0] != ids[1]
    assert ids[3] == 1_000_000
    assert features.cross([two, one], 1_000_000).numpy()[0] != ids[0]


def test_floats_cannot_be_hashed():
    with pytest.raises(UserCodeError, match="received a column of floats; expected texts or integers"):
        features.hashed(tf.constant([0.5]), 10)
    with pytest.raises(UserCodeError, match="at least 2 buckets; received 1 and 1"):
        features.hashed(tf.constant(["a"]), 1)


def test_multi_hot():
    x = tf.constant(["0|2", " 1 | 1 |", "3", "-1", "x|0", "", "99999999999999999999", "1.0"])
    expected = [[1, 0, 1, 0], [0, 1, 0, 0], *[[0, 0, 0, 1]] * 2, [1, 0, 0, 1], [0, 0, 0, 0], *[[0, 0, 0, 1]] * 2]
    np.testing.assert_array_equal(features.multi_hot(x, 3), expected)
    np.testing.assert_array_equal(features.multi_hot(tf.constant(["0;1"]), 2, separator=";"), [[1, 1, 0]])


def test_given_boundaries():
    x = tf.constant([-1.0, 0.0, 0.69, 0.7, 5.0, 1e9, math.nan, math.inf])
    made = tf.function(features.bucket)(x, boundaries=(0, 0.7, 5))  # eagerly, TFT would keep the tensor for later analyses
    # b[i-1] <= x < b[i]: below 0, from 0, from 0.7 (though float32's 0.7 is less), from 5; four buckets, then missing.
    np.testing.assert_array_equal(made, [0, 1, 1, 2, 3, 3, 4, 4])
    for wrong in ([], [2, 1], [1, 1]):
        with pytest.raises(UserCodeError, match="expected ascending boundaries"):
            features.bucket(x, boundaries=wrong)
    with pytest.raises(UserCodeError, match="expected count or boundaries; received neither"):
        features.bucket(x)
    with pytest.raises(UserCodeError, match="expected count or boundaries; received both"):
        features.bucket(x, 3, boundaries=[1])


def test_clip_and_logarithms_keep_what_is_missing():
    x = tf.constant([-2.0, 0.5, 9.0, math.nan, -math.inf])
    np.testing.assert_array_equal(features.clip(x, 0, 1), [0, 0.5, 1, math.nan, math.nan])
    np.testing.assert_array_equal(features.clip(x, high=1), [-2, 0.5, 1, math.nan, math.nan])
    y = tf.constant([1.0, 0.0, -1.0, math.nan])
    np.testing.assert_array_equal(features.log(y), [0, math.nan, math.nan, math.nan])
    np.testing.assert_allclose(features.log1p(y), [math.log(2), 0, 0, math.nan])
    with pytest.raises(UserCodeError, match=r"winsorize: expected 0 <= lower < upper <= 1; received 0\.9 and 0\.1"):
        features.winsorize(y, 0.9, 0.1)


def test_text_length():
    x = tf.constant(["Größe 3", "", "a, b -- c"])
    np.testing.assert_array_equal(features.text_length(x), [7, 0, 9])
    np.testing.assert_array_equal(features.text_length(x, "words"), [2, 0, 3])
    np.testing.assert_array_equal(features.sequence_length(tf.constant(["1|2|", "", "5"])), [2, 0, 1])
