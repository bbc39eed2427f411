"""The section about fairness: a binary model's rates by slice, and how far each slice lies from all rows.

Called by `page`. Reads metrics.json, which holds the indicators for every slice of a binary task; plain values for the template,
or `Absent`.
"""

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..config.evaluation import INDICATORS, at_threshold
from ..evaluation.verdict import EXAMPLE_COUNT
from . import charts, quality
from .charts import Estimate
from .model import N_SLICES, read_metrics, read_sample
from .numbers import number, signed
from .source import Absent, Source

CHARTED = ("false_positive_rate", "false_negative_rate")
"""What is drawn: the two ways of being wrong. The table holds all."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """An indicator of a slice; `gap` is its distance from all rows, `worst` whether none of the judged slices lies further."""

    value: str
    gap: str
    worst: bool


@dataclass(frozen=True)
class Line:
    """One slice; `judged` is false for one with too few rows."""

    slice: str
    n: str
    judged: bool
    cells: list[Cell]


@dataclass(frozen=True)
class AtThreshold:
    """All indicators at one decision threshold."""

    threshold: str
    charts: list[tuple[str, Markup]]
    lines: list[Line]


@dataclass(frozen=True)
class Fairness:
    """Every decision threshold, the names of the indicators, and how many slices are not shown."""

    indicators: list[str]
    thresholds: list[AtThreshold]
    has_baseline: bool
    n_left_out: int


def fairness(source: Source) -> Fairness:
    """Return every indicator of the largest slices at every decision threshold."""
    config = source.config
    if config.task != "binary_classification":
        raise Absent(f"Rates of false and true decisions need a binary label; the task is {config.task}.")
    if not config.evaluation.slices:
        raise Absent("No slices are configured: name the columns to compare groups by under evaluation.slices.")
    whole, *slices = read_metrics(source)
    thresholds = thresholds_of(whole["candidate"])
    if not thresholds:
        raise Absent("The evaluation holds no indicators of fairness: it was made by an earlier version.")
    slices.sort(key=lambda r: -_count(r))
    shown, rows = [r for r in slices if r["candidate"]][:N_SLICES], read_sample(source)
    least = {frozenset(s.columns): s.min_examples for s in config.evaluation.slices}
    return Fairness(
        list(INDICATORS),
        [_at(t, whole, shown, rows, least) for t in thresholds],
        any(r["baseline"] for r in (whole, *shown)),
        len(slices) - len(shown),
    )


def thresholds_of(values: dict[str, Any]) -> list[float]:
    """Return the decision thresholds that the metrics' names say."""
    return sorted(float(name.partition("@")[2]) for name in values if name.startswith("positive_rate@"))


def _at(
    threshold: float, whole: Row, slices: list[Row], rows: quality.Rows | None, least: dict[frozenset[str], int]
) -> AtThreshold:
    names = [at_threshold(indicator, threshold) for indicator in INDICATORS]
    judged = [r for r in slices if _count(r) >= least.get(_columns(r["slice"]), 0)]
    worst = {name: max((abs(gap) for r in judged if (gap := _gap(name, r, whole))), default=math.inf) for name in names}
    lines = [
        Line(
            row["slice"] or "all rows",
            number(_count(row)),
            row is whole or row in judged,
            [_cell(name, row, whole, worst[name] if row in judged else math.inf) for name in names],
        )
        for row in (whole, *slices)
    ]
    drawn = [(name, _chart(name, [whole, *slices], rows)) for name in names if name.partition("@")[0] in CHARTED]
    return AtThreshold(f"{threshold:g}", drawn, lines)


def _count(row: Row) -> float:
    return row["candidate"].get(EXAMPLE_COUNT) or 0


def _columns(slice_: str) -> frozenset[str]:
    """Return the columns of `column=value,column=value`; values may hold anything, so this only chooses how rows are marked."""
    return frozenset(part.partition("=")[0] for part in slice_.split(",") if "=" in part)


def _gap(name: str, row: Row, whole: Row) -> float | None:
    value, all_rows = row["candidate"].get(name), whole["candidate"].get(name)
    return None if value is None or all_rows is None or row is whole else value - all_rows


def _cell(name: str, row: Row, whole: Row, worst: float) -> Cell:
    gap = _gap(name, row, whole)
    return Cell(number(row["candidate"].get(name)), "" if gap is None else signed(gap), bool(gap) and abs(gap or 0) >= worst)


def _chart(name: str, shown: list[Row], rows: quality.Rows | None) -> Markup:
    models = ("candidate", "baseline")
    estimates = [(r["slice"] or "all rows", [_estimate(name, r, rows, m) for m in models if r[m]]) for r in shown]
    return charts.intervals(f"{name} by slice", estimates)


def _estimate(name: str, row: Row, rows: quality.Rows | None, model: str) -> Estimate | None:
    value, n = row[model].get(name), row[model].get(EXAMPLE_COUNT) or 0
    if value is None:
        return None
    return Estimate(value, quality.interval(rows, name, model, row["slice"], value, n) if rows and n else None)
