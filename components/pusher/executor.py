"""Pusher's executor: unwraps TFX's artifacts, calls logic.py and marks the pushed model as TFX's executor does.

TFX instantiates it by its dotted path. Stands in for TFX's, which writes a timestamped folder in place, so that a kill or a full
disk leaves half a model where a server picks it up.
"""

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor as tfx_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, json_utils

from waze_data_tfx.components.pusher import criteria, logic
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import RunFailed

RESOLUTION_KEY = "policy_resolution"


class Executor(tfx_executor.Executor):
    """Publishes a blessed model as the next version of `push.directory`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Push if blessed; otherwise mark the artifact as not pushed and write nothing.

        Raises:
            RunFailed: the copy differs from the model that was evaluated, another writer came between, or a blessing is missing
                or another model's.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[specs.PUSHED_MODEL_KEY])
        blessing = _blessing(input_dict, specs.MODEL_BLESSING_KEY, "Evaluator")
        infra = _blessing(input_dict, specs.INFRA_BLESSING_KEY, "InfraValidator")
        refusing = [b.uri for b in (blessing, infra) if b.get_int_custom_property("blessed") != 1]
        if refusing or not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            seen = ", ".join(str(Path(uri) / logic.VERDICT_FILE) for uri in refusing)
            print(f"Pusher: not pushed: the model is not blessed; see {seen}", flush=True)
            return
        for given in (blessing, infra):
            _check_same_model(artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY]), given)
        config = Config.model_validate_json(json_utils.loads(exec_properties[specs.CUSTOM_CONFIG_KEY])["config"])
        directory = config.push.directory
        if directory is None:
            raise RunFailed("push.directory: expected an absolute path; received none", hint="read the config with config.load")
        model_path = self.GetModelPath(input_dict)
        resolution = _resolution(input_dict)
        attached = criteria.plan(Path(blessing.uri), resolution, config.bandit) if config.bandit else None
        io_utils.copy_dir(model_path, pushed.uri)  # before the push: a full disk then fails the node with nothing switched
        logic.tell(Path(pushed.uri), Path(blessing.uri))
        if attached:
            criteria.attach(Path(pushed.uri), attached)
            pushed.set_string_custom_property("criteria", attached.summary())
            pushed.set_string_custom_property("policy", attached.record["policy"])
            pushed.set_float_custom_property("eval_share", attached.criteria.eval_share)
            print(f"Pusher: {attached.summary()}; {attached.record['policy']} policy: {attached.record['reason']}", flush=True)
        outcome = logic.push(Path(model_path), Path(blessing.uri), directory, keep=config.push.keep, attached=attached)
        self._MarkPushed(pushed, pushed_destination=str(directory / str(outcome.version)), pushed_version=str(outcome.version))
        print(f"Pusher: {outcome.line}", flush=True)


def _resolution(input_dict: dict[str, list[types.Artifact]]) -> dict[str, Any] | None:
    """Return what PolicyResolver chose; None without it."""
    if not input_dict.get(RESOLUTION_KEY):
        return None
    artifact = artifact_utils.get_single_instance(input_dict[RESOLUTION_KEY])
    resolution: dict[str, Any] = json.loads(artifact.read())
    return resolution


def _blessing(input_dict: dict[str, list[types.Artifact]], key: str, giver: str) -> types.Artifact:
    """Return a blessing: what nobody measured or asked is not pushed."""
    if not input_dict.get(key):
        raise RunFailed(f"Pusher: received no {key}; expected {giver}'s", hint=f"wire {giver} before it")
    return artifact_utils.get_single_instance(input_dict[key])


def _check_same_model(model: types.Artifact, blessing: types.Artifact) -> None:
    blessed = blessing.get_string_custom_property("current_model")
    if blessed != model.uri:
        raise RunFailed(f"{blessing.uri}: the blessing is another model's; received {model.uri}; expected {blessed}")
