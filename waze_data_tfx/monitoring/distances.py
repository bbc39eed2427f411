"""How far two distributions of a column are apart: the one implementation under the gate, the report and the comparison of runs.

Called by `judge` and by the report. Both measures lie between 0 (the same) and 1 (nothing in common), and a missing value counts
as a value of its own, so that a column that empties moves. Judges nothing.

    l_infinity         max over values v of |P(v) - Q(v)|, shares of all rows; as in TensorFlow Data Validation (`infinity_norm`)
    jensen_shannon     H((P + Q) / 2) - (H(P) + H(Q)) / 2 in bits (Lin 1991, doi:10.1109/18.61115) over common bins

The common bins of numbers end at the inner deciles of either side; the first and the last are open, so that two columns of spread
numbers without any in common are 0.9 apart. TFDV's divergence (1.16) is taken over ten bins of equal width between the extremes:
one outlier in one of two equal samples makes it 0.96, one in both hides any shift of the rest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..config.monitoring import Measure
from .statistics import Feature

MISSING = "(missing)"
WIDEST = 1000
"""A bin of more whole numbers than this stands as one value."""


@dataclass(frozen=True)
class Distance:
    """How far a column has moved.

    Attributes:
        measure: which distance it is.
        value: 0 to 1.
        moved: the value whose share changed most (text and categories), with its share before and now; else empty.
        shares: those two shares.
    """

    measure: Measure
    value: float
    moved: str = ""
    shares: tuple[float, float] = (0.0, 0.0)


def distance(before: Feature, now: Feature, measure: Measure | None = None) -> Distance | None:
    """Return how far apart two distributions of a column are; None where they cannot be compared.

    Args:
        before: the column in one place.
        now: the column in the other.
        measure: default: by kind, text by l_infinity and numbers by jensen_shannon.
    """
    if not before.n_rows or not now.n_rows or not (before.n_present or now.n_present):
        return None
    text = [f.kind == "string" for f in (before, now) if f.n_present]
    if len(set(text)) > 1:
        return None
    measure = measure or ("l_infinity" if text[0] else "jensen_shannon")
    if measure == "jensen_shannon":
        return None if text[0] else Distance(measure, jensen_shannon(*common_masses(before, now)))
    shares = [shares_of(f) for f in (before, now)]
    value, moved = l_infinity(*shares)
    return Distance(measure, value, moved, (shares[0].get(moved, 0.0), shares[1].get(moved, 0.0)))


def l_infinity(p: Mapping[str, float], q: Mapping[str, float]) -> tuple[float, str]:
    """Return the largest difference of a value's share, and that value (the first in the alphabet of several)."""
    value, moved = 0.0, ""
    for name in sorted({*p, *q}):
        apart = abs(p.get(name, 0.0) - q.get(name, 0.0))
        if apart > value:
            value, moved = apart, name
    return value, moved


def jensen_shannon(p: Sequence[float], q: Sequence[float]) -> float:
    """Return the Jensen-Shannon divergence in bits of two distributions over the same `[n_bins]`."""
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return min(max(_entropy(middle) - (_entropy(p) + _entropy(q)) / 2, 0.0), 1.0)  # rounding can lead a hair beyond


def shares_of(feature: Feature) -> dict[str, float]:
    """Return the share of all rows that each value has; of whole numbers by their quantiles, exact to about a hundredth."""
    if not feature.n_rows:
        return {}
    counts = dict(feature.values) if feature.kind == "string" else _whole_numbers(feature)
    counts[MISSING] = feature.n_missing
    return {value: n / feature.n_rows for value, n in counts.items() if n}


def common_masses(before: Feature, now: Feature) -> tuple[list[float], list[float]]:
    """Return `[n_bins]` shares of all rows of both, the last being the missing ones; bins end at either side's inner deciles."""
    edges = sorted({high for f in (before, now) for _, high, _ in f.deciles[:-1]})
    return _masses(before, edges), _masses(now, edges)


def _masses(feature: Feature, edges: Sequence[float]) -> list[float]:
    total = sum(n for _, _, n in feature.quantiles)
    below = [0.0, *(_below(feature, e) for e in edges), total]
    present = feature.n_present / feature.n_rows
    shares = [(b - a) / total * present if total else 0.0 for a, b in pairwise(below)]
    return [*shares, 1 - present]


def _below(feature: Feature, edge: float) -> float:
    """Return how many values are at most `edge`; within a bin they are taken to lie evenly."""
    found = 0.0
    for low, high, n in feature.quantiles:
        if high <= edge:
            found += n
        elif low < edge:
            found += n * (edge - low) / (high - low)
    return found


def _whole_numbers(feature: Feature) -> dict[str, float]:
    """Return the number of rows of each value; a bin's rows are shared out among the whole numbers within it."""
    total = sum(n for _, _, n in feature.quantiles)
    counts: dict[str, float] = {}
    for low, high, n in feature.quantiles:
        first, last = math.ceil(low), math.floor(high)
        wide = last - first >= WIDEST
        values = [f"{first} to {last}"] if wide else [str(v) for v in range(first, last + 1)] or [f"{low:g}"]
        for value in values:
            counts[value] = counts.get(value, 0.0) + n / total * feature.n_present / len(values)
    return counts


def _entropy(p: Sequence[float]) -> float:
    return -sum(x * math.log2(x) for x in p if x > 0)
