"""What your own tests import: rows in, transformed rows out, in seconds and without a pipeline.

May import anything of the project; nothing of the project imports it.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def transform_rows(config_path: str | Path, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Fit the config's features on these rows and return the same rows transformed.

    Runs the very preprocessing_fn that the Transform node runs, fitted by tf.Transform on `rows` alone.

    Args:
        config_path: the pipeline's YAML file.
        rows: column -> value; a column that is left out or None is missing. The label may be left out.

    Returns:
        One dict per row: output name -> number, string, or list for vectors; the label and key left out.

    Raises:
        WazeTfxError: as the Transform node would.
    """
    import tfx  # noqa: F401  before tensorflow_data_validation: it stands in for a module that tfx-bsl 1.21 lacks
    import tensorflow_transform.beam as tft_beam  # isort: skip
    from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

    from waze_data_tfx.config import load
    from waze_data_tfx.features.entry import preprocessing_fn

    config = load(config_path).config
    types = config.column_types()
    specs = _specs(types)
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(specs))
    instances = [_instance(row, types, config.label) for row in rows]
    custom_config = {"config": config.model_dump_json(by_alias=True)}
    with tft_beam.Context(temp_dir=tempfile.mkdtemp()):
        (transformed, _), _ = (instances, metadata) | tft_beam.AnalyzeAndTransformDataset(
            lambda inputs: preprocessing_fn(inputs, custom_config)
        )
    left_out = {config.label, config.key}
    return [{name: _plain(value) for name, value in row.items() if name not in left_out} for row in transformed]


def _specs(types: Mapping[str, str]) -> dict[str, Any]:
    import tensorflow as tf

    dtypes = {"float": tf.float32, "int": tf.int64, "string": tf.string}
    return {name: tf.io.VarLenFeature(dtypes[kind]) for name, kind in types.items()}


def _instance(row: Mapping[str, Any], types: Mapping[str, str], label: str) -> dict[str, list[Any]]:
    unknown = set(row) - set(types)
    if unknown:
        from waze_data_tfx.errors import UserError, unknown_name

        raise UserError(unknown_name("column", sorted(unknown)[0], types))
    values = {name: row.get(name) for name in types}
    if values[label] is None:
        values[label] = 0
    encode: dict[str, Callable[[Any], Any]] = {"float": float, "int": int, "string": lambda v: str(v).encode()}
    return {name: [] if value is None else [encode[types[name]](value)] for name, value in values.items()}


def _plain(value: Any) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    return value.decode() if isinstance(value, bytes) else value
