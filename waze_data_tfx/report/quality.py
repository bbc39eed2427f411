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
    """The sampled rows: labels `[k]`, values `[k, width]` by model, row numbers by slice; `n_rows` were evaluated.

    Multi-label: labels and values are `[k, n_classes]`. Weights are `[k]`.
    """

    task: Task
    n_rows: int
    labels: np.ndarray
    models: dict[str, np.ndarray]
    slices: dict[str, np.ndarray]
    weights: np.ndarray

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
        weights=np.array(values.get("weights") or [1.0] * len(values["labels"]), float),  # runs from before there were weights
    )


def interval(rows: Rows, metric: str, model: str, slice_: str, value: float, n: float) -> tuple[float, float] | None:
    """Return the 95 % interval of a metric over `n` rows; None for a metric that has no simple one, or for too few rows.

    The metric is a mean over rows, so that its standard error is the rows' standard deviation / sqrt(n), each row with its
    weight; rmse by the delta method, auc after Hanley and McNeil (1982), for weighted rows with Kish's effective number of them.
    """
    if model not in rows.models:
        return None
    if metric == "rmse":
        squares = interval(rows, "mse", model, slice_, value * value, n)
        error = (squares[1] - value * value) / (2 * value) if squares and value else None
    elif metric == "auc":
        error = _auc_error(rows, slice_, value, n)
    else:
        error = _error(_losses(rows, metric, model), rows, slice_, n)
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
    error = _error(both[0] - both[1], rows, slice_, n)
    difference = values[0] - values[1]
    return None if error is None else (difference - error / scale, difference + error / scale)


def calibration(rows: Rows, model: str) -> list[tuple[float, Estimate]]:
    """Return, in ten groups of equal size by prediction: mean prediction, and the mean of what happened with its interval.

    Binary: probability and share of class 1. Several classes: the winner's score and how often it was right. Multi-label: every
    pair of a row and a class, its score and how often the row has the class. Rows count with their weight.
    """
    predicted, happened, weights = _pairs(rows, model)
    keep = np.isfinite(predicted) & np.isfinite(happened) & (weights > 0)
    predicted, happened, weights = predicted[keep], happened[keep], weights[keep]
    order = np.argsort(predicted, kind="stable")
    groups = [g for g in np.array_split(order, min(N_BINS, max(len(order) // LEAST, 1))) if g.size]
    return [
        (
            float(np.average(predicted[g], weights=weights[g])),
            _mean(happened[g], weights[g], bounded=rows.task != "regression"),
        )
        for g in groups
    ]


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
        elif rows.task == "multilabel_classification":  # precision and recall are no means over rows, but quotients of sums
            inside = np.clip(p, EPSILON, 1 - EPSILON)
            known = {"binary_crossentropy": -np.where(y == 1, np.log(inside), np.log(1 - inside)).mean(axis=1)}
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


def _error(losses: np.ndarray, rows: Rows, slice_: str, n: float) -> float | None:
    """Return half the width of the interval of a weighted mean over `n` rows, of which a share counts; None without losses."""
    if not losses.size:
        return None
    here = rows.of(slice_)
    losses, weights = losses[here], rows.weights[here]
    counted = np.isfinite(losses) & (weights > 0)
    n_counted = int(counted.sum())
    if n_counted < LEAST:
        return None
    losses, weights, share = losses[counted], weights[counted], n_counted / len(losses)
    spread = weights * (losses - np.average(losses, weights=weights))
    deviation = math.sqrt(float((spread**2).sum()) * n_counted / (n_counted - 1)) * math.sqrt(n_counted) / float(weights.sum())
    return Z95 * deviation / math.sqrt(n * share)


def _auc_error(rows: Rows, slice_: str, auc: float, n: float) -> float | None:
    here = rows.of(slice_)
    labels, weights = rows.labels[here], rows.weights[here]
    if rows.task == "multilabel_classification" or len(labels) < LEAST or not weights.sum():
        return None  # pairs of a row and a class are not drawn one by one
    n = n * _effective(weights) / len(weights)
    positive = float(n * np.average(labels, weights=weights))
    negative = n - positive
    if positive < 2 or negative < 2:
        return None
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positive - 1) * (q1 - auc**2) + (negative - 1) * (q2 - auc**2)
    return Z95 * math.sqrt(max(variance, 0.0) / (positive * negative))


def _effective(weights: np.ndarray) -> float:
    """Return Kish's effective number of rows, (sum w)^2 / sum w^2: their number where all weigh the same."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def _within(metric: str, low: float, high: float) -> tuple[float, float]:
    """Keep the ends where the metric can be."""
    top = 1.0 if metric in ("accuracy", "precision", "recall", "auc") or indicator_of(metric) else math.inf
    return max(low, 0.0), min(high, top)


def _pairs(rows: Rows, model: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what was predicted, what happened, and how much it weighs."""
    values = rows.models[model]
    if rows.task == "multilabel_classification":
        return values.reshape(-1), rows.labels.reshape(-1), np.repeat(rows.weights, values.shape[1])
    if rows.task == "multiclass_classification":
        return values[:, 1], (values[:, 0] == rows.labels).astype(float), rows.weights
    return values[:, 0], rows.labels, rows.weights


def _mean(values: np.ndarray, weights: np.ndarray, *, bounded: bool) -> Estimate:
    """Return a weighted mean with its 95 % interval; of a share, Wilson's."""
    mean, n = float(np.average(values, weights=weights)), _effective(weights)
    if bounded:
        middle, spread = mean + Z95**2 / (2 * n), Z95 * math.sqrt(mean * (1 - mean) / n + Z95**2 / (4 * n * n))
        return Estimate(mean, ((middle - spread) / (1 + Z95**2 / n), (middle + spread) / (1 + Z95**2 / n)))
    variance = float(np.average((values - mean) ** 2, weights=weights))
    error = Z95 * math.sqrt(variance / (n - 1)) if n > 1 else 0.0
    return Estimate(mean, (mean - error, mean + error))
