"""Two towers: each side of a pair becomes a vector of length 1, and the pair's score is their dot product, scaled.

Vectors of one side can be kept and searched, since the sides meet only in the product (Yi et al. 2019,
https://doi.org/10.1145/3298689.3346996). Keras 3 functional models, uncompiled. Imports Keras at the top.
"""

from typing import Any

import keras

from waze_data_tfx.config.model import Model
from waze_data_tfx.errors import UserError

from .builders import builders
from .dnn import hidden_layers
from .heads import Head
from .inputs import Named, input_layers, joined

TOWERS = ("query", "candidate")
FIRST_SCALE = 10.0
"""A cosine lies in -1..1: without a scale well above 1 a sigmoid of it hardly leaves 1/2. Learned from there."""


def two_tower(settings: Model, head: Head, *, query_columns: Named, candidate_columns: Named) -> Any:
    """Return scale * <query, candidate> + bias -> head, both vectors of length 1.

    Raises:
        UserError: a head of more than one number.
    """
    if head.n_logits != 1:
        raise UserError(f"two_tower: gives one score per pair; received a task or head of {head.n_logits} numbers")
    layers = input_layers(query_columns, candidate_columns)
    groups = {"query": query_columns, "candidate": candidate_columns}
    sides = [_tower(name, groups[name], layers, settings) for name in TOWERS]
    similarity = keras.layers.Dot(axes=1, name="similarity")(sides)
    scale = keras.initializers.Constant(FIRST_SCALE)
    return keras.Model(layers, head.finish(keras.layers.Dense(1, kernel_initializer=scale, name="score")(similarity)))


def towers(model: Any) -> dict[str, Any]:
    """Return each tower of a model made here, a keras.Model of its inputs by name -> embedding [n, tower_dim]; else none."""
    inner = {layer.name: layer for layer in model.layers if isinstance(layer, keras.Model)}
    return {name: inner[name] for name in TOWERS} if set(TOWERS) <= set(inner) else {}


def _tower(name: str, columns: Named, layers: dict[str, Any], settings: Model) -> Any:
    own = {column: layers[column] for column in columns}
    x = hidden_layers(joined(own, columns, settings.embedding_dim), settings)
    vector = keras.layers.UnitNormalization()(keras.layers.Dense(settings.tower_dim)(x))
    return keras.Model(own, vector, name=name)(own)


two_tower_regressor, two_tower_classifier = builders(two_tower)
