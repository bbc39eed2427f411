"""Deep neural networks: features joined, hidden layers, a head; and the hidden layers of the other architectures.

Keras 3 functional models, uncompiled. Imports Keras at the top.
"""

from typing import Any

import keras

from waze_data_tfx.config.model import Model

from .builders import builders
from .heads import Head
from .inputs import Named, input_layers, joined


def dnn(settings: Model, head: Head, *, deep_columns: Named) -> Any:
    """Return features -> hidden layers -> head."""
    layers = input_layers(deep_columns)
    x = hidden_layers(joined(layers, deep_columns, settings.embedding_dim), settings)
    return keras.Model(layers, head(x))


def hidden_layers(x: Any, settings: Model) -> Any:
    """Return x [n, width] after each of hidden_units: dense, batch normalization, activation, dropout."""
    for n in settings.hidden_units:
        activation = None if settings.batch_norm else settings.activation
        x = keras.layers.Dense(n, activation=activation, kernel_regularizer=penalty(settings))(x)
        if settings.batch_norm:
            x = keras.layers.Activation(settings.activation)(keras.layers.BatchNormalization()(x))
        if settings.dropout:
            x = keras.layers.Dropout(settings.dropout)(x)
    return x


def penalty(settings: Model) -> Any:
    """Return the regularizer of a layer's weights, or None."""
    return keras.regularizers.L2(settings.l2) if settings.l2 else None


dnn_regressor, dnn_classifier = builders(dnn)
