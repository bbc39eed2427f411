"""Texts as tokens: words of a language, or values between separators; ragged `[n, None]`, in their order.

Called by `text`, `sequences` and `hashing`, and from a preprocessing_fn. A missing or empty text has no token. Imports
TensorFlow at the top.
"""

from typing import Any

import tensorflow as tf

from . import transforms

_NO_WORD = r"[^\pL\pM\pN]+"


def words(x: Any) -> tf.RaggedTensor:
    """Return the words of a text column, [n, None] string: runs of letters, marks and digits of any script, in lower case."""
    lower = tf.strings.lower(transforms.texts(x), encoding="utf-8")
    return tf.strings.split(tf.strings.regex_replace(lower, _NO_WORD, " "))


def split(x: Any, separator: str = "|") -> tf.RaggedTensor:
    """Return the values between separators of a text column, [n, None] string, without spaces around them and empty ones."""
    values = tf.strings.split(transforms.texts(x), separator)
    stripped = values.with_flat_values(tf.strings.strip(values.flat_values))
    return tf.ragged.boolean_mask(stripped, tf.not_equal(stripped, ""))


def count(ids: tf.RaggedTensor, size: int) -> tf.Tensor:
    """Return how often each id of 0..size-1 comes in a row, [n, size] float32."""
    places = tf.stack([ids.value_rowids(), ids.flat_values], axis=1)
    shape = tf.stack([ids.nrows(), tf.constant(size, tf.int64)])
    counts = tf.scatter_nd(places, tf.ones_like(ids.flat_values, tf.float32), shape)
    return tf.ensure_shape(counts, [None, size])
