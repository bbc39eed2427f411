"""How often each text of a column occurs, and how many different ones there are, in memory that is bounded.

Called by `statistics`. Exact up to `CAPACITY` different texts. Beyond that tfx_bsl's sketches answer: Misra-Gries (Agarwal et
al., Mergeable Summaries, https://doi.org/10.1145/2500128), by which a count is too high by at most n_values / CAPACITY, and k
minimum values, by which the number of different texts has a standard error of about 1 / sqrt(CAPACITY), 0.4 %. TFDV's own
sketch-based statistics are the same with 1,024 and 16,384 places (stats_impl, 1.16.1); its exact ones hold every different text.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

CAPACITY = 1 << 16
LONGEST_BYTES = 1024
"""Longer texts are counted as one, `LONG`, as in TFDV's sketch: a column takes at most about CAPACITY times this much memory."""
LONG = b"__LARGE_BYTES__"


class TopValues:
    """Counts one column's values; can be pickled."""

    def __init__(self) -> None:
        from tfx_bsl.sketches import KmvSketch, MisraGriesSketch

        self._counts = MisraGriesSketch(CAPACITY)
        self._distinct = KmvSketch(CAPACITY + 1)  # exact below its size, not at it

    def add(self, values: "pa.Array") -> None:
        """Count values: `[n_values] large_binary`, without nulls."""
        import pyarrow as pa
        import pyarrow.compute as pc

        grouped = values.value_counts()  # most columns repeat few values: three times as fast as giving the sketch all of them
        found, weights = grouped.field(0), grouped.field(1).cast(pa.float32())
        self._distinct.AddValues(found)
        if (pc.max(pc.binary_length(found)).as_py() or 0) > LONGEST_BYTES:  # tfx_bsl 1.21 replaces only what has no weight
            found = pc.if_else(pc.greater(pc.binary_length(found), LONGEST_BYTES), pa.scalar(LONG, found.type), found)
        self._counts.AddValues(found, weights)

    def merge(self, other: "TopValues") -> None:
        """Count another's values too."""
        self._counts.Merge(other._counts)
        self._distinct.Merge(other._distinct)

    @property
    def n_distinct(self) -> int:
        """Return how many different values there are; those longer than `LONGEST_BYTES` are told apart."""
        return self._distinct.Estimate()

    def most_frequent(self, n: int) -> list[tuple[bytes, int]]:
        """Return the `n` most frequent values with their counts; of equally frequent ones those that sort last, as TFDV does."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = self._counts.Estimate()
        table = pa.table({"value": found.field("values"), "count": found.field("counts")})
        order: Any = [("count", "descending"), ("value", "descending")]
        top = table.take(pc.select_k_unstable(table, k=min(n, len(table)), sort_keys=order)) if len(table) else table
        return [(row["value"], int(row["count"])) for row in top.to_pylist()]
