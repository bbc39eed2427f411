"""What every environment is: contexts, eligible actions and rewards with a known expectation, in a TensorFlow graph.

A new one is a subclass of `Environment`, named in the lab's config by its dotted path. Played by `lab.loop`. Imports TensorFlow.
"""

import abc
from typing import Any, NamedTuple

import tensorflow as tf

from waze_data_tfx.bandits.decisions import Problem


class Observation(NamedTuple):
    """What an environment shows of a batch of decisions.

    Attributes:
        context: [n, context_dim] float32.
        eligible: actions that can be taken, [n, n_actions] bool; one at least in every row.
        handle: tensors by which `expected` and `reward` know these rows again, such as row numbers [n].
    """

    context: tf.Tensor
    eligible: tf.Tensor
    handle: Any


class Environment(abc.ABC):
    """Gives contexts and rewards. Subclass it with the settings as keyword arguments.

    The methods are traced into the lab's compiled loop: TensorFlow only, and no randomness but `tf.random.stateless_*` with the
    seed that is handed in, so that a run can be repeated. A seed is two int32: the number of a stream of its own and the number
    of the step; an environment that changes in time reads the second as its clock.
    """

    @property
    @abc.abstractmethod
    def problem(self) -> Problem:
        """Return the actions and sizes."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a reader of its curves should know, one sentence each."""
        return ()

    @abc.abstractmethod
    def observe(self, seed: tf.Tensor, n: int) -> Observation:
        """Return n contexts."""

    @abc.abstractmethod
    def expected(self, handle: Any) -> tf.Tensor:
        """Return the expected reward of every action in the observed rows, [n, n_actions] float32, also of those not eligible."""

    @abc.abstractmethod
    def reward(self, handle: Any, action: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Return what the actions [n] int32 earn, [n] float32."""
