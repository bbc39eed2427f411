"""QueryExampleGen's TFX skin: reads the config, runs one Beam pipeline over the rows, sets the artifact's properties.

Used by pipelines/ in place of TFX's CsvExampleGen and BigQueryExampleGen. All decisions are in logic.py and counts.py. Imports
TFX and Beam; not google.cloud.aiplatform, which `tfx.v1` would.
"""

import json
import os
from typing import Any

import apache_beam as beam
from tfx.components.util import examples_utils
from tfx.dsl.component.experimental.annotations import BeamComponentParameter, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from waze_data_tfx.components.query_example_gen import counts, logic
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data import disjoint
from waze_data_tfx.errors import DataError

PARTS, STAGING = ".parts", ".staging"


@component(use_beam=True)
def QueryExampleGen(  # noqa: D417 - the type hints are TFX's declaration of the component
    config: Parameter[str],
    data_fingerprint: Parameter[str],
    examples: OutputArtifact[standard_artifacts.Examples],
    rows: Parameter[str] = "training",
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Read `data.input` or run `data.query`, apply the rules, split them and write tf.Examples and rows.json.

    Args:
        config: the resolved config as JSON.
        data_fingerprint: identity of the input's content; it only makes the cache key.
        rows: training, or serving for those of `monitoring.skew.input`.
        examples: receives one gzip TFRecord per part of the rows and split, and the counts in rows.json.

    Raises:
        DataError: the rows cannot be used; see `counts.summarise`.
    """
    kind: logic.Rows = "serving" if rows == "serving" else "training"
    settings = logic.settings_for(Config.model_validate_json(config), kind)
    names = list(settings.data.split.names)
    examples.split_names = artifact_utils.encode_split_names(names)
    folders = {name: artifact_utils.get_split_uri([examples], name) for name in names}
    parts, staging = os.path.join(examples.uri, PARTS), os.path.join(examples.uri, STAGING)
    for folder in (parts, staging, *folders.values()):
        fileio.makedirs(folder)
    plan = logic.make_plan(settings, folders, rows=kind, staging=staging)
    _run(beam_pipeline, plan, parts)
    summarise = counts.summarise_serving if kind == "serving" else counts.summarise
    counted = summarise(settings, [_read_part(parts, i) for i in range(len(plan.parts))])
    if plan.disjoint:
        disjoint.check(staging, names=names, columns=plan.disjoint, where=settings.data.named)
    for folder in (parts, staging):
        fileio.rmtree(folder)
    with fileio.open(os.path.join(examples.uri, logic.ROWS_FILE), "w") as opened:
        opened.write(json.dumps(counted, indent=2) + "\n")
    examples.span, examples.version = 0, 0
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(examples, "tfrecords_gzip")


def _run(pipeline: Any, plan: logic.Plan, parts: str) -> None:
    with pipeline:
        numbers = pipeline | "Parts" >> beam.Create(range(len(plan.parts)), reshuffle=len(plan.parts) > 1)
        _ = numbers | "WriteShards" >> beam.Map(_write_part, plan, parts)


def _write_part(number: int, plan: logic.Plan, parts: str) -> None:
    """Write one part's examples, and its counts or the user's mistake: Beam would lose the type of an exception."""
    try:
        part = {"counts": counts.counts_to_json(logic.write_shard(plan, number))}
    except DataError as error:
        part = {"error": error.message, "hint": error.hint}
    with fileio.open(os.path.join(parts, f"{number:05d}.json"), "w") as opened:
        opened.write(json.dumps(part))


def _read_part(parts: str, number: int) -> counts.Counts:
    with fileio.open(os.path.join(parts, f"{number:05d}.json"), "r") as opened:
        part = json.loads(opened.read())
    if "error" in part:
        raise DataError(part["error"], hint=part["hint"])
    return counts.counts_from_json(part["counts"])
