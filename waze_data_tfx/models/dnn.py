"""Deep neural networks over prepared features: dense inputs concatenated, ids embedded, hidden layers, one head.

Called by `building`, and by users in a build_model of theirs. Keras 3 functional models, uncompiled. Imports Keras inside
its functions.
"""

from typing import Any

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserError
from waze_data_tfx.features.inputs import ModelInput

from .names import check_activation


def dnn_regressor(inputs: dict[str, ModelInput], config: Config) -> Any:
    """Return a keras.Model of the inputs by name -> [n, 1] float32, linear, in units of `label_scale`.

    Raises:
        UserError: no inputs, or an unknown activation.
    """
    return _dnn(inputs, config, units=1, activation="linear")


def dnn_classifier(inputs: dict[str, ModelInput], config: Config) -> Any:
    """Return a keras.Model of the inputs by name -> probability of class 1, [n, 1], or of every class, [n, n_classes].

    Raises:
        UserError: no inputs, or an unknown activation.
    """
    if config.task == "multiclass_classification" and config.n_classes:
        return _dnn(inputs, config, units=config.n_classes, activation="softmax")
    return _dnn(inputs, config, units=1, activation="sigmoid")


def embedding_dim(cardinality: int) -> int:
    """Return how many dimensions an id gets by default: `min(32, round(1.6 * cardinality ** 0.56))`."""
    return min(32, max(1, round(1.6 * cardinality**0.56)))


def input_layer(feature: ModelInput) -> Any:
    """Return the keras.Input that takes the feature as the transform gives it."""
    import keras

    shape = () if feature.rank == 1 else (feature.width,)
    return keras.Input(shape, name=feature.name, dtype="float32" if feature.kind == "dense" else "int64")


def prepared_inputs(inputs: dict[str, ModelInput], config: Config) -> tuple[dict[str, Any], Any]:
    """Return what a model of your own begins with: its Keras inputs by name, and all features as one tensor [n, width].

    Dense features are taken as they are, ids embedded (`model.embedding_dim`).

    Raises:
        UserError: no inputs.
    """
    if not inputs:
        raise UserError("model: received no input; expected at least one feature")
    layers = {name: input_layer(feature) for name, feature in inputs.items()}
    return layers, _joined(layers, inputs, config)


def _dnn(inputs: dict[str, ModelInput], config: Config, *, units: int, activation: str) -> Any:
    import keras

    check_activation(config.model.activation)
    layers, x = prepared_inputs(inputs, config)
    for n in config.model.hidden_units:
        x = keras.layers.Dense(n, activation=config.model.activation)(x)
        if config.model.dropout:
            x = keras.layers.Dropout(config.model.dropout)(x)
    return keras.Model(layers, keras.layers.Dense(units, activation=activation, name="head")(x))


def _joined(layers: dict[str, Any], inputs: dict[str, ModelInput], config: Config) -> Any:
    import keras

    parts = []
    for name, feature in inputs.items():
        x = layers[name]
        if feature.kind == "id":
            assert feature.cardinality is not None
            dim = config.model.embedding_dim or embedding_dim(feature.cardinality)
            x = keras.layers.Embedding(feature.cardinality, dim)(x)
            parts.append(keras.layers.Flatten()(x) if feature.rank == 2 else x)
        else:
            parts.append(keras.layers.Reshape((1,))(x) if feature.rank == 1 else x)
    return keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
