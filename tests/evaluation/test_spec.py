import os

import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tfx  # noqa: F401

from waze_data_tfx.config.evaluation import METRICS_BY_TASK
from waze_data_tfx.config.schema import Config
from waze_data_tfx.evaluation import spec


def _config(task, metrics, slices=(), **evaluation):
    return Config.model_validate(
        {
            "name": "t",
            "task": task,
            "label": "y",
            "data": {"input": "x.csv"},
            "features": {"dense": ["x"]},
            "evaluation": {"metrics": metrics, "slices": slices, **evaluation},
            **({"n_classes": 3} if task.startswith("multi") else {}),
        }
    )


def test_metrics_are_those_named_once_each_and_rmse_is_made_of_mse():
    slices = [{"columns": ["a"], "metrics": [{"name": "mape", "upper_bound": 1}, {"name": "mse", "upper_bound": 1}]}]
    config = _config("regression", [{"name": "rmse", "upper_bound": 1}, {"name": "mae"}], slices)
    assert spec.metric_names(config) == ["example_count", "mse", "mae", "mape"]


def test_slices_are_sorted_as_in_a_slice_key_and_named_once():
    config = _config("regression", [{"name": "mae", "upper_bound": 1}], ["b", ["b", "a"], ["a", "b"]])
    assert spec.slice_columns(config) == [("b",), ("a", "b")]
    assert [list(s.feature_keys) for s in spec.eval_config(config, has_baseline=False).slicing_specs] == [[], ["b"], ["a", "b"]]


def test_indicators_of_a_binary_task_are_computed_for_slices_and_where_they_are_named():
    def thresholds(task, metrics, slices=(), **evaluation):
        return spec.indicator_thresholds(_config(task, metrics, slices, **evaluation))

    accuracy, named = {"name": "accuracy", "lower_bound": 0}, {"name": "false_positive_rate@0.3", "upper_bound": 1}
    assert thresholds("binary_classification", [accuracy]) == []
    assert thresholds("binary_classification", [accuracy], ["a"]) == [0.5]
    assert thresholds("binary_classification", [accuracy, named]) == [0.3]
    assert thresholds("binary_classification", [named], ["a"], decision_thresholds=[0.9, 0.1]) == [0.1, 0.3, 0.9]
    assert thresholds("multiclass_classification", [accuracy], ["a"]) == []
    assert spec.metric_names(_config("binary_classification", [named])) == ["example_count"]


@pytest.mark.parametrize("task", sorted(METRICS_BY_TASK.keys() - {"bandit"}))  # its own: off_policy/test_metrics.py
@pytest.mark.parametrize("has_baseline", [False, True])
def test_tfma_accepts_every_metric_of_every_task_without_a_threshold(task, has_baseline):
    from tensorflow_model_analysis.metrics import metric_specs
    from tensorflow_model_analysis.utils import config_util

    first, *rest = METRICS_BY_TASK[task]
    metrics = [{"name": first, "upper_bound": 1}, *({"name": name} for name in rest)]
    found = spec.eval_config(_config(task, metrics), has_baseline=has_baseline)
    config_util.verify_eval_config(found)
    assert metric_specs.metric_thresholds_from_metrics_specs(found.metrics_specs, found) == {}
    assert [m.is_baseline for m in found.model_specs] == ([False, True] if has_baseline else [False])
    assert {m.prediction_key for m in found.model_specs} == {spec.output_name(task)}
