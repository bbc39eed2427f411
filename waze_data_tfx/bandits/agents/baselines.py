"""What every other agent must beat: chance, the policy that wrote the log, and one action for everybody.

They learn no context: each action's mean reward in the log (their scores) and how often it was taken of the times that it could
be. No propensity is used. Imports TensorFlow at the top.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents.base import Agent, Choice, Policy
from waze_data_tfx.bandits.agents.warm import by_action
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.bandits.policies import exploration
from waze_data_tfx.errors import DataError, UserError, unknown_name

_SUMS = ("taken", "offered", "reward")


class Baseline(Agent):
    """Counts actions and their rewards; a subclass says with which probabilities they are taken.

    Attributes:
        name: what messages call it.
        sums: by name, [n_actions] float64 each, weighted by the rows' weights: times taken, times eligible, rewards.
    """

    name = "baseline"

    def __init__(self, problem: Problem, *, seed: int = 0) -> None:
        """Begin with nothing counted; `seed` is not used, nothing is random here."""
        super().__init__(problem, seed=seed)
        zeros = np.zeros(problem.n_actions)
        self.sums = {name: tf.Variable(zeros, dtype=tf.float64, trainable=False, name=name) for name in _SUMS}
        self._policy = _BaselinePolicy(self.sums, self.probabilities)

    def probabilities(self, scores: tf.Tensor, shares: tf.Tensor, eligible: tf.Tensor) -> tf.Tensor:
        """Return the probabilities [n, n_actions].

        Args:
            scores: mean reward of every action, [n, n_actions] float32.
            shares: times taken per time eligible, [n_actions] float32.
            eligible: [n, n_actions] bool.
        """
        raise NotImplementedError

    @property
    def policy(self) -> Policy:
        """Return the policy that reads the counts."""
        return self._policy

    def train_step(self, batch: Batch) -> tf.Tensor:
        """Count one batch; return the mean squared distance of its rewards from the actions' mean rewards so far, []."""
        before = tf.gather(_ratio(self.sums["reward"], self.sums["taken"]), batch.action)
        weight = tf.cast(batch.weight, tf.float64)[:, None]
        taken = tf.one_hot(batch.action, self.problem.n_actions, dtype=tf.float64) * weight
        reward = tf.cast(batch.reward, tf.float64)
        self.sums["taken"].assign_add(tf.reduce_sum(taken, axis=0))
        self.sums["offered"].assign_add(tf.reduce_sum(tf.cast(batch.eligible, tf.float64) * weight, axis=0))
        self.sums["reward"].assign_add(tf.reduce_sum(taken * reward[:, None], axis=0))
        return tf.reduce_mean(tf.square(tf.cast(batch.reward, tf.float32) - before))

    def fit(self, batches: Callable[[], Iterator[Batch]]) -> Mapping[str, Any]:
        """Count a log alone, in one pass, and return its rows and what was counted.

        Raises:
            DataError: no rows, or an action outside the problem's.
        """
        n_rows, n_actions = 0, self.problem.n_actions
        made = {name: np.zeros(n_actions) for name in _SUMS}
        for batch in batches():
            action, weight = np.asarray(batch.action), np.asarray(batch.weight, float)
            if len(action) and not (action.min() >= 0 and action.max() < n_actions):
                outside = action[(action < 0) | (action >= n_actions)][0]
                raise DataError(f"{self.name}: an action of the log; received {outside}; expected 0 to {n_actions - 1}")
            n_rows += len(action)
            made["taken"] += np.bincount(action, weight, n_actions)
            made["offered"] += weight @ np.asarray(batch.eligible, float)
            made["reward"] += np.bincount(action, weight * np.asarray(batch.reward, float), n_actions)
        if not n_rows:
            raise DataError(f"{self.name}: received a log without rows; expected at least one decision")
        for name, values in made.items():
            self.sums[name].assign(values)
        return {"rows": n_rows} | {name: values.tolist() for name, values in made.items()}

    def state(self) -> Mapping[str, np.ndarray]:
        """Return the sums."""
        return {name: variable.numpy() for name, variable in self.sums.items()}

    def context_axes(self) -> Mapping[str, int]:
        """Return none: the context is not read."""
        return {}

    def warm_start(self, state: Mapping[str, np.ndarray], actions: tuple[str, ...]) -> None:
        """Take the sums of a state, by the actions' names; a new action begins with none.

        Raises:
            UserError: the state is another agent's.
        """
        if set(state) != set(_SUMS) or any(np.shape(values) != (len(actions),) for values in state.values()):
            received = ", ".join(f"{name} {list(np.shape(values))}" for name, values in sorted(state.items())) or "nothing"
            raise UserError(
                f"{self.name}: the state to start from; received {received}; expected {', '.join(_SUMS)} [{len(actions)}]"
            )
        for name, variable in self.sums.items():
            variable.assign(by_action(np.asarray(state[name]), 0, actions, self.problem.actions, new=0.0))


class Random(Baseline):
    """Every eligible action alike."""

    name = "random"

    def probabilities(self, scores: tf.Tensor, shares: tf.Tensor, eligible: tf.Tensor) -> tf.Tensor:
        """Return 1 / n_eligible."""
        del scores, shares
        return exploration.uniform(eligible)


class Logging(Baseline):
    """Takes actions as the log did, whatever the context: in proportion to times taken per time eligible."""

    name = "logging"

    def probabilities(self, scores: tf.Tensor, shares: tf.Tensor, eligible: tf.Tensor) -> tf.Tensor:
        """Return the shares of the eligible actions; all alike where none of them was ever taken."""
        del scores
        some = tf.cast(eligible, tf.float32) * shares
        total = tf.reduce_sum(some, axis=1, keepdims=True)
        return tf.where(total > 0, tf.math.divide_no_nan(some, total), exploration.uniform(eligible))


class Fixed(Baseline):
    """Always one action; where it is not eligible, the eligible one with the highest mean reward."""

    name = "fixed"

    def __init__(self, problem: Problem, *, action: str, seed: int = 0) -> None:
        """Take the action's name.

        Raises:
            UserError: it is none of the problem's.
        """
        if action not in problem.actions:
            raise UserError(f"fixed.action: {unknown_name('action', action, problem.actions)}")
        self._number = problem.actions.index(action)
        super().__init__(problem, seed=seed)

    def probabilities(self, scores: tf.Tensor, shares: tf.Tensor, eligible: tf.Tensor) -> tf.Tensor:
        """Return 1 for the action, or for the best one in its place."""
        del shares
        here = tf.one_hot(self._number, self.problem.n_actions) * tf.cast(eligible, tf.float32)
        return here + exploration.greedy(scores, eligible) * (1.0 - tf.reduce_sum(here, axis=1, keepdims=True))


class _BaselinePolicy(Policy):
    """Reads the counts; the same scores for every row."""

    def __init__(self, sums: Mapping[str, tf.Variable], probabilities: Callable[..., tf.Tensor]) -> None:
        super().__init__()
        self._taken, self._offered, self._reward = (sums[name] for name in _SUMS)
        self._probabilities = probabilities

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        """Return each action's mean reward, 0 for one never taken, and the probabilities."""
        del context
        scores = tf.where(eligible, 0.0, 0.0) + _ratio(self._reward, self._taken)
        return Choice(scores, self._probabilities(scores, _ratio(self._taken, self._offered), eligible))


def _ratio(sums: tf.Variable, counts: tf.Variable) -> tf.Tensor:
    """Return sums per count, 0 where nothing was counted, [n_actions] float32."""
    return tf.cast(tf.math.divide_no_nan(sums.read_value(), counts.read_value()), tf.float32)
