"""A bandit's log as the transform hands it on: the action's number, who was eligible, the propensity and the day.

Called by `entry`, beside the features. Whatever cannot be used gets a value that no real one has, which training refuses with its
count. Imports TensorFlow at the top.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from waze_data_tfx.config.bandit import Bandit

from . import ready_made, times, transforms

UNKNOWN = -1
"""The number of an action that the config does not name, and of a missing one."""
NO_DAY = -(2**31)


def read(bandit: Bandit | None) -> tuple[str, ...]:
    """Return the columns of the log that the transform reads."""
    if bandit is None:
        return ()
    log = bandit.columns
    return log.action, log.eligible, log.propensity, log.day


def columns(inputs: Mapping[str, Any], bandit: Bandit) -> dict[str, tf.Tensor]:
    """Return action [n] int64, eligible [n, n_actions] int64 of 0 and 1, propensity [n] float32 and day [n] int64.

    A missing propensity is NaN; the day counts from 1970-01-01, `NO_DAY` where it cannot be read.
    """
    log, actions = bandit.columns, bandit.actions
    propensity = transforms.floats(ready_made.column(inputs, log.propensity))
    seconds = times.epoch_seconds(ready_made.column(inputs, log.day))
    days = tf.cast(tf.floor(tf.where(tf.math.is_finite(seconds), seconds, 0.0) / times.DAY_S), tf.int64)
    return {
        log.action: numbers(transforms.texts(ready_made.column(inputs, log.action)), actions),
        log.eligible: tf.cast(mask(ready_made.column(inputs, log.eligible), actions), tf.int64),
        log.propensity: tf.cast(propensity, tf.float32),
        log.day: tf.where(tf.math.is_finite(seconds), days, tf.constant(NO_DAY, tf.int64)),
    }


def numbers(names: tf.Tensor, actions: tuple[str, ...]) -> tf.Tensor:
    """Return the number of each name [n] of an action, `UNKNOWN` where it is none; [n] int64."""
    same = names[:, tf.newaxis] == tf.constant(actions)
    found = tf.argmax(tf.cast(same, tf.int32), axis=1, output_type=tf.int64)
    return tf.where(tf.reduce_any(same, axis=1), found, tf.constant(UNKNOWN, tf.int64))


def mask(names: Any, actions: tuple[str, ...]) -> tf.Tensor:
    """Return which actions a row names, [n, n_actions] bool; a row without any value names all of them.

    Args:
        names: SparseTensor [n, any] of texts, or dense [n] or [n, width].
        actions: names that are not among these are ignored: a row with none but such has no eligible action.
    """
    if isinstance(names, tf.SparseTensor):
        rows, values, n_rows = names.indices[:, 0], names.values, names.dense_shape[0]
    else:
        values = tf.reshape(names, [-1])
        n_rows = tf.shape(names, tf.int64)[0]
        rows = tf.repeat(tf.range(n_rows), tf.shape(names, tf.int64)[1] if names.shape.rank == 2 else 1)
    same = tf.cast(values[:, tf.newaxis] == tf.constant(actions), tf.int32)
    named = tf.math.unsorted_segment_max(same, rows, n_rows) > 0  # of a row without a value: the least of integers
    given = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, n_rows) > 0
    return tf.reshape(named | ~given[:, tf.newaxis], [-1, len(actions)])
