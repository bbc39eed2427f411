"""Linear models: a weight per number and per id, summed; also the wide part of `wide_deep`.

Keras 3 functional models, uncompiled. Imports Keras at the top.
"""

from typing import Any

import keras

from waze_data_tfx.config.model import Model

from .builders import builders
from .dnn import penalty
from .heads import Head
from .inputs import Named, input_layers, joined


def linear(settings: Model, head: Head, *, wide_columns: Named) -> Any:
    """Return the features' weights, summed -> head."""
    layers = input_layers(wide_columns)
    return keras.Model(layers, head.finish(Bias(name="bias")(linear_logits(layers, wide_columns, head.n_logits, settings))))


def linear_logits(layers: dict[str, Any], columns: Named, n_logits: int, settings: Model) -> Any:
    """Return the sum of the features' weights, [n, n_logits], without a bias.

    An id has a weight per logit, 0 at first: an embedding of that many dimensions; several ids of a row are summed.
    """
    parts = []
    numbers = {name: feature for name, feature in columns.items() if feature.kind == "dense"}
    if numbers:
        dense = keras.layers.Dense(n_logits, use_bias=False, kernel_initializer="zeros", kernel_regularizer=penalty(settings))
        parts.append(dense(joined(layers, numbers, None)))
    for name, feature in columns.items():
        if feature.kind == "id":
            weights = keras.layers.Embedding(
                feature.cardinality, n_logits, embeddings_initializer="zeros", embeddings_regularizer=penalty(settings)
            )(layers[name])
            parts.append(keras.ops.sum(weights, axis=1) if feature.rank == 2 else weights)
    return keras.layers.Add()(parts) if len(parts) > 1 else parts[0]


class Bias(keras.layers.Layer):
    """Adds a learned number to each of the last axis; Keras has it only as a part of other layers."""

    def build(self, shape: Any) -> None:
        """Make the weights, 0 at first."""
        self.bias = self.add_weight(shape=(shape[-1],), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """Return x + bias."""
        return x + self.bias


linear_regressor, linear_classifier = builders(linear)
