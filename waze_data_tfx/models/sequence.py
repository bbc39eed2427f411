"""Models of sequences: a recurrent cell or a convolution over the steps, its result joined with the other features.

Padding is at the end of a row (`features.sequences`) and changes nothing: an id of 0 is padding; in a sequence of numbers, the
zeros after the last other number (so a last number that is exactly the mean, or no number, counts as padding too). Keras 3
functional models, uncompiled. Imports Keras at the top.
"""

from typing import Any

import keras

from waze_data_tfx.config.model import Model
from waze_data_tfx.config.model_problems import unequal
from waze_data_tfx.errors import UserError
from waze_data_tfx.features.inputs import ModelInput

from .builders import builders
from .dnn import hidden_layers
from .heads import Head
from .inputs import Named, embedded, input_layers, joined

NONE: Named = {}
_CELLS = {"lstm": "LSTM", "gru": "GRU", "simple": "SimpleRNN"}


def rnn(settings: Model, head: Head, *, sequence_columns: Named, deep_columns: Named = NONE) -> Any:
    """Return sequences -> recurrent cell's last state, joined with the other features -> hidden layers -> head.

    Raises:
        UserError: a sequence column is not [n, n_steps], or they differ in n_steps.
    """
    layers = input_layers(sequence_columns, deep_columns)
    steps, mask = _steps(layers, sequence_columns, settings)
    cell = getattr(keras.layers, _CELLS[settings.cell])(settings.rnn_units)
    state = (keras.layers.Bidirectional(cell) if settings.bidirectional else cell)(steps, mask=mask)
    return _ended(state, layers, deep_columns, settings, head)


def cnn(settings: Model, head: Head, *, sequence_columns: Named, deep_columns: Named = NONE) -> Any:
    """Return sequences -> convolution -> greatest value over the steps, joined with the others -> hidden layers -> head.

    A row without any step has 0 for each filter.

    Raises:
        UserError: a sequence column is not [n, n_steps], or they differ in n_steps.
    """
    layers = input_layers(sequence_columns, deep_columns)
    steps, mask = _steps(layers, sequence_columns, settings)
    here = keras.ops.expand_dims(mask, -1)
    blank = keras.ops.where(here, steps, keras.ops.zeros_like(steps))
    convolution = keras.layers.Conv1D(settings.filters, settings.kernel_size, padding="same", activation=settings.activation)
    found = convolution(blank)
    lowest = keras.ops.full_like(found, -3e38)
    greatest = keras.ops.max(keras.ops.where(here, found, lowest), axis=1)
    any_step = keras.ops.any(here, axis=1)
    state = keras.ops.where(any_step, greatest, keras.ops.zeros_like(greatest))
    return _ended(state, layers, deep_columns, settings, head)


def is_step(tensor: Any, feature: ModelInput) -> Any:
    """Return where a sequence [n, n_steps] is no padding, [n, n_steps] bool."""
    filled = keras.ops.not_equal(tensor, 0)
    if feature.kind == "id":
        return filled
    after = keras.ops.cumsum(keras.ops.flip(keras.ops.cast(filled, "int32"), axis=1), axis=1)
    return keras.ops.flip(keras.ops.greater(after, 0), axis=1)


def _steps(layers: dict[str, Any], columns: Named, settings: Model) -> tuple[Any, Any]:
    """Return all sequences step by step [n, n_steps, width], and where any of them has a step, [n, n_steps] bool."""
    for name, feature in columns.items():
        if feature.rank != 2:
            raise UserError(f"model.sequence_columns: '{name}' has one value per row; expected a sequence [n, n_steps]")
    lengths = {name: feature.width for name, feature in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(f"model.sequence_columns: {unequal(lengths)}")
    parts, mask = [], None
    for name, feature in columns.items():
        x = layers[name]
        ids = feature.kind == "id"
        parts.append(embedded(x, feature, settings.embedding_dim) if ids else keras.ops.expand_dims(x, -1))
        here = is_step(x, feature)
        mask = here if mask is None else keras.ops.logical_or(mask, here)
    return keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0], mask


def _ended(state: Any, layers: dict[str, Any], deep_columns: Named, settings: Model, head: Head) -> Any:
    if deep_columns:
        state = keras.layers.Concatenate()([state, joined(layers, deep_columns, settings.embedding_dim)])
    return keras.Model(layers, head(hidden_layers(state, settings)))


rnn_regressor, rnn_classifier = builders(rnn)
cnn_regressor, cnn_classifier = builders(cnn)
