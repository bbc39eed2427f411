"""What is estimated, as sums: a value is a linear combination of ratios of columns' totals, and so is a difference.

Made by `plan`; read by `intervals`, `diagnostics` and `slope`. The gradient here is what linearises a ratio for its variance.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from waze_data_tfx.bandits.estimators.sums import ROWS, Sums
from waze_data_tfx.bandits.estimators.terms import no_overlap
from waze_data_tfx.errors import DataError


class Ratio(NamedTuple):
    """coefficient * total(numerator) / total(denominator)."""

    coefficient: float
    numerator: str
    denominator: str = ROWS


@dataclass(frozen=True)
class Quantity:
    """A sum of ratios; subtract two for a paired difference.

    Attributes:
        name: for messages.
        ratios: what is added.
        outcomes: columns of observed outcomes; where one of them does not vary, a resample says nothing of what was not seen.
    """

    name: str
    ratios: tuple[Ratio, ...]
    outcomes: tuple[str, ...] = ()

    def __sub__(self, other: "Quantity") -> "Quantity":
        """Return the difference on the same rows."""
        negative = tuple(r._replace(coefficient=-r.coefficient) for r in other.ratios)
        outcomes = tuple(dict.fromkeys(self.outcomes + other.outcomes))
        return Quantity(f"{self.name} - {other.name}", self.ratios + negative, outcomes)

    def value(self, sums: Sums) -> float:
        """Return the estimate.

        Raises:
            DataError: there are no rows, or a denominator is 0: the policy takes none of the logged actions.
        """
        return float(self.values(sums, sums.totals[None])[0])

    def values(self, sums: Sums, totals: np.ndarray) -> np.ndarray:
        """Return the estimate for every row of totals, [m, T] -> [m]: totals of all rows, or of resamples."""
        if sums.n_rows == 0:
            raise DataError(f"{self.name}: no rows; expected at least one", hint="widen the window or the slice.")
        answer = np.zeros(len(totals))
        for coefficient, numerator, denominator in self.ratios:
            below = totals[:, sums.index(denominator)]
            if (below <= 0).any():
                raise no_overlap(self.name)
            answer += coefficient * totals[:, sums.index(numerator)] / below
        return answer

    def gradient(self, sums: Sums) -> np.ndarray:
        """Return d value / d mean of every column, [T]; a row's influence on the value is gradient @ its columns, of mean 0."""
        self.value(sums)
        means, gradient = sums.totals / sums.n_rows, np.zeros(len(sums.names))
        for coefficient, numerator, denominator in self.ratios:
            above, below = sums.index(numerator), sums.index(denominator)
            gradient[above] += coefficient / means[below]
            gradient[below] -= coefficient * means[above] / means[below] ** 2
        return gradient


def must_vary(sums: Sums, outcome: str) -> None:
    """Refuse rows in which an outcome is always the same, such as a reward that is 0 throughout.

    The mean of such rows is right as a number, but resampling them gives an interval of width 0, and a join that lost its clicks
    looks the same. Bernstein's interval holds for them.

    Raises:
        DataError: the outcome has one value only.
    """
    low, high = sums.range_of(outcome)
    if low == high:
        raise DataError(
            f"{outcome}: is {low:g} in all {sums.n_rows} rows; expected at least two values",
            hint="look at the join of outcomes; if the log is right, use Bernstein's interval.",
        )
