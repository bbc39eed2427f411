"""The sections about the model: learning curves, metrics by slice against the baseline, calibration and residuals.

Called by `page` and `compare`. Each function returns plain values for the template, or raises `Absent`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..config.evaluation import METRIC_DIRECTIONS, direction_of
from ..evaluation.verdict import EXAMPLE_COUNT, N_NOT_FINITE, Verdict
from . import charts, quality
from .charts import Estimate
from .numbers import number, signed
from .source import Absent, Source

PREDICTIONS_FILE = "predictions.json"
NO_PREDICTIONS = "The evaluation holds no sample of predictions (predictions.json): it was made by an earlier version."
N_SLICES = 12
N_POINTS = 600


@dataclass(frozen=True)
class Training:
    """What training.json says, and a chart per measure with train and validation."""

    record: dict[str, Any]
    curves: list[tuple[str, Markup]]
    label_scale: float
    kept_epoch: int


@dataclass(frozen=True)
class Line:
    """A metric on a slice: values and intervals as text; `better` is None where the change may be chance or is not known."""

    slice: str
    n: str
    value: str
    interval: str
    baseline: str
    change: str
    change_interval: str
    better: bool | None


@dataclass(frozen=True)
class Metric:
    """One metric on all slices."""

    name: str
    direction: str
    chart: Markup
    lines: list[Line]
    n_left_out: int


@dataclass(frozen=True)
class Metrics:
    """All metrics, and why there are no intervals."""

    metrics: list[Metric]
    has_baseline: bool
    n_sampled: int
    n_not_finite: int
    no_intervals: str
    weight: str


@dataclass(frozen=True)
class Infra:
    """Whether the model loads and answers in a process of its own, and all latencies that were measured."""

    verdict: Verdict
    measured: dict[str, Any]


@dataclass(frozen=True)
class Plots:
    """Charts of the sampled rows, each with what it shows."""

    n_sampled: int
    n_rows: int
    charts: list[tuple[str, str, Markup]]
    has_baseline: bool


def training(source: Source) -> Training:
    """Return the training record and its curves."""
    record = read_training(source)
    curves = [(name, charts.lines(name, series, "epoch")) for name, series in curves_of(record).items()]
    return Training(record, curves, source.config.model.label_scale, record.get("kept_epoch", len(record["epochs"])))


def infra(source: Source) -> Infra:
    """Return InfraValidator's verdict and what it measured."""
    folder = source.artifact("InfraValidator", "blessing")
    verdict, measured = ((folder / name).read_text(encoding="utf-8") for name in ("verdict.json", "measured.json"))
    return Infra(Verdict.from_json(verdict), json.loads(measured))


def read_training(source: Source) -> dict[str, Any]:
    """Return training.json."""
    return json.loads((source.artifact("Trainer", "model_run") / "training.json").read_text(encoding="utf-8"))


def curves_of(record: dict[str, Any]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Return measure -> series (train, eval) -> points, from the epochs of training.json."""
    names = [n for n in dict.fromkeys(k for e in record["epochs"] for k in e) if n != "seconds" and not n.startswith("val_")]
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for name in names:
        for series, key in (("train", name), ("eval", f"val_{name}")):
            points = [(float(i), float(e[key])) for i, e in enumerate(record["epochs"], 1) if e.get(key) is not None]
            if points:
                found.setdefault(name, {})[series] = points
    return found


def read_metrics(source: Source) -> list[dict[str, Any]]:
    """Return metrics.json: a list of {slice, candidate, baseline}."""
    return json.loads((source.artifact("Evaluator", "evaluation") / "metrics.json").read_text(encoding="utf-8"))


def read_sample(source: Source) -> quality.Rows | None:
    """Return the sampled rows, or None where the evaluation has none."""
    file: Path = source.artifact("Evaluator", "evaluation") / PREDICTIONS_FILE
    return quality.read(file, source.config.task) if file.is_file() else None


def metrics(source: Source) -> Metrics:
    """Return every metric that was computed, on all rows and on the largest slices."""
    found, rows = read_metrics(source), read_sample(source)
    found = [found[0], *sorted(found[1:], key=lambda r: -(r["candidate"].get(EXAMPLE_COUNT) or 0))]
    wanted = [m.name for m in source.config.evaluation.metrics]
    have = found[0]["candidate"]
    names = [n for n in dict.fromkeys([*wanted, *have]) if (n in METRIC_DIRECTIONS or n in wanted) and n in have]
    bounds = {m.name: m.upper_bound if m.upper_bound is not None else m.lower_bound for m in source.config.evaluation.metrics}
    return Metrics(
        metrics=[_metric(n, found, rows, bounds.get(n)) for n in names],
        has_baseline=any(r["baseline"] for r in found),
        n_sampled=len(rows.labels) if rows else 0,
        n_not_finite=int(found[0]["candidate"].get(N_NOT_FINITE) or 0),
        no_intervals="" if rows else NO_PREDICTIONS,
        weight=source.config.weight or "",
    )


def plots(source: Source) -> Plots:
    """Return calibration and, for a regression, residuals."""
    rows = read_sample(source)
    if rows is None:
        raise Absent(NO_PREDICTIONS)
    models: list[str] = [m for m in ("candidate", "baseline") if m in rows.models]
    points = {m: quality.calibration(rows, m) for m in models}
    words = {
        "regression": ("mean prediction", "mean label"),
        "binary_classification": ("mean predicted probability", f"share of class {(source.config.class_names or '01')[-1]}"),
        "multiclass_classification": ("mean score of the predicted class", "share predicted rightly"),
        "multilabel_classification": ("mean score of a class", "share of rows that have it"),
    }[rows.task]
    off = "; ".join(f"{m}: {number(quality.calibration_error(p))}" for m, p in points.items())
    note = f"Ten groups of equal size by prediction; the dashed line is perfect. Mean distance from it: {off}."
    if rows.task == "multilabel_classification":
        note = f"Every pair of a row and a class. {note}"
    made = [("Calibration", note, charts.reliability("Calibration", points, *words))]
    if rows.task == "regression":
        made += _residuals({m: quality.residuals(rows, m) for m in models})
    return Plots(len(rows.labels), rows.n_rows, made, len(models) > 1)


def _residuals(found: dict[str, np.ndarray]) -> list[tuple[str, str, Markup]]:
    everything = np.concatenate([r[:, 1] for r in found.values()])
    if not everything.size:
        return []
    low, high = (float(v) for v in np.quantile(everything, (0.005, 0.995)))
    histograms = {m: quality.bins_of(r[:, 1], low, high if high > low else low + 1) for m, r in found.items()}
    candidate = next(iter(found.values()))
    middle = "; ".join(f"{m}: median {number(float(np.median(r[:, 1])))}" for m, r in found.items())
    points = [(float(a), float(min(max(b, low), high))) for a, b in candidate[:N_POINTS]]
    return [
        ("Residuals", f"Label minus prediction; 1 % at the ends left out. {middle}.", charts.histogram("Residuals", histograms)),
        (
            "Residual by prediction",
            f"{len(points)} rows of the candidate; outside the middle 99 % at the edge.",
            charts.scatter("Residual by prediction", points, "prediction", "label − prediction"),
        ),
    ]


def _metric(name: str, found: list[dict[str, Any]], rows: quality.Rows | None, bound: float | None) -> Metric:
    shown = [r for r in found if r["candidate"].get(name) is not None][:N_SLICES]
    estimates = []
    for row in shown:
        pair = [_estimate(name, row, rows, m) for m in ("candidate", "baseline") if row[m] is not None]
        estimates.append((row["slice"] or "all rows", pair))
    return Metric(
        name,
        direction_of(name) or "",
        charts.intervals(f"{name} by slice", estimates, bound),
        [_line(name, row, rows) for row in shown],
        sum(r["candidate"].get(name) is not None for r in found) - len(shown),
    )


def _estimate(name: str, row: dict[str, Any], rows: quality.Rows | None, model: str) -> Estimate | None:
    value = row[model].get(name)
    if value is None:
        return None
    n = row[model].get(EXAMPLE_COUNT) or 0
    return Estimate(value, quality.interval(rows, name, model, row["slice"], value, n) if rows and n else None)


def _line(name: str, row: dict[str, Any], rows: quality.Rows | None) -> Line:
    own = _estimate(name, row, rows, "candidate")
    old = (row["baseline"] or {}).get(name)
    n = row["candidate"].get(EXAMPLE_COUNT) or 0
    difference = own.value - old if own and old is not None else None
    around = quality.change(rows, name, row["slice"], (own.value, old), n) if rows and n and own and old is not None else None
    better = None
    if around and (around[0] > 0 or around[1] < 0) and direction_of(name):
        better = (around[0] > 0) == (direction_of(name) == "higher")
    return Line(
        row["slice"] or "all rows",
        number(n),
        number(own.value if own else None),
        _range(own.interval if own else None),
        number(old),
        signed(difference) if difference is not None else "–",
        _range(around),
        better,
    )


def _range(interval: tuple[float, float] | None) -> str:
    return f"{number(interval[0])} to {number(interval[1])}" if interval else ""
