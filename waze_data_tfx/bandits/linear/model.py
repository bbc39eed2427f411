"""A linear model in a graph: variables that hold sums, and the parameters that Cholesky makes of them.

Held by `agents.linucb.LinUCB` and `agents.thompson.LinearThompson`, which differ only in the policy that reads `theta` and
`root`. Never chooses. Imports TensorFlow at the top.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.bandits.linear.design import SHARED, design
from waze_data_tfx.bandits.linear.log import LinearLog, OffPolicy, check_off_policy
from waze_data_tfx.bandits.linear.prior import Prior, prior_arrays
from waze_data_tfx.bandits.linear.solve import SMALLEST_PIVOT, Solution, of_each_arm, residual_variance, solve
from waze_data_tfx.bandits.linear.statistics import DailyStatistics, Sums
from waze_data_tfx.errors import DataError, UserError


class LinearModel(tf.Module):
    """Sums, and what follows from them: parameters of every arm and the uncertainty about them.

    Attributes:
        log: how decisions enter it.
        daily: sums per day of the last `fit`, to be kept for the next window; None before.
        theta: parameters of every arm, [n_actions, width] float32; the prior's mean for an arm never seen.
        root: [n_actions, width, width] float32: x' P^-1 x = |root x|^2; wide for an arm never seen, so that it is explored first.
        residual_deviation: root of the mean squared residual, [] float32; 1 before the first row.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        where: str,
        tikhonov: float,
        add_bias: bool,
        per_arm: bool,
        interactions: bool,
        off_policy: OffPolicy,
        max_weight: float,
        priors: Mapping[str, Prior | Mapping[str, Any]],
    ) -> None:
        """Hold zero sums and the prior that follows from the settings; `where` names the agent in messages.

        Raises:
            UserError: a setting is out of its range, or does not fit the problem.
        """
        super().__init__()
        if not tikhonov > 0:
            raise UserError(
                f"{where}.tikhonov: received {tikhonov}; expected a number above 0",
                hint="without a ridge an arm with few rows has no solution; take 1, or a small number such as 0.001",
            )
        check_off_policy(where, off_policy, max_weight)
        self.where, self.problem = where, problem
        made = design(problem, where=where, add_bias=add_bias, per_arm=per_arm, interactions=interactions)
        self.log = LinearLog(made, off_policy, max_weight)
        self.daily: DailyStatistics | None = None
        mean, strength = prior_arrays(made, priors, tikhonov=tikhonov, where=where)
        self._prior_mean, self._prior_strength = tf.constant(mean), tf.constant(strength)
        self._arms = (tf.constant(made.grid()), tf.constant(made.arm_terms())) if per_arm else None
        zeros = Sums.zeros(made.models, made.dim)
        self._moments = tf.Variable(zeros.moments, trainable=False)
        self._rows = tf.Variable(zeros.rows, trainable=False)
        self._weight = tf.Variable(zeros.weight, trainable=False)
        solution, arms = self._solve()
        self.model_theta = tf.Variable(solution.theta, trainable=False)
        self.model_root = tf.Variable(solution.root, trainable=False)
        self.theta = tf.Variable(tf.cast(arms.theta, tf.float32), trainable=False)
        self.root = tf.Variable(tf.cast(arms.root, tf.float32), trainable=False)
        self.residual_deviation = tf.Variable(1.0, trainable=False)

    @property
    def sums(self) -> Sums:
        """Return the sums that the parameters are made of."""
        return Sums(self.log.design.models, self._moments.numpy(), self._rows.numpy(), self._weight.numpy())

    def train_step(self, batch: Batch) -> tf.Tensor:
        """Add a batch of tensors to the sums, solve, and return the mean squared error of what was predicted before, [].

        Every row counts, also a user's second in the batch. Callable inside tf.function.
        """
        rows, action = self._rows_of(batch), tf.cast(batch.action, tf.int32)
        model = self.log.design.model_of(action)
        weight = tf.cast(batch.weight, tf.float64) * self._importance(batch)
        predicted = tf.einsum("nd,nd->n", rows[:, :-1], tf.gather(self.model_theta, model))
        loss = tf.reduce_mean(tf.square(rows[:, -1] - predicted))
        taken = tf.one_hot(model, len(self.log.design.models), dtype=tf.float64)
        self._moments.assign_add(_moments(rows, taken * weight[:, None]))
        self._rows.assign_add(tf.cast(tf.reduce_sum(taken, axis=0), tf.int64))
        self._weight.assign_add(tf.linalg.matvec(taken, weight, transpose_a=True))
        self._update()
        return tf.cast(loss, tf.float32)

    def fit(self, batches: Callable[[], Iterator[Batch]]) -> Mapping[str, Any]:
        """Learn from a log alone, in one pass and exactly; what was known before is replaced, never counted twice.

        Returns:
            rows and rows per model, days, the residual deviation, seconds.

        Raises:
            DataError: there are no rows, or impossible ones.
        """
        started = time.perf_counter()
        daily = self.log.statistics()
        for batch in batches():
            self.log.add(batch, daily)
        if not daily.days:
            raise DataError(f"{self.where}: there are no decisions to learn from")
        self.daily = daily
        self.refit(daily.total())
        return {
            "rows": int(self.sums.rows.sum()),
            "rows_per_model": dict(zip(self.sums.models, map(int, self.sums.rows), strict=True)),
            "days": len(daily.days),
            "residual_deviation": float(self.residual_deviation.numpy()),
            "seconds": time.perf_counter() - started,
        }

    def refit(self, sums: Sums) -> None:
        """Take these sums (of a window) in place of those held, by the models' names, and solve; a new arm has its prior.

        Raises:
            UserError: the sums are of rows of another width, or the ridge is too small to solve them.
        """
        made = self.log.design
        if sums.dim != made.dim:
            raise UserError(
                f"{self.where}: the statistics are of rows of {sums.dim} numbers; received a model of {made.dim}",
                hint="features or settings (add_bias, per_arm, interactions) changed: fit again from the log",
            )
        mine = sums.of(made.models)
        self._moments.assign(mine.moments)
        self._rows.assign(mine.rows)
        self._weight.assign(mine.weight)
        try:
            pivot = self._update().numpy()
        except tf.errors.InvalidArgumentError as exc:  # numbers that are not finite
            raise self._singular("") from exc
        if pivot.min() < SMALLEST_PIVOT:
            raise self._singular(f"; first in the model of {made.models[int(pivot.argmin())]!r}")

    def state(self) -> dict[str, np.ndarray]:
        """Return the sums, by name; the parameters follow from them."""
        sums = self.sums
        return {
            "models": np.array(sums.models, np.str_),
            "moments": sums.moments,
            "rows": sums.rows,
            "weight": sums.weight,
        }

    def warm_start(self, state: Mapping[str, np.ndarray], actions: tuple[str, ...]) -> None:
        """Take the sums of a state; an arm that it does not know begins from its prior.

        Raises:
            UserError: no state of such a model, or of another width.
        """
        missing = [name for name in ("models", "moments", "rows", "weight") if name not in state]
        if missing:
            raise UserError(f"{self.where}: no state of a linear agent; missing: {', '.join(missing)}")
        models, expected = tuple(str(m) for m in state["models"]), (SHARED,) if self._arms is not None else tuple(actions)
        if models != expected:
            raise UserError(
                f"{self.where}: the state does not fit; its models: {', '.join(models)}; expected: {', '.join(expected)}",
                hint="was per_arm changed? then fit again from the log",
            )
        self.refit(Sums(models, state["moments"], state["rows"], state["weight"]))

    def _solve(self) -> tuple[Solution, Solution]:
        solution = solve(self._moments, self._prior_mean, self._prior_strength)
        return solution, solution if self._arms is None else of_each_arm(solution, *self._arms)

    def _singular(self, place: str) -> UserError:
        return UserError(
            f"{self.where}.tikhonov: too small to solve features that depend on each other this much{place}",
            hint="raise tikhonov, or drop duplicate features",
        )

    def _update(self) -> tf.Tensor:
        """Solve, and return how well each model could be, [n_models]."""
        solution, arms = self._solve()
        cause = "linear bandit: a context or reward is not finite, or features depend on each other"
        self.model_theta.assign(tf.debugging.check_numerics(solution.theta, cause))
        self.model_root.assign(solution.root)
        self.theta.assign(tf.cast(arms.theta, tf.float32))
        self.root.assign(tf.cast(arms.root, tf.float32))
        variance = residual_variance(self._moments, self._weight, solution.theta)
        self.residual_deviation.assign(tf.cast(tf.sqrt(variance), tf.float32))
        return solution.pivot

    def _rows_of(self, batch: Batch) -> tf.Tensor:
        """Return [row, reward] of tensors, [n, dim + 1] float64: as `Design.rows` does with arrays."""
        made = self.log.design
        context = tf.cast(batch.context, tf.float64)
        parts = [context]
        if made.add_bias:
            parts.append(tf.ones_like(context[:, :1]))
        if made.arm_features is not None:
            arms = tf.gather(tf.constant(made.arm_features, tf.float64), tf.cast(batch.action, tf.int32))
            parts.append(arms)
            if made.interactions:
                products = context[:, :, None] * arms[:, None, :]
                parts.append(tf.reshape(products, [-1, made.context_dim * made.arm_dim]))
        return tf.concat([*parts, tf.cast(batch.reward, tf.float64)[:, None]], axis=1)

    def _importance(self, batch: Batch) -> tf.Tensor:
        if self.log.off_policy == "none":
            return tf.ones([], tf.float64)
        possible = tf.debugging.assert_positive(batch.propensity, "propensity: must be in (0, 1]")
        with tf.control_dependencies([possible] if possible is not None else []):
            return 1.0 / tf.maximum(tf.cast(batch.propensity, tf.float64), 1.0 / self.log.max_weight)


def _moments(rows: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Return sum w z z' per model: rows z [n, width], weights [n, n_models] -> [n_models, width, width], in one product."""
    width, n_models = rows.shape[1], weight.shape[1]
    spread = tf.reshape(weight[:, :, None] * rows[:, None, :], [-1, n_models * width])
    return tf.reshape(tf.matmul(spread, rows, transpose_a=True), [n_models, width, width])
