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

from . import frequent

Strategy = Literal["mean", "median", "most_frequent", "zero"] | float
_MEDIAN_RANK_ERROR = 0.001
_QUARTILE_RANK_ERROR = 0.001
_FINEST_QUANTILE = 1000
_WINSOR_RANK_ERROR = 0.0002
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


def robust_scaled(values: tf.Tensor, strategies: Sequence[Strategy]) -> tf.Tensor:
    """Return `(x - median) / (upper quartile - lower quartile)`; [n, k] float32.

    Where the quartiles are equal the divisor is 1; an empty column is 0 throughout.
    """
    quartiles = _quantiles(values, 4, _QUARTILE_RANK_ERROR)
    low, median, high = (quartiles[:, i] for i in range(3))
    known = tft.sum(tf.cast(tf.math.is_finite(values), tf.int64), reduce_instance_dims=False) > 0
    spread = tf.where(high > low, high - low, 1.0)
    return tf.cast(tf.where(known, (_filled(values, strategies) - median) / spread, 0.0), tf.float32)


def imputed(values: tf.Tensor, strategies: Sequence[Strategy]) -> tf.Tensor:
    """Return the values with each missing one replaced by its column's constant; [n, k] float32."""
    return tf.cast(_filled(values, strategies), tf.float32)


def winsorized(values: tf.Tensor, limits: Sequence[tuple[float, float]]) -> tf.Tensor:
    """Return the values with those beyond the quantiles `(lower, upper)` set to them; [n, k] float64, NaN stays.

    Quantiles are taken at a thousandth; 0 and 1 leave their side open.
    """
    quantiles = _quantiles(values, _FINEST_QUANTILE, _WINSOR_RANK_ERROR)
    here, columns = tf.math.is_finite(values), []
    for i, (lower, upper) in enumerate(limits):
        column = values[:, i]
        for p, bounded in ((lower, tf.maximum), (upper, tf.minimum)):
            place = round(p * _FINEST_QUANTILE)
            if 0 < place < _FINEST_QUANTILE:
                column = bounded(column, quantiles[i, place - 1])
        columns.append(tf.where(here[:, i], column, values[:, i]))
    return tf.stack(columns, axis=1)


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
    for column in (i for i, s in enumerate(strategies) if s == "most_frequent"):
        constants[column] = frequent.most_frequent_number(values[:, column])
    return tf.stack(constants)


def _means(values: tf.Tensor) -> tf.Tensor:
    return tft.mean(values, reduce_instance_dims=False)


def _medians(values: tf.Tensor) -> tf.Tensor:
    return _quantiles(values, 2, _MEDIAN_RANK_ERROR)[:, 0]


def _quantiles(values: tf.Tensor, count: int, rank_error: float) -> tf.Tensor:
    """Return the `count - 1` inner quantiles of each column's finite values, [k, count - 1] float64; 0 for an empty column.

    TFT computes them in float32. One analyzer per column, which TFT packs into one stage: over a matrix it fails as soon as one
    of several columns is empty (tensorflow-transform 1.21, QuantilesCombiner.extract_output).
    """
    columns = tf.unstack(values, num=values.shape[1], axis=1)
    present = [tf.boolean_mask(column, tf.math.is_finite(column)) for column in columns]
    quantiles = [tf.reshape(tft.quantiles(column, count, epsilon=rank_error), [count - 1]) for column in present]
    return tf.cast(tf.stack(quantiles), tf.float64)


def _or_zero(x: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_finite(x), x, tf.zeros_like(x))
