"""Raw columns as a served model takes them: parsed from serialized tf.Examples, or typed tensors in which a value means missing.

Called by `training.export` and `bandits.export`, so that every signature takes rows in the same way. Knows specs, not configs.
Imports TensorFlow at the top.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from waze_data_tfx.config.names import argument_names

MISSING: dict[Any, Any] = {tf.float32: math.nan, tf.int64: tf.int64.min, tf.string: ""}
"""What stands for a missing value in a typed column."""


def parse(examples: Any, columns: Mapping[str, Any], scalars: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns as their specs parse them, and the scalars as typed columns [n], from serialized examples [n].

    Args:
        examples: serialized tf.Examples, [n] string.
        columns: how each feature column is parsed; a column that the schema calls required may be absent.
        scalars: columns, also feature columns, of which one value is wanted as it is.
    """
    spec = {name: _tolerant(feature) for name, feature in columns.items()}
    own = {name: tf.io.FixedLenFeature([], f.dtype, default_value=MISSING[f.dtype]) for name, f in scalars.items()}
    parsed = tf.io.parse_example(examples, spec | own)
    values = {name: parsed[name] for name in own}
    if own.keys() & columns.keys():  # a feature, too, which is parsed otherwise
        parsed = tf.io.parse_example(examples, spec)
    return {name: parsed[name] for name in columns}, values


def typed_signature(columns: Mapping[str, Any], extra: Iterable[tuple[str, Any, list[Any]]] = ()) -> dict[str, Any]:
    """Return by column the tensor spec of each argument of `raw`: [n], or as `extra` gives it, (name, dtype, shape)."""
    wanted = {name: (feature.dtype, [None]) for name, feature in columns.items()} | {n: (d, s) for n, d, s in extra}
    names = argument_names(wanted)
    return {name: tf.TensorSpec(shape, dtype, name=names[name]) for name, (dtype, shape) in wanted.items()}


def concrete(function: Callable[..., Any], signature: Mapping[str, Any]) -> Any:
    """Return the concrete function of `function(tensors by column)`, whose arguments are named as the signature says."""

    def serve(**tensors: Any) -> Any:
        return function({name: tensors[spec.name] for name, spec in signature.items()})

    return tf.function(serve, autograph=False).get_concrete_function(**{spec.name: spec for spec in signature.values()})


def concrete_of_examples(function: Callable[..., Any]) -> Any:
    """Return the concrete function of `function(examples)`, serialized tf.Examples [n]."""
    return tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec([None], tf.string, name="examples"))


def _tolerant(feature: Any) -> Any:
    """Let a column that the schema calls required be absent: its default then means missing."""
    if not isinstance(feature, tf.io.FixedLenFeature):
        return feature
    default = tf.fill(feature.shape, tf.constant(MISSING[feature.dtype], feature.dtype))
    return tf.io.FixedLenFeature(feature.shape, feature.dtype, default_value=default)


def as_parsed(values: Any, feature: Any) -> Any:
    """Turn a typed column [n] into what parsing an example gives: sparse without the missing values, or dense."""
    if isinstance(feature, tf.io.FixedLenFeature):
        return tf.reshape(values, [-1, *feature.shape]) if feature.shape else values
    here = tf.logical_not(tf.math.is_nan(values)) if feature.dtype.is_floating else values != MISSING[feature.dtype]
    rows = tf.where(here)
    indices = tf.concat([rows, tf.zeros_like(rows)], axis=1)
    shape = tf.stack([tf.size(values, tf.int64), tf.constant(1, tf.int64)])
    return tf.SparseTensor(indices, tf.boolean_mask(values, here), shape)
