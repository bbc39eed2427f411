"""The newsletter's simulator as an environment: readers in the order of their days, a drifting truth, a click-bait arm.

The truth is `simulators.newsletter`'s; the context is what the shop knows, not the hidden segment or intent. Imports TensorFlow.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.environments.base import Environment, Observation
from waze_data_tfx.bandits.simulators.newsletter import draw_contexts_at_random, expected
from waze_data_tfx.bandits.simulators.readers import Contexts
from waze_data_tfx.bandits.simulators.world import ACTIONS
from waze_data_tfx.errors import UserError

MIN_WORD_SHARE = 0.01
"""Words of a search that fewer rows hold are left out."""
CLOCK = "the clock goes on by a day every {} steps, and from the start again after {} weeks; the arms' appeal drifts in that time"


class Newsletter(Environment):
    """Draws a reader of the current day; a reward is 1 for a click, -1 for one that ends the subscription, else 0."""

    def __init__(self, *, n_users: int = 20_000, weeks: int = 16, steps_per_day: int = 50, seed: int = 0) -> None:
        """Draw the readers.

        Args:
            n_users: readers, spread over the days; each is met on one day.
            weeks: after so many the first day comes again; 16 are the period of the drift.
            steps_per_day: steps of the loop until the next day.
            seed: of the readers, the same for every run over them.

        Raises:
            UserError: a day would be without readers.
        """
        contexts = draw_contexts_at_random(n_users, seed=seed, weeks=weeks)
        counts = np.bincount(np.floor(contexts.day).astype(int), minlength=7 * weeks)
        if not counts.all():
            raise UserError(f"n_users: received {n_users}; expected many more than the {7 * weeks} days: one has no reader")
        self._counts, self._steps_per_day = tf.constant(counts, tf.int32), steps_per_day
        self._first = tf.constant(np.cumsum(counts) - counts, tf.int32)
        truth, known = expected(contexts), encoded(contexts)
        self._click, self._leave = tf.constant(truth.click, tf.float32), tf.constant(truth.unsubscribe, tf.float32)
        self._context, self._eligible = tf.constant(known, tf.float32), tf.constant(contexts.eligible)
        self._problem = Problem(ACTIONS, known.shape[1])
        self._notes = (f"{n_users:,} readers of the newsletter's simulator, seed {seed}", CLOCK.format(steps_per_day, weeks))

    @property
    def problem(self) -> Problem:
        """Return the recommenders."""
        return self._problem

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a reader of its curves should know."""
        return self._notes

    def observe(self, seed: tf.Tensor, n: int) -> Observation:
        """Return n readers, each drawn evenly from those of the current day; their handle is the reader's number [n]."""
        day = (seed[1] // self._steps_per_day) % len(self._counts)
        row = self._first[day] + tf.random.stateless_uniform([n], seed, maxval=self._counts[day], dtype=tf.int32)
        return Observation(tf.gather(self._context, row), tf.gather(self._eligible, row), row)

    def expected(self, handle: tf.Tensor) -> tf.Tensor:
        """Return p(click) - 2 p(click that unsubscribes), [n, 12]."""
        return tf.gather(self._click, handle) - 2.0 * tf.gather(self._leave, handle)

    def reward(self, handle: tf.Tensor, action: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Return -1, 0 or 1: an unsubscribing click is one of the clicks."""
        click, leave = (tf.gather(tf.gather(p, handle), action, batch_dims=1) for p in (self._click, self._leave))
        u = tf.random.stateless_uniform(tf.shape(click), seed)
        return tf.where(u < leave, -1.0, tf.where(u < click, 1.0, 0.0))


def encoded(contexts: Contexts) -> np.ndarray:
    """Return what the shop knows as numbers, [n, d]: a constant, z-scores of logarithms, and 0 or 1 per category and word."""
    weekday = np.floor(contexts.day).astype(int) % 7
    parts = [np.ones((len(contexts), 1)), np.eye(7)[weekday]]
    for name, values in contexts.columns.items():
        if name == "last_search":
            parts.extend(_words(values))
        else:
            parts.extend(_categories(values) if values.dtype == object else _number(values.astype(float)))
    return np.concatenate(parts, axis=1)


def _number(values: np.ndarray) -> Iterator[np.ndarray]:
    missing = np.isnan(values)
    logs = np.log1p(values[~missing])
    scaled = np.zeros(len(values))
    scaled[~missing] = (logs - logs.mean()) / (logs.std() or 1.0)
    yield scaled[:, None]
    if missing.any():
        yield missing[:, None].astype(float)


def _categories(values: np.ndarray) -> Iterator[np.ndarray]:
    texts = np.array([value or "" for value in values])
    yield (texts[:, None] == np.unique(texts)).astype(float)


def _words(values: np.ndarray) -> Iterator[np.ndarray]:
    searches = [set((value or "").split()) for value in values]
    for word in sorted(set().union(*searches)):
        held = np.array([word in search for search in searches], float)
        if held.mean() >= MIN_WORD_SHARE:
            yield held[:, None]
