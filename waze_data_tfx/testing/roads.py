"""The same rows on every road from raw to transformed: trained on, exported, served. Called by `jobs`.

Serving goes through the very functions that `training.export` makes the signatures of, with the features themselves in
the model's place. Imports TensorFlow at the top.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from waze_data_tfx.config.names import argument_names
from waze_data_tfx.training import export

from . import fitting
from .comparison import differences
from .fitting import Fitted, Rows

TRAINING = "training"
MISSING: dict[Any, Any] = {tf.float32: float("nan"), tf.int64: tf.int64.min, tf.string: ""}


def compare(fit: Fitted, rows: Rows, fit_rows: Rows, place: Path) -> dict[str, Any]:
    """Return the rows as the Trainer reads them, and every difference from them on the other roads."""
    examples = fitting.encoded(fit.config, rows)
    expected = fitting.listed(fitting.transformed_examples(fit, examples, place / "training"), fit.config)
    again = fitting.fit(fit.config, fitting.encoded(fit.config, fit_rows), place / "again")
    roads = {
        "graph": fitting.listed(fit.apply(examples), fit.config),
        "serving_default": _one_by_one(fit, rows, examples),
        "raw": _as_columns(fit, rows, examples),
        "fitted again": fitting.listed(again.apply(examples), fit.config),
    }
    found = [d for road, received in roads.items() for d in differences(expected, received, names=(TRAINING, road))]
    return {"rows": expected, "differences": found}


def _one_by_one(fit: Fitted, rows: Rows, examples: Sequence[bytes]) -> list[dict[str, Any]]:
    """Serve every row by itself, from a serialized example with only the features, as a client writes it."""
    serve = export.from_examples(_predict(fit), _columns(fit), {})
    served = []
    for row, example in zip(rows, examples, strict=True):
        served += fitting.listed(serve(tf.constant([_client_example(fit, row, example)])), fit.config)
    return served


def _as_columns(fit: Fitted, rows: Rows, examples: Sequence[bytes]) -> list[dict[str, Any]]:
    """Serve all rows at once, a typed tensor per column."""
    columns = _columns(fit)
    parsed = [_values(_client_example(fit, row, example)) for row, example in zip(rows, examples, strict=True)]
    names = argument_names({name: spec.dtype for name, spec in columns.items()})
    tensors = {
        names[name]: tf.constant([row.get(name, MISSING[spec.dtype]) for row in parsed], spec.dtype)
        for name, spec in columns.items()
    }
    return fitting.listed(export.from_columns(_predict(fit), columns, {})(**tensors), fit.config)


def _predict(fit: Fitted) -> Any:
    def features(raw: Mapping[str, Any], _: Any) -> dict[str, Any]:
        return fit.loader.apply_transform_model(dict(raw))

    return features


def _columns(fit: Fitted) -> dict[str, Any]:
    """Return how each feature column is parsed, as `export` chooses them."""
    return {name: fit.spec[name] for name in fit.config.features.column_types() if name in fit.spec}


def _client_example(fit: Fitted, row: Mapping[str, Any], example: bytes) -> bytes:
    """Return the example with only the feature columns; NaN, infinities and "" are in it as the row says."""
    made, types = tf.train.Example.FromString(example), fit.config.features.column_types()
    for name in set(made.features.feature) - set(types):
        del made.features.feature[name]
    for name, kind in types.items():
        value = row.get(name)
        if value is None or (name in made.features.feature and _values_of(made, name)):
            continue
        if kind == "float":
            made.features.feature[name].float_list.value[:] = [float(value or "nan")]
        elif kind == "string":
            made.features.feature[name].bytes_list.value[:] = [b""]
    return made.SerializeToString()


def _values(example: bytes) -> dict[str, Any]:
    made = tf.train.Example.FromString(example)
    return {name: values[0] for name in made.features.feature if (values := _values_of(made, name))}


def _values_of(example: Any, name: str) -> list[Any]:
    feature = example.features.feature[name]
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []
