"""Rows as ExampleGen encodes them, their examples, and StatisticsGen's executors over these."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow as tf
import tfx  # noqa: F401 - before tensorflow_data_validation
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from waze_data_tfx.data.statistics import SplitStatistics, merge, options

N_QUANTILES = 100
TYPES = {"float": pa.float32(), "int": pa.int64(), "text": pa.large_binary()}


def batch_of(columns: dict[str, tuple[str, list]]) -> pa.RecordBatch:
    """Return columns of (type, a list of values or None per row) as ExampleGen has them."""
    return pa.RecordBatch.from_pydict({n: pa.array(rows, pa.large_list(TYPES[t])) for n, (t, rows) in columns.items()})


def write_examples(folder: Path, splits: dict[str, list[pa.RecordBatch]]) -> standard_artifacts.Examples:
    """Write a gzip TFRecord per batch, and an empty one for a split without batches."""
    for split, batches in splits.items():
        (folder / f"Split-{split}").mkdir(parents=True)
        for i, batch in enumerate(batches or [None]):
            name = folder / f"Split-{split}" / f"data_tfrecord-{i:05d}-of-{len(batches) or 1:05d}.gz"
            with tf.io.TFRecordWriter(str(name), "GZIP") as writer:
                for example in RecordBatchToExamplesEncoder().encode(batch) if batch else ():
                    writer.write(example)
    examples = standard_artifacts.Examples()
    examples.uri, examples.span = str(folder), 3
    examples.split_names = "[" + ", ".join(f'"{split}"' for split in splits) + "]"
    return examples


def execute(executor: type, examples: standard_artifacts.Examples, folder: Path, **parameters: Any) -> Any:
    """Run StatisticsGen's executor, TFX's or ours, and return the statistics artifact."""
    made = standard_artifacts.ExampleStatistics()
    made.uri = str(folder)
    inputs = {"examples": [examples], **parameters.pop("inputs", {})}
    properties = {"stats_options_json": options(N_QUANTILES).to_json(), "exclude_splits": "[]", **parameters}
    beam = ["--runner=FnApiRunner", "--sdk_container_image=in-process"]
    context = BaseBeamExecutor.Context(beam_pipeline_args=beam, tmp_dir=str(folder / "tmp"), unique_id="1")
    executor(context).Do(inputs, {"statistics": [made]}, properties)
    return made


def read(artifact: Any, split: str) -> DatasetFeatureStatisticsList:
    return DatasetFeatureStatisticsList.FromString((Path(artifact.uri) / f"Split-{split}" / "FeatureStats.pb").read_bytes())


def counted(shards: list[list[pa.RecordBatch]]) -> DatasetFeatureStatisticsList:
    """Return our statistics of shards of batches."""
    parts = []
    for shard in shards:
        statistics = SplitStatistics(N_QUANTILES)
        for batch in shard:
            statistics.add(batch)
        parts.append(statistics.to_bytes())
    return merge(parts, N_QUANTILES)
