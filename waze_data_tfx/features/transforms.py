"""One small transform each, over one raw column; used in a preprocessing_fn.

A raw column is what TFT gives: a SparseTensor [n, <=1] (the usual case: a missing value is absent) or a dense [n] or
[n, 1]. Missing is also NaN or an infinity in a float, "" in a text and -2**63 in an integer. Every transform returns a
dense tensor with a value in every row, but for those that return a column again (`clip`, `winsorize`, `log`, `log1p`): there
what is missing stays missing, and a scaling or `impute` ends it. Statistics are those of the training split; a column
that has no value there yields 0 (or the missing id) and never fails. Imports TensorFlow at the top.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import schema_inference

from waze_data_tfx.config.names import vocabulary_file
from waze_data_tfx.errors import UserCodeError

from . import frequent, numeric
from .numeric import Strategy

MISSING_INT = tf.int64.min
_BUCKET_RANK_ERROR = 0.01


def z_score(x: Any, *, impute: Strategy = "mean") -> tf.Tensor:
    """Return `(x - mean) / standard deviation`, [n] float32.

    A missing value becomes the imputed constant first: with "mean" it ends as 0. A constant column yields 0.
    """
    return numeric.z_scores(floats(x)[:, tf.newaxis], [impute])[:, 0]


def min_max(x: Any, *, impute: Strategy = "mean") -> tf.Tensor:
    """Return `(x - min) / (max - min)`, [n] float32; values beyond the training split's range fall outside 0..1.

    A missing value becomes the imputed constant first. A constant column yields 0.
    """
    return numeric.min_max_scaled(floats(x)[:, tf.newaxis], [impute])[:, 0]


def robust(x: Any, *, impute: Strategy = "mean") -> tf.Tensor:
    """Return `(x - median) / (upper quartile - lower quartile)`, [n] float32; outliers do not move it.

    A missing value becomes the imputed constant first. Where the quartiles are equal the divisor is 1.
    """
    return numeric.robust_scaled(floats(x)[:, tf.newaxis], [impute])[:, 0]


def log_z_score(x: Any, *, impute: Strategy = "mean") -> tf.Tensor:
    """Return the z-score of `log(1 + max(x, 0))`, [n] float32; imputation is over the logarithms."""
    return numeric.z_scores(log1p(x)[:, tf.newaxis], [impute])[:, 0]


def impute(x: Any, strategy: Strategy = "mean") -> tf.Tensor:
    """Return x with missing values replaced by the mean, median or most frequent value, zero or a number of yours; [n] float32.

    The median is within 0.1 % of the rank (TFT's approximate quantiles). Of several most frequent values it is always the
    same one.
    """
    return numeric.imputed(floats(x)[:, tf.newaxis], [strategy])[:, 0]


def impute_text(x: Any, constant: str | None = None) -> tf.Tensor:
    """Return a text column with missing values replaced by the most frequent value, or by `constant`; [n] string.

    A column without any value yields "", which the other transforms take as missing.
    """
    values, here = dense(x, ""), present(x)
    filling = tf.constant(constant) if constant is not None else frequent.most_frequent_text(values, here)
    return tf.where(here, values, filling)


def clip(x: Any, low: float | None = None, high: float | None = None) -> tf.Tensor:
    """Return the column with values below `low` or above `high` set to them, [n] float64; NaN is missing and stays so."""
    values = floats(x)
    bounded = values if low is None else tf.maximum(values, low)
    bounded = bounded if high is None else tf.minimum(bounded, high)
    return tf.where(tf.math.is_nan(values), values, bounded)


def winsorize(x: Any, lower: float = 0.01, upper: float = 0.99) -> tf.Tensor:
    """Return the column with values beyond two quantiles of the training split set to them, [n] float64; NaN stays.

    Quantiles are rounded to a thousandth; 0 and 1 leave their side open.

    Raises:
        UserCodeError: not 0 <= lower < upper <= 1.
    """
    if not 0 <= lower < upper <= 1:
        raise UserCodeError(f"winsorize: expected 0 <= lower < upper <= 1; received {lower:g} and {upper:g}")
    return numeric.winsorized(floats(x)[:, tf.newaxis], [(lower, upper)])[:, 0]


def log(x: Any) -> tf.Tensor:
    """Return `log(x)` as a column, [n] float64; what is not positive becomes NaN, which is missing."""
    values = floats(x)
    positive = values > 0
    return tf.where(positive, tf.math.log(tf.where(positive, values, 1.0)), tf.constant(float("nan"), tf.float64))


def log1p(x: Any) -> tf.Tensor:
    """Return `log(1 + max(x, 0))` as a column, [n] float64; NaN is missing and stays so."""
    values = floats(x)
    return tf.where(tf.math.is_nan(values), values, tf.math.log1p(tf.maximum(values, 0)))


def missing_indicator(x: Any) -> tf.Tensor:
    """Return 1 where the value is missing and 0 where it is present; [n] float32."""
    return tf.cast(tf.logical_not(present(x)), tf.float32)


def bucket(x: Any, count: int | None = None, *, boundaries: Sequence[float] | None = None) -> tf.Tensor:
    """Return the number of the bucket, [n] int64 in 0..count-1; a missing value gets id `count`.

    Bucket i holds boundary[i-1] <= x < boundary[i]. With fewer distinct values than buckets some ids stay unused.

    Args:
        x: numeric column.
        count: number of buckets, cut at quantiles of the training split.
        boundaries: where to cut instead, ascending; they make len(boundaries) + 1 buckets.

    Raises:
        UserCodeError: not exactly one of count and boundaries, or boundaries that do not ascend.
    """
    values = floats(x)
    here = tf.math.is_finite(values)
    if boundaries is not None and count is None:
        if not boundaries or list(boundaries) != sorted(set(boundaries)):
            raise UserCodeError(f"bucket: expected ascending boundaries; received {list(boundaries)}")
        # A float column holds float32: 0.7 must be the boundary that its 0.7 reaches.
        cuts = tf.cast(tf.constant([list(boundaries)], tf.float32 if x.dtype == tf.float32 else tf.float64), tf.float64)
        n = len(boundaries) + 1
    elif count is not None and boundaries is None:
        cuts = tft.quantiles(tf.boolean_mask(values, here), count, epsilon=min(1 / count, _BUCKET_RANK_ERROR))
        n = count
    else:
        raise UserCodeError("bucket: expected count or boundaries; received " + ("neither" if count is None else "both"))
    ids = tft.apply_buckets(tf.where(here, values, tf.zeros_like(values)), tf.cast(cuts, tf.float64))
    return with_cardinality(tf.where(here, ids, tf.constant(n, tf.int64)), n + 1)


def vocabulary(
    x: Any, name: str, *, top_k: int | None = None, frequency_threshold: int | None = None, num_oov_buckets: int = 1
) -> tf.Tensor:
    """Return the value's rank by frequency in the training split, [n] int64.

    Ids are 0..size-1 for the vocabulary's values, then `num_oov_buckets` ids for the others (by hash), then one id for a
    missing value. The vocabulary file is named after the column.

    Args:
        x: text or integer column.
        name: the column; names the vocabulary.
        top_k: how many values are kept; default: all.
        frequency_threshold: least number of rows that a kept value has; default: 1.
        num_oov_buckets: ids for values outside the vocabulary, at least 1.

    Raises:
        UserCodeError: num_oov_buckets is not positive.
    """
    if num_oov_buckets < 1:
        raise UserCodeError(f"vocabulary '{name}': num_oov_buckets must be at least 1; received {num_oov_buckets}")
    ids = tft.compute_and_apply_vocabulary(
        texts(x),
        top_k=top_k,
        frequency_threshold=frequency_threshold,
        num_oov_buckets=num_oov_buckets,
        vocab_filename=vocabulary_file(name),
    )
    missing = tft.get_num_buckets_for_transformed_feature(ids)
    return with_cardinality(tf.where(present(x), ids, missing), missing + 1)


def category(x: Any, size: int, *, encoding: str = "one_hot") -> tf.Tensor:
    """Return the id of an integer column in 0..size-1; a missing value, or one outside, gets id `size`.

    Args:
        x: integer column (a float is cut to an integer).
        size: number of values.
        encoding: "one_hot" gives [n, size + 1] float32; "id" gives [n] int64.
    """
    values = tf.cast(dense(x, MISSING_INT if not x.dtype.is_floating else float("nan")), tf.int64)
    inside = present(x) & (values >= 0) & (values < size)
    ids = tf.where(inside, values, tf.constant(size, tf.int64))
    return tf.one_hot(ids, size + 1, dtype=tf.float32) if encoding == "one_hot" else with_cardinality(ids, size + 1)


def dense(x: Any, default: Any) -> tf.Tensor:
    """Return a [n] tensor of x's type in which `default` stands for a missing value, absent or written as one."""
    if isinstance(x, tf.SparseTensor):
        x = tft.sparse_tensor_to_dense_with_shape(x, [None, 1], tf.constant(default, x.dtype))
    values = tf.reshape(x, [-1])
    absent = "" if x.dtype == tf.string else x.dtype.min
    here = tf.math.is_finite(values) if x.dtype.is_floating else tf.not_equal(values, absent)
    return tf.where(here, values, tf.constant(default, x.dtype))


def present(x: Any) -> tf.Tensor:
    """Return where the column has a value, [n] bool."""
    if x.dtype.is_floating:
        return tf.math.is_finite(dense(x, float("nan")))
    if x.dtype == tf.string:
        return tf.not_equal(dense(x, ""), "")
    return tf.not_equal(tf.cast(dense(x, x.dtype.min), tf.int64), x.dtype.min)


def floats(x: Any) -> tf.Tensor:
    """Return a numeric column as [n] float64 in which NaN means missing."""
    default = float("nan") if x.dtype.is_floating else x.dtype.min
    values = tf.cast(dense(x, default), tf.float64)
    return tf.where(present(x), values, tf.constant(float("nan"), tf.float64))


def texts(x: Any) -> tf.Tensor:
    """Return a text or integer column as [n] text in which "" means missing."""
    if x.dtype == tf.string:
        return dense(x, "")
    return tf.where(present(x), tf.strings.as_string(dense(x, x.dtype.min)), "")


def with_cardinality(ids: tf.Tensor, cardinality: Any) -> tf.Tensor:
    """Return int64 ids that carry 0..cardinality-1 as their domain in the transformed schema, for a model to embed."""
    if tf.executing_eagerly():  # there is no schema, and TFT would keep the tensor for the next analysis of this process
        return ids
    largest = tf.cast(tf.convert_to_tensor(cardinality), tf.int64) - 1
    schema_inference.set_tensor_schema_override(ids, tf.constant(0, tf.int64), largest)
    return ids
