"""Linear Thompson sampling: an action is taken as often as it is believed to be the best.

Agrawal and Goyal 2013, arXiv:1209.3352. What is believed are normal distributions of the parameters, N(theta, scale^2 (A + s
I)^-1), of which a fixed number of draws is counted; so the probabilities are known (TF-Agents' linear Thompson agent has
none). Imports TensorFlow at the top.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents.base import Choice, Policy
from waze_data_tfx.bandits.agents.linear import LinearAgent
from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.linear import scoring
from waze_data_tfx.bandits.linear.log import OffPolicy
from waze_data_tfx.bandits.linear.model import LinearModel
from waze_data_tfx.bandits.linear.prior import Prior
from waze_data_tfx.bandits.linear.solve import as_products
from waze_data_tfx.bandits.policies.exploration import best_of_samples, thompson
from waze_data_tfx.errors import UserError


class LinearThompsonPolicy(Policy):
    """Arms with a model each: their rewards are drawn apart, which is the same as drawing each arm's parameters."""

    def __init__(self, theta: tf.Variable, root: tf.Variable, scale: tf.Variable | tf.Tensor, draws: np.ndarray) -> None:
        """Read theta [n_actions, width] and root [n_actions, width, width]; scale []; standard normal draws [S, n_actions]."""
        super().__init__()
        self.theta, self.root, self._scale, self._draws = theta, root, scale, draws

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        """Return the means as scores, and the share of draws that each action wins."""
        x = scoring.with_constant(context, self.theta.shape[1])
        mean = scoring.mean(x, self.theta)
        return Choice(mean, thompson(mean, self._scale * scoring.deviation(x, self.root), eligible, tf.constant(self._draws)))


class SharedThompsonPolicy(Policy):
    """Arms that share one model: its parameters are drawn, so that arms that are alike rise and fall together.

    TF-Agents' agent draws each arm's reward apart here too, and explores among like arms for nothing.
    """

    def __init__(self, model: LinearModel, scale: tf.Variable | tf.Tensor, draws: np.ndarray) -> None:
        """Read a shared model; scale []; standard normal draws [S, dim]."""
        super().__init__()
        self.theta, self._scale, self._draws = model.theta, scale, draws
        made = model.log.design
        self._root, self._grid, self._arm_terms = model.model_root, made.grid(), made.arm_terms().astype(np.float32)

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        """Return the means as scores, and the share of drawn parameters under which each action is the best."""
        n_draws, n_actions, width = len(self._draws), self.theta.shape[0], self.theta.shape[1]
        x = scoring.with_constant(context, width)
        drawn = tf.matmul(tf.constant(self._draws), tf.cast(self._root[0], tf.float32))  # L^-T z, as rows
        arms = self.theta + self._scale * tf.einsum("scm,km->skc", as_products(drawn, self._grid), tf.constant(self._arm_terms))
        samples = tf.matmul(x, tf.reshape(arms, [n_draws * n_actions, width]), transpose_b=True)
        shares = best_of_samples(tf.reshape(samples, [-1, n_draws, n_actions]), eligible)
        return Choice(scoring.mean(x, self.theta), shares)


class LinearThompson(LinearAgent):
    """Ridge regression of the reward per arm, or one for all arms with `per_arm`, explored by Thompson sampling."""

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int = 0,
        scale: float | Literal["residual"] = 1.0,
        draws: int = 100,
        tikhonov: float = 1.0,
        add_bias: bool = False,
        per_arm: bool = False,
        interactions: bool = False,
        off_policy: OffPolicy = "none",
        max_weight: float = 20.0,
        priors: Mapping[str, Prior | Mapping[str, Any]] | None = None,
    ) -> None:
        """Begin from the priors.

        Args:
            problem: actions, sizes, features of arms.
            seed: of the draws, which are constants of the policy.
            scale: standard deviation of a reward around its mean, > 0: a number, or "residual" for that of the fit (1 before
                any row).
            draws: number of draws that are counted; a probability is known to 0.5 / sqrt(draws).
            tikhonov: ridge, > 0: how much "all parameters are 0" weighs.
            add_bias: whether each arm has an intercept.
            per_arm: whether one model on [context, arm features] serves all arms, so that a new arm needs its features only.
            interactions: with `per_arm`, whether the products of context and arm features are features too.
            off_policy: "none" or "ips"; see `linear.log` for when propensities help.
            max_weight: with "ips", the most that 1 / propensity counts.
            priors: by arm: mean and strength, in place of 0 and `tikhonov`.

        Raises:
            UserError: a setting is out of its range.
        """
        super().__init__(problem, seed=seed)
        if scale != "residual" and not (isinstance(scale, int | float) and scale > 0):
            raise UserError(f"lin_ts.scale: received {scale!r}; expected a number above 0, or 'residual'")
        if not draws >= 1:
            raise UserError(f"lin_ts.draws: received {draws}; expected 1 or more")
        self.model = LinearModel(
            problem,
            where="lin_ts",
            tikhonov=tikhonov,
            add_bias=add_bias,
            per_arm=per_arm,
            interactions=interactions,
            off_policy=off_policy,
            max_weight=max_weight,
            priors=priors or {},
        )
        self._policy = self._make_policy(scale, draws, per_arm=per_arm)

    def _make_policy(self, scale: float | str, draws: int, *, per_arm: bool) -> Policy:
        model, random = self.model, np.random.default_rng(self.seed)
        spread = model.residual_deviation if scale == "residual" else tf.constant(float(scale))
        if per_arm:
            return SharedThompsonPolicy(model, spread, random.standard_normal((draws, model.log.design.dim), np.float32))
        numbers = random.standard_normal((draws, self.problem.n_actions), np.float32)
        return LinearThompsonPolicy(model.theta, model.root, spread, numbers)
