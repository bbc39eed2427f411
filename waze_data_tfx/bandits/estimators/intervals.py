"""How sure an estimate is: bootstrap over groups of users, and empirical Bernstein; both from sums alone.

Called by the Evaluator's metrics, `slope` and notebooks. Never reads a row.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from waze_data_tfx.bandits.estimators.plan import Bounds
from waze_data_tfx.bandits.estimators.quantities import Quantity, must_vary
from waze_data_tfx.bandits.estimators.sums import Sums
from waze_data_tfx.errors import DataError, UserError

Side = Literal["two-sided", "lower", "upper"]


@dataclass(frozen=True)
class Interval:
    """Where the true value lies with the stated confidence; one-sided ones reach to infinity on the other side."""

    lower: float
    upper: float
    confidence: float
    method: Literal["bootstrap", "bernstein"]


@dataclass(frozen=True)
class Bootstrap:
    """Resamples of groups of users, drawn once and used for every quantity, so that differences are paired.

    The groups that hold rows are drawn with replacement, as many as there are (Cameron, Gelbach and Miller 2008, pairs cluster
    bootstrap); intervals are percentiles (Efron and Tibshirani 1993, 13.3). On 500 logs of 1,500 rows these covered within 4
    points of 95 % and 80 % for every estimator, also at a click rate of 2 %, where basic intervals missed by up to 6 points and
    BCa's by 5.

    Attributes:
        sums: what is resampled.
        n_resamples: how often.
        seed: of the draws.
    """

    sums: Sums
    n_resamples: int = 1000
    seed: int = 0

    @cached_property
    def totals(self) -> np.ndarray:
        """Return the totals of every resample, [n_resamples, T]."""
        groups = self.sums.groups[self.sums.groups[:, 0] > 0]
        if len(groups) < 2:
            raise DataError(
                f"bootstrap: {len(groups)} group of users with rows; expected at least 2, better 30",
                hint="widen the window or the slice; with one group only Bernstein's interval can be told.",
            )
        draws = np.random.default_rng(self.seed).multinomial(len(groups), np.full(len(groups), 1 / len(groups)), self.n_resamples)
        return draws.astype(np.float64) @ groups

    def interval(self, quantity: Quantity, *, confidence: float = 0.95, side: Side = "two-sided") -> Interval:
        """Return the percentile interval.

        Raises:
            DataError: fewer than two groups; or an outcome is the same in all rows, so that every resample is.
        """
        for outcome in quantity.outcomes:
            must_vary(self.sums, outcome)
        estimates = quantity.values(self.sums, self.totals)
        miss = _miss(confidence, side)
        lower, upper = np.quantile(estimates, [miss, 1 - miss])
        return _one_sided(Interval(float(lower), float(upper), confidence, "bootstrap"), side)


def bernstein(
    sums: Sums,
    quantity: Quantity,
    bounds: Bounds,
    *,
    confidence: float = 0.95,
    side: Side = "two-sided",
    rows_per_user: float = 1.0,
) -> Interval:
    """Return the empirical Bernstein interval.

    Maurer and Pontil 2009, theorem 4: with probability 1 - delta a mean of n independent values in a range R is missed by at most
    sqrt(2 V ln(2/delta) / n) + 7 R ln(2/delta) / (3 (n - 1)). The values are the rows' influences on the quantity: the terms
    themselves where it is a mean (ips, dm, dr, switch_dr, dros, differences of these), their linearisation (delta method) where
    it is self-normalized; there the bound holds up to the linearisation's error, of order 1/n. R adds up the columns' ranges.
    V is the rows' variance or, if that is larger, that of groups of users, which is right where a user's rows hang together;
    with a single group it is the rows' alone.

    Args:
        sums: of all rows.
        quantity: what is estimated.
        bounds: every column's range, by `Plan.bounds`.
        confidence: probability with which the interval holds.
        side: two-sided, or which bound is wanted.
        rows_per_user: the most rows that one user has, if these depend on one another: the range of a user's sum grows with it.

    Raises:
        DataError: fewer than two rows.
    """
    n = sums.n_rows
    if not rows_per_user >= 1:
        raise UserError(f"rows_per_user: received {rows_per_user}; expected at least 1")
    if n < 2:
        raise DataError(f"{quantity.name}: {n} rows; expected at least 2 for an interval")
    value, gradient = quantity.value(sums), quantity.gradient(sums)
    ranges = (abs(g) * (bounds[name][1] - bounds[name][0]) for g, name in zip(gradient, sums.names, strict=True) if g)
    reach = float(sum(ranges))
    ln = math.log(2 / _miss(confidence, side))
    width = math.sqrt(2 * variance(sums, gradient) * ln) + 7 * reach * rows_per_user * ln / (3 * max(n - rows_per_user, 1))
    return _one_sided(Interval(value - width, value + width, confidence, "bernstein"), side)


def variance(sums: Sums, gradient: np.ndarray) -> float:
    """Return the variance of an estimate by its gradient [T]: that of independent rows or, if larger, of groups of users."""
    n, n_groups = sums.n_rows, sums.n_groups
    places = np.flatnonzero(gradient)
    of_rows = float(gradient[places] @ sums.products_of(places.tolist()) @ gradient[places]) / (n * max(n - 1, 1))
    of_groups = float(((sums.groups @ gradient) ** 2).sum()) / n**2 * n_groups / max(n_groups - 1, 1)
    return max(of_rows, of_groups, 0.0)


def _miss(confidence: float, side: Side) -> float:
    if not 0 < confidence < 1:
        raise UserError(f"confidence: received {confidence}; expected between 0 and 1")
    return (1 - confidence) / (2 if side == "two-sided" else 1)


def _one_sided(interval: Interval, side: Side) -> Interval:
    lower = -math.inf if side == "upper" else interval.lower
    upper = math.inf if side == "lower" else interval.upper
    return Interval(lower, upper, interval.confidence, interval.method)
