"""Wide and deep (Cheng et al. 2016, https://arxiv.org/abs/1606.07792): a linear part that remembers, hidden layers beside it.

Keras 3 functional models, uncompiled. Imports Keras at the top.
"""

from typing import Any

import keras

from waze_data_tfx.config.model import Model

from .builders import builders
from .dnn import hidden_layers
from .heads import Head
from .inputs import Named, input_layers, joined
from .linear import linear_logits


def wide_deep(settings: Model, head: Head, *, wide_columns: Named, deep_columns: Named) -> Any:
    """Return the sum of the logits of a linear part and of hidden layers -> head."""
    layers = input_layers(wide_columns, deep_columns)
    wide = linear_logits(layers, wide_columns, head.n_logits, settings)
    x = hidden_layers(joined(layers, deep_columns, settings.embedding_dim), settings)
    deep = keras.layers.Dense(head.n_logits, name="head")(x)
    return keras.Model(layers, head.finish(keras.layers.Add()([wide, deep])))


wide_deep_regressor, wide_deep_classifier = builders(wide_deep)
