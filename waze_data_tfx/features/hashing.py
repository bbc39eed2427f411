"""Ids without a vocabulary: a value's hash, a combination's hash, and several integers in one text as a multi-hot vector.

Nothing is learnt, so they cost no pass over the data and know no unseen value. Used in a preprocessing_fn and by `ready_made`.
The hash is TFT's (FarmHash of the text, modulo the number of buckets). Imports TensorFlow at the top.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx.errors import UserCodeError

from . import tokens, transforms

_BETWEEN = "\x1f"
_DIGITS = r"[0-9]{1,18}"


def hashed(x: Any, buckets: int) -> tf.Tensor:
    """Return the hash of a text or integer column, [n] int64 in 0..buckets-1; a missing value gets id `buckets`.

    Different values may share an id: of v values about v * (v - 1) / (2 * buckets) pairs do.

    Raises:
        UserCodeError: a column of floats, or fewer than 2 buckets.
    """
    return cross([x], buckets)


def cross(columns: Sequence[Any], buckets: int) -> tf.Tensor:
    """Return the hash of a combination of text or integer columns, [n] int64 in 0..buckets-1.

    A row in which one of them is missing gets id `buckets`. The order of the columns matters.

    Raises:
        UserCodeError: a column of floats, no columns, or fewer than 2 buckets.
    """
    if not columns or buckets < 2:
        raise UserCodeError(f"hashing: expected columns and at least 2 buckets; received {len(columns)} and {buckets}")
    if any(x.dtype.is_floating for x in columns):
        raise UserCodeError("hashing: received a column of floats; expected texts or integers", hint="use features.bucket first")
    here = tf.reduce_all(tf.stack([transforms.present(x) for x in columns]), axis=0)
    together = tf.strings.join([transforms.texts(x) for x in columns], separator=_BETWEEN)
    ids = tf.where(here, tft.hash_strings(together, buckets), tf.constant(buckets, tf.int64))
    return transforms.with_cardinality(ids, buckets + 1)


def multi_hot(x: Any, size: int, *, separator: str = "|") -> tf.Tensor:
    """Return which of 0..size-1 a text such as `3|17` names, [n, size + 1] float32.

    The last place is 1 where a value is outside or not a whole number. A missing or empty text is 0 throughout, and a value
    that comes twice is 1.
    """
    values = tokens.split(x, separator)
    flat = values.flat_values
    is_integer = tf.strings.regex_full_match(flat, _DIGITS)
    numbers = tf.strings.to_number(tf.where(is_integer, flat, "-1"), tf.int64)
    inside = (numbers >= 0) & (numbers < size)
    ids = values.with_flat_values(tf.where(inside, numbers, tf.constant(size, tf.int64)))
    return tf.cast(tokens.count(ids, size + 1) > 0, tf.float32)
