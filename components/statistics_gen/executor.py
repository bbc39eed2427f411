"""StatisticsGen's executor: takes what ExampleGen left beside the examples, or computes as TFX's executor does.

TFX instantiates it by its dotted path. All decisions are in logic.py. Artifacts look the same either way.
"""

import os
from typing import Any

from tfx import types
from tfx.components.statistics_gen import executor as tfx_executor
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils, stats_utils

from waze_data_tfx.components.statistics_gen import logic

ONLY_BY_TFX = (specs.SAMPLE_RATE_BY_SPLIT_KEY, specs.SHARDED_STATS_OUTPUT_KEY)
"""Parameters that are answered from the examples: a sample, or sharded output."""


class Executor(tfx_executor.Executor):
    """Writes a FeatureStats.pb per split."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the statistics of every split that is not excluded.

        Raises:
            DecodeError: statistics beside the examples are damaged.
        """
        examples = artifact_utils.get_single_instance(input_dict[specs.EXAMPLES_KEY])
        found = None if _only_by_tfx(input_dict, exec_properties, examples) else _made_by_example_gen(examples, exec_properties)
        if found is None:
            print("statistics: computed from the examples", flush=True)
            super().Do(input_dict, output_dict, exec_properties)
            return
        self._log_startup(input_dict, output_dict, exec_properties)
        _write(found, examples, artifact_utils.get_single_instance(output_dict[specs.STATISTICS_KEY]))
        print("statistics: taken from ExampleGen, which made them while it encoded the examples", flush=True)


def _only_by_tfx(input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any], examples: types.Artifact) -> bool:
    """Return whether something is asked for that statistics of all rows without a schema do not answer."""
    asked = bool(input_dict.get(specs.SCHEMA_KEY)) or any(_given(exec_properties.get(key)) for key in ONLY_BY_TFX)
    return asked or examples.has_custom_property(examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME)


def _given(parameter: Any) -> bool:
    return bool(json_utils.loads(parameter) if isinstance(parameter, str) else parameter)


def _made_by_example_gen(examples: types.Artifact, exec_properties: dict[str, Any]) -> dict[str, Any] | None:
    excluded = json_utils.loads(exec_properties.get(specs.EXCLUDE_SPLITS_KEY) or "null") or []
    splits = [s for s in artifact_utils.decode_split_names(examples.split_names) if s not in excluded]
    return logic.made_by_example_gen(examples.uri, splits, exec_properties.get(specs.STATS_OPTIONS_JSON_KEY))


def _write(found: dict[str, Any], examples: types.Artifact, artifact: types.Artifact) -> None:
    """Write the splits and set the properties that TFX's executor sets (statistics_gen/executor.py, 1.21)."""
    artifact.split_names = artifact_utils.encode_split_names(list(found))
    artifact.span = examples.span
    artifact.set_string_custom_property(tfx_executor.STATS_DASHBOARD_LINK, stats_utils.generate_stats_dashboard_link(artifact))
    rates = json_utils.dumps(dict.fromkeys(found, 1.0))
    artifact.set_json_value_custom_property(tfx_executor.SAMPLE_RATE_BY_SPLIT_PROPERTY_NAME, rates)
    for split, statistics in found.items():
        folder = artifact_utils.get_split_uri([artifact], split)
        fileio.makedirs(folder)
        with fileio.open(os.path.join(folder, tfx_executor.DEFAULT_FILE_NAME), "wb") as opened:
            opened.write(statistics.SerializeToString())
