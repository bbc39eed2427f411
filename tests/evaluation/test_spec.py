import os

import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tfx  # noqa: F401

from waze_data_tfx.config.evaluation import METRICS_BY_TASK
from waze_data_tfx.config.schema import Config
from waze_data_tfx.evaluation import spec


def _config(task, metrics, slices=()):
    return Config.model_validate(
        {
            "name": "t",
            "task": task,
            "label": "y",
            "data": {"input": "x.csv"},
            "features": {"dense": ["x"]},
            "evaluation": {"metrics": metrics, "slices": slices},
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


@pytest.mark.parametrize("task", sorted(METRICS_BY_TASK))
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
