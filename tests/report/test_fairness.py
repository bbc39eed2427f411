"""The fairness section from the files that an evaluation leaves."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from waze_data_tfx.config.evaluation import INDICATORS
from waze_data_tfx.config.schema import Config
from waze_data_tfx.report import quality
from waze_data_tfx.report.fairness import fairness
from waze_data_tfx.report.source import Absent


def source(folder: Path, rates: dict[str, tuple[int, float]], task: str = "binary_classification", slices: tuple = ("sex",)):
    """Return what the section reads: every indicator of a slice has the one value given with its number of rows."""
    rows = [
        {
            "slice": name,
            "candidate": {"example_count": n, **({f"{i}@0.5": rate for i in INDICATORS} if rate is not None else {})},
            "baseline": None,
        }
        for name, (n, rate) in rates.items()
    ]
    (folder / "metrics.json").write_text(json.dumps(rows))
    config = Config.model_validate(
        {
            "name": "t",
            "task": task,
            "label": "y",
            "data": {"input": "x.csv"},
            "features": {"dense": ["x"]},
            "evaluation": {
                "metrics": [{"name": "accuracy" if task != "regression" else "mae", "lower_bound": 0}],
                "slices": [{"columns": [c], "min_examples": 50} for c in slices],
            },
        }
    )
    return SimpleNamespace(config=config, artifact=lambda node, key: folder)


def test_gap_of_each_slice_and_the_worst_of_those_that_are_judged(tmp_path: Path) -> None:
    found = fairness(source(tmp_path, {"": (210, 0.25), "sex=f": (100, 0.5), "sex=m": (100, 0.125), "sex=x": (10, 1.0)}))
    [at] = found.thresholds
    assert (at.threshold, found.n_left_out, len(at.charts)) == ("0.5", 0, 2)
    lines = {line.slice: (line.n, line.judged, line.cells[0].value, line.cells[0].gap, line.cells[0].worst) for line in at.lines}
    assert lines == {
        "all rows": ("210", True, "0.25", "", False),
        "sex=f": ("100", True, "0.5", "+0.25", True),  # 0.5 - 0.25
        "sex=m": ("100", True, "0.125", "−0.125", False),
        "sex=x": ("10", False, "1", "+0.75", False),  # further, with too few rows
    }
    assert all(len(line.cells) == len(INDICATORS) for line in at.lines)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"task": "regression"}, "the task is regression"),
        ({"slices": ()}, "No slices are configured"),
        ({"rates": {"": (10, None)}}, "made by an earlier version"),
    ],
)
def test_absent_with_its_reason(tmp_path: Path, change: dict, reason: str) -> None:
    with pytest.raises(Absent, match=reason):
        fairness(source(tmp_path, **{"rates": {"": (10, 0.5)}, **change}))


def test_interval_of_a_rate_is_of_the_rows_that_it_is_a_share_of() -> None:
    # 40 rows of label 0, of which 10 get 0.9 (wrong), and 20 of label 1: the rate is 10 / 40
    labels, values = [0] * 40 + [1] * 20, [0.9] * 10 + [0.1] * 30 + [0.9] * 20
    rows = quality.Rows(
        "binary_classification", 60, _array(labels), {"candidate": _array(values).reshape(-1, 1)}, {}, _array([1] * 60)
    )
    low, high = quality.interval(rows, "false_positive_rate@0.5", "candidate", "", 0.25, 60)
    half = 1.96 * (0.25 * 0.75 * 40 / 39) ** 0.5 / 40**0.5  # standard deviation with n - 1, over the root of 40 rows
    assert (low, high) == pytest.approx((0.25 - half, 0.25 + half))


def _array(values: list[float]):
    import numpy as np

    return np.array(values, float)
