"""An environment whose contexts are the rows of a table, with the expected reward of every action in every row.

What ratings and classification data become; built by `low_rank`, `movielens` and `classification`. Imports TensorFlow at the top.
"""

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.environments.base import Environment, Observation
from waze_data_tfx.errors import UserError


class Table(Environment):
    """Draws rows evenly and pays their expected reward, with noise where that is asked for."""

    def __init__(
        self,
        problem: Problem,
        context: np.ndarray,
        expected: np.ndarray,
        *,
        noise: float = 0.0,
        n_eligible: int | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Hold the table.

        Args:
            problem: the actions.
            context: [n_rows, context_dim].
            expected: expected rewards, [n_rows, n_actions].
            noise: standard deviation of a normal error on every reward.
            n_eligible: so many actions, drawn anew for every decision, can be taken; default: all.
            notes: what a reader of the curves should know.

        Raises:
            UserError: more are to be eligible than there are, or fewer than two.
        """
        if n_eligible is not None and not 2 <= n_eligible <= problem.n_actions:
            raise UserError(f"n_eligible: received {n_eligible}; expected 2 to {problem.n_actions}, the number of arms")
        self._problem, self._notes, self._noise, self._n_eligible = problem, notes, noise, n_eligible
        self._context = tf.constant(context, tf.float32)
        self._expected = tf.constant(expected, tf.float32)

    @property
    def problem(self) -> Problem:
        """Return the actions and sizes."""
        return self._problem

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a reader of its curves should know."""
        return self._notes

    def observe(self, seed: tf.Tensor, n: int) -> Observation:
        """Return n rows, each drawn evenly; their handle is the row's number [n]."""
        row = tf.random.stateless_uniform([n], seed, maxval=tf.shape(self._context)[0], dtype=tf.int32)
        return Observation(tf.gather(self._context, row), self._eligible(seed, n), row)

    def expected(self, handle: tf.Tensor) -> tf.Tensor:
        """Return the rows' expected rewards, [n, n_actions]."""
        return tf.gather(self._expected, handle)

    def reward(self, handle: tf.Tensor, action: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Return the expected reward of the actions, and noise."""
        mean = tf.gather(self.expected(handle), action, batch_dims=1)
        return mean + self._noise * tf.random.stateless_normal(tf.shape(mean), seed) if self._noise else mean

    def _eligible(self, seed: tf.Tensor, n: int) -> tf.Tensor:
        shape = [n, self._problem.n_actions]
        if self._n_eligible is None:
            return tf.ones(shape, tf.bool)
        order = tf.argsort(tf.random.stateless_uniform(shape, tf.random.experimental.stateless_fold_in(seed, 1)), axis=1)
        return order < self._n_eligible
