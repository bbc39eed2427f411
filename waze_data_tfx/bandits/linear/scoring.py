"""Expected rewards and their deviations from parameters and roots, in float32: what a linear policy computes per row.

Called by the policies of `agents.linucb` and `agents.thompson`; needs TensorFlow only. One matrix product each, whatever the
model: a shared one comes as what it is to every arm (`solve.of_each_arm`).
"""

import itertools

import tensorflow as tf

_N_BLOCKS = 4
"""Five eighths of the multiplications of one product; more blocks save little and cost a call each."""


def with_constant(context: tf.Tensor, width: int) -> tf.Tensor:
    """Return the context, with a 1 behind it where the parameters have `width` = context_dim + 1 numbers."""
    if context.shape[1] == width:
        return context
    return tf.concat([context, tf.ones_like(context[:, :1])], axis=1)


def mean(context: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
    """Return the expected rewards [n, n_actions] of contexts [n, width] under theta [n_actions, width]."""
    return tf.matmul(context, theta, transpose_b=True)


def deviation(context: tf.Tensor, root: tf.Tensor) -> tf.Tensor:
    """Return sqrt(x' P_k^-1 x) = |root_k x|, [n, n_actions].

    A sum of squares, never a difference: it cannot be negative, nor lose its digits. The roots' rows stand in blocks, the first
    rows of all arms in the first one: a block is multiplied with as many numbers of a context as its rows have, and the zeros
    behind them, nearly half of everything, are left out. Contexts stand in columns, so that sums run along memory.

    Args:
        context: [n, width] float32.
        root: [n_actions, width, width] float32, lower triangular.
    """
    n_actions, width, _ = root.shape
    columns, rows = tf.transpose(context), tf.transpose(root, [1, 0, 2])
    ends = [-(-width * i // _N_BLOCKS) for i in range(_N_BLOCKS + 1)] if width >= 2 * _N_BLOCKS else [0, width]
    squares = []
    for start, end in itertools.pairwise(ends):
        block = tf.reshape(rows[start:end, :, :end], [(end - start) * n_actions, end])
        product = tf.reshape(tf.matmul(block, columns[:end]), [end - start, n_actions, -1])
        squares.append(tf.reduce_sum(tf.square(product), axis=0))
    return tf.transpose(tf.sqrt(tf.add_n(squares)))
