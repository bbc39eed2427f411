"""What every agent and its policy are; a new one is a subclass of `Agent`, named in the config by its dotted path.

An agent learns and holds variables; its policy reads them, in a graph that needs TensorFlow and nothing else. Imports TensorFlow
at the top.
"""

import abc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.decisions import Batch, Problem


class Choice(NamedTuple):
    """What a policy says of a batch of contexts.

    Attributes:
        scores: expected reward of every action, [n, n_actions] float32, also of the ones that are not eligible.
        probabilities: with which each action is taken, [n, n_actions] float32; 0 where not eligible, sums to 1 over each row
            with an eligible action, and is 0 throughout in a row without one.
    """

    scores: tf.Tensor
    probabilities: tf.Tensor


class Policy(tf.Module, abc.ABC):
    """Chooses among eligible actions. Stateless and without randomness: who samples brings the seed."""

    @abc.abstractmethod
    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        """Return scores and probabilities.

        The answer to a row depends on that row alone, never on the batch it comes in.

        Args:
            context: [n, context_dim] float32.
            eligible: [n, n_actions] bool.
        """


class Agent(abc.ABC):
    """Learns from decisions. Subclass it with the settings as keyword arguments behind the problem and the seed.

    Attributes:
        problem: actions and sizes.
        seed: of everything that is random in it.
    """

    def __init__(self, problem: Problem, *, seed: int = 0) -> None:
        """Hold the problem and the seed."""
        self.problem, self.seed = problem, seed

    @property
    @abc.abstractmethod
    def policy(self) -> Policy:
        """Return the exploring policy; it reads the agent's variables, so that it always knows what was learnt last."""

    @abc.abstractmethod
    def train_step(self, batch: Batch) -> tf.Tensor:
        """Learn from one batch of tensors and return the loss []; callable inside tf.function, for the lab's compiled loop."""

    @abc.abstractmethod
    def fit(self, batches: Callable[[], Iterator[Batch]]) -> Mapping[str, Any]:
        """Learn from a log and return a record of plain numbers and lists (losses, rows, seconds).

        Args:
            batches: called once per pass over the log; gives NumPy batches in an order that does not change.
        """

    @abc.abstractmethod
    def state(self) -> Mapping[str, np.ndarray]:
        """Return everything that was learnt, by name, for `warm_start`."""

    def context_axes(self) -> Mapping[str, int] | None:
        """Return, of each array of `state` that has an entry per number of the context, by name, the axis of these entries.

        Training then gives `warm_start` a state that is rearranged by what the numbers mean now. {}: no array has such entries,
        or `fit` makes them all anew. None (the default): not known; where the meanings changed, the agent then begins anew.
        """
        return None

    @abc.abstractmethod
    def warm_start(self, state: Mapping[str, np.ndarray], actions: tuple[str, ...]) -> None:
        """Begin from another agent's state; its actions may be fewer than or in another order than this problem's.

        Raises:
            UserError: the state does not fit (other sizes); the message says which.
        """


def save_state(state: Mapping[str, np.ndarray], file: Path) -> None:
    """Write a state as one .npz file."""
    arrays: dict[str, Any] = dict(state)
    np.savez(file, **arrays)


def load_state(file: Path) -> dict[str, np.ndarray]:
    """Read a state that `save_state` wrote."""
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
