"""The one preprocessing_fn that TFX's Transform gets, by this dotted path: calls the user's, or the ready-made one.

Takes the config from custom_config, hands on the feature columns only (label, key and slice columns cannot leak into
features), checks what comes back and adds label, weight and key. Never reads data. Imports TensorFlow at the top.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx.config import view
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError, UserCodeError, UserError
from waze_data_tfx.usercode import accepts, defined_at, load_function, located, said

from . import decisions, ready_made, transforms

MISSING_CLASS = -1
SCHEMA_TYPES = {"float": (tf.float32, "FLOAT"), "int": (tf.int64, "INT"), "string": (tf.string, "BYTES")}


def preprocessing_fn(inputs: dict[str, Any], custom_config: Mapping[str, str]) -> dict[str, Any]:
    """Return the transformed features, the label, the weight ([n] float32) and the key ([n]).

    The label is [n] float32 for regression, [n, n_classes] int64 of 0 and 1 for multi-label, else [n] int64. A missing label
    becomes NaN or -1, a missing weight NaN; training refuses them.

    Raises:
        UserCodeError: the user's function raised, or returned something that cannot be used.
        DataError: a column of the config is not in the data's schema, or is there with another type.
    """
    config = Config.model_validate_json(custom_config["config"])
    _check_types(inputs, config)
    columns = {name: ready_made.column(inputs, name) for name in config.features.column_types()}
    if config.code.features:
        outputs = _checked(_call(config.code.features, columns, view.for_features(config)), config)
    else:
        outputs = dict(ready_made.features_transform(columns, config))
    for name in config.beside_features:
        if name in outputs:
            raise UserError(f"{origin(config)}: output '{name}' has the name of {_role(name, config)}; give it another name")
    outputs[config.label] = _label(inputs, config)
    if config.weight:
        outputs[config.weight] = tf.cast(transforms.floats(ready_made.column(inputs, config.weight)), tf.float32)
    if config.key:
        key = ready_made.column(inputs, config.key)
        outputs[config.key] = transforms.dense(key, "" if key.dtype == tf.string else 0)
    if config.bandit:
        outputs |= decisions.columns(inputs, config.bandit)
    return outputs


def origin(config: Config) -> str:
    """Return where the features come from: `file:line: preprocessing_fn`, or `features` for the ready-made ones."""
    path = config.code.features
    return f"{defined_at(load_function(path, 'preprocessing_fn'), path)}: preprocessing_fn" if path else "features"


def _role(name: str, config: Config) -> str:
    roles = {config.label: "the label", config.key: "the key", config.weight: "the weight"}
    return roles.get(name, "a column of the log")


def _check_types(inputs: dict[str, Any], config: Config) -> None:
    types = config.column_types()
    weight = [config.weight] if config.weight else []
    wanted = dict.fromkeys([*config.features.column_types(), config.label, *weight, *decisions.read(config.bandit)])
    for name in wanted:
        kind = types[name]
        dtype, schema_type = SCHEMA_TYPES[kind]
        received = ready_made.column(inputs, name).dtype
        if received != dtype:
            raise DataError(
                f"column '{name}': the schema says {received.name}; expected {dtype.name}, as the config reads it",
                hint=f"in a schema of your own set `type: {schema_type}`; an inferred one had no value in the training split",
            )


def _label(inputs: dict[str, Any], config: Config) -> tf.Tensor:
    raw = ready_made.column(inputs, config.label)
    if config.task in ("regression", "bandit"):
        return tf.cast(transforms.floats(raw), tf.float32)
    if config.task == "multilabel_classification":
        return _several(raw, len(config.class_names))
    values = tf.cast(transforms.dense(raw, MISSING_CLASS), tf.int64)
    return tf.where(transforms.present(raw), values, tf.constant(MISSING_CLASS, tf.int64))


def _several(raw: Any, n_classes: int) -> tf.Tensor:
    """Return a multi-label label [n, n_classes] int64; a row without one is MISSING_CLASS throughout."""
    if isinstance(raw, tf.SparseTensor):
        raw = tft.sparse_tensor_to_dense_with_shape(raw, [None, n_classes], tf.constant(MISSING_CLASS, raw.dtype))
    return tf.reshape(raw, [-1, n_classes])


def _call(path: Path, columns: dict[str, Any], config: Config) -> Any:
    function = load_function(path, "preprocessing_fn")
    arguments = (columns, config) if accepts(function, 2) else (columns,)
    try:
        return function(*arguments)
    except UserError:
        raise
    except Exception as exc:
        known = (
            f"inputs holds {', '.join(columns)}: the columns under features; "
            "where the ready-made transforms serve, code.features can go"
            if isinstance(exc, KeyError)
            else ""
        )
        raise UserCodeError(f"{located(exc, path)}: preprocessing_fn raised {said(exc)}", hint=known) from exc


def _checked(outputs: Any, config: Config) -> dict[str, Any]:
    where = origin(config)
    expected = "expected a dict of output name -> Tensor"
    if not isinstance(outputs, dict):
        raise UserCodeError(f"{where}: received {type(outputs).__name__}; {expected}", hint="end it with `return outputs`")
    if not outputs:
        raise UserCodeError(f"{where}: received an empty dict; expected at least one feature")
    for name in outputs:
        if not isinstance(name, str) or not name:
            raise UserCodeError(f"{where}: output name {name!r}: received {type(name).__name__}; expected a text")
    return {name: _checked_output(f"{where}: output '{name}'", value) for name, value in outputs.items()}


def _checked_output(where: str, value: Any) -> Any:
    if not isinstance(value, tf.Tensor | tf.SparseTensor | tf.RaggedTensor):
        raise UserCodeError(f"{where}: received {type(value).__name__}; expected a Tensor, SparseTensor or RaggedTensor")
    if value.shape.rank == 0:
        raise UserCodeError(f"{where}: received a scalar; expected the batch as first dimension: [n] or [n, width]")
    dtype = value.dtype
    if dtype in (tf.float32, tf.int64, tf.string):
        return value
    if dtype.is_floating:
        return tf.cast(value, tf.float32)
    if dtype.is_integer or dtype == tf.bool:
        return tf.cast(value, tf.int64)
    raise UserCodeError(f"{where}: received type {dtype.name}; expected float, int, bool or string")
