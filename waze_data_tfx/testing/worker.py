"""The process that `transform_rows` works in: `python -m waze_data_tfx.testing.worker CONFIG ROWS RESULT`.

TensorFlow and Beam in one interpreter end in a segmentation fault when it exits (TF 2.21, Beam 2.77, TFT 1.21: after every
analysis, with any preprocessing_fn), which would fail a green test session; so they get a process that ends without that.
"""

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waze_data_tfx.config.schema import Config

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main(config_path: str, rows_path: str, result_path: str) -> None:
    """Transform the rows of one JSON file into another: {"rows": [...]} or {"error": {"type", "message", "hint"}}."""
    from waze_data_tfx.errors import WazeTfxError

    rows = json.loads(Path(rows_path).read_text(encoding="utf-8"))
    try:
        result: dict[str, Any] = {"rows": transform(config_path, rows)}
    except Exception as error:  # noqa: BLE001  told to the test, which raises it
        traceback.print_exc()
        ours = error if isinstance(error, WazeTfxError) else WazeTfxError(f"{type(error).__name__}: {error}")
        result = {"error": {"type": type(ours).__name__, "message": ours.message, "hint": ours.hint}}
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def transform(config_path: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Do in this process what `transform_rows` says."""
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
    instances = [_instance(row, types, config) for row in rows]
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
    names = sorted(set(outputs) - {config.label, config.weight, config.key})
    columns = {name: _column(outputs[name]) for name in names}
    return [{name: columns[name][i] for name in names} for i in range(len(rows))]


def _specs(types: Mapping[str, str]) -> dict[str, Any]:
    import tensorflow as tf

    dtypes = {"float": tf.float32, "int": tf.int64, "string": tf.string}
    return {name: tf.io.VarLenFeature(dtypes[kind]) for name, kind in types.items()}


def _instance(row: Mapping[str, Any], types: Mapping[str, str], config: "Config") -> dict[str, list[Any]]:
    from waze_data_tfx.data.labels import example_label

    unknown = set(row) - set(types)
    if unknown:
        from waze_data_tfx.errors import UserError, unknown_name

        raise UserError(unknown_name("column", sorted(unknown)[0], types))
    values = {name: row.get(name) for name in types if name != config.label}
    encode: dict[str, Callable[[Any], Any]] = {"float": float, "int": int, "string": lambda v: str(v).encode()}
    encoded = {name: [] if value is None else [encode[types[name]](value)] for name, value in values.items()}
    return {**encoded, config.label: example_label(row.get(config.label), config)}


def _tensors(instances: Sequence[Mapping[str, list[Any]]], specs: Mapping[str, Any]) -> dict[str, Any]:
    """Return each column as the SparseTensor [n, 1] (a multi-label label: [n, n_classes]) that parsed examples give."""
    import tensorflow as tf

    tensors = {}
    for name, spec in specs.items():
        present = [(i, j, value) for i, row in enumerate(instances) for j, value in enumerate(row[name])]
        indices = tf.constant([[i, j] for i, j, _ in present], tf.int64, shape=[len(present), 2])
        values = tf.constant([v for _, _, v in present], spec.dtype, shape=[len(present)])
        width = max((len(row[name]) for row in instances), default=1)
        tensors[name] = tf.SparseTensor(indices, values, [len(instances), max(width, 1)])
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


if __name__ == "__main__":
    main(*sys.argv[1:])
