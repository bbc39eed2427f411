"""What can be written in a config, what does not fit together, and that editors are told the same."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import REPOSITORY
from pydantic import ValidationError
from ruamel.yaml import YAML

from waze_data_tfx.config import Config, load
from waze_data_tfx.config.evaluation import INDICATORS, METRIC_DIRECTIONS, METRICS_BY_TASK, MetricThreshold
from waze_data_tfx.config.schema import Inconsistent
from waze_data_tfx.errors import ConfigError

GOOD: dict[str, Any] = {
    "name": "eta",
    "label": "seconds",
    "data": {"input": "trips.csv"},
    "features": {"dense": ["miles"]},
    "evaluation": {"metrics": [{"name": "mae", "upper_bound": 5}]},
}
AUC = {"metrics": [{"name": "auc", "lower_bound": 0.5}]}
WAZE = """\
name: waze_eta
label: numeric_label
data:
  input: waze/eta_table.parquet
  split: {buckets: {train: 2, eval: 1}}
features:
  dense: [dense_float_1, dense_float_2]
  bucket:
    numeric_feature1: 5
    numeric_feature2: 10
  vocabulary:
    categorical_feature: {top_k: 5, num_oov_buckets: 3}
  category:
    categorical_calculated: 2
model:
  type: dnn
  hidden_units: [6, 3]
  activation: relu
  optimizer: {name: adam, learning_rate: 0.01}
  metrics: [mse, mae]
training:
  epochs: 250
  eval_batch_size: 128
evaluation:
  metrics:
    - {name: mse, upper_bound: 25, absolute_change: 1}
    - {name: mae}
"""


def changed(**parts: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), **parts}


def inconsistent(values: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(values)
    [error] = caught.value.errors()
    inner = error["ctx"]["error"]
    assert isinstance(inner, Inconsistent)
    return inner.problems


def test_everything_the_wrapper_at_waze_configured_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "waze.yaml").write_text(WAZE)
    config = load(tmp_path / "waze.yaml").config
    assert config.column_types() == {
        "dense_float_1": "float",
        "dense_float_2": "float",
        "numeric_feature1": "float",
        "numeric_feature2": "float",
        "categorical_feature": "string",
        "categorical_calculated": "int",
        "numeric_label": "float",
    }
    assert config.features.bucket["numeric_feature1"].count == 5
    vocabulary = config.features.vocabulary["categorical_feature"]
    assert (vocabulary.top_k, vocabulary.num_oov_buckets) == (5, 3)
    assert config.features.category["categorical_calculated"].size == 2
    assert (config.training.epochs, config.training.eval_batch_size) == (250, 128)
    assert (config.model.hidden_units, config.model.activation) == ((6, 3), "relu")
    assert (config.model.optimizer.name, config.model.optimizer.learning_rate) == ("adam", 0.01)
    mse = config.evaluation.metrics[0]
    assert (mse.name, mse.upper_bound, mse.absolute_change, mse.direction) == ("mse", 25, 1, "lower")


def test_short_forms_are_the_long_ones() -> None:
    short = {
        "dense": ["miles", "age"],
        "bucket": {"hour": 5},
        "vocabulary": {"company": 3, "city": None},
        "category": {"weekend": 2},
    }
    long = {
        "dense": {"miles": {}, "age": None},
        "bucket": {"hour": {"count": 5}},
        "vocabulary": {"company": {"top_k": 3}, "city": {}},
        "category": {"weekend": {"size": 2}},
    }
    assert Config.model_validate(changed(features=short)) == Config.model_validate(changed(features=long))
    evaluation = {**GOOD["evaluation"], "slices": ["city", ["city", "weekend"], {"columns": ["weekend"]}]}
    config = Config.model_validate(changed(features=short, evaluation=evaluation))
    assert [s.columns for s in config.evaluation.slices] == [("city",), ("city", "weekend"), ("weekend",)]


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (
            {"features": {}},
            (
                "features",
                "no feature; name at least one under dense, bucket, vocabulary, hash, category, text, sequence, time, cross, geo "
                "or custom",
            ),
        ),
        ({"features": {"dense": ["seconds"]}}, ("features.dense.seconds", "the label cannot be a feature")),
        (
            {"features": {"custom": {"seconds": "int"}}, "code": {"features": "f.py"}},
            ("features.custom.seconds", "the label cannot be a feature"),
        ),
        (
            {"features": {"custom": {"miles": "float"}}},
            ("features.custom", "only a preprocessing_fn reads these; received no code.features"),
        ),
        (
            {"features": {"dense": ["miles"], "vocabulary": {"miles": 3}}},
            ("features.vocabulary.miles", "is read as float by another group and as string here; keep one of them"),
        ),
        (
            {"features": {"bucket": {"hour": 3}, "category": {"hour": 24}}},
            ("features.category.hour", "is read as float by another group and as int here; keep one of them"),
        ),
        (
            {"features": {"dense": ["miles"], "custom": {"miles": "string"}}, "code": {"features": "f.py"}},
            ("features.custom.miles", "is read as float by another group and as string here; keep one of them"),
        ),
        (
            {
                "task": "multiclass_classification",
                "evaluation": {"metrics": [{"name": "accuracy", "lower_bound": 0.5}]},
            },
            ("n_classes", "is required for task multiclass_classification, unless `classes` names them"),
        ),
        (
            {"task": "binary_classification", "model": {"head": "poisson"}, "evaluation": AUC},
            ("model.head", "poisson is for task regression; received task binary_classification"),
        ),
        (
            {"evaluation": {"metrics": [{"name": "mape2", "upper_bound": 1}]}},
            (
                "evaluation.metrics.0.name",
                "unknown metric for task regression 'mape2'; known: mae, mape, mse, rmse; did you mean 'mape'?",
            ),
        ),
        (
            {"evaluation": {**GOOD["evaluation"], "slices": ["a", {"columns": ["a"], "metrics": [{"name": "auc"}]}]}},
            (
                "evaluation.slices.1.metrics.0.name",
                "unknown metric for task regression 'auc'; known: mae, mape, mse, rmse",
            ),
        ),
        (
            {"evaluation": {"metrics": [{"name": "mae", "max_gap": 1, "upper_bound": 1}]}},
            (
                "evaluation.metrics.0.max_gap",
                "is the distance of a slice from all rows; set it on a metric of an entry of evaluation.slices",
            ),
        ),
        (
            {"task": "binary_classification", "evaluation": {"metrics": [{"name": "positive_rate", "absolute_change": 1}]}},
            (
                "evaluation.metrics.0.absolute_change",
                "neither way of positive_rate@0.5 is better; expected upper_bound, lower_bound or max_gap",
            ),
        ),
        (
            {"evaluation": {**GOOD["evaluation"], "decision_thresholds": [0.3]}},
            ("evaluation.decision_thresholds", "only task binary_classification has any; received task regression"),
        ),
        (
            {"evaluation": {"metrics": [{"name": "mae"}]}},
            (
                "evaluation.metrics",
                "no threshold, so no model could be blessed; add upper_bound, lower_bound, absolute_change or relative_change "
                "to a metric",
            ),
        ),
    ],
)
def test_settings_that_do_not_fit_each_other(parts: dict[str, Any], problem: tuple[str, str]) -> None:
    assert inconsistent(changed(**parts)) == [problem]


REMEDY = "read one of them under features.custom and name its output in your preprocessing_fn"


@pytest.mark.parametrize(
    ("parts", "key", "what"),
    [
        (
            {"features": {"dense": ["hour_bucket"], "bucket": {"hour": 4}}},
            "features.bucket.hour",
            "the output 'hour_bucket', and so does features.dense.hour_bucket",
        ),
        (
            {"features": {"dense": {"a": {"indicator": True}, "a_missing": {}}}},
            "features.dense.a_missing",
            "the output 'a_missing', and so does features.dense.a",
        ),
        (
            {"features": {"bucket": {"hour": 4}}, "label": "hour_bucket"},
            "features.bucket.hour",
            "the output 'hour_bucket', and so does label",
        ),
        (
            {"features": {"category": {"day": 7}}, "key": "day_category"},
            "features.category.day",
            "the output 'day_category', and so does key",
        ),
        (
            {"features": {"vocabulary": {"a b": 3, "a_b": 3}}},
            "features.vocabulary.a_b",
            "the vocabulary file 'a_b', and so does features.vocabulary.a b",
        ),
    ],
)
def test_two_features_that_would_make_one_output_are_both_named(parts: dict[str, Any], key: str, what: str) -> None:
    assert inconsistent(changed(**parts)) == [(key, f"makes {what}; {REMEDY}")]


def test_the_same_column_in_several_groups_has_outputs_of_its_own() -> None:
    Config.model_validate(changed(features={"dense": {"hour": {"indicator": True}}, "bucket": {"hour": 4}}))


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({"key": "seconds"}, "'seconds' is the label; expected another column, or none"),
        ({"key": "miles"}, "'miles' is read as float by a feature, which would alter it (float32 holds whole numbers to 2^24); "),
    ],
)
def test_a_key_that_would_not_pass_through_unaltered_is_refused(parts: dict[str, Any], what: str) -> None:
    [(key, message)] = inconsistent(changed(**parts))
    assert key == "key"
    assert message.startswith(what)


def test_a_key_may_be_read_as_text_or_integer() -> None:
    types = Config.model_validate(changed(key="id", features={"category": {"id": 9}})).column_types()
    assert types["id"] == "int"
    assert Config.model_validate(changed(key="id")).column_types()["id"] == "string"


FLOAT_SLICE = (
    "is read as float, so nearly every row would be a slice of its own; slice by a column that is read as int or string "
    "(under vocabulary, category or custom), or by one that is not a feature"
)


@pytest.mark.parametrize(
    ("features", "column"),
    [({"dense": ["miles"]}, "miles"), ({"bucket": {"miles": 4}}, "miles"), ({"dense": ["miles"]}, "seconds")],
)
def test_a_slice_by_a_float_is_refused(features: dict[str, Any], column: str) -> None:
    values = changed(features=features, evaluation={**GOOD["evaluation"], "slices": [["city"], ["city", column]]})
    assert inconsistent(values) == [("evaluation.slices.1", f"'{column}' {FLOAT_SLICE}")]


def test_a_slice_by_an_integer_label_a_category_or_any_other_column_is_fine() -> None:
    values = changed(
        task="binary_classification",
        features={"dense": ["miles"], "category": {"weekend": 2}},
        evaluation={"metrics": [{"name": "auc", "lower_bound": 0.7}], "slices": ["seconds", "weekend", "city"]},
    )
    types = Config.model_validate(values).column_types()
    assert types == {"miles": "float", "weekend": "int", "seconds": "int", "city": "string"}


def test_several_that_do_not_fit_are_all_named() -> None:
    values = changed(model={"cell": "gru"}, evaluation={"metrics": [{"name": "mae"}]})
    assert [key for key, _ in inconsistent(values)] == ["model.cell", "evaluation.metrics"]


def test_config_is_frozen_at_every_depth() -> None:
    config = Config.model_validate(GOOD)
    with pytest.raises(ValidationError, match="frozen"):
        config.name = "other"
    with pytest.raises(ValidationError, match="frozen"):
        config.training.epochs = 5


def test_equal_configs_have_equal_json_whatever_the_order_of_their_sections() -> None:
    backwards = dict(reversed(changed(training={"seed": 2, "epochs": 3}).items()))
    forwards = changed(training={"epochs": 3, "seed": 2})
    one, two = (Config.model_validate(v).model_dump_json(by_alias=True) for v in (backwards, forwards))
    assert one == two
    assert Config.model_validate_json(one) == Config.model_validate(forwards)


def test_every_metric_of_a_task_has_a_direction() -> None:
    assert {m for metrics in METRICS_BY_TASK.values() for m in metrics} == {*METRIC_DIRECTIONS, *INDICATORS}
    assert MetricThreshold(name="auc").direction == "higher"
    assert not MetricThreshold(name="auc").has_threshold
    assert MetricThreshold(name="auc", absolute_change=0).has_threshold
    assert MetricThreshold(name="auc", max_gap=0).has_threshold


def test_an_indicator_has_one_spelling_with_its_decision_threshold() -> None:
    spelt = ("false_positive_rate", "false_positive_rate@0.50", "false_positive_rate@.5")
    assert {MetricThreshold(name=n).name for n in spelt} == {"false_positive_rate@0.5"}
    assert [MetricThreshold(name=n).direction for n in ("true_positive_rate@0.3", "positive_rate@0.3")] == ["higher", None]
    for wrong in ("x", "0", "1", "-0.1", "nan", ""):
        with pytest.raises(ConfigError, match="decision threshold between 0 and 1 after '@'; received 'false_negative_rate@"):
            MetricThreshold(name=f"false_negative_rate@{wrong}")


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = Config.model_json_schema(by_alias=True)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("text", [*((REPOSITORY / "configs").glob("*.yaml")), WAZE], ids=lambda t: getattr(t, "name", "waze"))
def test_editors_accept_what_the_project_ships(validator: jsonschema.Draft202012Validator, text: Path | str) -> None:
    values = YAML(typ="safe").load(text)
    assert list(validator.iter_errors(json.loads(json.dumps(values)))) == []


@pytest.mark.parametrize(
    "values",
    [
        changed(traning={}),
        changed(training={"epoch": 1}),
        changed(features={"dense": {"miles": {"imput": "mean"}}}),
        changed(evaluation={"metrics": [{"name": "mae", "uper_bound": 5}]}),
        changed(task="regresion"),
        {k: v for k, v in GOOD.items() if k != "label"},
    ],
)
def test_editors_refuse_what_load_refuses(validator: jsonschema.Draft202012Validator, values: dict[str, Any]) -> None:
    assert len(list(validator.iter_errors(values))) == 1
    with pytest.raises(ValidationError):
        Config.model_validate(values)


def test_the_schema_that_editors_read_is_the_current_one() -> None:
    written = json.loads((REPOSITORY / "configs" / "schema.json").read_text())
    assert written == Config.model_json_schema(by_alias=True), "remake it with `make schema`"
