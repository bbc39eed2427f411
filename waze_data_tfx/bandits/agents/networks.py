"""The networks that predict rewards, as plain variables: agents train them, policies read them, and both run this same code.

No Keras object is held, so that a policy over them saves and loads where there is nothing but TensorFlow. Imports TensorFlow at
the top.
"""

import abc
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

HEAD_RANGE = 0.03  # of the last layer's first weights, as in TF-Agents' QNetwork


class Dense(tf.Module):
    """Layers of units, each with ReLU but the last one, which has it only where `relu_last` says so."""

    def __init__(self, n_inputs: int, units: Sequence[int], random: np.random.Generator, *, relu_last: bool = True) -> None:
        """Make the variables: kernels by He's normal rule, biases 0."""
        super().__init__()
        sizes = [n_inputs, *units]
        self.kernels = [
            tf.Variable(random.normal(0, math.sqrt(2 / max(n, 1)), (n, m)).astype(np.float32)) for n, m in pairwise(sizes)
        ]
        self.biases = [tf.Variable(tf.zeros([m])) for m in sizes[1:]]
        self._n_relu = len(units) if relu_last else len(units) - 1

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the last layer, [..., units[-1]]."""
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            inputs = inputs @ kernel + bias
            inputs = tf.nn.relu(inputs) if i < self._n_relu else inputs
        return inputs

    def named(self, prefix: str) -> dict[str, tf.Variable]:
        """Return the variables by name."""
        names: dict[str, tf.Variable] = {}
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            names |= {f"{prefix}_{i}_kernel": kernel, f"{prefix}_{i}_bias": bias}
        return names


class RewardNetwork(tf.Module, abc.ABC):
    """Predicts the reward of every action from an encoding of the context.

    Attributes:
        action_axes: of each variable that has an entry per action, by name, the axis of the actions.
        hidden: the layers over the context.
    """

    action_axes: dict[str, int] = {}
    hidden: Dense

    @abc.abstractmethod
    def of_encoding(self, encoding: tf.Tensor) -> tf.Tensor:
        """Return the expected reward of every action, [n, n_actions], given what `encoding` returns, [n, units]."""

    @abc.abstractmethod
    def named(self) -> dict[str, tf.Variable]:
        """Return the variables by name, always in the same order."""

    def encoding(self, context: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Return the last of the layers over the context, [n, units], times `mask` [n, units] where there is one."""
        encoding = self.hidden(context)
        return encoding if mask is None else encoding * mask

    def scores(self, context: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Return the expected reward of every action, [n, n_actions]."""
        return self.of_encoding(self.encoding(context, mask))

    def predicted(self, context: tf.Tensor, action: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Return the expected reward of one action per row, [n]."""
        scores = self.scores(context, mask)
        return tf.reduce_sum(scores * tf.one_hot(action, scores.shape[1]), axis=1)

    def samples(self, context: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        """Return the expected rewards under each of `masks` [n_masks, units], the same for all rows: [n, n_masks, n_actions]."""
        encoding = self.encoding(context)
        return tf.stack([self.of_encoding(encoding * mask) for mask in tf.unstack(masks)], axis=1)

    @property
    def n_parameters(self) -> int:
        """Return the number of numbers that are learnt."""
        return sum(int(np.prod(variable.shape)) for variable in self.named().values())


class ActionHeads(RewardNetwork):
    """One hidden stack for the context and an output for each action, as TF-Agents' QNetwork."""

    action_axes = {"head_kernel": 1, "head_bias": 0}

    def __init__(self, context_dim: int, n_actions: int, hidden_units: Sequence[int], *, seed: int) -> None:
        """Make the variables; the same seed makes the same."""
        super().__init__()
        random = np.random.default_rng(seed)
        self.hidden = Dense(context_dim, hidden_units, random)
        first = random.uniform(-HEAD_RANGE, HEAD_RANGE, (hidden_units[-1], n_actions)).astype(np.float32)
        self.kernel, self.bias = tf.Variable(first), tf.Variable(tf.zeros([n_actions]))

    def of_encoding(self, encoding: tf.Tensor) -> tf.Tensor:
        """Return the expected rewards, [n, n_actions]."""
        return encoding @ self.kernel + self.bias

    def samples(self, context: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        """Return the expected rewards under each mask, [n, n_masks, n_actions]."""
        # One product, as a mask may as well lie on the kernel.
        kernels = tf.transpose(masks[:, :, tf.newaxis] * self.kernel, [1, 0, 2])
        n_units, n_masks, n_actions = kernels.shape
        product = self.encoding(context) @ tf.reshape(kernels, [n_units, n_masks * n_actions])
        return tf.reshape(product, [-1, n_masks, n_actions]) + self.bias

    def named(self) -> dict[str, tf.Variable]:
        """Return the variables by name."""
        return {**self.hidden.named("hidden"), "head_kernel": self.kernel, "head_bias": self.bias}


class CommonTower(RewardNetwork):
    """Context and arm each through layers of their own, then both through common ones to one number.

    TF-Agents' `create_feed_forward_common_tower_network`, with the arms' layers run once per call instead of once per row.
    """

    def __init__(
        self,
        context_dim: int,
        arm_features: np.ndarray,
        hidden_units: Sequence[int],
        arm_units: Sequence[int],
        common_units: Sequence[int],
        *,
        seed: int,
    ) -> None:
        """Make the variables; `arm_features` is [n_actions, arm_dim]."""
        super().__init__()
        random = np.random.default_rng(seed)
        self.arm_features = tf.constant(arm_features, tf.float32)
        self.hidden = Dense(context_dim, hidden_units, random)
        self.arm = Dense(arm_features.shape[1], arm_units, random)
        self.common = Dense(hidden_units[-1] + arm_units[-1], common_units, random)
        first = random.uniform(-HEAD_RANGE, HEAD_RANGE, (common_units[-1], 1)).astype(np.float32)
        self.kernel, self.bias = tf.Variable(first), tf.Variable(tf.zeros([1]))

    def of_encoding(self, encoding: tf.Tensor) -> tf.Tensor:
        """Return the expected rewards, [n, n_actions]."""
        return self._reward(self.joint(encoding))

    def predicted(self, context: tf.Tensor, action: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Return the expected reward of one action per row, [n], at the cost of one action."""
        of_context, of_arm = self._first_common(self.encoding(context, mask))
        return self._reward(self._last_common(of_context + tf.one_hot(action, of_arm.shape[0]) @ of_arm))

    def joint(self, encoding: tf.Tensor) -> tf.Tensor:
        """Return the last common layer for every action, [n, n_actions, units], given the encoding of the context."""
        of_context, of_arm = self._first_common(encoding)
        return self._last_common(of_context[:, tf.newaxis] + of_arm[tf.newaxis])

    def named(self) -> dict[str, tf.Variable]:
        """Return the variables by name."""
        layers = {**self.hidden.named("hidden"), **self.arm.named("arm"), **self.common.named("common")}
        return {**layers, "output_kernel": self.kernel, "output_bias": self.bias}

    def _first_common(self, encoding: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # concat(context, arm) @ kernel is the sum of two products, of which the arm's is the same for all rows.
        kernel, n = self.common.kernels[0], encoding.shape[-1]
        return encoding @ kernel[:n] + self.common.biases[0], self.arm(self.arm_features) @ kernel[n:]

    def _last_common(self, first: tf.Tensor) -> tf.Tensor:
        layer = tf.nn.relu(first)
        for kernel, bias in zip(self.common.kernels[1:], self.common.biases[1:], strict=True):
            layer = tf.nn.relu(layer @ kernel + bias)
        return layer

    def _reward(self, layer: tf.Tensor) -> tf.Tensor:
        return tf.squeeze(layer @ self.kernel + self.bias, axis=-1)


class DotProduct(RewardNetwork):
    """Context and arm each through layers of their own to vectors of one size; the reward is their inner product plus a bias.

    As TF-Agents' `create_feed_forward_dot_product_network`, except that the last layers are linear: with its ReLU there no
    reward below 0 could be predicted.
    """

    def __init__(
        self, context_dim: int, arm_features: np.ndarray, hidden_units: Sequence[int], arm_units: Sequence[int], *, seed: int
    ) -> None:
        """Make the variables; `arm_features` is [n_actions, arm_dim], the last two sizes are equal."""
        super().__init__()
        random = np.random.default_rng(seed)
        self.arm_features = tf.constant(arm_features, tf.float32)
        self.hidden = Dense(context_dim, hidden_units, random, relu_last=False)
        self.arm = Dense(arm_features.shape[1], arm_units, random, relu_last=False)
        self.arm.kernels[-1].assign(self.arm.kernels[-1] / arm_units[-1])  # an inner product begins near 0, not near its length
        self.bias = tf.Variable(tf.zeros([]))

    def of_encoding(self, encoding: tf.Tensor) -> tf.Tensor:
        """Return the expected rewards, [n, n_actions]."""
        return tf.linalg.matmul(encoding, self.arm(self.arm_features), transpose_b=True) + self.bias

    def named(self) -> dict[str, tf.Variable]:
        """Return the variables by name."""
        return {**self.hidden.named("hidden"), **self.arm.named("arm"), "output_bias": self.bias}
