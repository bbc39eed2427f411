"""Scaling and imputation of numeric columns, many at once: one analyzer serves all columns of a matrix.

Each analyzer of TFT costs Beam stages, and stages are what analysis time is made of; so columns are stacked. Called by
`transforms` (one column) and `ready_made` (all columns). Values are `[n, k] float64` in which NaN means missing; what is
not finite counts as missing. Statistics are those of the present values of the training split; a missing value is
replaced by its imputed constant before scaling, and changes no statistic. Imports TensorFlow at the top.
"""

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf
import tensorflow_transform as tft

Strategy = Literal["mean", "median", "zero"] | float
_MEDIAN_RANK_ERROR = 0.001
_RELATIVE_NOISE = 1e-9


def z_scores(values: tf.Tensor, strategies: Sequence[Strategy]) -> tf.Tensor:
    """Return `(x - mean) / sqrt(variance)`, 0 for a column that is constant or empty; [n, k] float32."""
    mean = _or_zero(tft.mean(values, reduce_instance_dims=False))
    deviation = tf.sqrt(_or_zero(tft.var(values, reduce_instance_dims=False)))
    varies = deviation > _RELATIVE_NOISE * tf.abs(mean)
    filled = _filled(values, strategies, mean)
    return tf.cast(tf.where(varies, (filled - mean) / tf.where(varies, deviation, 1.0), 0.0), tf.float32)


def min_max_scaled(values: tf.Tensor, strategies: Sequence[Strategy]) -> tf.Tensor:
    """Return `(x - min) / (max - min)`, 0 for a column that is constant or empty; [n, k] float32, not clipped."""
    k = values.shape[1]
    present = tf.math.is_finite(values)
    lowest = tf.constant(float("-inf"), values.dtype)
    both = tf.concat([tf.where(present, -values, lowest), tf.where(present, values, lowest)], axis=1)
    extremes = tft.max(both, reduce_instance_dims=False)
    low, high = -extremes[:k], extremes[k:]
    varies = high > low
    filled = _filled(values, strategies)
    return tf.cast(tf.where(varies, (filled - low) / tf.where(varies, high - low, 1.0), 0.0), tf.float32)


def imputed(values: tf.Tensor, strategies: Sequence[Strategy]) -> tf.Tensor:
    """Return the values with each missing one replaced by its column's constant; [n, k] float32."""
    return tf.cast(_filled(values, strategies), tf.float32)


def _filled(values: tf.Tensor, strategies: Sequence[Strategy], mean: tf.Tensor | None = None) -> tf.Tensor:
    return tf.where(tf.math.is_finite(values), values, _constants(values, strategies, mean))


def _constants(values: tf.Tensor, strategies: Sequence[Strategy], mean: tf.Tensor | None) -> tf.Tensor:
    """Return [k] float64: what stands in for a missing value of each column, 0 where nothing is known of it."""
    constants = [tf.constant(s if isinstance(s, int | float) else 0.0, tf.float64) for s in strategies]
    for strategy, analyzer in (("mean", _means), ("median", _medians)):
        columns = [i for i, s in enumerate(strategies) if s == strategy]
        if not columns:
            continue
        known = mean if strategy == "mean" else None
        found = tf.gather(known, columns) if known is not None else analyzer(tf.gather(values, columns, axis=1))
        for place, column in enumerate(columns):
            constants[column] = _or_zero(found[place])
    return tf.stack(constants)


def _means(values: tf.Tensor) -> tf.Tensor:
    return tft.mean(values, reduce_instance_dims=False)


def _medians(values: tf.Tensor) -> tf.Tensor:
    finite = tf.where(tf.math.is_finite(values), values, tf.constant(float("nan"), values.dtype))
    boundaries = tft.quantiles(finite, 2, epsilon=_MEDIAN_RANK_ERROR, reduce_instance_dims=False)
    return tf.cast(tf.reshape(boundaries, [-1]), tf.float64)


def _or_zero(x: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_finite(x), x, tf.zeros_like(x))
