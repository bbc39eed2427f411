"""StatisticsGen's protobufs as plain numbers.

Called by `judge` and by the report. Imports tensorflow_metadata, which needs no TensorFlow, inside its functions. Judges nothing.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Bin = tuple[float, float, float]
"""(low, high, number of rows)"""
KINDS = {0: "int", 1: "float", 2: "string", 3: "bytes", 4: "struct"}
CROWDED = 0.9
N_QUANTILES = 100
"""Bins of equal count that StatisticsGen is asked for: TFDV's sketch is exact to a hundredth of the rows (its `epsilon`)."""
N_DECILES = 10


@dataclass(frozen=True)
class Feature:
    """One column of one split.

    Attributes:
        name: the column.
        kind: int, float or string.
        n_rows: rows of the split.
        n_missing: rows without a value.
        numbers: mean, standard deviation, minimum, median, maximum and share of zeros of a numeric column; else empty.
        bins: ten bins of equal width; empty for text.
        quantiles: bins of equal count, `N_QUANTILES` in what StatisticsGen makes now; empty for text.
        values: text -> number of rows, most frequent first; empty for numbers.
        n_unique: distinct texts.
    """

    name: str
    kind: str
    n_rows: int
    n_missing: int
    numbers: dict[str, float]
    bins: tuple[Bin, ...]
    quantiles: tuple[Bin, ...]
    values: dict[str, float]
    n_unique: int | None

    @property
    def missing(self) -> float:
        """Return the share of rows without a value."""
        return self.n_missing / self.n_rows if self.n_rows else 0.0

    @property
    def n_present(self) -> int:
        """Return the number of rows with a value."""
        return self.n_rows - self.n_missing

    @property
    def deciles(self) -> tuple[Bin, ...]:
        """Return the quantiles put together into ten bins of equal count."""
        size, rest = divmod(len(self.quantiles), N_DECILES)
        if not size or rest:
            return self.quantiles
        groups = (self.quantiles[i : i + size] for i in range(0, len(self.quantiles), size))
        return tuple((g[0][0], g[-1][1], sum(n for _, _, n in g)) for g in groups)

    @property
    def shown_bins(self) -> tuple[Bin, ...]:
        """Return bins that show something: without the top decile where one bin of equal width would hold nearly all."""
        total = sum(n for _, _, n in self.bins)
        crowded = total and max(n for _, _, n in self.bins) / total > CROWDED
        body = tuple(b for b in self.deciles[:-1] if b[1] > b[0])
        return body if crowded and len(body) > 2 else self.bins


def read(artifact: Path) -> dict[str, dict[str, Feature]]:
    """Return split -> column -> statistics of a StatisticsGen artifact."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    found = {}
    for file in sorted(artifact.glob("Split-*/FeatureStats.pb")):
        [dataset] = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes()).datasets
        features = (_feature(f, int(dataset.num_examples)) for f in dataset.features)
        found[file.parent.name.removeprefix("Split-")] = {f.name: f for f in features}
    return found


def _feature(message: Any, n_rows: int) -> Feature:
    stats = getattr(message, message.WhichOneof("stats") or "num_stats")
    common = stats.common_stats
    numeric = message.WhichOneof("stats") == "num_stats"
    present = int(common.num_non_missing)
    values = {}
    if message.WhichOneof("stats") == "string_stats":
        values = {b.label: b.sample_count for b in stats.rank_histogram.buckets}
    return Feature(
        name=message.name or ".".join(message.path.step),
        kind=KINDS.get(message.type, "other"),
        n_rows=n_rows,
        n_missing=n_rows - present,
        numbers=_numbers(stats, present) if numeric and present else {},
        bins=_bins(stats, 0) if numeric and present else (),
        quantiles=_bins(stats, 1) if numeric and present else (),
        values=dict(sorted(values.items(), key=lambda v: -v[1])),
        n_unique=int(stats.unique) if values else None,
    )


def _numbers(stats: Any, present: int) -> dict[str, float]:
    return {
        "mean": stats.mean,
        "std. dev.": stats.std_dev,
        "min": stats.min,
        "median": stats.median,
        "max": stats.max,
        "zeros": stats.num_zeros / present,
    }


def _bins(stats: Any, kind: int) -> tuple[Bin, ...]:
    histogram = next((h for h in stats.histograms if h.type == kind), None)
    buckets = histogram.buckets if histogram else ()
    return tuple(
        (b.low_value, b.high_value, b.sample_count) for b in buckets if math.isfinite(b.low_value) and math.isfinite(b.high_value)
    )
