"""Tuner's executor: TFX's, which searches and writes both artifacts, and beside its results the table of all trials.

TFX's own `tuner_results.json` (1.21) holds only the trials that did not fail, without their seconds. TFX instantiates it by its
dotted path.
"""

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.tuner import executor as tfx_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs

TRIALS_FILE = "trials.json"


class Executor(tfx_executor.Executor):
    """Searches, and writes `best_hyperparameters.txt`, `tuner_results.json` and `trials.json`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Run the search that `tuner_fn` returns."""
        tuner = tfx_executor.search(input_dict, exec_properties, self._get_tmp_dir(), print_tuning_summary=False)
        tfx_executor.write_best_hyperparameters(tuner, output_dict)
        results = Path(artifact_utils.get_single_uri(output_dict[specs.TUNER_RESULTS_KEY]))
        (results / TRIALS_FILE).write_text(json.dumps(tuner.record(), indent=1), encoding="utf-8")
