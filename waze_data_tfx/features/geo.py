"""Positions on Earth: great-circle distance, bearing, grid cell; used in a preprocessing_fn.

A position is a pair of columns, latitude and longitude in degrees. It is missing where either is missing or outside
-90..90 and -180..180. Imports TensorFlow at the top.
"""

import math
from typing import Any

import tensorflow as tf

from waze_data_tfx.errors import UserCodeError

from . import transforms

EARTH_RADIUS_KM = 6371.0088
Position = tuple[Any, Any]
_RADIANS = math.pi / 180


def haversine_km(start: Position, end: Position) -> tf.Tensor:
    """Return the great-circle distance in kilometres as a column, [n] float64; NaN where a position is missing.

    `2 R asin(sqrt(sin((b - a) / 2)^2 + cos(a) cos(b) sin((d - c) / 2)^2))` of latitudes a, b and longitudes c, d on a sphere
    with the Earth's mean radius R: within 0.6 % of the ellipsoid.
    """
    a, c = _radians(start)
    b, d = _radians(end)
    chord = tf.sin((b - a) / 2) ** 2 + tf.cos(a) * tf.cos(b) * tf.sin((d - c) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * tf.asin(tf.sqrt(tf.clip_by_value(chord, 0.0, 1.0)))


def bearing(start: Position, end: Position) -> tf.Tensor:
    """Return sine and cosine of the initial bearing, clockwise from north, [n, 2] float32.

    0, 0 where a position is missing or both are the same.
    """
    a, c = _radians(start)
    b, d = _radians(end)
    east = tf.sin(d - c) * tf.cos(b)
    north = tf.cos(a) * tf.sin(b) - tf.sin(a) * tf.cos(b) * tf.cos(d - c)
    length = tf.sqrt(east**2 + north**2)
    known = tf.math.is_finite(length) & (length > 1e-12)
    direction = tf.stack([east, north], axis=1) / tf.where(known, length, 1.0)[:, tf.newaxis]
    return tf.cast(tf.where(known[:, tf.newaxis], direction, 0.0), tf.float32)


def grid_cell(position: Position, degrees: float = 0.01) -> tf.Tensor:
    """Return the cell of a grid of equal degrees as a text column `row_column`, [n] string; "" where the position is missing.

    row = floor((latitude + 90) / degrees), column = floor((longitude + 180) / degrees); longitude 180 is -180. A cell of 0.01
    degrees is 1.1 km from south to north and 1.1 km times the cosine of the latitude from west to east.

    Raises:
        UserCodeError: degrees outside 0..90.
    """
    if not 0 < degrees <= 90:
        raise UserCodeError(f"grid_cell: expected degrees in 0..90; received {degrees:g}")
    latitude, longitude = _degrees(position)
    known = tf.math.is_finite(latitude)
    row = tf.floor((tf.where(known, latitude, 0.0) + 90) / degrees)
    column = tf.floor(tf.math.floormod(tf.where(known, longitude, 0.0) + 180, 360.0) / degrees)
    texts = [tf.strings.as_string(tf.cast(part, tf.int64)) for part in (row, column)]
    return tf.where(known, tf.strings.join(texts, separator="_"), "")


def geo_cell(position: Position, name: str, *, degrees: float = 0.01, top_k: int = 1000) -> tf.Tensor:
    """Return the id of the grid cell among the training split's most frequent ones, [n] int64.

    Ids as in `vocabulary`: 0..size-1 for the cells kept, then one for all others, then one for a missing position.

    Raises:
        UserCodeError: degrees outside 0..90.
    """
    return transforms.vocabulary(grid_cell(position, degrees), f"{name}_cell", top_k=top_k)


def _degrees(position: Position) -> tuple[tf.Tensor, tf.Tensor]:
    """Return latitude and longitude, [n] float64 each; NaN both where the position is missing."""
    latitude, longitude = (transforms.floats(x) for x in position)
    known = (tf.abs(latitude) <= 90) & (tf.abs(longitude) <= 180)
    missing = tf.constant(math.nan, tf.float64)
    return tf.where(known, latitude, missing), tf.where(known, longitude, missing)


def _radians(position: Position) -> tuple[tf.Tensor, tf.Tensor]:
    latitude, longitude = _degrees(position)
    return latitude * _RADIANS, longitude * _RADIANS
