"""Several values in one text, such as `12;7;30`, as a padded sequence `[n, max_length]`; used in a preprocessing_fn.

An example of this project holds one value per column, so a list comes as one text. Padding is at the end. Imports TensorFlow
at the top.
"""

from typing import Any, Literal

import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx.config.names import vocabulary_file

from . import numeric, tokens, transforms

PADDING = 0
_NUMBER = r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?"


def sequence_ids(
    x: Any,
    name: str,
    *,
    separator: str = "|",
    max_length: int = 20,
    keep: Literal["first", "last"] = "first",
    top_k: int | None = None,
    num_oov_buckets: int = 1,
) -> tf.Tensor:
    """Return the values' ids in their order, [n, max_length] int64: 0 is padding, then the vocabulary by frequency, then unknown.

    A missing or empty text is all padding.

    Args:
        x: text column.
        name: the column; names the vocabulary.
        separator: between the values.
        max_length: values per row; the rest is cut.
        keep: which end of a longer sequence stays.
        top_k: values in the vocabulary; default: all.
        num_oov_buckets: ids for values outside the vocabulary, by hash.
    """
    ids = tft.compute_and_apply_vocabulary(
        tokens.split(x, separator),
        top_k=top_k,
        num_oov_buckets=num_oov_buckets,
        vocab_filename=vocabulary_file(f"{name}_sequence"),
    )
    cardinality = tft.get_num_buckets_for_transformed_feature(ids) + 1
    return transforms.with_cardinality(_padded(ids + 1, max_length, keep, tf.constant(PADDING, tf.int64)), cardinality)


def sequence_numbers(
    x: Any, *, separator: str = "|", max_length: int = 20, keep: Literal["first", "last"] = "first"
) -> tf.Tensor:
    """Return the z-scores of the values in their order, [n, max_length] float32; 0 is padding, and the mean.

    Mean and deviation are of all values of the training split. What is not a number is 0.
    """
    values = tokens.split(x, separator)
    flat = values.flat_values
    is_number = tf.strings.regex_full_match(flat, _NUMBER)
    numbers = tf.strings.to_number(tf.where(is_number, flat, "nan"), tf.float64)
    scores = values.with_flat_values(numeric.z_scores(numbers[:, tf.newaxis], ["mean"])[:, 0])
    return _padded(scores, max_length, keep, tf.constant(PADDING, tf.float32))


def sequence_length(x: Any, *, separator: str = "|") -> tf.Tensor:
    """Return how many values the text holds, [n] float32, before any cut; 0 for a missing text."""
    return tf.cast(tokens.split(x, separator).row_lengths(), tf.float32)


def _padded(values: tf.RaggedTensor, max_length: int, keep: str, padding: tf.Tensor) -> tf.Tensor:
    kept = values[:, :max_length] if keep == "first" else values[:, -max_length:]
    return tf.ensure_shape(kept.to_tensor(padding, shape=[None, max_length]), [None, max_length])
