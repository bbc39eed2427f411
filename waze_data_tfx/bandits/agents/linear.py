"""What the linear agents have in common: a `LinearModel` that learns for them. Imports TensorFlow at the top."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents.base import Agent, Policy
from waze_data_tfx.bandits.decisions import Batch
from waze_data_tfx.bandits.linear.model import LinearModel


class LinearAgent(Agent):
    """An agent whose model is linear; a subclass makes it and gives it a policy.

    Attributes:
        model: what learns.
    """

    model: LinearModel
    _policy: Policy

    @property
    def policy(self) -> Policy:
        """Return the exploring policy."""
        return self._policy

    def train_step(self, batch: Batch) -> tf.Tensor:
        """Add a batch and solve; see `LinearModel.train_step`."""
        return self.model.train_step(batch)

    def fit(self, batches: Callable[[], Iterator[Batch]]) -> Mapping[str, Any]:
        """Learn from a log alone, in one pass; see `LinearModel.fit`."""
        return self.model.fit(batches)

    def state(self) -> Mapping[str, np.ndarray]:
        """Return the sums."""
        return self.model.state()

    def context_axes(self) -> Mapping[str, int]:
        """Return none: `fit` makes the sums anew from its log."""
        return {}

    def warm_start(self, state: Mapping[str, np.ndarray], actions: tuple[str, ...]) -> None:
        """Take the sums of a state, by the arms' names; a new arm begins from its prior."""
        self.model.warm_start(state, actions)
