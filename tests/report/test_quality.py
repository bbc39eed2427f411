"""Intervals, calibration and residuals on rows whose answers are worked by hand."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from waze_data_tfx.report import quality


def rows(task: str, labels: list[float], **models: list[float]) -> quality.Rows:
    values = {name: np.array(v, float).reshape(len(labels), -1) for name, v in models.items()}
    half = {"half=1": np.arange(len(labels) // 2)}
    return quality.Rows(task, len(labels), np.array(labels, float), values, half, np.ones(len(labels)))  # type: ignore[arg-type]


def test_a_mean_has_its_standard_error() -> None:
    found = rows("regression", [0.0] * 40, candidate=[1.0, 3.0] * 20)  # errors 1 and 3: mean 2, variance 40/39
    low, high = quality.interval(found, "mae", "candidate", "", 2.0, 400) or (0, 0)
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(40 / 39) / math.sqrt(400))
    assert (high + low) / 2 == pytest.approx(2.0)


def test_too_few_rows_say_nothing() -> None:
    found = rows("regression", [0.0] * 30, candidate=[1.0, 3.0] * 15)
    assert quality.interval(found, "mae", "candidate", "half=1", 2.0, 15) is None
    assert quality.interval(found, "mae", "candidate", "unheard of", 2.0, 15) is None
    assert quality.interval(found, "mae", "baseline", "", 2.0, 30) is None
    assert quality.interval(found, "auc_pr", "candidate", "", 0.5, 30) is None


def test_a_change_is_judged_row_by_row() -> None:
    found = rows("regression", [0.0] * 40, candidate=[1.0, 9.0] * 20, baseline=[2.0, 10.0] * 20)
    assert quality.change(found, "mae", "", (5.0, 6.0), 40) == (-1.0, -1.0)  # always 1 better, however the rows differ
    low, high = quality.change(found, "rmse", "", (6.0, 7.0), 40) or (0, 0)
    spread = 1.96 * math.sqrt(64 * 40 / 39) / math.sqrt(40)  # squares differ by -3 and -19: 8 around their mean
    assert (high - low) / 2 == pytest.approx(spread / 13)


def test_accuracy_precision_and_recall_count_their_own_rows() -> None:
    found = rows("binary_classification", [1.0, 0.0] * 50, candidate=[0.9, 0.9, 0.2, 0.1] * 25)
    error = 1.96 * 0.5 * math.sqrt(50 / 49) / math.sqrt(50)  # half of the 50 rows that count are hits
    for name in ("precision", "recall"):
        low, high = quality.interval(found, name, "candidate", "", 0.5, 100) or (0, 0)
        assert (high - low) / 2 == pytest.approx(error)
    low, high = quality.interval(found, "accuracy", "candidate", "", 0.99, 100) or (0, 0)
    assert high == 1.0


def test_auc_after_hanley_and_mcneil() -> None:
    found = rows("binary_classification", [1.0, 0.0] * 50, candidate=[0.5] * 100)
    low, high = quality.interval(found, "auc", "candidate", "", 0.5, 100) or (0, 0)
    variance = (0.25 + 49 * (1 / 3 - 0.25) * 2) / 2500  # q1 = q2 = 1/3 at 0.5
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(variance))


def test_calibration_in_ten_groups() -> None:
    predicted = [i / 400 for i in range(400)]
    points = quality.calibration(rows("regression", predicted, candidate=predicted), "candidate")
    assert len(points) == 10
    assert points[0][0] == pytest.approx(19.5 / 400)
    assert quality.calibration_error(points) == pytest.approx(0)
    off = quality.calibration(rows("regression", [p + 2 for p in predicted], candidate=predicted), "candidate")
    assert quality.calibration_error(off) == pytest.approx(2)


def test_a_share_has_wilson_s_interval_and_several_classes_their_confidence() -> None:
    values = [[1.0, 0.8, 0.8]] * 15 + [[0.0, 0.8, 0.2]] * 5
    flat = [v for row in values for v in row]
    [(confidence, right)] = quality.calibration(rows("multiclass_classification", [1.0] * 20, candidate=flat), "candidate")
    assert (confidence, right.value) == (pytest.approx(0.8), 0.75)
    assert right.interval == pytest.approx((0.5313, 0.8881), abs=1e-4)  # 15 of 20, from a table


def test_residuals_leave_out_what_is_no_number() -> None:
    found = quality.residuals(rows("regression", [3.0, 5.0], candidate=[1.0, math.nan]), "candidate")
    assert found.tolist() == [[1.0, 2.0]]


def test_null_is_read_as_no_number(tmp_path: Path) -> None:
    sample = {"n_rows": 9, "labels": [1.0, 2.0], "slices": {"a=b": [1]}, "models": {"candidate": [[None], [2.0]]}}
    (tmp_path / "p.json").write_text(json.dumps(sample))
    found = quality.read(tmp_path / "p.json", "regression")
    assert np.isnan(found.models["candidate"][0, 0])
    assert found.of("a=b").tolist() == [1]
    assert found.of("").tolist() == [0, 1]


def test_rows_count_with_their_weight() -> None:
    found = rows("regression", [0.0] * 40, candidate=[1.0, 3.0] * 20)
    weighted = dataclasses.replace(found, weights=np.array([3.0, 1.0] * 20))
    # mean (3 * 1 + 3) / 4 = 1.5; w * (l - mean): -1.5 and 1.5, so that the sum of squares is 40 * 2.25; sum of weights 80
    low, high = quality.interval(weighted, "mae", "candidate", "", 1.5, 40) or (0, 0)
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(40 * 2.25 * 40 / 39) / 80)
    points = quality.calibration(weighted, "candidate")
    assert sum(p for p, _ in points) / len(points) == pytest.approx(2.0)  # one group of 1s and one of 3s
    alike = dataclasses.replace(found, weights=np.full(40, 7.0))
    assert quality.interval(alike, "mae", "candidate", "", 2.0, 40) == pytest.approx(
        quality.interval(found, "mae", "candidate", "", 2.0, 40)
    )


def test_several_labels_per_row() -> None:
    labels = np.array([[1.0, 0.0], [0.0, 1.0]] * 20)
    scores = np.array([[0.8, 0.2], [0.4, 0.6]] * 20)
    one = np.ones(40)
    found = quality.Rows("multilabel_classification", 40, labels, {"candidate": scores}, {}, one)
    losses = [-math.log(0.8), -math.log(0.6)]  # of each row the mean of both classes
    middle = sum(losses) / 2
    low, high = quality.interval(found, "binary_crossentropy", "candidate", "", middle, 40) or (0, 0)
    assert (high - low) / 2 == pytest.approx(1.96 * (losses[1] - losses[0]) / 2 * math.sqrt(40 / 39) / math.sqrt(40))
    assert quality.interval(found, "auc", "candidate", "", 1.0, 40) is None
    assert quality.interval(found, "precision", "candidate", "", 1.0, 40) is None
    points = quality.calibration(found, "candidate")  # 80 pairs of a row and a class in four groups of 20: 0.2, 0.4, 0.6, 0.8
    assert [p for p, _ in points] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert [e.value for _, e in points] == pytest.approx([0, 0, 1, 1])
