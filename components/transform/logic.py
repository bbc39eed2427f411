"""How examples are analyzed and transformed: TensorFlow Transform with as few Beam stages as it takes.

Called by executor.py; knows no TFX artifact. Two short Beam pipelines: the first reads the analyzed split and computes
what preprocessing_fn asks for, the second applies the saved graph to each file. TFX's executor builds both from generic
parts, each a chain of Beam stages; in a local run the stages, not the rows, are what takes the time.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import impl_helper
from tensorflow_transform.saved import saved_transform_io_v2
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder, RecordBatchToExamplesEncoder
from tfx_bsl.public import tfxio

from waze_data_tfx.errors import UserCodeError

BATCH_ROWS = 1024
COMPRESSION_LEVEL = 1
SHARD = "transformed_examples-{:05d}-of-{:05d}.gz"
TEMPORARY = ".temp_path"


@dataclass(frozen=True)
class Paths:
    """Where things are read and written."""

    graph: str  # folder of the transform graph
    analyze: Sequence[str]  # folders of the splits that are analyzed
    transform: Mapping[str, str]  # folder of raw examples: folder of transformed examples


def run(
    make_pipeline: Callable[[], Any],
    *,
    schema: schema_pb2.Schema,
    preprocessing_fn: Callable[..., Any],
    paths: Paths,
    origin: str = "preprocessing_fn",
) -> None:
    """Analyze, write the graph and its metadata, and transform every split; `origin` names preprocessing_fn in messages.

    Raises:
        whatever preprocessing_fn raises, while it is traced.
        UserCodeError: an output has another number of rows than the input.
    """
    write_raw_metadata(schema, paths)
    analyze(make_pipeline(), schema, preprocessing_fn, paths)
    transform(make_pipeline(), paths, origin)


def write_raw_metadata(schema: schema_pb2.Schema, paths: Paths) -> None:
    """Write the raw features' schema beside the graph, where whoever reads the graph looks for it."""
    raw = dataset_metadata.DatasetMetadata(schema)
    metadata_io.write_metadata(raw, os.path.join(paths.graph, tft.TFTransformOutput.RAW_METADATA_DIR))


def analyze(
    pipeline: Any,
    schema: schema_pb2.Schema,
    preprocessing_fn: Callable[..., Any],
    paths: Paths,
    *,
    read_records: Callable[[str], Iterable[list[bytes]]] | None = None,
) -> None:
    """Compute the analyzers over the analyzed splits and write transform_fn and transformed_metadata.

    `read_records` gives a file's records in lists of at most BATCH_ROWS; default: `records`.
    """
    files = [f for folder in paths.analyze for f in _files(folder)]
    serialized = schema.SerializeToString()
    config = tfxio.TFExampleRecord(file_pattern=files, schema=schema).TensorAdapterConfig()
    temporary = os.path.join(paths.graph, TEMPORARY)
    with pipeline, tft_beam.Context(temp_dir=temporary, use_deep_copy_optimization=True):
        batches = (
            pipeline
            | "Files" >> beam.Create(files, reshuffle=len(files) > 1)
            | "ReadExamples" >> beam.FlatMap(read_batches, serialized, read_records or records).with_output_types(pa.RecordBatch)
        )
        saved_model, metadata = (batches, config) | "Analyze" >> tft_beam.AnalyzeDataset(preprocessing_fn)
        deferred = beam.pvalue.AsSingleton(metadata.deferred_metadata)
        _ = saved_model | "Write" >> beam.Map(_write_graph, deferred, metadata.asset_map, paths.graph)
    tf.io.gfile.rmtree(temporary)


def transform(pipeline: Any, paths: Paths, origin: str) -> None:
    """Apply the written graph to every file, one Beam step per file."""
    work = []
    for source, target in paths.transform.items():
        files = _files(source)
        tf.io.gfile.makedirs(target)
        work += [(file, os.path.join(target, SHARD.format(i, len(files)))) for i, file in enumerate(files)]
    with pipeline:
        _ = (
            pipeline
            | "Files" >> beam.Create(work, reshuffle=len(work) > 1)
            | "Transform" >> beam.ParDo(_TransformFiles(paths.graph, origin))
        )


def records(file: str) -> Iterator[list[bytes]]:
    """Yield the records of a gzip TFRecord, BATCH_ROWS at a time."""
    for batch in tf.data.TFRecordDataset(file, "GZIP").batch(BATCH_ROWS).as_numpy_iterator():
        yield batch.tolist()


def read_batches(
    file: str, serialized_schema: bytes, read_records: Callable[[str], Iterable[list[bytes]]]
) -> Iterator[pa.RecordBatch]:
    """Yield a gzip TFRecord of tf.Examples as Arrow batches with the schema's features."""
    decoder = ExamplesToRecordBatchDecoder(serialized_schema)
    for batch in read_records(file):
        yield decoder.DecodeBatch(batch)


def check_rows(outputs: Mapping[str, Any], n_rows: int, origin: str) -> None:
    """Check that every output has one row per example of the batch.

    Raises:
        UserCodeError: it has not: the function reduced over the rows, or took only those with a value.
    """
    for name, value in outputs.items():
        shape = value.dense_shape if isinstance(value, tf.SparseTensor) else value.shape
        received = int(shape[0])
        if received != n_rows:
            raise UserCodeError(
                f"{origin}: output '{name}': received {received} rows for a batch of {n_rows}; expected one per row",
                hint="keep the first dimension, the batch: reduce over axis=1, and use tft.mean and its kin for totals",
            )


class _TransformFiles(beam.DoFn):
    """Transforms files of examples; loads the graph once per worker."""

    def __init__(self, graph: str, origin: str) -> None:
        self._graph = graph
        self._origin = origin

    def setup(self) -> None:
        """Load the graph as a function of serialized examples, and what turns its outputs into examples."""
        output = tft.TFTransformOutput(self._graph)
        loader = saved_transform_io_v2.SavedModelLoader(output.transform_savedmodel_dir)
        spec = schema_utils.schema_as_feature_spec(output.raw_metadata.schema).feature_spec
        schema = output.transformed_metadata.schema

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def apply(records: tf.Tensor) -> dict[str, Any]:
            return loader.apply_transform_model(tf.io.parse_example(records, spec))

        self._apply = apply
        self._to_arrow = impl_helper.make_tensor_to_arrow_converter(schema).convert
        self._encode = RecordBatchToExamplesEncoder(schema).encode  # with the schema: ragged features need it

    def process(self, files: tuple[str, str]) -> None:
        """Transform one file; the result takes its name only when it is complete."""
        source, target = files
        options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=COMPRESSION_LEVEL)
        with tf.io.TFRecordWriter(f"{target}.part", options) as writer:
            for records in tf.data.TFRecordDataset(source, "GZIP").batch(BATCH_ROWS):
                outputs = self._apply(records)
                check_rows(outputs, len(records), self._origin)
                for example in self._encode(self._to_arrow(outputs)):
                    writer.write(example)
        tf.io.gfile.rename(f"{target}.part", target, overwrite=True)


def _write_graph(saved_model: str, metadata: dataset_metadata.DatasetMetadata, asset_map: dict[str, str], graph: str) -> None:
    """Write transform_fn and transformed_metadata as tft_beam.WriteTransformFn does, in one step; moves what it can."""
    target = os.path.join(graph, tft.TFTransformOutput.TRANSFORMED_METADATA_DIR)
    metadata_io.write_metadata(metadata, target)
    if asset_map:
        with tf.io.gfile.GFile(os.path.join(target, tft.TFTransformOutput.ASSET_MAP), "w") as opened:
            opened.write(json.dumps(asset_map))
    tf.io.gfile.rename(saved_model, os.path.join(graph, tft.TFTransformOutput.TRANSFORM_FN_DIR), overwrite=True)
    working = os.path.join(graph, tft.TFTransformOutput.TRANSFORM_FN_DIR, impl_helper.METADATA_DIR_NAME)
    if tf.io.gfile.exists(working):  # Transform's own notes, which its writer leaves out too
        tf.io.gfile.rmtree(working)


def _files(folder: str) -> list[str]:
    return sorted(tf.io.gfile.glob(os.path.join(folder, "*")))
