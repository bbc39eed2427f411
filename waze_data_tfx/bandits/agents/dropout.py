"""Dropout Thompson sampling: a network with some hidden units left out is a draw of what the rewards may be.

Gal and Ghahramani 2016, https://arxiv.org/abs/1506.02142; dropout on the last layer over the context, as TF-Agents' default.
Imports TensorFlow at the top.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents import settings
from waze_data_tfx.bandits.agents.base import Choice, Policy
from waze_data_tfx.bandits.agents.networks import RewardNetwork
from waze_data_tfx.bandits.agents.neural import NeuralAgent
from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.policies import exploration
from waze_data_tfx.errors import UserError


class DropoutPolicy(Policy):
    """Takes each action with the share of masks under which it is the best; scores are those of the whole network."""

    def __init__(self, network: RewardNetwork, masks: np.ndarray) -> None:
        """Hold the network and its masks, [n_masks, units] float32."""
        super().__init__()
        self._network, self._masks = network, tf.constant(masks)

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        """Return scores and probabilities."""
        return Choice(
            self._network.scores(context), exploration.best_of_samples(self._network.samples(context, self._masks), eligible)
        )


class DropoutThompson(NeuralAgent):
    """Trains with units dropped anew for every row and step, and chooses by `draws` fixed masks.

    The masks are drawn from the seed once, the same for every row, so that the probabilities are exactly those that are sampled
    from and the policy is without state. With S draws a probability is a multiple of 1/S, with a standard error of at most
    0.5/sqrt(S).

    Off-policy: as neural_epsilon_greedy.
    """

    name = "dropout_ts"

    def __init__(self, problem: Problem, *, seed: int = 0, dropout: float = 0.2, draws: int = 100, **training: Any) -> None:
        """Take the share of units left out, the number of masks, and `neural_settings.Training`'s settings."""
        settings.counts(self.name, draws=draws)
        settings.shares(self.name, dropout=dropout)
        if not 0 < dropout < 1:
            raise UserError(f"{self.name}.dropout: received {dropout}; expected more than 0 and less than 1")
        super().__init__(problem, seed=seed, dropped=dropout, **training)
        kept = np.random.default_rng([seed, draws]).random((draws, self.training.hidden_units[-1])) >= dropout
        self._policy = DropoutPolicy(self.network, (kept / (1 - dropout)).astype(np.float32))

    @property
    def policy(self) -> Policy:
        """Return the policy of shares of masks."""
        return self._policy
