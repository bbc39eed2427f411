"""The compiled loop: observe, decide, draw, earn, learn, many steps in one call of a graph.

Called by `lab.experiment` once per agent and seed. Regret and suboptimal choices are averaged over every decision of a window,
not taken from its last batch. Nothing here knows which agent or environment it plays. Imports TensorFlow at the top.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents.base import Agent
from waze_data_tfx.bandits.decisions import Batch
from waze_data_tfx.bandits.environments.base import Environment
from waze_data_tfx.errors import UserError
from waze_data_tfx.usercode import said

TIE = 1e-5
"""Arms whose expected rewards differ by less than this share (of 1, or of the best one if that is larger) are equally good."""
N_STREAMS = 4
OBSERVE, DECIDE, EARN = range(3)
NO_DISTRIBUTION = "probabilities of the policy are negative, or do not sum to 1 in every row"
NOT_ELIGIBLE = "the policy chose an action that was not eligible"


class Window(NamedTuple):
    """Means over the decisions of some steps.

    Attributes:
        step: steps played when it ended.
        regret: expected reward of the best eligible action less that of the chosen one, per decision.
        suboptimal: share of decisions in which another action was better; ties count as best.
        reward: that was earned.
        loss: that the agent's training reported, mean over steps.
    """

    step: int
    regret: float
    suboptimal: float
    reward: float
    loss: float


def play(agent: Agent, environment: Environment, *, seed: int, steps: int, batch_size: int, points: int) -> Iterator[Window]:
    """Play an agent in an environment and yield its windows, as evenly long as the steps can be parted.

    Args:
        agent: a new one; it goes on learning in place.
        environment: where it plays.
        seed: of contexts, draws and rewards: 0 to 2^28. Agents played with the same seed meet the same contexts.
        steps: how often it decides and learns.
        batch_size: decisions per step.
        points: windows.

    Raises:
        UserError: the policy gave probabilities that are none, or to actions that were not eligible.
    """
    run = compiled(agent, environment, batch_size)
    streams = tf.constant([N_STREAMS * seed + i for i in range(N_STREAMS)], tf.int32)
    ends = np.linspace(0, steps, points + 1).round().astype(int).tolist()
    for start, end in pairwise(ends):
        try:
            sums = run(streams, tf.constant(start), tf.constant(end)).numpy()
        except tf.errors.InvalidArgumentError as error:
            where = f"{type(environment).__name__}, steps {start} to {end}"
            raise UserError(f"{type(agent).__name__} in {where}: {_said(error)}") from error
        yield Window(end, *(float(v) for v in sums / (end - start)))


def compiled(agent: Agent, environment: Environment, batch_size: int) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return a graph that plays steps `start` to `end` and returns the sums of regret, suboptimal, reward and loss, [4]."""

    @tf.function(
        input_signature=[tf.TensorSpec([N_STREAMS], tf.int32), tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int32)],
        autograph=False,
    )
    def run(streams: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
        def body(step: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return step + 1, sums + one_step(agent, environment, streams, step, batch_size)

        _, sums = tf.while_loop(lambda step, _: step < end, body, (start, tf.zeros([4], tf.float64)), parallel_iterations=1)
        return sums

    return run


def one_step(agent: Agent, environment: Environment, streams: tf.Tensor, step: tf.Tensor, n: int) -> tf.Tensor:
    """Play one step and return its means of regret, suboptimal, reward and loss, [4] float64."""
    context, eligible, handle = environment.observe(tf.stack([streams[OBSERVE], step]), n)
    probabilities = agent.policy(context, eligible).probabilities
    action = draw(probabilities, tf.stack([streams[DECIDE], step]))
    reward = environment.reward(handle, action, tf.stack([streams[EARN], step]))
    regret, suboptimal = judged(environment.expected(handle), eligible, action)
    with tf.control_dependencies([tf.debugging.Assert(*_eligible(eligible, action))]):
        batch = Batch(
            context=context,
            action=action,
            reward=reward,
            propensity=tf.gather(probabilities, action, batch_dims=1),
            eligible=eligible,
            weight=tf.ones([n]),
            day=tf.zeros([n], tf.int32),
        )
    loss = agent.train_step(batch)
    means = [tf.reduce_mean(tf.cast(values, tf.float64)) for values in (regret, suboptimal, reward, loss)]
    return tf.stack(means)


def draw(probabilities: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return an action per row, [n] int32, drawn with its probability: the first at which their running sum passes u.

    Args:
        probabilities: [n, n_actions], not negative, not all 0 in a row.
        seed: [2] int32.
    """
    total = tf.cumsum(probabilities, axis=1)
    good = tf.reduce_all((total[:, -1] > 0.99) & (total[:, -1] < 1.01)) & tf.reduce_all(probabilities >= 0)
    with tf.control_dependencies([tf.debugging.Assert(good, [NO_DISTRIBUTION])]):
        u = tf.random.stateless_uniform([tf.shape(total)[0], 1], seed)
    return tf.argmax(total > u * total[:, -1:], axis=1, output_type=tf.int32)


def judged(expected: tf.Tensor, eligible: tf.Tensor, action: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return regret [n] and whether another action was better [n] bool.

    Args:
        expected: expected reward of every action, [n, n_actions].
        eligible: [n, n_actions] bool.
        action: the chosen one, [n] int32.
    """
    best = tf.reduce_max(tf.where(eligible, expected, expected.dtype.min), axis=1)
    regret = best - tf.gather(expected, action, batch_dims=1)
    return regret, regret > TIE * tf.maximum(1.0, tf.abs(best))


def _eligible(eligible: tf.Tensor, action: tf.Tensor) -> tuple[tf.Tensor, list[str]]:
    chosen = tf.gather(eligible, action, batch_dims=1)
    return tf.reduce_all(chosen), [NOT_ELIGIBLE]


def _said(error: Exception) -> str:
    """Return what an assertion of the graph says, out of TensorFlow's words around it."""
    return next((known for known in (NO_DISTRIBUTION, NOT_ELIGIBLE) if known in str(error)), said(error))
