"""Rows in, a fitted transform graph and transformed rows out: by the code of ExampleGen, Transform and the exported model.

Called by `jobs` in a worker's child. Nothing here computes a feature: rows are parsed and encoded as ExampleGen does, analyzed
and transformed by the Transform component's logic, on Beam in memory. Imports TensorFlow and Beam at the top.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.saved import saved_transform_io_v2
from tensorflow_transform.tf_metadata import schema_utils

from waze_data_tfx.components.transform import logic
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.encode import encode
from waze_data_tfx.data.labels import example_label
from waze_data_tfx.data.rows import parse
from waze_data_tfx.errors import UserError, unknown_name
from waze_data_tfx.features import entry
from waze_data_tfx.usercode import code_files

from . import traces
from .beam_in_memory import pipeline

DTYPES = {"float": tf.float32, "int": tf.int64, "string": tf.string}
ANALYZED, TRANSFORMED = "analyzed", "transformed"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Fitted:
    """A transform graph on disk and how its raw columns are parsed."""

    config: Config
    folder: Path
    spec: Mapping[str, Any]

    @cached_property
    def output(self) -> Any:
        """TFT's reader of the graph."""
        return tft.TFTransformOutput(str(self.folder))

    @cached_property
    def loader(self) -> Any:
        """The graph, loaded as the exported model loads it."""
        return saved_transform_io_v2.SavedModelLoader(self.output.transform_savedmodel_dir)

    def apply(self, examples: Sequence[bytes]) -> dict[str, Any]:
        """Return every output of the graph for all examples in one batch.

        Raises:
            UserCodeError: an output has more or fewer rows than there are examples.
        """
        parsed = tf.io.parse_example(tf.constant(list(examples)), dict(self.spec))
        outputs = self.loader.apply_transform_model(parsed)
        logic.check_rows(outputs, len(examples), entry.origin(self.config))
        return outputs


def fitted(config: Config, rows: Rows, folder: Path) -> Fitted:
    """Return the graph fitted on the rows: a fit of the same rows, code and config below `folder`, or a new one there.

    Raises:
        WazeTfxError: as the ExampleGen and Transform nodes would.
    """
    place = folder / "fits" / _identity(config, rows)
    if not (place / tft.TFTransformOutput.TRANSFORM_FN_DIR).is_dir():
        place.mkdir(parents=True, exist_ok=True)
        return fit(config, encoded(config, rows), place)
    return Fitted(config, place, _spec(schema(config)))


def fit(config: Config, examples: Sequence[bytes], place: Path) -> Fitted:
    """Run the analyzers over the examples and write the graph to `place`."""
    given = place / ANALYZED
    write(examples, given)
    columns = schema(config)
    custom_config = {"config": config.model_dump_json(by_alias=True)}
    paths = logic.Paths(graph=str(place), analyze=[str(given)], transform={})
    logic.write_raw_metadata(columns, paths)
    with traces.few(lambda inputs: entry.preprocessing_fn(inputs, custom_config)) as preprocessing_fn:
        logic.analyze(pipeline(), columns, preprocessing_fn, paths, read_records=read)
    return Fitted(config, place, _spec(columns))


def transformed_examples(fit: Fitted, examples: Sequence[bytes], place: Path) -> dict[str, Any]:
    """Return what the Trainer would read: the Transform node's transformed examples, parsed."""
    write(examples, place / ANALYZED)
    paths = logic.Paths(graph=str(fit.folder), analyze=[], transform={str(place / ANALYZED): str(place / TRANSFORMED)})
    logic.transform(pipeline(), paths, entry.origin(fit.config))
    [file] = (place / TRANSFORMED).iterdir()
    records = list(tf.data.TFRecordDataset(str(file), "GZIP").as_numpy_iterator())
    return tf.io.parse_example(tf.constant(records), fit.output.transformed_feature_spec())


def encoded(config: Config, rows: Rows) -> list[bytes]:
    """Return one serialized tf.Example per row, as ExampleGen would write it had a CSV held the rows.

    Raises:
        UserError: no row, or a column that the config does not read.
        DataError: a value that is not of its column's type, with the row, counted from 1.
    """
    types = config.column_types()
    if not rows:
        raise UserError("rows: received none; expected at least one")
    for i, row in enumerate(rows, 1):
        for name in row:
            if name not in types:
                raise UserError(f"row {i}: {unknown_name('column', name, types)}")
    texts = {name: [_text(row.get(name)) for row in rows] for name in types}
    named = config.file_types()[config.label] == "string"
    texts[config.label] = [None if named else text or "0" for text in texts[config.label]]
    batch = pa.RecordBatch.from_arrays([pa.array(t, pa.large_string()) for t in texts.values()], names=list(texts))
    parsed = parse(batch, types, file=Path("rows"), first_row=1)
    if named:
        parsed = parsed.set_column(parsed.schema.get_field_index(config.label), config.label, _labels(config, rows))
    return encode(parsed, list(types))


def schema(config: Config) -> schema_pb2.Schema:
    """Return the config's curated schema, or one that only says the types, as SchemaGen infers them."""
    if config.schema_.file:
        return text_format.Parse(config.schema_.file.read_text("utf-8"), schema_pb2.Schema())
    return schema_utils.schema_from_feature_spec(
        {name: tf.io.VarLenFeature(DTYPES[kind]) for name, kind in config.column_types().items()}
    )


def listed(outputs: Mapping[str, Any], config: Config) -> list[dict[str, Any]]:
    """Return the outputs as one dict of plain values per row, without label, weight and key."""
    names = sorted(set(outputs) - {config.label, config.weight, config.key})
    columns = {name: _column(outputs[name]) for name in names}
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def write(examples: Sequence[bytes], folder: Path) -> None:
    """Write the examples as the one file of a split."""
    folder.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
        for example in examples:
            writer.write(example)


def read(file: str) -> Iterator[list[bytes]]:
    """Yield a file's records as `logic.records` does, without a tf.data graph, which takes longer than few rows do."""
    left = tf.compat.v1.io.tf_record_iterator(file, tf.io.TFRecordOptions(compression_type="GZIP"))
    while batch := list(itertools.islice(left, logic.BATCH_ROWS)):
        yield batch


def _identity(config: Config, rows: Rows) -> str:
    code = code_files(config.code.features) if config.code.features else {}
    read = config.schema_.file.read_text("utf-8") if config.schema_.file else ""
    parts = [config.model_dump_json(by_alias=True), code, read, [{k: _text(v) for k, v in row.items()} for row in rows]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _labels(config: Config, rows: Rows) -> pa.Array:
    """Return the numbers of labels that are text; a missing one becomes one that fits."""
    labels = [example_label(row.get(config.label), config) for row in rows]
    if config.task == "multilabel_classification":
        return pa.array(labels, pa.large_list(pa.int64()))
    return pa.array([value for [value] in labels], pa.int64())


def _spec(columns: schema_pb2.Schema) -> Mapping[str, Any]:
    return schema_utils.schema_as_feature_spec(columns).feature_spec


def _text(value: Any) -> str | None:
    """Return what a CSV would hold; an empty field is missing."""
    if value is None or value == "":
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return str(int(value)) if isinstance(value, bool) else str(value)


def _column(values: Any) -> list[Any]:
    if isinstance(values, tf.SparseTensor):
        values = tf.RaggedTensor.from_sparse(values)
    rows = values.to_list() if isinstance(values, tf.RaggedTensor) else values.numpy().tolist()
    return [_plain(row) for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
