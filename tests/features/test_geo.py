"""Distances, bearings and cells; expected values from the formula on simple positions."""

import math

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx import features
from waze_data_tfx.errors import UserCodeError

R = 6371.0088


def position(*pairs):
    return tuple(tf.constant(list(axis), tf.float32) for axis in zip(*pairs, strict=True))


def test_distance():
    start = position((0, 0), (0, 0), (0, 179), (10, 20), (0, 0), (91, 0), (math.nan, 0), (60, 0))
    end = position((0, 90), (0, 180), (0, -179), (10, 20), (90, 0), (0, 0), (0, 0), (60, 180))
    # A quarter and a half of the equator; 2 degrees over the date line; nothing; to the pole; missing; over the pole.
    expected = [R * math.pi / 2, R * math.pi, R * math.pi / 90, 0, R * math.pi / 2, math.nan, math.nan, R * math.pi / 3]
    np.testing.assert_allclose(features.haversine_km(start, end), expected, rtol=1e-9)


def test_bearing_is_clockwise_from_north():
    start = position((0, 0), (0, 0), (0, 0), (0, 0), (5, 5), (0, 181))
    end = position((1, 0), (0, 1), (-1, 0), (0, -1), (5, 5), (0, 0))
    expected = [[0, 1], [1, 0], [0, -1], [-1, 0], [0, 0], [0, 0]]
    np.testing.assert_allclose(features.bearing(start, end), expected, atol=1e-6)


def test_cells():
    where = position((0, 0), (0.49, -0.01), (-90, -180), (90, 180), (math.nan, 3), (41.88, -87.63))
    # Row (41.88 + 90) / 0.5 = 263.76, column (180 - 87.63) / 0.5 = 184.74.
    assert features.grid_cell(where, 0.5).numpy().tolist() == [b"180_360", b"180_359", b"0_0", b"360_0", b"", b"263_184"]
    with pytest.raises(UserCodeError, match=r"grid_cell: expected degrees in 0\.\.90; received 0"):
        features.grid_cell(where, 0)
