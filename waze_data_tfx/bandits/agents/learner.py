"""How a reward network learns from logged decisions: targets and weights by off-policy method, one or several devices, passes.

Called by the neural agents. The loop runs in one graph over many batches, so that Python is not in it. Imports TensorFlow at
the top.

Off-policy methods, of what a row with action a, reward r, logging propensity p and weight w gives:

- none: target r for a with weight w. Right where the network can express the rewards of all contexts.
- ips: the same with weight w * min(1/p, max_weight): every context and action counts as under uniform actions, so that a network
  too small for the truth errs least where a new policy may go, not where the old one went.
- dr: a target for every eligible action, q(a') + 1[a' = a] * min(1/p, max_weight) * (r - q(a)), with a second network q fitted
  as by `none` at the same time and asked before it sees the batch (Dudik et al. 2011, doubly robust; right where p or q is).
"""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents import settings
from waze_data_tfx.bandits.agents.networks import RewardNetwork
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.errors import DataError, UserError, unknown_name

if TYPE_CHECKING:
    from waze_data_tfx.bandits.agents.regression import Regression

CHUNK_ROWS = 65_536  # rows per call of the compiled loop, and among which a pass is shuffled


@dataclass(frozen=True)
class Training:
    """Settings that all neural agents share.

    Attributes:
        hidden_units: sizes of the layers over the context.
        learning_rate: Adam's.
        batch_size: rows per step.
        epochs: passes over the log.
        off_policy: none, ips or dr (see the module).
        max_weight: upper bound of 1/propensity.
        parallel: one, or mirrored for all devices that TensorFlow sees (GPUs, or else logical CPUs).
        per_arm: learn from the problem's arm features, one network for all actions, in place of an output per action.
        network: common_tower (context and arm through common layers) or dot_product; read with per_arm.
        arm_units: sizes of the layers over the arm features; as hidden_units where not given.
        common_units: sizes of the common layers; as hidden_units where not given.
        new_action_prior: expected reward with which an action begins that a warm start does not know; the mean of the others
            where not given.
    """

    hidden_units: Sequence[int] = (64, 32)
    learning_rate: float = 0.003
    batch_size: int = 256
    epochs: int = 5
    off_policy: str = "none"
    max_weight: float = 20.0
    parallel: str = "one"
    per_arm: bool = False
    network: str = "common_tower"
    arm_units: Sequence[int] | None = None
    common_units: Sequence[int] | None = None
    new_action_prior: float | None = None

    @classmethod
    def of(cls, where: str, received: Mapping[str, Any]) -> Self:
        """Return the settings given by name; `where` names the agent in messages.

        Raises:
            UserError: a name is no setting, or a value is not possible.
        """
        known = [field.name for field in fields(cls)]
        for name in received:
            if name not in known:
                raise UserError(f"{where}: {unknown_name('setting', name, known)}")
        made = cls(**received)
        made._check(where)
        return made

    def _check(self, where: str) -> None:
        settings.units(where, hidden_units=self.hidden_units)
        settings.positive(where, learning_rate=self.learning_rate)
        settings.counts(where, batch_size=self.batch_size, epochs=self.epochs)
        settings.one_of(where, ("none", "ips", "dr"), off_policy=self.off_policy)
        settings.at_least_one(where, max_weight=self.max_weight)
        settings.one_of(where, ("one", "mirrored"), parallel=self.parallel)
        settings.one_of(where, ("common_tower", "dot_product"), network=self.network)
        settings.units(where, **{n: u for n in ("arm_units", "common_units") if (u := getattr(self, n)) is not None})


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
        context, action, reward, propensity, eligible, _ = (_column(batch, name) for name in _COLUMNS)
        weight = self.row_weights(batch)
        share = tf.math.divide_no_nan(weight, tf.reduce_sum(weight))
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
        started, losses, n_rows = time.monotonic(), [], 0
        for epoch in range(self.training.epochs):
            total, n_steps, n_rows = 0.0, 0, 0
            for i, chunk in enumerate(_chunks(batches(), self.training.batch_size)):
                _check_rows(chunk, self._problem)
                order = np.random.default_rng([self._seed, epoch, i]).permutation(len(chunk.action))
                stacked, n = self._stacked(chunk, order)
                total, n_steps, n_rows = total + float(self._run(stacked)), n_steps + n, n_rows + len(order)
                _check_finite(total, epoch + 1)
            if not n_rows:
                raise UserError("training: the log has no row; expected at least one decision")
            losses.append(total / n_steps)
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


def _chunks(batches: Iterator[Batch], batch_size: int) -> Iterator[Batch]:
    rows = max(CHUNK_ROWS // batch_size, 1) * batch_size
    held: list[Batch] = []
    for batch in batches:
        held.append(Batch(*map(np.asarray, batch)))
        while sum(len(h.action) for h in held) >= rows:
            joined = _joined(held)
            yield Batch(*(column[:rows] for column in joined))
            held = [Batch(*(column[rows:] for column in joined))]
    rest = _joined(held) if held else None
    if rest is not None and len(rest.action):
        yield rest


def _joined(batches: Sequence[Batch]) -> Batch:
    return Batch(*(np.concatenate(columns) for columns in zip(*batches, strict=True)))


def _check_rows(rows: Batch, problem: Problem) -> None:
    possible = {
        "action": (rows.action >= 0) & (rows.action < problem.n_actions),
        "propensity": (rows.propensity > 0) & (rows.propensity <= 1),
        "weight": (rows.weight >= 0) & np.isfinite(rows.weight),
    }
    expected = {"action": f"0..{problem.n_actions - 1}", "propensity": "more than 0 and at most 1", "weight": "0 or more"}
    for name, fine in possible.items():
        if not np.all(fine):
            first = np.asarray(getattr(rows, name))[~fine][0]
            raise DataError(f"{name}: {int((~fine).sum())} rows are impossible; received {first}; expected {expected[name]}")


def _check_finite(loss: float, epoch: int) -> None:
    if not math.isfinite(loss):
        raise UserError(
            f"training: loss is {loss} after epoch {epoch}; expected a finite number",
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
