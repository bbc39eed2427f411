"""Reads what TFMA wrote into plain numbers by slice and metric.

Called by the Evaluator after TFMA's pipeline; writes `metrics.json`, so that the report needs no TFMA. TFMA is imported when
called.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

from .spec import AREAS, DERIVED
from .verdict import Metrics, SliceKey, slice_name

METRICS_FILE = "metrics.json"


def load(directory: str | os.PathLike[str], *, model_name: str = "") -> dict[SliceKey, dict[str, float]]:
    """Return one model's metrics by slice key and metric name.

    Args:
        directory: TFMA's output path.
        model_name: `candidate` or `baseline`; "" where only one model was evaluated.
    """
    from tensorflow_model_analysis.api import model_eval_lib

    metrics: dict[SliceKey, dict[str, float]] = {}
    for message in model_eval_lib.load_metrics(os.fspath(directory)):
        found = metrics.setdefault(_slice_key(message.slice_key), {})
        for item in message.metric_keys_and_values:
            if item.key.model_name == model_name and not item.key.is_diff:
                found.update(_named(item.key.name, _numbers(item.value)))
    for values in metrics.values():
        for name, source in DERIVED.items():
            if source in values:
                values[name] = math.sqrt(values[source])
        for name in [n for n in values if n.startswith("positive_rate@")]:
            values[f"negative_rate@{name.partition('@')[2]}"] = 1 - values[name]
        _undefine(values)
    return metrics


def write(metrics: Metrics, baseline: Metrics | None, file: Path) -> None:
    """Write both models' metrics as JSON: a list of {slice, candidate, baseline}, all rows first; NaN is null."""
    rows = [
        {
            "slice": slice_name(key),
            "candidate": _finite(metrics.get(key, {})),
            "baseline": None if baseline is None else _finite(baseline.get(key, {})),
        }
        for key in sorted({*metrics, *(baseline or ())}, key=lambda k: (len(k), k))
    ]
    file.write_text(json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _undefine(values: dict[str, float]) -> None:
    """Make areas NaN that no row of a class leaves undefined, and take out the shares that say so; a policy's has none."""
    for name, shares in AREAS.items():
        if name in values and any(math.isnan(values.get(share, 0.0)) for share in shares):
            values[name] = math.nan
    for share in {share for shares in AREAS.values() for share in shares}:
        values.pop(share, None)


def _slice_key(message: Any) -> SliceKey:
    return tuple((k.column, _slice_value(k)) for k in message.single_slice_keys)


def _slice_value(key: Any) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _named(name: str, numbers: list[float]) -> dict[str, float]:
    """Return the values by name: of an indicator, `false_positive_rate@0.3,0.5`, one for each threshold."""
    base, at, thresholds = name.partition("@")
    names = [f"{base}@{t}" for t in thresholds.split(",")] if at else [name]
    return dict(zip(names, numbers, strict=True)) if len(names) == len(numbers) else {}


def _numbers(value: Any) -> list[float]:
    kind = value.WhichOneof("type")
    if kind == "double_value":
        return [float(value.double_value.value)]
    return [float(v) for v in value.array_value.float64_values] if kind == "array_value" else []


def _finite(values: Any) -> dict[str, float | None]:
    return {k: v if math.isfinite(v) else None for k, v in values.items()}
