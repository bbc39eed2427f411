"""The config's feature groups as one transform: what runs when the user writes no preprocessing_fn, or calls it in theirs.

Called by `entry` and by users. Knows which output every group has; the arithmetic is in `numeric` and `transforms`.
Imports TensorFlow at the top.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from waze_data_tfx.config.schema import Config, DenseTransform
from waze_data_tfx.errors import DataError, did_you_mean

from . import numeric, transforms

_SCALES: tuple[tuple[tuple[DenseTransform, ...], Callable[..., tf.Tensor]], ...] = (
    (("z_score", "log_z_score"), numeric.z_scores),
    (("min_max",), numeric.min_max_scaled),
    (("none",), numeric.imputed),
)


def features_transform(inputs: Mapping[str, Any], config: Config) -> dict[str, tf.Tensor]:
    """Return every ready-made feature of the config.

    Outputs: `COLUMN` for dense (and `COLUMN_missing` with an indicator), `COLUMN_bucket`, `COLUMN_vocabulary` and
    `COLUMN_category` for the other groups.

    Args:
        inputs: raw columns by name.
        config: its `features` section is read.

    Raises:
        DataError: a column of the config is not among the inputs.
    """
    features = config.features
    outputs = _dense_group(inputs, config)
    for name, bucket in features.bucket.items():
        outputs[f"{name}_bucket"] = transforms.bucket(column(inputs, name), bucket.count)
    for name, words in features.vocabulary.items():
        outputs[f"{name}_vocabulary"] = transforms.vocabulary(
            column(inputs, name), name, top_k=words.top_k, num_oov_buckets=words.num_oov_buckets
        )
    for name, category in features.category.items():
        outputs[f"{name}_category"] = transforms.category(column(inputs, name), category.size, encoding=category.encoding)
    return outputs


def column(inputs: Mapping[str, Any], name: str) -> Any:
    """Return a raw column.

    Raises:
        DataError: no such column.
    """
    if name not in inputs:
        raise DataError(
            f"column '{name}': in the config, but not in the data's schema; known: {', '.join(sorted(inputs))}"
            f"{did_you_mean(name, inputs)}",
            hint="add it to a schema of your own; an inferred one has the columns with a value in the training split",
        )
    return inputs[name]


def _dense_group(inputs: Mapping[str, Any], config: Config) -> dict[str, tf.Tensor]:
    outputs: dict[str, tf.Tensor] = {}
    for kinds, scale in _SCALES:
        columns = {name: dense for name, dense in config.features.dense.items() if dense.transform in kinds}
        if not columns:
            continue
        values = [_values(inputs, name, dense.transform) for name, dense in columns.items()]
        scaled = scale(tf.stack(values, axis=1), [dense.impute for dense in columns.values()])
        outputs.update(zip(columns, tf.unstack(scaled, num=len(columns), axis=1), strict=True))
    for name, dense in config.features.dense.items():
        if dense.indicator:
            outputs[f"{name}_missing"] = transforms.missing_indicator(column(inputs, name))
    return outputs


def _values(inputs: Mapping[str, Any], name: str, transform: DenseTransform) -> tf.Tensor:
    values = transforms.floats(column(inputs, name))
    return transforms.log1p(values) if transform == "log_z_score" else values
