"""Probabilities of actions from their scores: pure functions in the graph, [n, n_actions] each, called by the agents' policies.

Rules that hold for all: only eligible actions get probability, and each row's sums to 1; ties go to the action with the lowest
number; an action whose score is no finite number counts as not eligible; a row without any such action left is 0 throughout. A
row's answer depends on nothing but that row (up to float32's last digit: TensorFlow rounds exp otherwise in a batch of
one). Never draws anything: `sampling` does. Imports TensorFlow at the top.
"""

import math
from typing import Any

import tensorflow as tf

_DRAWS_PER_TURN = 10
"""Of a loop, at most: a turn's own cost is that of a draw of a few thousand rows."""


def usable(scores: Any, eligible: Any) -> tf.Tensor:
    """Return which eligible actions have a finite score, [n, n_actions] bool."""
    return tf.logical_and(eligible, tf.math.is_finite(scores))


def greedy(scores: Any, eligible: Any) -> tf.Tensor:
    """Return 1 for the best action, 0 for the others.

    Args:
        scores: expected reward, [n, n_actions] float32.
        eligible: [n, n_actions] bool.
    """
    # By columns, in passes along memory: a third of what argmax and one_hot take.
    columns, here = tf.transpose(scores), tf.transpose(eligible)
    here = tf.logical_and(here, tf.math.is_finite(columns))
    columns = _masked(columns, here)
    numbers = tf.range(float(scores.shape[1]))[:, None]
    is_best = tf.equal(columns, tf.reduce_max(columns, axis=0))
    first = tf.reduce_min(tf.where(is_best, numbers, float(scores.shape[1])), axis=0)
    return tf.transpose(tf.cast(tf.logical_and(tf.equal(first, numbers), here), tf.float32))


def uniform(eligible: Any) -> tf.Tensor:
    """Return the same probability for every eligible action, [n, n_actions] float32."""
    chosen = tf.cast(eligible, tf.float32)
    return chosen / tf.maximum(tf.reduce_sum(chosen, axis=1, keepdims=True), 1.0)


def epsilon_greedy(scores: Any, eligible: Any, epsilon: Any) -> tf.Tensor:
    """Return the marginal probabilities (1 - epsilon) 1[best] + epsilon / n_eligible."""
    return with_floor(greedy(scores, eligible), usable(scores, eligible), epsilon)


def softmax(scores: Any, eligible: Any, temperature: Any) -> tf.Tensor:
    """Return probabilities in proportion to exp(score / temperature); temperature > 0, in the unit of the scores."""
    here = usable(scores, eligible)
    best = tf.reduce_max(_masked(scores, here), axis=1, keepdims=True)
    gaps = tf.where(here, (scores - best) / temperature, 0.0)
    weights = tf.where(here, tf.exp(gaps), 0.0)
    return tf.math.divide_no_nan(weights, tf.reduce_sum(weights, axis=1, keepdims=True))


def inverse_gap(scores: Any, eligible: Any, gamma: Any) -> tf.Tensor:
    """Return 1 / (n_eligible + gamma (best - score)) for every action but the best, which has the rest.

    Foster and Rakhlin 2020, SquareCB (arXiv:2002.04926), and FALCON (Simchi-Levi and Xu 2020, arXiv:2003.12699); gamma >= 0, in
    the unit of 1 / score: 0 explores uniformly, a large one is greedy.
    """
    here = usable(scores, eligible)
    n_eligible = tf.reduce_sum(tf.cast(here, tf.float32), axis=1, keepdims=True)
    best = greedy(scores, eligible)
    gaps = tf.where(here, tf.reduce_max(_masked(scores, here), axis=1, keepdims=True) - scores, 0.0)
    others = tf.where(here, (1.0 - best) / tf.maximum(n_eligible + gamma * gaps, 1.0), 0.0)
    return others + best * (1.0 - tf.reduce_sum(others, axis=1, keepdims=True))


def thompson(mean: Any, deviation: Any, eligible: Any, draws: Any) -> tf.Tensor:
    """Return the share of draws in which an action's sample, mean + deviation * draw, is the best.

    With S draws a probability has a standard error of at most 0.5 / sqrt(S). The draws are constants, the same for every row, so
    that the probabilities are exactly those that are sampled from.

    Args:
        mean: expected reward, [n, n_actions] float32.
        deviation: standard deviation of what is believed of it, [n, n_actions] float32, >= 0.
        eligible: [n, n_actions] bool.
        draws: standard normal, [n_draws, n_actions] float32.
    """
    # The extreme samples are the ones of the extreme draws: if they are finite, all are.
    ends = [mean + deviation * draw for draw in (tf.reduce_min(draws, axis=0), tf.reduce_max(draws, axis=0))]
    here = tf.logical_and(usable(mean, eligible), tf.logical_and(*map(tf.math.is_finite, ends)))
    shares = tf.transpose(_shares_by_draw(tf.transpose(_masked(mean, here)), tf.transpose(tf.where(here, deviation, 0.0)), draws))
    shares = tf.where(here, shares, 0.0)
    tied = tf.where(tf.reduce_sum(shares, axis=1) > 1.0 + 0.5 / draws.shape[0])  # a draw with two winners counts twice

    def untied() -> Any:
        m, d, e = (tf.gather_nd(values, tied)[:, None, :] for values in (mean, deviation, here))
        return tf.tensor_scatter_nd_update(shares, tied, best_of_samples(m + d * draws[None, :, :], e[:, 0]))

    return tf.cond(tf.size(tied) > 0, untied, lambda: shares)


def best_of_samples(samples: Any, eligible: Any) -> tf.Tensor:
    """Return the share of samples in which each action is the best; one sample that is not finite rules its action out.

    Args:
        samples: rewards drawn from what is believed, [n, n_samples, n_actions] float32.
        eligible: [n, n_actions] bool.
    """
    here = tf.logical_and(eligible, tf.reduce_all(tf.math.is_finite(samples), axis=1))
    best = tf.argmax(_masked(samples, here[:, None, :]), axis=2, output_type=tf.int32)
    shares = tf.reduce_mean(tf.one_hot(best, samples.shape[2], dtype=tf.float32), axis=1)
    return tf.where(here, shares, 0.0)


def with_floor(probabilities: Any, eligible: Any, floor: Any) -> tf.Tensor:
    """Return (1 - floor) probabilities + floor / n_eligible: at least the latter for every eligible action; floor in [0, 1]."""
    return (1.0 - floor) * probabilities + floor * uniform(eligible)


def _shares_by_draw(mean: Any, deviation: Any, draws: Any) -> tf.Tensor:
    """Return the share of draws in which no action's sample is above an action's own, [n_actions, n].

    One draw after the other, so that all it needs stays in the processor's cache: ten times as fast as all draws at once.

    Args:
        mean: [n_actions, n], -inf for what is not usable.
        deviation: [n_actions, n].
        draws: [n_draws, n_actions].
    """
    n_draws = draws.shape[0]
    at_once = math.gcd(n_draws, _DRAWS_PER_TURN)

    def counted(i: Any, below: Any) -> tuple[Any, Any]:
        for j in range(at_once):
            samples = mean + deviation * draws[i + j][:, None]
            below += tf.sign(samples - tf.reduce_max(samples, axis=0))  # 0 for the best, else -1
        return i + at_once, below

    start = (tf.constant(0), tf.zeros_like(deviation))
    _, below = tf.while_loop(lambda i, _: i < n_draws, counted, start, parallel_iterations=1)
    # A plain division by a constant becomes another product in a saved graph, with another last digit.
    return tf.math.divide_no_nan(below + n_draws, tf.constant(float(n_draws)))


def _masked(scores: Any, here: Any) -> tf.Tensor:
    return tf.where(here, scores, -float("inf"))


def _one_hot(action: Any, here: Any) -> tf.Tensor:
    """Return 1 for the action [n] where it is one of `here`, [n, n_actions] float32."""
    return tf.one_hot(action, here.shape[1], dtype=tf.float32) * tf.cast(here, tf.float32)
