"""A uniform sample of evaluated rows, label and predictions side by side, for what metrics alone cannot show.

Called by `measure` inside its Beam pipeline, so that no row is predicted twice; `predictions.json` is read by the report for
intervals, calibration and residuals. Imports Beam and TensorFlow at the top.
"""

import heapq
import json
import math
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf

from .verdict import slice_name

PREDICTIONS_FILE = "predictions.json"
N_ROWS = 4096
"""Rows kept: a share is then known to 1.5 points, and the file stays at a few hundred KB."""
Label = float | list[float]
Row = tuple[float, Label, dict[str, list[float]], list[str], float]
"""(random number, label, values by model name, names of its slices, weight); a multi-label label is a 0/1 per class."""


def rows_of(
    serialized: Sequence[bytes],
    labels: Sequence[Any],
    predictions: Mapping[str, np.ndarray],
    slices: Sequence[list[tuple]],
    *,
    weights: Sequence[Any] | None = None,
) -> list[Row]:
    """Return a batch's rows, each with a random number that is the same whenever the batch is the same.

    Args:
        serialized: the batch's examples.
        labels: `[n]`, multi-label `[n, n_classes]`; None where missing, and such rows are left out.
        predictions: `[n, width]` by model name.
        slices: slice keys of each row, () for all rows.
        weights: `[n]`; None: every row weighs 1.
    """
    seed = [len(serialized), zlib.crc32(serialized[0]), zlib.crc32(serialized[-1])]
    order = np.random.default_rng(seed).random(len(serialized)).tolist()
    return [
        (
            order[i],
            [float(v) for v in labels[i]] if isinstance(labels[i], list) else float(labels[i]),
            {name: _values(v[i], labels[i]) for name, v in predictions.items()},
            [slice_name(k) for k in slices[i] if k],
            1.0 if weights is None else float(weights[i]),
        )
        for i in range(len(serialized))
        if labels[i] is not None
    ]


class SmallestFn(beam.CombineFn):
    """Keeps the N_ROWS rows with the smallest random numbers, and counts all."""

    def create_accumulator(self) -> tuple[int, list[Row]]:
        """Return nothing counted and nothing kept."""
        return 0, []

    def add_input(self, accumulator: tuple[int, list[Row]], batch: list[Row]) -> tuple[int, list[Row]]:
        """Add one batch."""
        return self.merge_accumulators([accumulator, (len(batch), batch)])

    def merge_accumulators(self, accumulators: Iterable[tuple[int, list[Row]]]) -> tuple[int, list[Row]]:
        """Add up and keep the smallest."""
        count, rows = 0, list[Row]()
        for n, some in accumulators:
            count, rows = count + n, rows + some
        return count, heapq.nsmallest(N_ROWS, rows, key=lambda row: row[0]) if len(rows) > N_ROWS else rows

    def extract_output(self, accumulator: tuple[int, list[Row]]) -> tuple[int, list[Row]]:
        """Return the number of rows and the kept ones in the order of their random numbers."""
        return accumulator[0], sorted(accumulator[1], key=lambda row: row[0])


def write(counted: tuple[int, list[Row]], directory: str, candidate: str) -> None:
    """Write predictions.json.

    `{n_rows, labels: [k], weights: [k], slices: {name: [row, ...]}, models: {candidate: [[value, ...], ...], baseline: ...}}`;
    the values of a row are its prediction; for several classes: the class with the highest score, its score, the label's score;
    for multi-label, whose labels are [k, n_classes]: every score. NaN is null.
    """
    count, rows = counted
    slices: dict[str, list[int]] = {}
    models: dict[str, list[list[float | None]]] = {}
    for i, (_, _, values, names, _) in enumerate(rows):
        for name in names:
            slices.setdefault(name, []).append(i)
        for model, value in values.items():
            models.setdefault(model or candidate, []).append([_short(v) for v in value])
    labels = [[_short(v) for v in row[1]] if isinstance(row[1], list) else _short(row[1]) for row in rows]
    weights = [_short(row[4]) for row in rows]
    sample = {"n_rows": count, "labels": labels, "weights": weights, "slices": slices, "models": models}
    with tf.io.gfile.GFile(os.path.join(directory, PREDICTIONS_FILE), "w") as file:
        file.write(json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n")


def _values(prediction: np.ndarray, label: Any) -> list[float]:
    if prediction.shape == (1,) or isinstance(label, list):
        return [float(v) for v in prediction]
    best, given = int(np.argmax(prediction)), int(label)
    return [float(best), float(prediction[best]), float(prediction[given]) if 0 <= given < len(prediction) else math.nan]


def _short(value: float) -> float | None:
    """Return the value with the seven digits that a float32 holds."""
    return float(f"{value:.7g}") if math.isfinite(value) else None
