"""What a model begins with: Keras inputs of transformed features, dense ones as they are, ids embedded, all joined.

Called by every architecture, and by users in a build_model of theirs (`prepared_inputs`). Knows no architecture. Imports
Keras at the top.
"""

from collections.abc import Mapping
from typing import Any

import keras

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserError
from waze_data_tfx.features.inputs import ModelInput

Named = dict[str, ModelInput]


def prepared_inputs(inputs: Named, config: Config) -> tuple[dict[str, Any], Any]:
    """Return what a model of your own begins with: its Keras inputs by name, and all features as one tensor [n, width].

    Dense features are taken as they are, ids embedded (`model.embedding_dim`).

    Raises:
        UserError: no inputs.
    """
    if not inputs:
        raise UserError("model: received no input; expected at least one feature")
    layers = input_layers(inputs)
    return layers, joined(layers, inputs, config.model.embedding_dim)


def input_layers(*groups: Named) -> dict[str, Any]:
    """Return one keras.Input for each feature of the groups, by name; a feature of several groups has one."""
    return {name: input_layer(feature) for group in groups for name, feature in group.items()}


def input_layer(feature: ModelInput) -> Any:
    """Return the keras.Input that takes the feature as the transform gives it."""
    shape = () if feature.rank == 1 else (feature.width,)
    name = feature.name.replace("%", "%25").replace("/", "%2F")  # Keras refuses a slash, as in od280/od315; the dict key stays
    return keras.Input(shape, name=name, dtype="float32" if feature.kind == "dense" else "int64")


def embedding_dim(cardinality: int) -> int:
    """Return how many dimensions an id gets by default: `min(32, round(1.6 * cardinality ** 0.56))`."""
    return min(32, max(1, round(1.6 * cardinality**0.56)))


def embedded(tensor: Any, feature: ModelInput, dim: int | None) -> Any:
    """Return the embeddings of ids [n] or [n, width]: [n, dim] or [n, width, dim]; without a dim the default rule's."""
    assert feature.cardinality is not None
    return keras.layers.Embedding(feature.cardinality, dim or embedding_dim(feature.cardinality))(tensor)


def joined(layers: Mapping[str, Any], columns: Named, dim: int | None) -> Any:
    """Return the features side by side, [n, width]; ids embedded, several ids of a row one after the other."""
    parts = []
    for name, feature in columns.items():
        x = layers[name]
        if feature.kind == "id":
            x = embedded(x, feature, dim)
            parts.append(keras.layers.Flatten()(x) if feature.rank == 2 else x)
        else:
            parts.append(keras.layers.Reshape((1,))(x) if feature.rank == 1 else x)
    return keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
