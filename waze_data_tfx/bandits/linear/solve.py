"""Parameters and uncertainty from sums, exactly, by Cholesky in the graph. Pure functions of tensors, in float64.

The precision is scaled to a unit diagonal before it is factorized, so that features of very different scales lose nothing: a
relative error of 1e-10 or so where an iterative solver (TF-Agents' conjugate gradient in float32) does not arrive. Called by
`model`.
"""

from typing import NamedTuple

import tensorflow as tf


class Solution(NamedTuple):
    """What sums say.

    Attributes:
        theta: parameters, [n_models, dim].
        root: L^-1 of the precision A + s I = L L', lower triangular, [n_models, dim, dim]: x' (A + s I)^-1 x = |root x|^2.
        pivot: the least share of a feature's variation that the others leave unexplained, [n_models]; below SMALLEST_PIVOT the
            features depend on each other more than float64 can tell apart.
    """

    theta: tf.Tensor
    root: tf.Tensor
    pivot: tf.Tensor


SMALLEST_PIVOT = 1e-13


def solve(moments: tf.Tensor, prior_mean: tf.Tensor, prior_strength: tf.Tensor) -> Solution:
    """Return theta = (A + s I)^-1 (b + s m), ridge regression towards m.

    Args:
        moments: sums of w [x, r] [x, r]', [n_models, dim + 1, dim + 1] float64.
        prior_mean: m, [n_models, dim] float64.
        prior_strength: s > 0, [n_models] float64; it weighs as much as s rows of a feature of size 1.
    """
    dim = prior_mean.shape[1]
    strength = prior_strength[:, None]
    precision = moments[:, :dim, :dim] + tf.linalg.diag(tf.repeat(strength, dim, axis=1))
    target = moments[:, :dim, dim] + strength * prior_mean
    scale = tf.math.rsqrt(tf.linalg.diag_part(precision))
    factor = tf.linalg.cholesky(precision * scale[:, :, None] * scale[:, None, :])
    identity = tf.eye(dim, batch_shape=[tf.shape(moments)[0]], dtype=moments.dtype)
    root = tf.linalg.triangular_solve(factor, identity) * scale[:, None, :]
    theta = tf.linalg.matvec(root, tf.linalg.matvec(root, target), transpose_a=True)
    return Solution(theta, root, tf.reduce_min(tf.square(tf.linalg.diag_part(factor)), axis=1))


def as_products(values: tf.Tensor, grid: tf.Tensor) -> tf.Tensor:
    """Return numbers per place in a row, [..., dim], as the factors of the products: [..., context_dim + 1, 1 + arm_dim]."""
    return tf.gather(tf.concat([values, tf.zeros_like(values[..., :1])], axis=-1), grid, axis=-1)


def of_each_arm(shared: Solution, grid: tf.Tensor, arm_terms: tf.Tensor) -> Solution:
    """Return what a shared model says of every arm as a function of [context, 1], which is what is scored.

    A row is M_k [context, 1] with a matrix M_k per arm that the arm's features fill; so the arm's mean is (M_k' theta) [context,
    1], and its variance that of a small triangular root of M_k' P^-1 M_k, whatever the number of features of the shared model.

    Args:
        shared: the solution of one model.
        grid: `Design.grid`, [context_dim + 1, 1 + arm_dim].
        arm_terms: [1, arm features], [n_actions, 1 + arm_dim] float64.
    """
    theta = tf.matmul(arm_terms, as_products(shared.theta[0], grid), transpose_b=True)
    products = as_products(shared.root[0], grid)  # [dim, context_dim + 1, 1 + arm_dim]
    tall = tf.transpose(tf.tensordot(products, arm_terms, [[2], [1]]), [2, 0, 1])
    covariance = tf.matmul(tall, tall, transpose_a=True)
    diagonal = tf.linalg.diag_part(covariance)
    nothing = tf.equal(diagonal, 0.0)  # an arm whose features are all 0, where there is no intercept
    one = tf.cast(nothing, covariance.dtype)
    scale = tf.math.rsqrt(diagonal + one) - one
    unit = covariance * scale[:, :, None] * scale[:, None, :] + tf.linalg.diag(one)
    factor = tf.linalg.cholesky(tf.reverse(unit, [1, 2]))  # from the last to the first, so that its transpose is lower triangular
    root = tf.reverse(tf.linalg.matrix_transpose(factor), [1, 2])
    return Solution(theta, root * tf.sqrt(diagonal)[:, None, :], shared.pivot)


def residual_variance(moments: tf.Tensor, weight: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
    """Return the mean squared residual over all models' rows, []; 1 where there are no rows.

    Args:
        moments: [n_models, dim + 1, dim + 1] float64.
        weight: sums of weights, [n_models] float64.
        theta: [n_models, dim] float64.
    """
    signed = tf.concat([theta, -tf.ones_like(theta[:, :1])], axis=1)
    residual = tf.reduce_sum(signed * tf.linalg.matvec(moments, signed))
    total = tf.reduce_sum(weight)
    return tf.where(total > 0, tf.math.divide_no_nan(tf.maximum(residual, 0.0), total), tf.ones_like(total))
