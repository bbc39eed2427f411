"""Evaluator's executor: unwraps TFX's artifacts, calls logic.py and marks the blessing as TFX's executor does.

TFX instantiates it by its dotted path. A refused model is a result, not an error: it raises only where the candidate itself
cannot be evaluated.
"""

import os
from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, path_utils

from waze_data_tfx.components.evaluator import logic, off_policy
from waze_data_tfx.config.schema import Config
from waze_data_tfx.evaluation.off_policy.results import OFF_POLICY_FILE
from waze_data_tfx.evaluation.verdict import Verdict

CONFIG_KEY = "config"
SPLIT = "eval"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Measures the candidate, and the baseline where there is one, and judges."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write TFMA's metrics, metrics.json, verdict.json and sample.json, of a bandit off_policy.json, and the blessing.

        Raises:
            RunFailed: the candidate cannot be evaluated.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = Config.model_validate_json(exec_properties[CONFIG_KEY])
        model = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
        baseline = _baseline(input_dict, model, config)
        examples = input_dict[specs.EXAMPLES_KEY]
        evaluation = artifact_utils.get_single_instance(output_dict[specs.EVALUATION_KEY])
        blessing = artifact_utils.get_single_instance(output_dict[specs.BLESSING_KEY])
        evaluate = off_policy.evaluate if config.task == "bandit" else logic.evaluate
        verdict = evaluate(
            config,
            logic.Inputs(
                model=_saved_model(model),
                baseline=_saved_model(baseline) if baseline else None,
                file_patterns=[io_utils.all_files_pattern(uri) for uri in artifact_utils.get_split_uris(examples, SPLIT)],
                data={"uri": ",".join(e.uri for e in examples), "id": ",".join(str(e.id) for e in examples), "split": SPLIT},
                no_baseline=logic.no_baseline(config, was_found=bool(input_dict.get(specs.BASELINE_MODEL_KEY))),
            ),
            evaluation.uri,
            self._make_beam_pipeline,
        )
        _bless(blessing, verdict, model, baseline, evaluation.uri)
        print(logic.summary(verdict), flush=True)


def _baseline(input_dict: dict[str, list[types.Artifact]], model: types.Artifact, config: Config) -> types.Artifact | None:
    """Return the artifact to compare with; None if there is none, if it is not wanted, or if it is the candidate."""
    found = input_dict.get(specs.BASELINE_MODEL_KEY) or []
    if not found or config.evaluation.baseline == "none":
        return None
    baseline = artifact_utils.get_single_instance(found)
    return None if baseline.uri == model.uri else baseline


def _saved_model(model: types.Artifact) -> logic.SavedModel:
    path = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    return logic.SavedModel(path, {"uri": model.uri, "id": str(model.id)})


def _bless(
    blessing: types.Artifact, verdict: Verdict, model: types.Artifact, baseline: types.Artifact | None, evaluation_uri: str
) -> None:
    """Write the blessing as TFX does, and beside it what Pusher needs: verdict, sample, and a bandit's off-policy values."""
    blessed = verdict.status == "blessed"
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    for name in (logic.VERDICT_FILE, logic.SAMPLE_FILE, OFF_POLICY_FILE):
        if name != OFF_POLICY_FILE or fileio.exists(os.path.join(evaluation_uri, name)):  # only a bandit's evaluation has it
            io_utils.copy_file(os.path.join(evaluation_uri, name), os.path.join(blessing.uri, name))
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    with fileio.open(os.path.join(blessing.uri, name), "w") as file:
        file.write("")
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
    )
