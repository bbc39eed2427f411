"""What linear bandits learn from, as sums over decisions, kept per day: a rolling window is the sum of its days.

For every model (an arm's, or the one that all share) the sums of w z z' with z = [x, r] hold LinUCB's A = sum w x x', b = sum
w r x and sum w r^2 (Li et al. 2010, https://arxiv.org/abs/1003.0146, without the ridge, which is added when solving). Sums
are float64, made in one pass with memory for one block. Written by `log`, `combiner`; read by `model`. Imports nothing heavy.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from waze_data_tfx.errors import DataError, UserError

BLOCK_ROWS = 8192
"""Rows that are summed at once. Always so many, whatever batches they come in: sums do not depend on those, to the last bit."""


@dataclass(eq=False)
class Sums:
    """Sums over decisions of some span of time; duplicates and a user's many rows are just rows.

    Attributes:
        models: the models' names.
        moments: sums of w z z', [n_models, dim + 1, dim + 1] float64.
        rows: numbers of rows, [n_models] int64.
        weight: sums of w, [n_models] float64.
    """

    models: tuple[str, ...]
    moments: np.ndarray
    rows: np.ndarray
    weight: np.ndarray

    @classmethod
    def zeros(cls, models: tuple[str, ...], dim: int) -> "Sums":
        """Return the sums of no rows."""
        n = len(models)
        return cls(models, np.zeros((n, dim + 1, dim + 1)), np.zeros(n, np.int64), np.zeros(n))

    @property
    def dim(self) -> int:
        """Return the numbers per row."""
        return self.moments.shape[1] - 1

    @property
    def gram(self) -> np.ndarray:
        """Return sum w x x', [n_models, dim, dim]."""
        return self.moments[:, :-1, :-1]

    @property
    def target(self) -> np.ndarray:
        """Return sum w r x, [n_models, dim]."""
        return self.moments[:, :-1, -1]

    @property
    def square(self) -> np.ndarray:
        """Return sum w r^2, [n_models]."""
        return self.moments[:, -1, -1]

    def __add__(self, other: "Sums") -> "Sums":
        """Return the sums over both spans; the models are this one's, and the other's new ones behind them."""
        models = self.models + tuple(m for m in other.models if m not in self.models)
        a, b = self.of(models), other.of(models)
        _same_width(a, b)
        return Sums(models, a.moments + b.moments, a.rows + b.rows, a.weight + b.weight)

    def __sub__(self, other: "Sums") -> "Sums":
        """Return the sums without a span that they contain."""
        b = other.of(self.models)
        _same_width(self, b)
        return Sums(self.models, self.moments - b.moments, self.rows - b.rows, self.weight - b.weight)

    def of(self, models: tuple[str, ...]) -> "Sums":
        """Return the sums of these models in this order; one that is not known has the sums of no rows."""
        if models == self.models:
            return self
        made = Sums.zeros(models, self.dim)
        for i, name in enumerate(models):
            if name in self.models:
                k = self.models.index(name)
                made.moments[i], made.rows[i], made.weight[i] = self.moments[k], self.rows[k], self.weight[k]
        return made


class DailyStatistics:
    """Sums per day of decision, additive: over batches, over workers, over days."""

    def __init__(self, models: tuple[str, ...], dim: int) -> None:
        """Begin with no rows of `dim` numbers for these models."""
        self.models, self.dim = models, dim
        self._days: dict[int, Sums] = {}
        self._block: np.ndarray | None = None
        self._filled = 0

    @property
    def days(self) -> dict[int, Sums]:
        """Return the sums per day (days since 1970-01-01), in the order of time."""
        self._flush()
        return dict(sorted(self._days.items()))

    def add(self, rows: np.ndarray, reward: np.ndarray, *, model: np.ndarray, weight: np.ndarray, day: np.ndarray) -> None:
        """Add rows [n, dim] with rewards [n], numbers of models [n], weights [n] >= 0 and days [n].

        Raises:
            DataError: a model's number or a weight is out of range, or a number is not finite.
        """
        self._check(rows, model, weight)
        if self._block is None:
            self._block = np.empty((BLOCK_ROWS, self.dim + 4))  # row, reward, model, day, weight
        taken = 0
        while taken < len(rows):
            n = min(BLOCK_ROWS - self._filled, len(rows) - taken)
            here, there = slice(self._filled, self._filled + n), slice(taken, taken + n)
            block = self._block[here]
            block[:, : self.dim], block[:, self.dim] = rows[there], reward[there]
            block[:, -3], block[:, -2], block[:, -1] = model[there], day[there], weight[there]
            self._filled, taken = self._filled + n, taken + n
            if self._filled == BLOCK_ROWS:
                self._flush()

    def merge(self, other: "DailyStatistics") -> None:
        """Add another log's sums, day by day; arms that only it knows are added behind."""
        for day, sums in other.days.items():
            mine = self.days.get(day, Sums.zeros(self.models, self.dim))
            self._days[day] = mine + sums
        self.models += tuple(m for m in other.models if m not in self.models)

    def compact(self) -> None:
        """Sum the pending rows and let go of their memory; what is sent between workers is small then."""
        self._flush()
        self._block = None

    def window(self, first: int, last: int) -> Sums:
        """Return the sums over the days from `first` to `last`, both included; a day without rows adds nothing.

        Raises:
            DataError: there is no row in the whole window.
        """
        inside = [sums for day, sums in self.days.items() if first <= day <= last]
        if not inside:
            known = f"{min(self._days)} to {max(self._days)}" if self._days else "none"
            raise DataError(f"statistics: no decisions between day {first} and day {last}; known days: {known}")
        total = Sums.zeros(self.models, self.dim)
        for sums in inside:
            total = total + sums
        return total

    def total(self) -> Sums:
        """Return the sums over all days."""
        days = self.days
        return self.window(min(days, default=0), max(days, default=0))

    def save(self, file: Path) -> None:
        """Write them as one .npz file that holds arrays only."""
        every = [sums.of(self.models) for sums in self.days.values()]
        np.savez(
            file,
            models=np.array(self.models, np.str_),
            dim=np.array(self.dim),
            days=np.array(list(self.days), np.int64),
            moments=np.array([sums.moments for sums in every]),
            rows=np.array([sums.rows for sums in every]),
            weight=np.array([sums.weight for sums in every]),
        )

    @classmethod
    def load(cls, file: Path) -> "DailyStatistics":
        """Read what `save` wrote."""
        with np.load(file, allow_pickle=False) as stored:
            made = cls(tuple(str(m) for m in stored["models"]), int(stored["dim"]))
            arrays = zip(stored["moments"], stored["rows"], stored["weight"], strict=True)
            made._days = {int(d): Sums(made.models, *a) for d, a in zip(stored["days"], arrays, strict=True)}
        return made

    def _check(self, rows: np.ndarray, model: np.ndarray, weight: np.ndarray) -> None:
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            raise DataError(f"statistics: a row has {self.dim} numbers; received an array of shape {rows.shape}")
        if len(model) and not (model.min() >= 0 and model.max() < len(self.models)):
            out = model[(model < 0) | (model >= len(self.models))]
            raise DataError(
                f"action: {len(out)} rows outside the set of {len(self.models)} actions; received number {out[0]}; "
                f"expected 0..{len(self.models) - 1}"
            )
        if len(weight) and not weight.min() >= 0:
            raise DataError(f"weight: must be 0 or more in every row; received {weight.min()}")

    def _flush(self) -> None:
        """Sum the pending rows: sorted by day and model, so that each group is one symmetric product of BLAS."""
        if not self._filled or self._block is None:
            return
        rows, (model, day, weight) = self._block[: self._filled, :-3], self._block[: self._filled, -3:].T
        self._filled = 0
        days = [int(day[0])] if day.min() == day.max() else [int(d) for d in np.unique(day)]
        group = model if len(days) == 1 else np.searchsorted(np.array(days, float), day) * len(self.models) + model
        order = np.argsort(group.astype(np.uint16 if len(days) * len(self.models) < 2**16 else np.int64), kind="stable")
        rows, weight = rows[order], weight[order]
        if not (weight == 1.0).all():
            rows = rows * np.sqrt(weight)[:, None]
        sizes = np.bincount(group.astype(np.int64), minlength=len(days) * len(self.models))
        ends = np.cumsum(sizes)
        for i in np.flatnonzero(sizes):
            number, k = divmod(int(i), len(self.models))
            part = slice(int(ends[i] - sizes[i]), int(ends[i]))
            self._add_group(days[number], k, rows[part], float(weight[part].sum()))

    def _add_group(self, day: int, k: int, rows: np.ndarray, weight: float) -> None:
        moments = rows.T @ rows
        if not np.isfinite(moments.trace()):
            bad = int((~np.isfinite(rows).all(axis=1)).sum())
            raise DataError(
                f"context or reward: {bad} rows of {self.models[k]!r} on day {day} hold a number "
                "that is not finite or too large to square",
                hint="fill or drop missing values in preprocessing_fn or in the query",
            )
        sums = self._days.get(day)
        if sums is None or sums.models != self.models:
            sums = (sums or Sums.zeros(self.models, self.dim)).of(self.models)
            self._days[day] = sums
        sums.moments[k] += moments
        sums.rows[k] += len(rows)
        sums.weight[k] += weight


def _same_width(a: Sums, b: Sums) -> None:
    if a.dim != b.dim:
        raise UserError(
            f"statistics: cannot be added: rows of {a.dim} and of {b.dim} numbers", hint="the features changed: sum again"
        )
