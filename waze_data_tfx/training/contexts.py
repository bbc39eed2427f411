"""Transformed features as one vector per row: dense ones as they are, ids one-hot; the context of every agent.

Called by `bandits`. Imports TensorFlow at the top.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from waze_data_tfx.features.inputs import ModelInput

Encode = Callable[[Mapping[str, Any]], tf.Tensor]


def width(inputs: Mapping[str, ModelInput]) -> int:
    """Return how many numbers a context has."""
    return sum(_width(feature) for feature in inputs.values())


def encoder(inputs: Mapping[str, ModelInput]) -> Encode:
    """Return the function from transformed features by name to contexts [n, width] float32, in the order of the names.

    Several ids of a row are counted: [n, cardinality]. An id outside its range is 0 throughout.
    """

    def encode(features: Mapping[str, Any]) -> tf.Tensor:
        return tf.concat([_vectors(features[name], feature) for name, feature in inputs.items()], axis=1)

    return encode


def names(inputs: Mapping[str, ModelInput]) -> list[str]:
    """Return what each number of a context is: `age`, `topic=3`, `embedding[7]`."""
    found: list[str] = []
    for name, feature in inputs.items():
        if feature.kind == "id":
            found += [f"{name}={i}" for i in range(_width(feature))]
        else:
            found += [name] if feature.rank == 1 else [f"{name}[{i}]" for i in range(feature.width)]
    return found


def _width(feature: ModelInput) -> int:
    return feature.cardinality if feature.kind == "id" and feature.cardinality is not None else feature.width


def _vectors(values: Any, feature: ModelInput) -> tf.Tensor:
    if feature.kind == "dense":
        return tf.cast(tf.reshape(values, [-1, feature.width]), tf.float32)
    hot = tf.one_hot(values, _width(feature), dtype=tf.float32)
    return hot if feature.rank == 1 else tf.reduce_sum(hot, axis=1)
