"""Reads logged decisions out of serialized tf.Examples into arrays, and refuses rows that no estimate can be made of.

Called by `measure` on Beam's workers. Imports TensorFlow at the top. Never asks a model.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.estimators.sums import group_of
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError, did_you_mean

from .settings import N_GROUPS


class Decisions(NamedTuple):
    """Logged decisions, n rows.

    Attributes:
        action: number of the action taken, [n] int64.
        propensity: with which the logging policy took it, [n] float64.
        reward: [n] float64.
        eligible: actions that could be taken, [n, n_actions] bool.
        group: hash group of the user, [n] int64 in 0..N_GROUPS-1.
        unsubscribed: 1.0 where the user was lost, [n] float64; None without such a column.
    """

    action: np.ndarray
    propensity: np.ndarray
    reward: np.ndarray
    eligible: np.ndarray
    group: np.ndarray
    unsubscribed: np.ndarray | None


class Reader:
    """Reads the log's columns as the config names them."""

    def __init__(self, config: Config) -> None:
        """Hold the names of columns and actions."""
        assert config.bandit is not None
        assert config.key is not None
        self._columns, self._label, self._key = config.bandit.columns, config.label, config.key
        self._actions = np.array([a.encode() for a in config.bandit.actions])
        self._order = np.argsort(self._actions)
        missing = float("nan")
        key_type = config.column_types()[self._key]
        self._features: dict[str, Any] = {
            self._columns.action: tf.io.FixedLenFeature([], tf.string, ""),
            self._columns.propensity: tf.io.FixedLenFeature([], tf.float32, missing),
            self._label: tf.io.FixedLenFeature([], tf.float32, missing),
            self._columns.eligible: tf.io.RaggedFeature(tf.string),
            self._key: tf.io.FixedLenFeature([], tf.int64, -1) if key_type == "int" else tf.io.FixedLenFeature([], tf.string, ""),
        }
        if self._columns.unsubscribed:
            self._features[self._columns.unsubscribed] = tf.io.FixedLenFeature([], tf.int64, -1)

    def read(self, serialized: Sequence[bytes]) -> Decisions:
        """Return the decisions of serialized examples.

        No eligible action at all means that every action is; names that are no action are left out.

        Raises:
            DataError: an unknown action, one that is not eligible, a propensity outside (0, 1], no reward, or an unsubscribe that
                is neither 0 nor 1.
        """
        parsed = tf.io.parse_example(tf.constant(list(serialized), tf.string), self._features)
        keys = parsed[self._key]
        text = keys if keys.dtype == tf.string else tf.strings.as_string(keys)
        names = parsed[self._columns.action].numpy().astype("S")
        unsubscribed = parsed[self._columns.unsubscribed].numpy().astype(float) if self._columns.unsubscribed else None
        decisions = Decisions(
            action=self._numbers(names),
            propensity=parsed[self._columns.propensity].numpy().astype(float),
            reward=parsed[self._label].numpy().astype(float),
            eligible=self._eligible(parsed[self._columns.eligible]),
            group=group_of(text.numpy(), n_groups=N_GROUPS),
            unsubscribed=unsubscribed,
        )
        self._check(decisions, names, text.numpy())
        return decisions

    def _numbers(self, names: np.ndarray) -> np.ndarray:
        """Return the actions' numbers, -1 for a name that is none."""
        place = np.searchsorted(self._actions, names, sorter=self._order).clip(max=len(self._actions) - 1)
        numbers = self._order[place]
        return np.where(self._actions[numbers] == names, numbers, -1)

    def _eligible(self, ragged: tf.RaggedTensor) -> np.ndarray:
        lengths = ragged.row_lengths().numpy()
        numbers = self._numbers(np.asarray(ragged.values.numpy(), "S")) if len(ragged.values) else np.zeros(0, np.int64)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        eligible = np.zeros((len(lengths), len(self._actions)), bool)
        eligible[rows[numbers >= 0], numbers[numbers >= 0]] = True
        eligible[lengths == 0] = True
        return eligible

    def _check(self, d: Decisions, names: np.ndarray, keys: np.ndarray) -> None:
        """Raise for the first rule that some row breaks, with its user and the number of such rows in the batch."""
        columns, known = self._columns, [a.decode() for a in self._actions]
        rows = np.arange(len(d.action))
        taken_was_eligible = d.eligible[rows, np.maximum(d.action, 0)] | ~d.eligible.any(axis=1)  # an empty set has a fallback

        def refuse(bad: np.ndarray, column: str, received: np.ndarray, expected: str) -> None:
            if bad.any():
                i = int(np.argmax(bad))
                value = received[i].decode("utf-8", "replace") if isinstance(received[i], bytes) else received[i]
                where = f"evaluation: split 'eval': column '{column}' of user '{keys[i].decode('utf-8', 'replace')}'"
                raise DataError(f"{where}: received {value!s}; expected {expected} ({int(bad.sum())} such rows in one batch)")

        if (d.action < 0).any():
            wrong = names[d.action < 0][0].decode("utf-8", "replace")
            refuse(d.action < 0, columns.action, names, f"one of bandit.actions{did_you_mean(wrong, known)}")
        refuse(~taken_was_eligible, columns.action, names, f"an action of this row's '{columns.eligible}'")
        refuse(~((d.propensity > 0) & (d.propensity <= 1)), columns.propensity, d.propensity, "a probability in (0, 1]")
        refuse(~np.isfinite(d.reward), self._label, d.reward, "a reward")
        if d.unsubscribed is not None:
            refuse(~np.isin(d.unsubscribed, (0, 1)), str(columns.unsubscribed), d.unsubscribed, "0 or 1")
