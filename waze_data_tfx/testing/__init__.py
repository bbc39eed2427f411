"""What your own tests import: rows in, transformed rows out, in seconds and without a pipeline.

May import anything of the project; nothing of the project imports it.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["transform_rows"]

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
    import apache_beam as beam  # isort: skip
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

    from waze_data_tfx.config import load
    from waze_data_tfx.features.entry import preprocessing_fn

    config = load(config_path).config
    types = config.column_types()
    specs = _specs(types)
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(specs))
    instances = [_instance(row, types, config.label) for row in rows]
    custom_config = {"config": config.model_dump_json(by_alias=True)}
    with tempfile.TemporaryDirectory() as folder:
        pipeline = beam.Pipeline(runner="FnApiRunner", argv=[])  # neither a download of another runner nor pytest's arguments
        with pipeline as p, tft_beam.Context(temp_dir=f"{folder}/temporary"):
            fitted = (p | beam.Create(instances), metadata) | tft_beam.AnalyzeDataset(
                lambda inputs: preprocessing_fn(inputs, custom_config)
            )
            fitted | tft_beam.WriteTransformFn(f"{folder}/fitted")
        graph = tft.TFTransformOutput(f"{folder}/fitted")
        outputs = graph.transform_raw_features(_tensors(instances, specs))
    names = sorted(set(outputs) - {config.label, config.key})
    columns = {name: _column(outputs[name]) for name in names}
    return [{name: columns[name][i] for name in names} for i in range(len(rows))]


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


def _tensors(instances: Sequence[Mapping[str, list[Any]]], specs: Mapping[str, Any]) -> dict[str, Any]:
    """Return each column as the SparseTensor [n, 1] that parsed examples give."""
    import tensorflow as tf

    tensors = {}
    for name, spec in specs.items():
        present = [(i, row[name][0]) for i, row in enumerate(instances) if row[name]]
        indices = tf.constant([[i, 0] for i, _ in present], tf.int64, shape=[len(present), 2])
        values = tf.constant([v for _, v in present], spec.dtype, shape=[len(present)])
        tensors[name] = tf.SparseTensor(indices, values, [len(instances), 1])
    return tensors


def _column(values: Any) -> list[Any]:
    import tensorflow as tf

    if isinstance(values, tf.SparseTensor):
        values = tf.RaggedTensor.from_sparse(values)
    rows = values.to_list() if isinstance(values, tf.RaggedTensor) else values.numpy().tolist()
    return [_text(row) for row in rows]


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(v) for v in value]
    return value.decode() if isinstance(value, bytes) else value
