"""Deep and cross, DCN-V2 (Wang et al. 2021, https://arxiv.org/abs/2008.13535), the two parts in parallel.

Keras 3 functional models, uncompiled. Imports Keras at the top.
"""

from typing import Any

import keras

from waze_data_tfx.config.model import Model

from .builders import builders
from .dnn import hidden_layers, penalty
from .heads import Head
from .inputs import Named, input_layers, joined


def deep_cross(settings: Model, head: Head, *, deep_columns: Named) -> Any:
    """Return features -> cross layers, and features -> hidden layers; both side by side -> head."""
    layers = input_layers(deep_columns)
    x0 = joined(layers, deep_columns, settings.embedding_dim)
    crossed = x0
    for i in range(settings.n_cross_layers):
        crossed = cross_layer(x0, crossed, settings, name=f"cross_{i}")
    parts = [crossed, hidden_layers(x0, settings)] if settings.hidden_units else [crossed]
    return keras.Model(layers, head(keras.layers.Concatenate()(parts) if len(parts) > 1 else crossed))


def cross_layer(x0: Any, x: Any, settings: Model, *, name: str) -> Any:
    """Return x0 * (W x + b) + x, all [n, width]; with cross_rank r, W = U V of rank r."""
    width = x0.shape[-1]
    inner = x
    if settings.cross_rank:
        narrow = keras.layers.Dense(settings.cross_rank, use_bias=False, kernel_regularizer=penalty(settings), name=f"{name}_v")
        inner = narrow(x)
    inner = keras.layers.Dense(width, kernel_regularizer=penalty(settings), name=name)(inner)
    return keras.layers.Add()([keras.layers.Multiply()([x0, inner]), x])


deep_cross_regressor, deep_cross_classifier = builders(deep_cross)
