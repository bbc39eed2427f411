"""Agents and environments of a user's own, for the lab's tests: found by their dotted path, `agents_for_test:Ridge`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents.base import Agent, Choice, Policy
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.bandits.environments.base import Environment, Observation


class RidgePolicy(Policy):
    """Epsilon-greedy over the scores of a ridge regression per arm."""

    def __init__(self, gram: tf.Variable, moment: tf.Variable, epsilon: float) -> None:
        self.gram, self.moment, self.epsilon = gram, moment, epsilon

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        theta = tf.linalg.solve(self.gram, self.moment[..., None])[..., 0]
        scores = context @ tf.transpose(theta)
        best = tf.argmax(tf.where(eligible, scores, scores.dtype.min), axis=1)
        free = tf.cast(eligible, tf.float32)
        greedy = tf.one_hot(best, scores.shape[1])
        return Choice(scores, (1 - self.epsilon) * greedy + self.epsilon * free / tf.reduce_sum(free, 1, keepdims=True))


class Ridge(Agent):
    """The smallest agent that learns."""

    def __init__(self, problem: Problem, *, epsilon: float = 0.1, seed: int = 0) -> None:
        super().__init__(problem, seed=seed)
        k, d = problem.n_actions, problem.context_dim
        self.gram, self.moment = tf.Variable(tf.eye(d, batch_shape=[k])), tf.Variable(tf.zeros([k, d]))
        self._policy = RidgePolicy(self.gram, self.moment, epsilon)

    @property
    def policy(self) -> Policy:
        return self._policy

    def train_step(self, batch: Batch) -> tf.Tensor:
        chosen = tf.one_hot(batch.action, self.problem.n_actions)
        error = batch.reward - tf.reduce_sum(chosen * self._policy(batch.context, batch.eligible).scores, 1)
        self.gram.assign_add(tf.einsum("nk,ni,nj->kij", chosen, batch.context, batch.context))
        self.moment.assign_add(tf.einsum("nk,ni,n->ki", chosen, batch.context, batch.reward))
        return tf.reduce_mean(error**2)

    def fit(self, batches: Callable[[], Iterator[Batch]]) -> Mapping[str, Any]:
        raise NotImplementedError

    def state(self) -> Mapping[str, np.ndarray]:
        return {"gram": self.gram.numpy(), "moment": self.moment.numpy()}

    def warm_start(self, state: Mapping[str, np.ndarray], actions: tuple[str, ...]) -> None:
        raise NotImplementedError


class FixedPolicy(Policy):
    """The same probabilities in every row, whoever is eligible."""

    def __init__(self, probabilities: list[float]) -> None:
        self.probabilities = tf.constant([probabilities])

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        shape = tf.shape(eligible)
        return Choice(tf.zeros(shape), tf.broadcast_to(self.probabilities, shape))


class Fixed(Agent):
    """Learns nothing but how many rows and rewards it has seen."""

    def __init__(self, problem: Problem, *, probabilities: list[float], seed: int = 0) -> None:
        super().__init__(problem, seed=seed)
        self._policy, self.seen = FixedPolicy(probabilities), tf.Variable(tf.zeros([2]))

    @property
    def policy(self) -> Policy:
        return self._policy

    def train_step(self, batch: Batch) -> tf.Tensor:
        self.seen.assign_add(tf.stack([tf.reduce_sum(batch.weight), tf.reduce_sum(batch.reward)]))
        return tf.reduce_mean(batch.propensity)

    def fit(self, batches: Callable[[], Iterator[Batch]]) -> Mapping[str, Any]:
        raise NotImplementedError

    def state(self) -> Mapping[str, np.ndarray]:
        return {}

    def warm_start(self, state: Mapping[str, np.ndarray], actions: tuple[str, ...]) -> None:
        raise NotImplementedError


class TwoArms(Environment):
    """Arm 0 earns 1, arm 1 earns `second`; arm 2, if it is there, 9, and is never eligible."""

    def __init__(self, *, second: float = 0.25, forbidden: bool = False) -> None:
        self._problem = Problem(("first", "second", "third")[: 3 if forbidden else 2], 1)
        self._expected = [1.0, second, 9.0][: self._problem.n_actions]

    @property
    def problem(self) -> Problem:
        return self._problem

    def observe(self, seed: tf.Tensor, n: int) -> Observation:
        eligible = tf.tile([[True, True, False][: self._problem.n_actions]], [n, 1])
        return Observation(tf.ones([n, 1]), eligible, tf.zeros([n], tf.int32))

    def expected(self, handle: tf.Tensor) -> tf.Tensor:
        return tf.tile([self._expected], [tf.shape(handle)[0], 1])

    def reward(self, handle: tf.Tensor, action: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.expected(handle), action, batch_dims=1)


def make_nothing(problem: Problem, *, seed: int) -> str:
    """Return what is no agent."""
    return f"{problem} {seed}"
