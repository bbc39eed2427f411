"""The most frequent value of a column in the training split, which stands in for a missing one.

Called by `numeric` (numbers) and `transforms` (text). TFT's vocabulary of one entry says which it is; of several that are
as frequent, the last in alphabetical order of their text. Imports TensorFlow at the top.
"""

import tensorflow as tf
import tensorflow_transform as tft

_EXACT = 17  # significant digits with which a float64 can be read back


def most_frequent_text(values: tf.Tensor, here: tf.Tensor) -> tf.Tensor:
    """Return the most frequent of `values` [n] where `here` [n], a scalar; "" if there is none."""
    size = tft.size(tf.boolean_mask(values, here))
    vocabulary = tft.vocabulary(tf.boolean_mask(values, here), top_k=1)
    # TFT lets a lookup return integers only, so the text comes as its characters.
    characters = tft.apply_vocabulary(tf.constant([0], tf.int64), vocabulary, lookup_fn=_first_line)
    text = tf.strings.unicode_encode(tf.cast(characters, tf.int32), "UTF-8")
    return tf.where(size > 0, text, "")  # TFT writes a placeholder into an empty vocabulary


def most_frequent_number(values: tf.Tensor) -> tf.Tensor:
    """Return the most frequent finite one of `values` [n] float64, a scalar; 0 if there is none."""
    texts = tf.strings.as_string(values, scientific=True, precision=_EXACT - 1)
    text = most_frequent_text(texts, tf.math.is_finite(values))
    return tf.strings.to_number(tf.where(text == "", "0", text), tf.float64)


def _first_line(places: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    initializer = tf.lookup.TextFileInitializer(
        file, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE
    )
    table = tf.lookup.StaticHashTable(initializer, default_value="")
    characters = tf.strings.unicode_decode(table.lookup(places)[0], "UTF-8")
    return tf.cast(characters, tf.int64), table.size()
