"""The tuner section: every key and value is checked as the config itself would, and a trial's values come back as they were."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from waze_data_tfx.config import Config, load
from waze_data_tfx.config.tuner import Parameter, Tuner, applied, decoded, encoded, is_whole
from waze_data_tfx.errors import ConfigError, UserError

BASE = """name: t
label: y
data: {input: x.csv}
features: {dense: [a]}
evaluation: {metrics: [{name: mae, upper_bound: 3}]}
"""


def problems(folder: Path, tuner: str, extra: str = "") -> list[str]:
    file = folder / "t.yaml"
    file.write_text(f"{BASE}{extra}tuner:\n{tuner}")
    with pytest.raises(ConfigError) as caught:
        load(file)
    return [problem.partition("t.yaml:")[2] for problem in caught.value.problems]


def of(parameters: dict[str, Any], **tuner: Any) -> Config:
    values = {
        "name": "t",
        "label": "y",
        "data": {"input": "x"},
        "features": {"dense": ["a"]},
        "evaluation": {"metrics": [{"name": "mae", "upper_bound": 3}]},
        "tuner": {"parameters": parameters, **tuner},
    }
    return Config.model_validate(values)


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("model.droput: {min: 0, max: 0.5}", "model.droput: unknown key; known: .*; did you mean 'dropout'"),
        ("model.dropout: {min: 0, max: 1.5}", r"model.dropout.max: input should be less than 1; received 1\.5"),
        ("model.hidden_units: {choices: [[8], 3]}", r"model.hidden_units.choices.1: expected a list; received 3"),
        ("training.batch_size: {min: 16, max: 32.5}", r"training.batch_size.max: expected a whole number; received 32\.5"),
        ("training.batch_size: {min: 16, max: 32, step: 0.5}", r"training.batch_size: it takes whole numbers; received 0\.5"),
        ("model.dropout: {min: 0.1}", "model.dropout: expected choices, or min and max"),
        ("model.dropout: {min: 0.1, choices: [0.1]}", "model.dropout: expected choices or a range; received both"),
        ("model.dropout: {min: 0.5, max: 0.1}", r"model.dropout: min must be below max; received 0\.5 and 0\.1"),
        ("model.dropout: {min: 0, max: 0.5, scale: log}", "model.dropout: scale log needs a min above 0; received 0"),
        ("model.label_scale: {choices: [1, 10]}", "model.label_scale: it changes the unit of every loss"),
        ("model.loss: {choices: [mae, mse]}", "model.loss: it changes what val_loss measures"),
        ("model.l2: {min: 0, max: 0.1}", "model.l2: it changes what val_loss measures"),
        ("training.seed: {choices: [1, 2]}", "training.seed: a seed is not searched"),
        ("features.dense: {choices: [[a]]}", r"features.dense: expected a dotted key below model\. or training\."),
        ("model.optimizer.warmup: {choices: [0.1]}", "only schedule cosine uses it; received schedule 'constant'"),
    ],
)
def test_what_the_config_would_not_take_is_named_with_its_line(tmp_path: Path, parameter: str, expected: str) -> None:
    [problem] = problems(tmp_path, f"  parameters:\n    {parameter}\n")
    line, _, rest = problem.partition(": ")
    assert line == "8"
    assert rest.startswith("tuner.parameters.")

    assert re.search(expected, rest), rest


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("search: grid", "tuner.parameters.model.dropout: a grid needs choices, or a step"),
        ("search: hyperband\n  max_trials: 3", "tuner.max_trials: hyperband makes as many trials as follow from the epochs"),
        ("objective: val_own", "tuner.objective: whether 'val_own' is better low or high is not known; set tuner.direction"),
        ("search: bayesain", "tuner.search: input should be .*; received 'bayesain'; did you mean 'bayesian'"),
    ],
)
def test_searches_that_cannot_be_made(tmp_path: Path, settings: str, expected: str) -> None:

    found = problems(tmp_path, f"  {settings}\n  parameters:\n    model.dropout: {{min: 0, max: 0.5}}\n")
    assert re.search(expected, found[0]), found


def test_values_come_back_as_the_config_takes_them() -> None:
    config = of(
        {
            "model.hidden_units": {"choices": [[64, 32], [128]]},
            "model.activation": {"choices": ["relu", "selu"]},
            "model.embedding_dim": {"choices": [None, 4]},
            "model.optimizer.learning_rate": {"choices": [1, 0.5]},
            "model.params.depth": {"min": 1, "max": 3},
        }
    )
    tuner = config.tuner
    assert tuner is not None
    choices = {key: encoded(parameter) for key, parameter in tuner.parameters.items() if parameter.choices}
    assert choices == {
        "model.hidden_units": ["[64, 32]", "[128]"],
        "model.activation": ["relu", "selu"],
        "model.embedding_dim": ["null", "4"],
        "model.optimizer.learning_rate": [1.0, 0.5],
    }
    chosen = {**{key: values[1] for key, values in choices.items()}, "model.params.depth": 2, "tuner/epochs": 3}
    values = decoded(tuner, json.loads(json.dumps(chosen)))
    trial = applied(config, values)
    assert trial.tuner is None
    assert trial.model.hidden_units == (128,)
    assert (trial.model.activation, trial.model.embedding_dim, trial.model.optimizer.learning_rate) == ("selu", 4, 0.5)
    assert trial.model.params == {"depth": 2}
    assert applied(config, {"training.early_stopping.patience": 2}).training.early_stopping is not None


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ({}, "received none"),
        ({"model.activation": "tanh"}, "received 'tanh'; expected one of 'relu', 'selu'"),
    ],
)
def test_values_of_another_search_are_refused(found: dict[str, Any], what: str) -> None:
    tuner = of({"model.activation": {"choices": ["relu", "selu"]}}).tuner
    assert tuner is not None
    with pytest.raises(UserError) as caught:
        decoded(tuner, found)
    assert caught.value.message == f"tuner.parameters.model.activation: the search that was taken is of other parameters; {what}"
    assert caught.value.hint == "search anew: waze-tfx run CONFIG --from Tuner"


def test_whole_numbers_are_those_of_the_field() -> None:
    ends = Parameter(min=1, max=4)
    assert is_whole("training.batch_size", ends)
    assert is_whole("model.embedding_dim", ends)
    assert is_whole("training.early_stopping.patience", ends)
    assert not is_whole("model.dropout", Parameter(min=0, max=1))
    assert is_whole("model.params.depth", ends)
    assert not is_whole("model.params.share", Parameter(min=0, max=1.5))


@pytest.mark.parametrize(
    ("objective", "better"),
    [("val_loss", "min"), ("val_auc", "max"), ("loss", "min"), ("val_mean_absolute_error", "min"), ("val_f1_score", "max")],
)
def test_the_direction_follows_from_the_name(objective: str, better: str) -> None:
    assert Tuner(objective=objective, parameters={"model.dropout": Parameter(min=0, max=1)}).better == better
    assert Tuner(objective=objective, direction="max", parameters={"model.dropout": Parameter(min=0, max=1)}).better == "max"


def test_patience_alone_is_early_stopping() -> None:
    config = applied(of({"model.dropout": {"min": 0, "max": 0.5}}), {"training.early_stopping": 7})
    stopping = config.training.early_stopping
    assert stopping is not None
    assert (stopping.patience, stopping.monitor, stopping.restore_best) == (7, "val_loss", True)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            "model: {optimizer: {factor: 0.5}}\n",
            "factor: only schedule plateau uses it; received schedule 'constant'",
        ),
        ("model: {optimizer: {decay_rate: 0.9, schedule: cosine}}\n", "model.optimizer.decay_rate: only schedule exponential"),
        (
            "model: {optimizer: {weight_decay: 0.1}}\n",
            "weight_decay: only adamw uses it; received optimizer 'adam'",
        ),
        (
            "model: {optimizer: {ema: 0.9}}\ntraining: {early_stopping: 3}\n",
            "training.early_stopping.restore_best: the best epoch's own weights would take the place of the average",
        ),
        (
            "training: {early_stopping: {patiense: 3}}\n",
            "patiense: unknown key; .*did you mean 'patience'",
        ),
    ],
)
def test_settings_of_training_that_do_not_fit(tmp_path: Path, extra: str, expected: str) -> None:

    found = problems(tmp_path, "  parameters:\n    model.dropout: {min: 0, max: 0.5}\n", extra)
    assert any(re.search(expected, problem) for problem in found), found
