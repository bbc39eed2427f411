"""How a reward network learns from logged decisions: targets and weights by off-policy method, one or several devices, passes.

Called by the neural agents. The loop runs in one graph over many batches, so that Python is not in it. Imports TensorFlow at
the top.

The loss is the sum over rows of what follows, divided by the sum of the rows' weights w. It is not divided by the importance
weights as well: in a batch of 64 rows that would draw everything towards what the logging policy liked (measured: 0.52 for a mean
reward of 0.75).

Off-policy methods, of what a row with action a, reward r, logging propensity p and weight w gives:

- none: target r for a, squared error times w. Right where the network can express the rewards of all contexts.
- ips: the same times min(1/p, max_weight): every context and action counts as under uniform actions, so that a network
  too small for the truth errs least where a new policy may go, not where the old one went.
- dr: a target for every eligible action, q(a') + 1[a' = a] * min(1/p, max_weight) * (r - q(a)), with a second network q fitted
  as by `none` at the same time and asked before it sees the batch (Dudik et al. 2011, doubly robust; right where p or q is).
"""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents.networks import RewardNetwork
from waze_data_tfx.bandits.agents.neural_settings import Training
from waze_data_tfx.bandits.agents.rows import check_rows, chunks
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.errors import UserError

if TYPE_CHECKING:
    from waze_data_tfx.bandits.agents.regression import Regression

CHUNK_ROWS = 65_536  # rows per call of the compiled loop, and among which a pass is shuffled


class Learner:
    """Trains a reward network."""

    def __init__(
        self,
        make: Callable[[int], RewardNetwork],
        *,
        problem: Problem,
        training: Training,
        seed: int,
        dropout: float = 0.0,
    ) -> None:
        """Make the networks by `make(seed)` and their optimizers."""
        self.training, self._problem, self._seed, self._dropout = training, problem, seed, dropout
        self._n_masked = training.hidden_units[-1] if dropout else 0
        self._strategy = _mirrored() if training.parallel == "mirrored" else None
        with _scope(self._strategy):
            self.network = make(seed)
            self.reward_model = make(seed + 1) if training.off_policy == "dr" else None
            self._regression = self._of(self.network, "all" if self.reward_model else "taken", n_masked=self._n_masked)
            self._reward_regression = self._of(self.reward_model, "taken") if self.reward_model else None
        self._n_steps = tf.Variable(0, dtype=tf.int64, trainable=False)

    def step(self, batch: Batch) -> tf.Tensor:
        """Learn from one batch of tensors and return the loss []."""
        context, action, reward, propensity, eligible, weight = (_column(batch, name) for name in _COLUMNS)
        share = tf.math.divide_no_nan(self.row_weights(batch), tf.reduce_sum(weight))
        seen = {"context": context, "action": action}
        if self._reward_regression is None or self.reward_model is None:
            return self._on_devices(self._regression, self._masked(seen), reward[:, tf.newaxis], share[:, tf.newaxis])
        estimates = self.reward_model.scores(context)
        taken = tf.one_hot(action, self._problem.n_actions)
        targets = estimates + taken * self._inverse(propensity)[:, tf.newaxis] * (reward[:, tf.newaxis] - estimates)
        counted = tf.cast(eligible, tf.float32) * share[:, tf.newaxis]
        loss = self._on_devices(self._regression, self._masked(seen), targets, counted)
        self._on_devices(self._reward_regression, seen, reward[:, tf.newaxis], share[:, tf.newaxis])
        return loss

    def row_weights(self, batch: Batch) -> tf.Tensor:
        """Return what each row counts in a regression on the actions taken, [n]."""
        weight = _column(batch, "weight")
        return weight * self._inverse(_column(batch, "propensity")) if self.training.off_policy == "ips" else weight

    def fit(self, batches: Callable[[], Iterator[Batch]]) -> dict[str, Any]:
        """Learn from a log in `epochs` passes, each shuffled by the seed among CHUNK_ROWS rows.

        Returns:
            rows [], loss of every pass (mean over its steps), seconds.

        Raises:
            UserError: a loss is no number, or the log has no row.
        """
        size = self.training.batch_size
        started, losses, n_rows = time.monotonic(), [], 0
        for epoch in range(self.training.epochs):
            total, n_steps, n_rows = 0.0, 0, 0
            for i, chunk in enumerate(chunks(batches(), max(CHUNK_ROWS // size, 1) * size)):
                check_rows(chunk, self._problem)
                order = np.random.default_rng([self._seed, epoch, i]).permutation(len(chunk.action))
                stacked, n = self._stacked(chunk, order)
                total, n_steps, n_rows = total + float(self._run(stacked)), n_steps + n, n_rows + len(order)
                _check_finite("loss", total, epoch + 1)
            if not n_rows:
                raise UserError("training: the log has no row; expected at least one decision")
            losses.append(total / n_steps)
            for variable in self.network.named().values():
                _check_finite("a weight", float(tf.reduce_sum(variable)), epoch + 1)
        return {"rows": n_rows, "loss": losses, "seconds": time.monotonic() - started}

    def _of(self, net: RewardNetwork, targets: Literal["taken", "all"], n_masked: int = 0) -> "Regression":
        sizes = {"context_dim": self._problem.context_dim, "n_actions": self._problem.n_actions, "n_masked": n_masked}
        return _regression()(net, targets=targets, learning_rate=self.training.learning_rate, **sizes)

    def _inverse(self, propensity: tf.Tensor) -> tf.Tensor:
        return tf.minimum(1.0 / propensity, self.training.max_weight)

    def _masked(self, seen: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        # Drawn for the whole batch from seed and step: the same on one device and on several, and in every repetition.
        self._n_steps.assign_add(1)
        if not self._n_masked:
            return seen
        shape = [tf.shape(seen["action"])[0], self._n_masked]
        drawn = tf.random.stateless_uniform(shape, tf.stack([tf.constant(self._seed, tf.int64), self._n_steps.read_value()]))
        return {**seen, "mask": tf.cast(drawn >= self._dropout, tf.float32) / (1 - self._dropout)}

    def _on_devices(
        self, regression: "Regression", seen: Mapping[str, tf.Tensor], targets: tf.Tensor, weights: tf.Tensor
    ) -> tf.Tensor:
        if self._strategy is None:
            return regression.step(seen, targets, weights)
        n = self._strategy.num_replicas_in_sync

        def on_one(*arguments: Any) -> tf.Tensor:
            i = tf.distribute.get_replica_context().replica_id_in_sync_group
            return regression.step(*tf.nest.map_structure(lambda values: values[i::n], arguments))

        losses = self._strategy.run(on_one, args=(dict(seen), targets, weights))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _stacked(self, chunk: Batch, order: np.ndarray) -> tuple[Batch, int]:
        # The last batch is filled up with repeated rows of weight 0, which change nothing as the loss is divided by the weights.
        size = self.training.batch_size
        n_steps = math.ceil(len(order) / size)
        filled = np.resize(order, n_steps * size)
        columns = Batch(*(np.asarray(column)[filled].reshape(n_steps, size, *column.shape[1:]) for column in chunk))
        columns.weight.reshape(-1)[len(order) :] = 0
        types = Batch(np.float32, np.int32, np.float32, np.float32, np.bool_, np.float32, np.int32)
        return Batch(*(tf.constant(column.astype(of, copy=False)) for column, of in zip(columns, types, strict=True))), n_steps

    @functools.cached_property
    def _run(self) -> Callable[[Batch], tf.Tensor]:
        size, n_actions = self.training.batch_size, self._problem.n_actions
        widths = {"context": [self._problem.context_dim], "eligible": [n_actions]}
        types = {"action": tf.int32, "day": tf.int32, "eligible": tf.bool}
        specs = [tf.TensorSpec([None, size, *widths.get(name, [])], types.get(name, tf.float32)) for name in Batch._fields]
        return tf.function(self._loop, autograph=False).get_concrete_function(Batch(*specs))

    def _loop(self, stacked: Batch) -> tf.Tensor:
        def body(i: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return i + 1, total + self.step(Batch(*(column[i] for column in stacked)))

        n_steps = tf.shape(stacked.action)[0]
        return tf.while_loop(lambda i, _: i < n_steps, body, (0, 0.0), parallel_iterations=1)[1]


_COLUMNS = {"context": 2, "action": 1, "reward": 1, "propensity": 1, "eligible": 2, "weight": 1}


def _column(batch: Batch, name: str) -> tf.Tensor:
    values = tf.convert_to_tensor(getattr(batch, name))
    if values.shape.rank != _COLUMNS[name]:  # weights of [n, 1] would broadcast to [n, n]
        raise UserError(f"batch.{name}: received the shape {values.shape}; expected {_COLUMNS[name]} dimensions")
    return tf.cast(values, {"action": tf.int32, "eligible": tf.bool}.get(name, tf.float32))


def _check_finite(what: str, value: float, epoch: int) -> None:
    if not math.isfinite(value):
        raise UserError(
            f"training: {what} is {value} after epoch {epoch}; expected a finite number",
            hint="lower the agent's learning_rate or max_weight, or look for NaN in the context and the rewards",
        )


def _regression() -> "type[Regression]":
    """Return the class, with TF-Agents imported."""
    if not tf.keras.layers.Layer.__module__.startswith("tf_keras"):
        raise UserError(
            "training: tf.keras is Keras 3; TF-Agents needs tf_keras",
            hint="set TF_USE_LEGACY_KERAS=1 in the environment before TensorFlow is imported",
        )
    from gym_notices import notices

    notices.notices.clear()  # gym, which TF-Agents imports, prints its end of life at every import
    from waze_data_tfx.bandits.agents.regression import Regression

    return Regression


def _mirrored() -> tf.distribute.Strategy:
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    # TensorFlow 2.21's default, collective operations, mixes up the gradients of two variables when it runs in a loop.
    return tf.distribute.MirroredStrategy([d.name for d in devices], cross_device_ops=tf.distribute.ReductionToOneDevice())


def _scope(strategy: tf.distribute.Strategy | None) -> Any:
    return contextlib.nullcontext() if strategy is None else strategy.scope()
