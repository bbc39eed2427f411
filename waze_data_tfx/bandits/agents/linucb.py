"""LinUCB: takes the action whose expected reward may be highest (Li et al. 2010, https://arxiv.org/abs/1003.0146).

Equal to TF-Agents' LinearUCBAgent on well scaled features and exact on others. Imports TensorFlow at the top.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from waze_data_tfx.bandits.agents.base import Choice, Policy
from waze_data_tfx.bandits.agents.linear import LinearAgent
from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.linear import scoring
from waze_data_tfx.bandits.linear.log import OffPolicy
from waze_data_tfx.bandits.linear.model import LinearModel
from waze_data_tfx.bandits.linear.prior import Prior
from waze_data_tfx.bandits.policies.exploration import greedy
from waze_data_tfx.errors import UserError


class LinUCBPolicy(Policy):
    """Takes argmax of mean + alpha sqrt(x' (A + s I)^-1 x) among the eligible actions, with probability 1."""

    def __init__(self, theta: tf.Variable, root: tf.Variable, alpha: float) -> None:
        """Read the parameters [n_actions, width] and roots [n_actions, width, width] of a `LinearModel`."""
        super().__init__()
        self.theta, self.root, self.alpha = theta, root, alpha

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        """Return the means as scores, and 1 for the action with the highest upper bound."""
        x = scoring.with_constant(context, self.theta.shape[1])
        mean = scoring.mean(x, self.theta)
        # By columns, as `deviation` and `greedy` have them inside: their transpositions cancel out in the graph.
        bound = tf.transpose(mean) + tf.transpose(scoring.deviation(x, self.alpha * self.root))
        return Choice(mean, greedy(tf.transpose(bound), eligible))


class LinUCB(LinearAgent):
    """Ridge regression of the reward per arm, or one for all arms with `per_arm`, with optimism about what is not known."""

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int = 0,
        alpha: float = 1.0,
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
            seed: not used; nothing is random here.
            alpha: optimism, in standard deviations; 0 is greedy.
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
        if not alpha >= 0:
            raise UserError(f"linucb.alpha: received {alpha}; expected 0 or more")
        self.model = LinearModel(
            problem,
            where="linucb",
            tikhonov=tikhonov,
            add_bias=add_bias,
            per_arm=per_arm,
            interactions=interactions,
            off_policy=off_policy,
            max_weight=max_weight,
            priors=priors or {},
        )
        self._policy = LinUCBPolicy(self.model.theta, self.model.root, alpha)
