"""From the sample of evaluated rows to intervals, calibration and residuals.

Called by `model` and `compare` with what the Evaluator wrote: metrics of all rows and `predictions.json`. The metrics' values are
never replaced; the sample only tells how far they could be from another draw of rows. Imports numpy at the top.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config.evaluation import indicator_of
from ..config.section import Task
from .charts import Estimate

Z95 = 1.96
LEAST = 20
"""Fewer sampled rows than this say nothing about a spread."""
N_BINS = 10
EPSILON = 1e-7


@dataclass(frozen=True)
class Rows:
    """The sampled rows: labels `[k]`, values `[k, width]` by model, row numbers by slice; `n_rows` were evaluated."""

    task: Task
    n_rows: int
    labels: np.ndarray
    models: dict[str, np.ndarray]
    slices: dict[str, np.ndarray]

    def of(self, slice_: str) -> np.ndarray:
        """Return the numbers of a slice's rows; "" is all."""
        return np.arange(len(self.labels)) if not slice_ else self.slices.get(slice_, np.array([], int))


def read(file: Path, task: Task) -> Rows:
    """Read predictions.json; null becomes NaN."""
    values = json.loads(file.read_text(encoding="utf-8"))
    return Rows(
        task=task,
        n_rows=values["n_rows"],
        labels=np.array(values["labels"], float),
        models={name: np.array(v, float).reshape(len(v), -1) for name, v in values["models"].items()},
        slices={name: np.array(v, int) for name, v in values["slices"].items()},
    )


def interval(rows: Rows, metric: str, model: str, slice_: str, value: float, n: float) -> tuple[float, float] | None:
    """Return the 95 % interval of a metric over `n` rows; None for a metric that has no simple one, or for too few rows.

    The metric is a mean over rows, so that its standard error is the rows' standard deviation / sqrt(n); rmse by the delta
    method, auc after Hanley and McNeil (1982).
    """
    if model not in rows.models:
        return None
    if metric == "rmse":
        squares = interval(rows, "mse", model, slice_, value * value, n)
        error = (squares[1] - value * value) / (2 * value) if squares and value else None
    elif metric == "auc":
        error = _auc_error(rows.labels[rows.of(slice_)], value, n)
    else:
        error = _error(_losses(rows, metric, model)[rows.of(slice_)], n) if _losses(rows, metric, model).size else None
    return None if error is None else _within(metric, value - error, value + error)


def change(
    rows: Rows, metric: str, slice_: str, values: tuple[float, float], n: float, scale: float = 1.0
) -> tuple[float, float] | None:
    """Return the 95 % interval of candidate minus baseline, from the difference of the two on each row.

    Args:
        rows: the sample.
        metric: a mean over rows, or rmse: a difference of roots is that of the squares over the roots' sum.
        slice_: "" is all rows.
        values: the metric of candidate and baseline.
        n: rows that the metric was computed on.
        scale: the rows' differences are divided by this.
    """
    if "baseline" not in rows.models:
        return None
    if metric == "rmse":
        return change(rows, "mse", slice_, values, n, sum(values)) if sum(values) else None
    both = [_losses(rows, metric, model) for model in ("candidate", "baseline")]
    error = _error((both[0] - both[1])[rows.of(slice_)], n) if both[0].size else None
    difference = values[0] - values[1]
    return None if error is None else (difference - error / scale, difference + error / scale)


def calibration(rows: Rows, model: str) -> list[tuple[float, Estimate]]:
    """Return, in ten groups of equal size by prediction: mean prediction, and the mean of what happened with its interval.

    Binary: probability and share of class 1. Several classes: the winner's score and how often it was right.
    """
    predicted, happened = _pairs(rows, model)
    keep = np.isfinite(predicted) & np.isfinite(happened)
    predicted, happened = predicted[keep], happened[keep]
    order = np.argsort(predicted, kind="stable")
    groups = [g for g in np.array_split(order, min(N_BINS, max(len(order) // LEAST, 1))) if g.size]
    return [(float(predicted[g].mean()), _mean(happened[g], bounded=rows.task != "regression")) for g in groups]


def calibration_error(points: list[tuple[float, Estimate]]) -> float:
    """Return the mean distance between what was predicted and what happened over groups of equal size."""
    return sum(abs(p - e.value) for p, e in points) / len(points) if points else math.nan


def residuals(rows: Rows, model: str) -> np.ndarray:
    """Return prediction and residual (label - prediction) of each finite row of a regression: `[k, 2]`."""
    predicted = rows.models[model][:, 0]
    pairs = np.stack([predicted, rows.labels - predicted], axis=1)
    return pairs[np.isfinite(pairs).all(axis=1)]


def bins_of(values: np.ndarray, low: float, high: float, count: int = 40) -> list[tuple[float, float, float]]:
    """Return a histogram as (low, high, count)."""
    counts, edges = np.histogram(values, count, (low, high))
    return [(float(a), float(b), float(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)]


def _losses(rows: Rows, metric: str, model: str) -> np.ndarray:
    """Return what each row adds to a metric that is a mean, NaN for a row that it leaves out; empty for another metric."""
    y, p = rows.labels, rows.models[model]
    first = p[:, 0]
    with np.errstate(all="ignore"):
        if rows.task == "regression":
            error = y - first
            known = {"mae": np.abs(error), "mse": error**2, "mape": np.where(y != 0, 100 * np.abs(error / y), np.nan)}
        elif rows.task == "binary_classification":
            chosen, inside = (first > 0.5).astype(float), np.clip(first, EPSILON, 1 - EPSILON)
            known = {
                "accuracy": (chosen == y).astype(float),
                "binary_crossentropy": -np.where(y == 1, np.log(inside), np.log(1 - inside)),
                "precision": np.where(chosen == 1, y, np.nan),
                "recall": np.where(y == 1, chosen, np.nan),
            }
            if indicator := indicator_of(metric):
                known = _shares(y, (first > indicator[1]).astype(float))
                metric = indicator[0]
        else:
            known = {
                "accuracy": (first == y).astype(float),
                "categorical_crossentropy": -np.log(np.clip(p[:, 2], EPSILON, 1)),
            }
    return known.get(metric, np.array([]))


def _shares(y: np.ndarray, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each row adds to each indicator of fairness, NaN for a row that it is no share of."""
    wrong = (chosen != y).astype(float)
    return {
        "false_positive_rate": np.where(y == 0, wrong, np.nan),
        "false_negative_rate": np.where(y == 1, wrong, np.nan),
        "true_positive_rate": np.where(y == 1, chosen, np.nan),
        "true_negative_rate": np.where(y == 0, 1 - chosen, np.nan),
        "positive_rate": chosen,
        "negative_rate": 1 - chosen,
        "false_discovery_rate": np.where(chosen == 1, wrong, np.nan),
        "false_omission_rate": np.where(chosen == 0, wrong, np.nan),
    }


def _error(losses: np.ndarray, n: float) -> float | None:
    """Return half the width of the interval of a mean over `n` rows, of which a share counts."""
    counted = losses[np.isfinite(losses)]
    if len(counted) < LEAST:
        return None
    return float(Z95 * counted.std(ddof=1) / math.sqrt(n * len(counted) / len(losses)))


def _auc_error(labels: np.ndarray, auc: float, n: float) -> float | None:
    positive = float(n * labels.mean()) if len(labels) >= LEAST else 0.0
    negative = n - positive
    if positive < 2 or negative < 2:
        return None
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positive - 1) * (q1 - auc**2) + (negative - 1) * (q2 - auc**2)
    return Z95 * math.sqrt(max(variance, 0.0) / (positive * negative))


def _within(metric: str, low: float, high: float) -> tuple[float, float]:
    """Keep the ends where the metric can be."""
    top = 1.0 if metric in ("accuracy", "precision", "recall", "auc") or indicator_of(metric) else math.inf
    return max(low, 0.0), min(high, top)


def _pairs(rows: Rows, model: str) -> tuple[np.ndarray, np.ndarray]:
    values = rows.models[model]
    if rows.task == "multiclass_classification":
        return values[:, 1], (values[:, 0] == rows.labels).astype(float)
    return values[:, 0], rows.labels


def _mean(values: np.ndarray, *, bounded: bool) -> Estimate:
    """Return a mean with its 95 % interval; of a share, Wilson's."""
    mean, n = float(values.mean()), len(values)
    if bounded:
        middle, spread = mean + Z95**2 / (2 * n), Z95 * math.sqrt(mean * (1 - mean) / n + Z95**2 / (4 * n * n))
        return Estimate(mean, ((middle - spread) / (1 + Z95**2 / n), (middle + spread) / (1 + Z95**2 / n)))
    error = Z95 * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    return Estimate(mean, (mean - error, mean + error))
