"""QueryExampleGen's TFX skin: reads the config, runs one Beam pipeline over the rows, sets the artifact's properties.

Used by pipelines/ in place of TFX's CsvExampleGen and BigQueryExampleGen. All decisions are in plan.py, logic.py and counts.py.
Imports TFX and Beam; not google.cloud.aiplatform, which `tfx.v1` would.
"""

import json
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions
from tfx.components.util import examples_utils
from tfx.dsl.component.experimental.annotations import BeamComponentParameter, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from waze_data_tfx.components.query_example_gen import counts, decisions, logic
from waze_data_tfx.components.query_example_gen.plan import Plan, Rows, make_plan, settings_for
from waze_data_tfx.components.query_example_gen.processes import each_until
from waze_data_tfx.components.query_example_gen.rejected import letters_of, put_together
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data import disjoint, statistics
from waze_data_tfx.errors import DataError
from waze_data_tfx.monitoring.statistics import N_QUANTILES

PARTS, STAGING = ".parts", ".staging"
LOCAL_RUNNERS = ("apache_beam.runners.portability.fn_api_runner", "apache_beam.runners.direct")


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
        examples: receives one gzip TFRecord per part of the rows and split, the counts in rows.json, and as custom properties
            where the rows came from.

    Raises:
        DataError: the rows cannot be used; see `counts.summarise`. Rejected rows stay below the pipeline's root.
    """
    kind: Rows = "serving" if rows == "serving" else "training"
    settings = settings_for(Config.model_validate_json(config), kind)
    names = list(settings.data.split.names)
    examples.split_names = artifact_utils.encode_split_names(names)
    folders = {name: artifact_utils.get_split_uri([examples], name) for name in names}
    parts, staging = os.path.join(examples.uri, PARTS), os.path.join(examples.uri, STAGING)
    for folder in (parts, staging, decisions.ids_below(staging), *folders.values()):
        fileio.makedirs(folder)
    plan = make_plan(settings, folders, rows=kind, staging=staging)
    _run(beam_pipeline, plan, parts)
    besides = [_beside(parts, i) for i in range(len(plan.parts))]
    letters = put_together((logic.letters_of_part(b) for b in besides), letters_of(settings, kind))
    summarise = counts.summarise_serving if kind == "serving" else partial(counts.summarise, staging=staging)
    counted = summarise(settings, [_read_part(parts, i) for i in range(len(plan.parts))], letters)
    if plan.disjoint:
        disjoint.check(staging, names=names, columns=plan.disjoint, where=settings.data.named)
    merge = partial(_merge_statistics, names=names, besides=besides, examples_uri=examples.uri)
    each_until(merge, range(len(names)), processes="fork" if plan.may_fork else "none")
    for folder in (parts, staging):
        fileio.rmtree(folder)
    with fileio.open(os.path.join(examples.uri, logic.ROWS_FILE), "w") as opened:
        opened.write(json.dumps(counted, indent=2) + "\n")
    _describe(examples, plan, counted)


def _describe(examples: Any, plan: Plan, counted: dict[str, Any]) -> None:
    examples.span, examples.version = 0, 0
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(examples, "tfrecords_gzip")
    examples.set_int_custom_property("rows", sum(counted["splits"].values()))
    for name, value in plan.facts.items():
        examples.set_string_custom_property(name, value)


def _run(pipeline: Any, plan: Plan, parts: str) -> None:
    """Write every part: each is a task of its own for a runner's workers; on a local runner this machine's cores share them."""
    numbers = range(len(plan.parts))
    tasks = [tuple(numbers)] if _is_one_process(pipeline) else [(number,) for number in numbers]
    with pipeline:
        spread = pipeline | "Parts" >> beam.Create(tasks, reshuffle=len(tasks) > 1)
        _ = spread | "WriteShards" >> beam.Map(_write_parts, plan, parts)


def _is_one_process(pipeline: Any) -> bool:
    local = type(pipeline.runner).__module__.startswith(LOCAL_RUNNERS)
    return local and (pipeline.options.view_as(DirectOptions).direct_num_workers or 0) == 1


def _write_parts(numbers: tuple[int, ...], plan: Plan, parts: str) -> None:
    each_until(partial(_write_part, plan=plan, parts=parts), numbers, processes="fork" if plan.may_fork else "spawn")


def _write_part(number: int, plan: Plan, parts: str) -> bool:
    """Write one part's examples, and its counts or the user's mistake: Beam would lose the type of an exception."""
    part: dict[str, Any]
    try:
        part = {"counts": counts.counts_to_json(logic.write_shard(plan, number, _beside(parts, number)))}
    except DataError as error:
        part = {"error": error.message, "hint": error.hint}
    with fileio.open(os.path.join(parts, f"{number:05d}.json"), "w") as opened:
        opened.write(json.dumps(part))
    return "error" not in part


def _read_part(parts: str, number: int) -> counts.Counts:
    with fileio.open(os.path.join(parts, f"{number:05d}.json"), "r") as opened:
        part = json.loads(opened.read())
    if "error" in part:
        raise DataError(part["error"], hint=part["hint"])
    return counts.counts_from_json(part["counts"])


def _merge_statistics(split: int, names: Sequence[str], besides: Sequence[str], examples_uri: str) -> bool:
    """Put a split's statistics together from those of its parts; half a second of TFDV's Python, whatever the rows."""
    parts = (_bytes_of(logic.statistics_of_part(beside, names[split])) for beside in besides)
    statistics.write(examples_uri, names[split], statistics.merge(parts, N_QUANTILES), N_QUANTILES)
    return True


def _bytes_of(file: str) -> bytes:
    with fileio.open(file, "rb") as opened:
        read: bytes = opened.read()
    return read


def _beside(parts: str, number: int) -> str:
    return os.path.join(parts, f"{number:05d}")
