"""Transforms of several numbers at once into one vector feature; used in a preprocessing_fn.

One analyzer serves all columns, so ten derived numbers cost the analysis what one costs. Columns are [n] floats without
missing values (`dense` or `impute` them first). Imports TensorFlow at the top.
"""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_transform as tft

from . import numeric

_QUANTILE_RANK_ERROR = 0.002
_NARROWEST_PIECE = 1e-3


def z_scores(columns: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return `(x - mean) / standard deviation` of each column, side by side; [n, k] float32. A constant column yields 0."""
    return numeric.z_scores(_stacked(columns, tf.float64), [0.0] * len(columns))


def piecewise_linear(columns: Sequence[tf.Tensor], count: int) -> tf.Tensor:
    """Return each column's piecewise linear encoding over quantiles, side by side; [n, k * (count - 2)] float32.

    With q the `count - 1` inner quantiles of the training split, piece i is `clip((x - q[i]) / (q[i+1] - q[i]), 0, 1)`: a
    linear layer over the pieces is a piecewise linear function with its bends where the data is (Gorishniy et al. 2022,
    "On Embeddings for Numerical Features in Tabular Deep Learning", arXiv 2203.05556). Equal quantiles give a step.

    Raises:
        ValueError: when count is less than 3.
    """
    if count < 3:
        raise ValueError(f"piecewise_linear: received count {count}; expected at least 3")
    x = _stacked(columns, tf.float32)
    quantiles = tft.quantiles(x, count, epsilon=_QUANTILE_RANK_ERROR, reduce_instance_dims=False)
    quantiles = tf.ensure_shape(quantiles, [len(columns), count - 1])
    low, high = quantiles[:, :-1], quantiles[:, 1:]
    pieces = (x[:, :, tf.newaxis] - low) / tf.maximum(high - low, _NARROWEST_PIECE)
    return tf.reshape(tf.clip_by_value(pieces, 0.0, 1.0), [-1, len(columns) * (count - 2)])


def _stacked(columns: Sequence[tf.Tensor], dtype: tf.DType) -> tf.Tensor:
    return tf.stack([tf.cast(c, dtype) for c in columns], axis=1)
