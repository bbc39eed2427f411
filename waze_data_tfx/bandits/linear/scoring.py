"""Expected rewards and their deviations from parameters and roots, in float32: what a linear policy computes per row.

Called by the policies of `agents.linucb` and `agents.thompson`; needs TensorFlow only. One matrix product each, whatever the
model: a shared one comes as what it is to every arm (`solve.of_each_arm`).
"""

import tensorflow as tf


def with_constant(context: tf.Tensor, width: int) -> tf.Tensor:
    """Return the context, with a 1 behind it where the parameters have `width` = context_dim + 1 numbers."""
    if context.shape[1] == width:
        return context
    return tf.concat([context, tf.ones_like(context[:, :1])], axis=1)


def mean(context: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
    """Return the expected rewards [n, n_actions] of contexts [n, width] under theta [n_actions, width]."""
    return tf.matmul(context, theta, transpose_b=True)


def deviation(context: tf.Tensor, root: tf.Tensor) -> tf.Tensor:
    """Return sqrt(x' P_k^-1 x) = |root_k x|, [n, n_actions], of contexts [n, width] and roots [n_actions, width, width].

    A sum of squares, never a difference: it cannot be negative, nor lose its digits. Contexts stand in columns, so that the sum
    runs along memory.
    """
    n_actions, width, _ = root.shape
    columns = tf.matmul(tf.reshape(root, [n_actions * width, width]), context, transpose_b=True)
    squares = tf.reshape(tf.square(columns), [n_actions, width, -1])
    return tf.transpose(tf.sqrt(tf.reduce_sum(squares, axis=1)))
