"""The draw of an action and the ranked list behind it, without state: the same key always gives the same answer.

Tensors are [n_actions, n] here, actions first: each step is then a plain pass over vectors of n. Called by `serving`. Imports
TensorFlow at the top.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

N_BUCKETS = 2**23
"""Draws are multiples of 2**-23, so that draw * total < total in float32: no draw falls behind the last action."""
_NETWORK_UP_TO = 32
_SIGN_OFF = 0x7FFFFFFF
_INFINITY = 0x7F800000
"""float32's infinity, its bits read as an integer."""
_BASE = 1.5 * 2**52
"""Around it float64 counts in ones."""


def uniform_draw(texts: Any, seed_text: str) -> tf.Tensor:
    """Return a number in [0, 1) for each text [n], float32: SipHash-2-4 (a keyed hash) whose key is made of the seed's text."""
    digest = hashlib.sha256(seed_text.encode()).digest()
    key = [int.from_bytes(digest[i : i + 8], "little") >> 1 for i in (0, 8)]
    return tf.cast(tf.strings.to_hash_bucket_strong(texts, N_BUCKETS, key), tf.float32) / N_BUCKETS


def drawn(probabilities: Any, draw: Any) -> tf.Tensor:
    """Return the action at which the running sum of probabilities passes the draw, [n] int64; n_actions where all are 0.

    Args:
        probabilities: [n_actions, n] float32.
        draw: in [0, 1), [n] float32.
    """
    sums = tf.unstack(probabilities, axis=0)
    for i in range(1, len(sums)):
        sums[i] = sums[i] + sums[i - 1]  # plain additions: tf.cumsum's rounding is not said, and it takes twice as long
    passed = tf.stack(sums, axis=0) <= draw * sums[-1]
    return tf.cast(tf.reduce_sum(tf.cast(passed, tf.float32), axis=0), tf.int64)


def ranked(scores: Any) -> tf.Tensor:
    """Return the numbers of the actions by falling score, [n, n_actions] int64; equal scores by number, -1 for those at -inf.

    Args:
        scores: [n_actions, n] float32, without NaN.
    """
    n_actions = scores.shape[0]
    if n_actions > _NETWORK_UP_TO:  # the network's graph grows with n log(n)^2
        values, order = tf.math.top_k(tf.transpose(scores), n_actions)
        return tf.where(values > -float("inf"), tf.cast(order, tf.int64), tf.constant(-1, tf.int64))
    keys = tf.bitcast(tf.stack(_sorted(tf.unstack(_keys(scores), axis=0)), axis=0), tf.int64)
    order = tf.bitwise.bitwise_and(keys, _NETWORK_UP_TO - 1)
    last = int(np.float64(_BASE + _INFINITY * _NETWORK_UP_TO - 1).view(np.int64))
    unranked = tf.bitwise.right_shift(last - keys, tf.constant(63, tf.int64))  # -1 at -inf, else 0
    return tf.transpose(tf.bitwise.bitwise_or(order, unranked))


def _keys(scores: Any) -> tf.Tensor:
    """Return numbers in the order of (-score, action), exact in float64: one comparison then decides both.

    A float32's bits, read as sign and magnitude, are an integer in the float's own order. On top of _BASE it stands in the last
    bits of the float64, where the action can be read again.
    """
    bits = tf.bitcast(scores, tf.int32)
    sign = tf.bitwise.right_shift(bits, 31)
    ordered = tf.bitwise.bitwise_xor(tf.bitwise.bitwise_and(bits, _SIGN_OFF), sign) - sign
    number = tf.constant([[_BASE + k] for k in range(scores.shape[0])], tf.float64)
    return tf.cast(ordered, tf.float64) * -_NETWORK_UP_TO + number


def _sorted(columns: list[Any]) -> list[Any]:
    """Return the columns, each row in rising order: Batcher's odd-even merge sort, half of top_k's time for 12 columns."""
    columns = list(columns)
    for i, j in comparators(len(columns)):
        columns[i], columns[j] = tf.minimum(columns[i], columns[j]), tf.maximum(columns[i], columns[j])
    return columns


def comparators(n: int) -> Iterator[tuple[int, int]]:
    """Yield the pairs (i, j), i < j, whose exchange in turn sorts n values (Knuth, volume 3, algorithm 5.2.2M)."""
    merged = 1
    while merged < n:
        step = merged
        while step >= 1:
            for start in range(step % merged, n - step, 2 * step):
                for i in range(start, min(start + step, n - step)):
                    if i // (2 * merged) == (i + step) // (2 * merged):
                        yield i, i + step
            step //= 2
        merged *= 2
