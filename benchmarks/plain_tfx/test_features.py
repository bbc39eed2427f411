"""A feature unit test as one writes it for plain TFX: rows through CsvExampleGen, StatisticsGen, SchemaGen and Transform.

Run by benchmarks/feature_test.py with `pytest`, in a folder that holds taxi_module.py and a folder of rows for each check. The
rows are asked for what waze_data_tfx.testing's test asks.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

from pathlib import Path

import pytest
import tensorflow as tf
from tfx import v1 as tfx

HERE = Path(__file__).parent


def transformed(rows: Path, folder: Path) -> list[dict]:
    everything = tfx.proto.Output(
        split_config=tfx.proto.SplitConfig(splits=[tfx.proto.SplitConfig.Split(name="train", hash_buckets=1)])
    )
    example_gen = tfx.components.CsvExampleGen(input_base=str(rows), output_config=everything)
    examples = example_gen.outputs["examples"]
    statistics = tfx.components.StatisticsGen(examples=examples)
    schema = tfx.components.SchemaGen(statistics=statistics.outputs["statistics"])
    transform = tfx.components.Transform(
        examples=examples, schema=schema.outputs["schema"], module_file=str(HERE / "taxi_module.py")
    )
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="feature_test",
            pipeline_root=str(folder / "root"),
            components=[example_gen, statistics, schema, transform],
            metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(str(folder / "mlmd.sqlite")),
            beam_pipeline_args=["--runner=FnApiRunner"],  # its default would first try to download a binary
        )
    )
    files = [str(f) for f in (folder / "root" / "Transform" / "transformed_examples").rglob("*.gz")]
    records = tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
    return [tf.train.Example.FromString(record).features.feature for record in records]


@pytest.mark.parametrize("given", sorted(HERE.glob("rows_*")), ids=lambda path: path.name)
def test_the_longer_trip_has_the_larger_distance(given: Path, tmp_path: Path) -> None:
    rows = transformed(given, tmp_path)
    assert len(rows) == 3
    totals = sorted(sum(row["pieces"].float_list.value) for row in rows)
    assert totals[-1] > totals[0]
