"""Columns of numbers added up by groups of users: all that point estimates and both intervals are computed from.

Merging is adding, so that a Beam or TFMA combiner holds n_groups x n_columns numbers and the products of columns that are read
together, however many rows there are. Called by the Evaluator's metrics through `SumsCombiner`, by notebooks through `Sums.of`.
Knows nothing of bandits or Beam.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from waze_data_tfx.errors import DataError

N_GROUPS = 1000
ROWS = "rows"
"""The column of ones that every `Sums` begins with."""

Blocks = Iterable[Iterable[str]]


@dataclass(frozen=True)
class Sums:
    """Totals of T columns over any number of rows.

    Attributes:
        names: of the columns, [T]; the first is `ROWS`.
        groups: sum of every column in every group of users, [n_groups, T] float64.
        blocks: places of the columns whose products are summed; every block holds `ROWS`.
        products: of every block, sum over rows of the products of every two of its columns, [len(block), len(block)] float64.
        lowest: smallest value of every column, [T]; inf without rows.
        highest: largest value of every column, [T]; -inf without rows.
    """

    names: tuple[str, ...]
    groups: np.ndarray
    blocks: tuple[tuple[int, ...], ...]
    products: tuple[np.ndarray, ...]
    lowest: np.ndarray
    highest: np.ndarray

    @classmethod
    def empty(cls, names: Iterable[str], *, n_groups: int = N_GROUPS, blocks: Blocks | None = None) -> "Sums":
        """Return the sums of no rows; `names` and `blocks` without `ROWS`, without `blocks` all products are summed."""
        names = (ROWS, *names)
        places = {name: t for t, name in enumerate(names)}
        found = tuple((0, *(places[name] for name in block)) for block in ([names[1:]] if blocks is None else blocks))
        t, products = len(names), tuple(np.zeros((len(block), len(block))) for block in found)
        return cls(names, np.zeros((n_groups, t)), found, products, np.full(t, np.inf), np.full(t, -np.inf))

    @classmethod
    def of(
        cls, columns: Mapping[str, np.ndarray], group: np.ndarray, *, n_groups: int = N_GROUPS, blocks: Blocks | None = None
    ) -> "Sums":
        """Add up rows.

        Args:
            columns: by name, each [n] float.
            group: of every row's user, [n] int in 0..n_groups-1, by `group_of`.
            n_groups: how many groups there are.
            blocks: names of columns whose products are summed; None: all.

        Raises:
            DataError: a column holds a value that is not finite, or has another length.
        """
        values = np.ones((len(columns) + 1, len(group)))
        for t, (name, column) in enumerate(columns.items(), start=1):
            if np.shape(column) != np.shape(group):
                raise _unusable(name, column, len(group))
            values[t] = column
        for t in np.flatnonzero(~np.isfinite(values).all(axis=1))[:1]:
            raise _unusable(list(columns)[t - 1], values[t], len(group))
        sums = cls.empty(columns, n_groups=n_groups, blocks=blocks)
        if not len(group):
            return sums
        order = np.argsort(group, kind="stable")
        present, starts = np.unique(group[order], return_index=True)
        sums.groups[present] = np.add.reduceat(values[:, order], starts, axis=1).T
        parts = (values[list(block)] for block in sums.blocks)
        products = tuple(part @ part.T for part in parts)
        return cls(sums.names, sums.groups, sums.blocks, products, values.min(axis=1), values.max(axis=1))

    def __add__(self, other: "Sums") -> "Sums":
        """Return the sums of both's rows."""
        if (self.names, self.blocks, self.groups.shape) != (other.names, other.blocks, other.groups.shape):
            raise ValueError(
                f"sums of other columns or groups: {self.names} {self.groups.shape}, and {other.names} {other.groups.shape}"
            )
        return Sums(
            self.names,
            self.groups + other.groups,
            self.blocks,
            tuple(a + b for a, b in zip(self.products, other.products, strict=True)),
            np.minimum(self.lowest, other.lowest),
            np.maximum(self.highest, other.highest),
        )

    @cached_property
    def totals(self) -> np.ndarray:
        """Return every column's sum, [T]."""
        return self.groups.sum(axis=0)

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return round(float(self.totals[0]))

    @cached_property
    def n_groups(self) -> int:
        """Return the number of groups with a row."""
        return int((self.groups[:, 0] > 0).sum())

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: t for t, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """Return a column's place."""
        return self._places[name]

    def total(self, name: str) -> float:
        """Return a column's sum."""
        return float(self.totals[self.index(name)])

    def squares(self, name: str) -> float:
        """Return the sum of a column's squares."""
        return float(self.products_of([self.index(name)])[0, 0])

    def products_of(self, places: Sequence[int]) -> np.ndarray:
        """Return the sums of the products of every two columns, [len(places), len(places)].

        Raises:
            ValueError: no block holds them all.
        """
        wanted = set(places)
        for block, products in zip(self.blocks, self.products, strict=True):
            if wanted.issubset(block):
                within = {place: i for i, place in enumerate(block)}
                rows = [within[place] for place in places]
                return products[np.ix_(rows, rows)]
        raise ValueError(f"sums: the products of these columns are not summed: {[self.names[t] for t in places]}")

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


def _unusable(name: str, column: np.ndarray, n_rows: int) -> DataError:
    values = np.asarray(column, np.float64)
    received = f"{values.size} numbers, {int((~np.isfinite(values)).sum())} of them not finite"
    return DataError(f"sums: column {name}: received {received}; expected {n_rows} finite numbers")
