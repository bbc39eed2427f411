"""Free text as a vector over the training split's most frequent words or n-grams; used in a preprocessing_fn.

TFT makes n-grams, vocabulary and weights. What the vocabulary lacks is left out; a missing or empty text is 0 throughout.
A vocabulary of fewer than `top_k` entries leaves the last places 0. Imports TensorFlow at the top.
"""

from collections.abc import Callable
from typing import Any, Literal

import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx.config.names import vocabulary_file
from waze_data_tfx.errors import UserCodeError

from . import tokens, transforms


def bag_of_words(
    x: Any, name: str, *, top_k: int = 1000, frequency_threshold: int | None = None, ngrams: tuple[int, int] = (1, 1)
) -> tf.Tensor:
    """Return 1 for each word or n-gram that occurs in the text, [n, top_k] float32.

    Args:
        x: text column.
        name: the column; names the vocabulary.
        top_k: entries kept, by the number of texts that have them.
        frequency_threshold: least number of texts that an entry is in; default: 1.
        ngrams: shortest and longest n-gram, in words.

    Raises:
        UserCodeError: ngrams are not 1 <= shortest <= longest.
    """
    ids = _ids(_distinct_ngrams, x, name, top_k, frequency_threshold, ngrams)
    return tokens.count(ids, top_k)


def word_counts(
    x: Any, name: str, *, top_k: int = 1000, frequency_threshold: int | None = None, ngrams: tuple[int, int] = (1, 1)
) -> tf.Tensor:
    """Return how often each word or n-gram occurs in the text, [n, top_k] float32.

    Arguments and errors as in `bag_of_words`, but entries are kept by their number of occurrences.
    """
    return tokens.count(_ids(_ngrams, x, name, top_k, frequency_threshold, ngrams), top_k)


def tf_idf(
    x: Any, name: str, *, top_k: int = 1000, frequency_threshold: int | None = None, ngrams: tuple[int, int] = (1, 1)
) -> tf.Tensor:
    """Return `tf * idf` of each word or n-gram, [n, top_k] float32.

    tf = occurrences in the text / all occurrences of kept entries in the text; idf = 1 + log((N + 1) / (n + 1)), with N texts
    in the training split of which n have the entry (tft.tfidf, smooth). Arguments and errors as in `word_counts`.
    """
    ids = _ids(_ngrams, x, name, top_k, frequency_threshold, ngrams)
    entries, weights = tft.tfidf(ids.to_sparse(), top_k)
    places = tf.stack([entries.indices[:, 0], entries.values], axis=1)
    shape = tf.stack([ids.nrows(), tf.constant(top_k, tf.int64)])
    return tf.ensure_shape(tf.scatter_nd(places, tf.cast(weights.values, tf.float32), shape), [None, top_k])


def text_length(x: Any, unit: Literal["characters", "words"] = "characters") -> tf.Tensor:
    """Return the number of characters (Unicode code points) or words, [n] float32; 0 for a missing text."""
    if unit == "words":
        return tf.cast(tokens.words(x).row_lengths(), tf.float32)
    return tf.cast(tf.strings.length(transforms.texts(x), unit="UTF8_CHAR"), tf.float32)


def _distinct_ngrams(words: tf.SparseTensor, ngrams: tuple[int, int], separator: str) -> tf.RaggedTensor:
    """Return each text's n-grams once, in the order in which they come first; ragged [n, None] string.

    As tft.bag_of_words does (1.21), which loops over the rows one by one: that is most of what a served row would cost.
    """
    grams = tft.ngrams(words, ngrams, separator)
    rows = grams.indices[:, 0]
    _, place = tf.unique(tf.strings.join([tf.strings.as_string(rows), grams.values], " "))
    first = tf.math.unsorted_segment_min(tf.range(tf.size(place)), place, tf.reduce_max(tf.concat([place, [-1]], 0)) + 1)
    return tf.RaggedTensor.from_value_rowids(tf.gather(grams.values, first), tf.gather(rows, first), nrows=words.dense_shape[0])


def _ngrams(words: tf.SparseTensor, ngrams: tuple[int, int], separator: str) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_sparse(tft.ngrams(words, ngrams, separator))


def _ids(
    grams: Callable[..., tf.RaggedTensor], x: Any, name: str, top_k: int, threshold: int | None, ngrams: tuple[int, int]
) -> tf.RaggedTensor:
    """Return the ids of the entries in each text that the vocabulary has, [n, None] int64 in 0..top_k-1."""
    shortest, longest = ngrams
    if not 1 <= shortest <= longest:
        raise UserCodeError(f"text '{name}': expected ngrams 1 <= shortest <= longest; received {ngrams}")
    entries = grams(tokens.words(x).to_sparse(), ngrams, " ")
    file = vocabulary_file(f"{name}_text")
    ids = tft.compute_and_apply_vocabulary(entries, top_k=top_k, frequency_threshold=threshold, vocab_filename=file)
    return tf.ragged.boolean_mask(ids, ids >= 0)
