"""What of `model` does not fit its type, its head, its task or the features; said with key and remedy, at `check`."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from waze_data_tfx.config import Config, load
from waze_data_tfx.config.model import READS, Model
from waze_data_tfx.config.schema import Inconsistent
from waze_data_tfx.errors import ConfigError

FEATURES = {"dense": ["miles"], "vocabulary": {"company": 5}, "sequence": {"stops": 5, "calls": {"max_length": 9}}}
TOWERS = {"query": ["miles"], "candidate": ["company_vocabulary"]}
METRICS = {"regression": "mae", "binary_classification": "auc", "multiclass_classification": "accuracy"}


def config_of(model: dict[str, Any], task: str = "regression", **parts: Any) -> Config:
    threshold = "upper_bound" if task == "regression" else "lower_bound"
    values = {
        "name": "t",
        "label": "y",
        "task": task,
        "n_classes": 3 if task.startswith("multi") else None,
        "data": {"input": "x"},
        "features": FEATURES,
        "model": model,
        "evaluation": {"metrics": [{"name": METRICS[task], threshold: 0.5}]},
        **parts,
    }
    return Config.model_validate(values)


def problems(*args: Any, **parts: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        config_of(*args, **parts)
    [error] = caught.value.errors()
    inner = error["ctx"]["error"]
    assert isinstance(inner, Inconsistent)
    return inner.problems


@pytest.mark.parametrize(
    ("model", "key", "what"),
    [
        ({"cell": "gru"}, "cell", "type dnn does not read it, only rnn; leave it out"),
        (
            {"type": "linear", "hidden_units": [3]},
            "hidden_units",
            "type linear does not read it, only dnn, wide_deep, deep_cross",
        ),
        ({"type": "dnn", "filters": 3}, "filters", "type dnn does not read it, only cnn; leave it out"),
        ({"towers": TOWERS}, "towers", "type dnn does not read it, only two_tower"),
        ({"type": "two_tower"}, "towers", "is required for type two_tower: {query: [outputs], candidate: [outputs]}"),
        ({"quantiles": [0.5]}, "quantiles", "only head quantile reads it; received head mean"),
        ({"head": "quantile", "quantiles": [0.5, 0.1]}, "quantiles", "expected ascending numbers between 0 and 1 with 0.5"),
        ({"head": "quantile", "quantiles": [0.1, 0.9]}, "quantiles", "with 0.5 among them; received [0.1, 0.9]"),
        ({"head": "quantile", "quantiles": [0, 0.5]}, "quantiles", "expected ascending numbers between 0 and 1"),
        ({"head": "quantile", "loss": "mse"}, "loss", "is trained on the pinball loss; received 'mse'; leave it out"),
        ({"head": "quantile", "metrics": ["mae"]}, "metrics", "head quantile gives several; leave it out"),
        (
            {"deep_columns": ["mils"]},
            "deep_columns.0",
            "unknown output 'mils'; known: calls_sequence, company_vocabulary, miles, ",
        ),
        (
            {"type": "wide_deep", "wide_columns": ["company"]},
            "wide_columns.0",
            "stops_sequence; did you mean 'company_vocabulary'?",
        ),
        ({"type": "two_tower", "towers": {**TOWERS, "query": ["x"]}}, "towers.query.0", "unknown output 'x'"),
        (
            {"type": "cnn", "sequence_columns": ["miles"]},
            "sequence_columns.0",
            "unknown output 'miles'; known: calls_sequence, stops",
        ),
        ({"type": "rnn"}, "sequence_columns", "received stops_sequence 5, calls_sequence 9; give them one max_length"),
    ],
)
def test_settings_that_do_not_fit(model: dict[str, Any], key: str, what: str) -> None:
    [(found, message)] = problems(model)
    assert found == f"model.{key}"
    assert what in message


def test_a_sequence_model_without_sequences() -> None:
    what = "rnn reads sequences; name one under features.sequence"
    assert problems({"type": "rnn"}, features={"dense": ["miles"]}) == [("model.type", what)]


def test_two_towers_have_one_score() -> None:
    [(key, what)] = problems({"type": "two_tower", "towers": TOWERS}, "multiclass_classification")
    assert key == "model.type"
    assert what.endswith("received multiclass_classification")


@pytest.mark.parametrize("kind", READS)
def test_every_type_is_accepted_for_every_task_that_it_serves(kind: str) -> None:
    own = {"two_tower": {"towers": TOWERS}, "rnn": {"sequence_columns": ["stops_sequence"]}, "cnn": {}}.get(kind, {})
    features = {**FEATURES, "sequence": {"stops": 5}}
    for task in METRICS if kind != "two_tower" else ("regression", "binary_classification"):
        config = config_of({"type": kind, **own}, task, features=features)
        assert Config.model_validate_json(config.model_dump_json(by_alias=True)) == config


def test_a_build_model_of_ones_own_reads_what_it_likes() -> None:
    config_of({"cell": "gru", "towers": TOWERS, "deep_columns": ["whatever"]}, code={"model": "m.py"})


def test_outputs_of_a_preprocessing_fn_are_not_known_yet() -> None:
    config_of({"deep_columns": ["whatever"]}, code={"features": "f.py"})


def test_every_setting_that_a_type_reads_is_one() -> None:
    assert {key for keys in READS.values() for key in keys} <= set(Model.model_fields)


@pytest.mark.parametrize("old", ["dnn_regressor", "dnn_classifier"])
def test_the_old_names_lead_to_the_new_one(tmp_path: Path, old: str) -> None:
    (tmp_path / "c.yaml").write_text(f"name: t\nlabel: y\nmodel:\n  type: {old}\n")
    with pytest.raises(ConfigError, match=rf"c\.yaml:4: model\.type: .*received '{old}'; did you mean 'dnn'\?"):
        load(tmp_path / "c.yaml")
