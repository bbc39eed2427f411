"""NeuralLinUCB: LinUCB, exactly solved, on the encoding that a network has learnt (https://arxiv.org/abs/2012.01780).

Three faults of TF-Agents' agent are none here: weights count in the linear phase too, the phase is told by a counter of its own,
and which phase it is in is part of the state. Imports TensorFlow at the top.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents import settings
from waze_data_tfx.bandits.agents.base import Choice, Policy
from waze_data_tfx.bandits.agents.networks import CommonTower, RewardNetwork
from waze_data_tfx.bandits.agents.neural import NeuralAgent
from waze_data_tfx.bandits.agents.rows import chunks
from waze_data_tfx.bandits.agents.warm import by_action
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.bandits.linear.solve import solve
from waze_data_tfx.bandits.policies import exploration
from waze_data_tfx.errors import UserError

PIECE_ROWS = 8192


class EncodedCore(tf.Module):
    """Ridge regression of the reward on [encoding, 1]: a model per action, or one for all with a common tower's joint encoding.

    Attributes:
        moments: sums of w [x, r] [x, r]', [n_models, dim + 1, dim + 1] float64.
        prior_mean: what the parameters are drawn to, [n_models, dim] float64.
        theta, root: the solution (see `linear.solve`), float32.
        linear: whether the core chooses already; before, the network's own outputs do.
    """

    def __init__(self, network: RewardNetwork, *, n_actions: int, dim: int, tikhonov: float) -> None:
        """Begin without rows."""
        super().__init__()
        self._network, self._n_actions, self._tikhonov = network, n_actions, tikhonov
        self.shared = isinstance(network, CommonTower)
        n = 1 if self.shared else n_actions
        self.moments = tf.Variable(tf.zeros([n, dim + 1, dim + 1], tf.float64), trainable=False)
        self.prior_mean = tf.Variable(tf.zeros([n, dim], tf.float64), trainable=False)
        self.theta = tf.Variable(tf.zeros([n, dim]), trainable=False)
        self.root = tf.Variable(tf.eye(dim, batch_shape=[n]) * tikhonov**-0.5, trainable=False)
        self.linear = tf.Variable(False, trainable=False)

    def rows(self, encoding: tf.Tensor) -> tf.Tensor:
        """Return [encoding, 1] of every model's actions: [n, dim], or [n, n_actions, dim] where they share a model."""
        rows = self._network.joint(encoding) if self.shared else encoding
        return tf.concat([rows, tf.ones_like(rows[..., :1])], axis=-1)

    def bounds(self, encoding: tf.Tensor) -> tf.Tensor:
        """Return means and standard deviations of every action's reward, [2, n, n_actions]."""
        rows = self.rows(encoding)
        where = "nkd,jd->nk" if self.shared else "nd,kd->nk"
        spread = tf.einsum("nkd,jed->nke" if self.shared else "nd,ked->nke", rows, self.root)
        return tf.stack([tf.einsum(where, rows, self.theta), tf.sqrt(tf.reduce_sum(tf.square(spread), axis=-1))])

    def forget(self) -> None:
        """Drop all rows: the network, and with it the encodings, is about to change."""
        self.moments.assign(tf.zeros_like(self.moments))
        self.linear.assign(False)

    def add(self, batch: Batch, weight: tf.Tensor) -> None:
        """Add rows of weight [n] to the sums."""
        rows = self.rows(self._network.encoding(batch.context))
        taken = tf.one_hot(batch.action, self._n_actions)
        if self.shared:
            rows, taken = tf.einsum("nkd,nk->nd", rows, taken), tf.ones_like(taken[:, :1])
        both = tf.cast(tf.concat([rows, batch.reward[:, tf.newaxis]], axis=1), tf.float64)
        weighted = tf.cast(taken * weight[:, tf.newaxis], tf.float64)
        self.moments.assign_add(tf.einsum("nk,ni,nj->kij", weighted, both, both))

    def solve(self) -> None:
        """Make the parameters of the sums, and let them choose from now on."""
        strength = tf.fill([self.moments.shape[0]], tf.constant(self._tikhonov, tf.float64))
        solution = solve(self.moments, self.prior_mean, strength)
        self.theta.assign(tf.cast(solution.theta, tf.float32))
        self.root.assign(tf.cast(solution.root, tf.float32))
        self.linear.assign(True)


class NeuralLinUCBPolicy(Policy):
    """Takes argmax of mean + alpha * deviation; until the core has been solved, is epsilon-greedy by the network."""

    def __init__(self, network: RewardNetwork, core: EncodedCore, *, alpha: float, epsilon: float) -> None:
        """Hold the network, the core and how much each explores."""
        super().__init__()
        self._network, self._core, self._alpha, self._epsilon = network, core, alpha, epsilon

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        """Return means as scores, and probabilities."""
        encoding = self._network.encoding(context)
        mean, deviation = tf.unstack(self._core.bounds(encoding))
        of_network = self._network.of_encoding(encoding)
        optimistic = exploration.greedy(mean + self._alpha * deviation, eligible)
        early = exploration.epsilon_greedy(of_network, eligible, self._epsilon)
        return Choice(tf.where(self._core.linear, mean, of_network), tf.where(self._core.linear, optimistic, early))


class NeuralLinUCB(NeuralAgent):
    """Learns the encoding by regression, then the rewards given the encoding by exact ridge regression with upper bounds.

    `fit` trains the network in `epochs` passes and sums the encoded log in one more. `train_step` trains the network for
    `encoder_steps` steps, then leaves it and adds rows to the sums: sums of encodings that still change would be wrong.

    Off-policy: none or ips; both phases weigh rows alike. Doubly robust targets exist for actions not taken, which the sums of
    evidence must not count: dr is refused.
    """

    name = "neural_linucb"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int = 0,
        alpha: float = 1.0,
        encoding_dim: int = 16,
        tikhonov: float = 1.0,
        encoder_steps: int = 1000,
        epsilon: float = 0.1,
        **training: Any,
    ) -> None:
        """Make network and core.

        Args:
            problem: actions and sizes.
            seed: of the first weights and of the passes' order.
            alpha: optimism, in standard deviations.
            encoding_dim: numbers that the network makes of a context (per arm: of context and arm), its last layer's.
            tikhonov: ridge, > 0.
            encoder_steps: calls of `train_step` that train the network.
            epsilon: share left to chance in those.
            training: `neural_settings.Training`'s settings.
        """
        settings.at_least_zero(self.name, alpha=alpha)
        settings.positive(self.name, tikhonov=tikhonov)
        settings.counts(self.name, encoding_dim=encoding_dim, encoder_steps=encoder_steps)
        settings.shares(self.name, epsilon=epsilon)
        settings.one_of(self.name, ("none", "ips"), off_policy=training.get("off_policy", "none"))
        super().__init__(problem, seed=seed, **_with_encoding(self.name, training, encoding_dim))
        self._core = EncodedCore(self.network, n_actions=problem.n_actions, dim=encoding_dim + 1, tikhonov=tikhonov)
        self._policy = NeuralLinUCBPolicy(self.network, self._core, alpha=alpha, epsilon=epsilon)
        self._encoder_steps, self._steps = encoder_steps, tf.Variable(0, trainable=False)
        self._add = tf.function(self._added, autograph=False, reduce_retracing=True)

    @property
    def policy(self) -> Policy:
        """Return the optimistic policy."""
        return self._policy

    def train_step(self, batch: Batch) -> tf.Tensor:
        """Learn from one batch and return the loss [], the squared error before the step."""
        self._steps.assign_add(1)
        return tf.cond(self._steps <= self._encoder_steps, lambda: self._encoder(batch), lambda: self._linear(batch))

    def fit(self, batches: Callable[[], Iterator[Batch]]) -> Mapping[str, Any]:
        """Learn from a log: the network in passes, then the core in one."""
        record = super().fit(batches)
        self._core.forget()
        for piece in chunks(batches(), PIECE_ROWS):  # always so many, so that sums do not depend on how the rows come
            self._add(Batch(*map(tf.convert_to_tensor, piece)))
        self._core.solve()
        return record

    def state(self) -> Mapping[str, np.ndarray]:
        """Return the network, the sums, what the parameters are drawn to, and whether the core chooses already."""
        core = self._core
        kept = {"moments": core.moments, "prior_mean": core.prior_mean, "theta": core.theta, "linear": core.linear}
        return {**super().state(), **{f"core/{name}": variable.numpy() for name, variable in kept.items()}}

    def warm_start(self, state: Mapping[str, np.ndarray], actions: tuple[str, ...]) -> None:
        """Begin from a state's network and sums; a later `fit` trains the one and makes the others anew.

        An action that the state does not know has no rows; its parameters are drawn to the mean of the known ones', or to
        `new_action_prior` for everybody.
        """
        super().warm_start(state, actions)
        core, prior = self._core, self.training.new_action_prior
        if "core/moments" not in state or state["core/moments"].shape[1:] != core.moments.shape[1:]:
            raise UserError(f"{self.name}: the state to start from has no sums of {core.moments.shape[1]} numbers")
        moments, mean, theta = (np.asarray(state[f"core/{name}"]) for name in ("moments", "prior_mean", "theta"))
        if not core.shared:
            expected = theta.mean(axis=0) if prior is None else np.append(np.zeros(theta.shape[1] - 1), prior)
            moments = by_action(moments, 0, actions, self.problem.actions, new=0.0)
            mean = by_action(mean, 0, actions, self.problem.actions, new=expected)
        core.moments.assign(moments)
        core.prior_mean.assign(mean)
        if state["core/linear"]:
            core.solve()

    def _encoder(self, batch: Batch) -> tf.Tensor:
        self._core.forget()
        return super().train_step(batch)

    def _linear(self, batch: Batch) -> tf.Tensor:
        mean = self._core.bounds(self.network.encoding(batch.context))[0]
        error = batch.reward - tf.reduce_sum(mean * tf.one_hot(batch.action, self.problem.n_actions), axis=1)
        self._added(batch)
        self._core.solve()
        return tf.math.divide_no_nan(tf.reduce_sum(batch.weight * error**2), tf.reduce_sum(batch.weight))

    def _added(self, batch: Batch) -> None:
        self._core.add(batch, self._learner.row_weights(batch))


def _with_encoding(where: str, training: Mapping[str, Any], encoding_dim: int) -> dict[str, Any]:
    """Return the training settings with the encoding as one more layer: the common ones' last, or the one over the context."""
    if not training.get("per_arm"):
        return {**training, "hidden_units": (*training.get("hidden_units", (64, 32)), encoding_dim)}
    if training.get("network", "common_tower") != "common_tower":
        raise UserError(
            f"{where}.network: received {training['network']!r}; expected common_tower, which encodes context and arm together"
        )
    return {**training, "common_units": (*(training.get("common_units") or ()), encoding_dim)}
