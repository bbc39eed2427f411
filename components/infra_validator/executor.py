"""InfraValidator's executor: unwraps TFX's artifacts, calls logic.py and marks the blessing as TFX's executor does.

TFX instantiates it by its dotted path. A model that does not load or answer is a result, not an error. TFX's own executor needs
Docker or Kubernetes and TF Serving.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, path_utils

from waze_data_tfx.components.infra_validator import logic
from waze_data_tfx.config.names import argument_names
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data import records
from waze_data_tfx.errors import DataError

CONFIG_KEY = "config"
SPLIT = "eval"
BLESSED_FILE, NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"
"""As TFX names them (1.21), whose own executor would bring the clients of Docker and Kubernetes with it."""


class Executor(base_executor.BaseExecutor):
    """Asks the model in a process of its own, and judges."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write verdict.json and measured.json into the blessing, and mark it.

        Raises:
            DataError: the eval split is empty.
            RunFailed: a fresh process cannot import TensorFlow.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = Config.model_validate_json(exec_properties[CONFIG_KEY])
        model = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
        blessing = artifact_utils.get_single_instance(output_dict[specs.BLESSING_KEY])
        settings = config.infra_validation
        question = logic.Question(
            model=path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)),
            examples=_examples(input_dict[specs.EXAMPLES_KEY], settings.n_examples),
            columns={name: column for column, name in argument_names(_columns(config)).items()},
            outputs=logic.outputs_of(config.task),
            choices=config.bandit.actions if config.bandit else (),
        )
        answer = logic.ask(question, settings)
        data = {"uri": ",".join(e.uri for e in input_dict[specs.EXAMPLES_KEY]), "split": SPLIT}
        verdict = logic.judge(answer, settings, model={"uri": model.uri, "id": str(model.id)}, data=data)
        Path(blessing.uri, logic.VERDICT_FILE).write_text(verdict.to_json(), encoding="utf-8")
        Path(blessing.uri, logic.MEASURED_FILE).write_text(json.dumps(answer.measured, indent=1) + "\n", encoding="utf-8")
        _bless(blessing, model, blessed=verdict.status == "blessed")
        print("\n".join([f"InfraValidator: {verdict.status}", *(f"  {c.reason}" for c in verdict.checks)]), flush=True)


def _columns(config: Config) -> set[str]:
    """Return the columns that the exported model's `raw` signature may take."""
    bandit = config.bandit
    log = {bandit.columns.eligible, bandit.columns.decision or config.key, *bandit.serving.criteria_columns} if bandit else set()
    return {name for name in (*config.features.column_types(), config.key, *log) if name is not None}


def _examples(artifacts: list[types.Artifact], count: int) -> list[bytes]:
    """Return the first examples of the eval split."""
    patterns = [io_utils.all_files_pattern(uri) for uri in artifact_utils.get_split_uris(artifacts, SPLIT)]
    files = sorted(file for pattern in patterns for file in fileio.glob(pattern))
    found = list(itertools.islice(itertools.chain.from_iterable(map(_records, files)), count))
    if not found:
        raise DataError("infra_validation: split 'eval' has no rows", hint="raise its share in data.split.buckets")
    return found


def _records(file: str) -> Iterator[bytes]:
    with fileio.open(file, "rb") as opened:
        yield from records.records(opened, file)


def _bless(blessing: types.Artifact, model: types.Artifact, *, blessed: bool) -> None:
    """Write the blessing as TFX does, with the model that it is about."""
    with fileio.open(str(Path(blessing.uri, BLESSED_FILE if blessed else NOT_BLESSED_FILE)), "w") as file:
        file.write("")
    blessing.set_int_custom_property("blessed", int(blessed))
    blessing.set_string_custom_property("current_model", model.uri)
