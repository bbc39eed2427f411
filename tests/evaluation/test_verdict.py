import json
import math
import subprocess
import sys

import pytest

from waze_data_tfx.config.schema import Config
from waze_data_tfx.evaluation import Verdict, judge, slice_name

MODEL, DATA, OLD = {"uri": "m/2", "id": "2"}, {"uri": "e/1", "id": "1"}, {"uri": "m/1", "id": "1"}
CASH, CARD = (("payment", "Cash"),), (("payment", "Card"),)


def _judge(metrics, now, before=None, slices=(), task="regression"):
    config = Config.model_validate(
        {
            "name": "t",
            "task": task,
            "label": "y",
            "data": {"input": "x.csv"},
            "features": {"dense": ["x"]},
            "evaluation": {"metrics": metrics, "slices": slices},
        }
    )
    return judge(config, now, before, model=MODEL, data=DATA, baseline=OLD)


@pytest.mark.parametrize(
    ("threshold", "value", "status", "reason"),
    [
        ({"upper_bound": 180}, 143.2, "blessed", "mae 143.2 <= 180 (bound)"),
        ({"upper_bound": 180}, 180.0, "blessed", "mae 180 <= 180 (bound)"),
        ({"upper_bound": 180}, 190.0, "refused", "mae 190 > 180 (bound)"),
        ({"lower_bound": 1}, 0.5, "refused", "mae 0.5 < 1 (bound)"),
        ({"lower_bound": 1}, 1.5, "blessed", "mae 1.5 >= 1 (bound)"),
        ({"upper_bound": 180}, math.nan, "refused", "mae is not a number"),
        ({"upper_bound": 180}, math.inf, "refused", "mae inf > 180 (bound)"),
        ({"absolute_change": 5}, 143.2, "blessed", "mae 143.2: no baseline"),
    ],
)
def test_without_a_baseline(threshold, value, status, reason):
    verdict = _judge([{"name": "mae", **threshold}], {(): {"mae": value}})
    assert verdict.status == status
    assert [c.reason for c in verdict.checks] == [reason]
    assert (verdict.baseline, verdict.note) == (None, "no baseline")


@pytest.mark.parametrize(
    ("threshold", "before", "now", "status", "reason"),
    [
        ({"absolute_change": 5}, 130.1, 142.2, "refused", "mae rose by 12.1 (130.1 -> 142.2), allowed 5"),
        ({"absolute_change": 5}, 130.0, 135.0, "blessed", "mae rose by 5 (130 -> 135), allowed 5"),
        ({"absolute_change": 0}, 130.0, 100.0, "blessed", "mae fell by 30 (130 -> 100), which is better, allowed 0"),
        ({"absolute_change": 0}, 130.0, 130.0, "blessed", "mae did not change (130 -> 130), allowed 0"),
        ({"relative_change": 0.1}, 200.0, 221.0, "refused", "mae rose by 21 (200 -> 221), allowed 20 (0.1 of 200)"),
        ({"relative_change": 0.1}, 200.0, 219.0, "blessed", "mae rose by 19 (200 -> 219), allowed 20 (0.1 of 200)"),
        ({"absolute_change": 5}, math.nan, 3.0, "inconclusive", "mae cannot be compared: the baseline has nan to compare 3 with"),
        ({"absolute_change": 5}, 3.0, math.nan, "refused", "mae is not a number"),
        ({"absolute_change": 5}, math.nan, math.nan, "refused", "mae is not a number"),
    ],
)
def test_change_of_a_metric_that_is_better_when_lower(threshold, before, now, status, reason):
    verdict = _judge([{"name": "mae", **threshold}], {(): {"mae": now}}, {(): {"mae": before}})
    assert verdict.status == status
    assert [c.reason for c in verdict.checks] == [reason]
    assert (verdict.baseline, verdict.note) == (OLD, "")


def test_change_of_a_metric_that_is_better_when_higher():
    metrics, task = [{"name": "auc", "absolute_change": 0.01}], "binary_classification"
    worse = _judge(metrics, {(): {"auc": 0.7}}, {(): {"auc": 0.75}}, task=task)
    assert worse.status == "refused"
    assert worse.reasons() == ["auc fell by 0.05 (0.75 -> 0.7), allowed 0.01"]
    assert _judge(metrics, {(): {"auc": 0.9}}, {(): {"auc": 0.75}}, task=task).status == "blessed"


def test_each_rule_of_a_threshold_is_a_check_with_its_numbers():
    threshold = {"name": "mae", "upper_bound": 10, "lower_bound": 1, "absolute_change": 2, "relative_change": 0.5}
    verdict = _judge([threshold], {(): {"mae": 6.0}}, {(): {"mae": 5.0}})
    assert [(c.bound, c.allowed_change, c.baseline, c.value) for c in verdict.checks] == [
        (10, None, 5.0, 6.0),
        (1, None, 5.0, 6.0),
        (None, 2, 5.0, 6.0),
        (None, 2.5, 5.0, 6.0),
    ]


def test_missing_metric_is_inconclusive_unless_another_check_fails():
    metrics = [{"name": "mae", "upper_bound": 1}, {"name": "mse", "upper_bound": 1}]
    assert _judge(metrics, {(): {"mae": 0.5}}).status == "inconclusive"
    assert _judge(metrics, {(): {"mae": 0.5}}).reasons() == ["mse could not be computed"]
    assert _judge(metrics, {(): {"mae": 2.0}}).status == "refused"


def test_metric_without_a_threshold_is_shown_and_not_judged():
    verdict = _judge([{"name": "mae", "upper_bound": 1}, {"name": "mse"}], {(): {"mae": 0.5}})
    assert [(c.name, c.passed) for c in verdict.checks] == [("mae", True), ("mse", None)]


SLICES = [{"columns": ["payment"], "metrics": [{"name": "mae", "upper_bound": 1}], "min_examples": 10}]


def test_large_slice_is_judged_and_small_one_is_shown():
    now = {(): {"mae": 0.5}, CASH: {"mae": 2.0, "example_count": 10}, CARD: {"mae": 2.0, "example_count": 9}}
    verdict = _judge([{"name": "mae", "upper_bound": 1}], now, slices=SLICES)
    assert [(c.slice, c.passed, c.reason) for c in verdict.checks] == [
        ("", True, "mae 0.5 <= 1 (bound)"),
        ("payment=Card", None, "9 examples, fewer than 10: not judged"),
        ("payment=Cash", False, "mae 2 > 1 (bound)"),
    ]
    assert verdict.reasons() == ["payment=Cash: mae 2 > 1 (bound)"]


def test_slice_that_no_row_has_and_slice_that_only_the_baseline_has():
    metrics = [{"name": "mae", "upper_bound": 1}]
    nowhere = _judge(metrics, {(): {"mae": 0.5}}, slices=SLICES)
    assert [c.reason for c in nowhere.checks[1:]] == ["no row has a value of payment: not judged"]
    before = {(): {"mae": 0.5}, CASH: {"mae": 2.0, "example_count": 50}}
    gone = _judge(metrics, {(): {"mae": 0.5}}, before, slices=SLICES)
    assert [(c.passed, c.baseline) for c in gone.checks[1:]] == [(None, 2.0)]
    assert nowhere.status == gone.status == "blessed"


def _gap(now, before=None, name="mae", task="regression", **rules):
    slices = [{"columns": ["payment"], "metrics": [{"name": name, **rules}], "min_examples": 10}]
    bound = [{"name": "accuracy", "lower_bound": 0}] if task != "regression" else [{"name": "mae", "upper_bound": 99}]
    whole = {(): {"mae": 2.0, "accuracy": 1.0}}
    verdict = _judge(bound, {**whole, **now}, before, slices=slices, task=task)
    return verdict, [(c.name, c.slice, c.value, c.bound, c.baseline, c.passed, c.reason) for c in verdict.checks[1:]]


def test_slice_further_from_all_rows_than_its_gap_refuses_on_either_side():
    now = {CASH: {"mae": 2.5, "example_count": 10}, CARD: {"mae": 1.25, "example_count": 10}}
    before = {(): {"mae": 3.0}, CASH: {"mae": 3.25}, CARD: {"mae": 3.0}}
    verdict, checks = _gap(now, before, max_gap=0.5)
    assert verdict.status == "refused"
    assert checks == [
        ("mae gap", "payment=Card", 0.75, 0.5, 0.0, False, "mae 1.25 is 0.75 below all rows' 2, allowed 0.5 (max_gap)"),
        ("mae gap", "payment=Cash", 0.5, 0.5, 0.25, True, "mae 2.5 is 0.5 above all rows' 2, allowed 0.5 (max_gap)"),
    ]


def test_gap_is_one_more_rule_and_holds_for_large_slices_only():
    now = {CASH: {"mae": 2.0, "example_count": 10}, CARD: {"mae": 9.0, "example_count": 9}}
    verdict, checks = _gap(now, max_gap=0, upper_bound=3)
    assert verdict.status == "blessed"
    assert [(c[0], c[1], c[-2], c[-1]) for c in checks] == [
        ("mae", "payment=Card", None, "9 examples, fewer than 10: not judged"),
        ("mae", "payment=Cash", True, "mae 2 <= 3 (bound)"),
        ("mae gap", "payment=Cash", True, "mae 2 is as for all rows, allowed 0 (max_gap)"),
    ]


def test_gap_to_a_value_that_is_missing_is_inconclusive():
    verdict, _ = _gap({CASH: {"mse": 1.0, "example_count": 10}}, name="mse", max_gap=1)
    assert verdict.status == "inconclusive"
    assert verdict.reasons() == ["payment=Cash: mse's distance from all rows could not be computed"]


def test_rate_of_no_row_of_a_slice_is_not_judged():
    name = "false_positive_rate@0.5"
    now = {(): {"accuracy": 1.0, name: 0.2}, CASH: {name: math.nan, "example_count": 10}}
    verdict, checks = _gap(now, name=name, task="binary_classification", max_gap=0.1, upper_bound=0.1)
    assert verdict.status == "blessed"
    assert [c[-1] for c in checks] == ["false_positive_rate@0.5 is a share of no row here: not judged"]


def test_metric_that_a_slices_rows_leave_undefined_is_not_judged_there_and_inconclusive_for_all_rows():
    metrics = [{"name": "auc", "lower_bound": 0.6, "absolute_change": 0.1}]
    slices = [{"columns": ["payment"], "min_examples": 1}]
    one_class = {(): {"auc": 0.8}, CASH: {"auc": math.nan, "example_count": 10}}
    verdict = _judge(metrics, one_class, one_class, slices=slices, task="binary_classification")
    assert verdict.status == "blessed"
    verdict = _judge(metrics, one_class, slices=[{**slices[0], "metrics": metrics}], task="binary_classification")
    assert verdict.status == "blessed"
    assert [(c.slice, c.passed, c.reason) for c in verdict.checks][2:] == [
        ("payment=Cash", None, "auc needs rows of both classes: not judged")
    ]
    verdict = _judge(metrics, {(): {"auc": math.nan}}, task="binary_classification")
    assert verdict.status == "inconclusive"
    assert verdict.reasons() == ["auc could not be computed: it needs rows of both classes"]


def test_predictions_that_are_not_finite_refuse_a_model_within_its_bounds():
    verdict = _judge([{"name": "mae", "upper_bound": 1}], {(): {"mae": 0.5, "n_not_finite": 3.0}})
    assert verdict.status == "refused"
    assert verdict.reasons() == ["3 rows get a prediction that is not a finite number"]


def test_json_has_the_shared_form_and_comes_back():
    verdict = _judge([{"name": "mae", "upper_bound": 1, "absolute_change": 1}], {(): {"mae": 0.5}})
    values = json.loads(verdict.to_json())
    assert list(values) == ["status", "checks", "model", "data", "baseline", "note", "hint"]
    assert list(values["checks"][0]) == [
        "name", "slice", "value", "bound", "baseline", "allowed_change", "interval", "passed", "reason",
    ]  # fmt: skip
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_json_has_no_nan():
    text = _judge([{"name": "mae", "upper_bound": 1}], {(): {"mae": math.nan}}).to_json()
    assert json.loads(text, parse_constant=pytest.fail)["checks"][0]["value"] is None


def test_slice_names():
    assert slice_name(()) == ""
    assert slice_name((("a", "1"), ("b", "x"))) == "a=1,b=x"


def test_verdict_imports_nothing_heavy():
    code = (
        "import sys, waze_data_tfx.evaluation.verdict, waze_data_tfx.versions\n"
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'numpy', 'tensorflow_model_analysis'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
