"""DistributionValidator's executor: unwraps TFX's artifacts, calls logic.py and marks the anomalies as TFX's executor does.

TFX instantiates it by its dotted path. A column that has moved too far is a result, not an error: what follows is the policy's.
"""

from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.distribution_validator import executor as tfx_executor
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs

from waze_data_tfx.components.distribution_validator import logic
from waze_data_tfx.config.schema import Config

CONFIG_KEY, KIND_KEY = "config", "kind"


class Executor(base_executor.BaseExecutor):
    """Judges, and writes verdict.json and TFX's anomalies."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write verdict.json, and SplitPair-NOW_OTHER/SchemaDiff.pb where there was something to compare with."""
        self._log_startup(input_dict, output_dict, exec_properties)
        kind = logic.KINDS[exec_properties[KIND_KEY]]
        statistics = artifact_utils.get_single_instance(input_dict[specs.STATISTICS_KEY])
        found = input_dict.get(specs.BASELINE_STATISTICS_KEY) or []
        baseline = artifact_utils.get_single_instance(found) if found else None
        anomalies = artifact_utils.get_single_instance(output_dict[specs.ANOMALIES_KEY])
        verdict = logic.validate(
            Config.model_validate_json(exec_properties[CONFIG_KEY]),
            kind,
            _statistics(statistics),
            _statistics(baseline) if baseline else None,
            Path(anomalies.uri),
        )
        pair = logic.pair(kind)
        state = tfx_executor.BLESSED_VALUE if verdict.status == "blessed" else tfx_executor.NOT_BLESSED_VALUE
        anomalies.set_json_value_custom_property(
            tfx_executor.ARTIFACT_PROPERTY_BLESSED_KEY, {pair: state if baseline else tfx_executor.NO_BASELINE_STATS}
        )
        if baseline:
            anomalies.split_names = artifact_utils.encode_split_names([pair])
        print(logic.summary(verdict), flush=True)


def _statistics(artifact: types.Artifact) -> logic.Statistics:
    return logic.Statistics(Path(artifact.uri), {"uri": artifact.uri, "id": str(artifact.id)})
