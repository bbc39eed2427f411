"""Hyperparameter: what is refused, and that TFX's Trainer and KerasTuner read what it writes."""

import json
from pathlib import Path

import pytest

from waze_data_tfx.components.hyperparameter import logic
from waze_data_tfx.errors import UserError

SETTINGS = {"batch_size": 256, "agent": {"name": "linucb", "alpha": 0.5}}


def test_equal_settings_are_equal_bytes(tmp_path: Path) -> None:
    for name, text in (
        ("a", '{"batch_size": 256, "agent": {"name": "linucb", "alpha": 0.5}}'),
        ("b", '{"agent": {"alpha": 0.5, "name": "linucb"}, "batch_size": 256}'),
    ):
        logic.write(logic.parse(text), tmp_path / name)
    written = [(tmp_path / name / "best_hyperparameters.txt").read_text() for name in "ab"]
    assert written[0] == '{"space":[],"values":{"agent":{"alpha":0.5,"name":"linucb"},"batch_size":256}}\n' == written[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[1]", r"expected a JSON object with at least one setting; received '\[1\]'"),
        ("{}", "expected a JSON object with at least one setting"),
        ('{"a": 1, "a": 2}', "'a' is there twice; received 1 and 2"),
        ('{"a": NaN}', "expected finite numbers; received NaN"),
        ('{"a": {"b": [1, 1e999]}}', "hyperparameters.a.b.1: expected a finite number; received inf"),
        ('{"": 1}', "expected a name for every setting"),
    ],
)
def test_what_is_no_dictionary_of_settings_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        logic.parse(text)


def test_in_a_tfx_pipeline_the_trainer_gets_the_settings_as_its_hyperparameters(tmp_path: Path) -> None:
    import keras_tuner
    from tfx.components.trainer.executor import GenericExecutor
    from tfx.orchestration import metadata, pipeline
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.types import standard_artifacts

    from waze_data_tfx.components.hyperparameter import Hyperparameter

    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    node = Hyperparameter(values=json.dumps(SETTINGS))
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="t", pipeline_root=str(tmp_path / "root"), components=[node], metadata_connection_config=connection
        )
    )
    with metadata.Metadata(connection) as handle:
        [found] = handle.store.get_artifacts_by_type("HyperParameters")
    assert json.loads(found.custom_properties["values"].string_value) == SETTINGS
    made, model, run = standard_artifacts.HyperParameters(), standard_artifacts.Model(), standard_artifacts.ModelRun()
    made.uri, model.uri, run.uri = found.uri, str(tmp_path / "model"), str(tmp_path / "run")
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(tmp_path / "examples"), '["train", "eval"]'
    given = GenericExecutor()._GetFnArgs(
        {"examples": [examples], "hyperparameters": [made]},
        {"model": [model], "model_run": [run]},
        {"train_args": '{"splits": ["train"]}', "eval_args": '{"splits": ["eval"]}'},
    )
    assert given.hyperparameters["values"] == SETTINGS
    assert keras_tuner.HyperParameters.from_config(given.hyperparameters).get("agent") == SETTINGS["agent"]
