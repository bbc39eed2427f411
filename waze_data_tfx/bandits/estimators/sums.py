"""Columns of numbers added up by groups of users: all that point estimates and both intervals are computed from.

Merging is adding, so that a Beam or TFMA combiner holds n_groups x n_columns + n_columns^2 numbers, however many rows there are.
Called by the Evaluator's metrics through `SumsCombiner`, by notebooks through `Sums.of`. Knows nothing of bandits or Beam.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from waze_data_tfx.errors import DataError

N_GROUPS = 1000
ROWS = "rows"
"""The column of ones that every `Sums` begins with."""


@dataclass(frozen=True)
class Sums:
    """Totals of T columns over any number of rows.

    Attributes:
        names: of the columns, [T]; the first is `ROWS`.
        groups: sum of every column in every group of users, [n_groups, T] float64.
        products: sum over rows of the products of every two columns, [T, T] float64.
        lowest: smallest value of every column, [T]; inf without rows.
        highest: largest value of every column, [T]; -inf without rows.
    """

    names: tuple[str, ...]
    groups: np.ndarray
    products: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    @classmethod
    def empty(cls, names: Iterable[str], *, n_groups: int = N_GROUPS) -> "Sums":
        """Return the sums of no rows; `names` without `ROWS`."""
        names = (ROWS, *names)
        t = len(names)
        return cls(names, np.zeros((n_groups, t)), np.zeros((t, t)), np.full(t, np.inf), np.full(t, -np.inf))

    @classmethod
    def of(cls, columns: Mapping[str, np.ndarray], group: np.ndarray, *, n_groups: int = N_GROUPS) -> "Sums":
        """Add up rows.

        Args:
            columns: by name, each [n] float.
            group: of every row's user, [n] int in 0..n_groups-1, by `group_of`.
            n_groups: how many groups there are.

        Raises:
            DataError: a column holds a value that is not finite, or has another length.
        """
        values = np.ones((len(group), len(columns) + 1))
        for t, (name, column) in enumerate(columns.items(), start=1):
            if np.shape(column) != np.shape(group) or not np.isfinite(column).all():
                raise DataError(f"sums: column {name}: received {_describe(column)}; expected {len(group)} finite numbers")
            values[:, t] = column
        sums = cls.empty(columns, n_groups=n_groups)
        if not len(group):
            return sums
        for t in range(values.shape[1]):
            sums.groups[:, t] = np.bincount(group, weights=values[:, t], minlength=n_groups)
        return cls(sums.names, sums.groups, values.T @ values, values.min(axis=0), values.max(axis=0))

    def __add__(self, other: "Sums") -> "Sums":
        """Return the sums of both's rows."""
        if self.names != other.names or self.groups.shape != other.groups.shape:
            raise ValueError(
                f"sums of other columns or groups: {self.names} {self.groups.shape}, and {other.names} {other.groups.shape}"
            )
        return Sums(
            self.names,
            self.groups + other.groups,
            self.products + other.products,
            np.minimum(self.lowest, other.lowest),
            np.maximum(self.highest, other.highest),
        )

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return round(float(self.products[0, 0]))

    @property
    def n_groups(self) -> int:
        """Return the number of groups with a row."""
        return int((self.groups[:, 0] > 0).sum())

    def index(self, name: str) -> int:
        """Return a column's place."""
        return self.names.index(name)

    def total(self, name: str) -> float:
        """Return a column's sum."""
        return float(self.products[0, self.index(name)])

    def squares(self, name: str) -> float:
        """Return the sum of a column's squares."""
        t = self.index(name)
        return float(self.products[t, t])

    def range_of(self, name: str) -> tuple[float, float]:
        """Return a column's smallest and largest value."""
        t = self.index(name)
        return float(self.lowest[t]), float(self.highest[t])


class SumsCombiner:
    """The same as Beam's CombineFn: accumulators are `Sums`, elements are (columns, group) of a batch of rows."""

    def __init__(self, names: Iterable[str], *, n_groups: int = N_GROUPS) -> None:
        """Hold the columns' names, without `ROWS`."""
        self.names, self.n_groups = tuple(names), n_groups

    def create_accumulator(self) -> Sums:
        """Return the sums of no rows."""
        return Sums.empty(self.names, n_groups=self.n_groups)

    def add_input(self, accumulator: Sums, element: tuple[Mapping[str, np.ndarray], np.ndarray]) -> Sums:
        """Return the sums with a batch of rows added."""
        columns, group = element
        return accumulator + Sums.of({name: columns[name] for name in self.names}, group, n_groups=self.n_groups)

    def merge_accumulators(self, accumulators: Iterable[Sums]) -> Sums:
        """Return the sums of all."""
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged = merged + accumulator
        return merged

    def extract_output(self, accumulator: Sums) -> Sums:
        """Return the sums themselves."""
        return accumulator


def group_of(keys: Iterable[str | bytes], *, n_groups: int = N_GROUPS) -> np.ndarray:
    """Return the group of every user, [n] int64 in 0..n_groups-1: the same in every process, and independent of the data's split.

    CRC-32, mixed by the last steps of SplitMix64 (Steele, Lea and Flood 2014).
    """
    crc = np.fromiter((zlib.crc32(k if isinstance(k, bytes) else k.encode()) for k in keys), np.uint64)
    with np.errstate(over="ignore"):
        h = (crc + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((h ^ (h >> np.uint64(31))) % np.uint64(n_groups)).astype(np.int64)


def _describe(column: np.ndarray) -> str:
    values = np.asarray(column, np.float64)
    return f"{values.size} numbers, {int((~np.isfinite(values)).sum())} of them not finite"
