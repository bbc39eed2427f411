"""Whether logged propensities are how often actions are really taken.

Only the taken action's propensity is logged. Where it is right, the rows with an action, each counted 1/propensity times, are in
expectation as many as the rows in which that action was eligible (Horvitz and Thompson 1952): `ArmCounts`. Where the logging
policy's whole vector is known, frequencies are compared with it in bins: `BinCounts`, which does not see that actions of one bin
differ. Both are additive. An action that the
logging policy sometimes cannot take, though it is eligible, shows as a ratio below 1: missing support, which nothing that is
logged tells from a wrong propensity. Called by the Evaluator's metrics, the log's validation and notebooks.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from waze_data_tfx.bandits.estimators.rounds import Rounds
from waze_data_tfx.errors import DataError

MIN_TAKEN = 5
"""An action that was taken less often is not judged: its count is far from normal."""


@dataclass(frozen=True)
class Calibration:
    """What the comparison says; m actions or bins.

    Attributes:
        expected: rows by the propensities, [m]: for actions sum of 1/propensity, for bins sum of probabilities.
        observed: rows that there are, [m]: for actions those in which it was eligible, for bins those in which it was taken.
        ratio: for actions expected / observed, for bins observed / expected, [m]; NaN where not judged.
        lower: of the ratio's interval, [m]; simultaneous over the judged ones (Bonferroni).
        upper: of the ratio's interval, [m].
        judged: where there is enough to judge, [m] bool.
        passed: whether the interval meets 1 +- tolerance, [m] bool; True where not judged.
        expected_calibration_error: sum |expected - observed| / sum observed over the judged.
        statistic: chi-square.
        degrees_of_freedom: of it.
        p_value: probability of a larger one where the propensities are right.
        calibrated: every judged one passed, and the chi-square test finds nothing, or no more than the tolerance on average.
    """

    expected: np.ndarray
    observed: np.ndarray
    ratio: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    judged: np.ndarray
    passed: np.ndarray
    expected_calibration_error: float
    statistic: float
    degrees_of_freedom: int
    p_value: float
    calibrated: bool


@dataclass(frozen=True)
class ArmCounts:
    """Sums by action; add them to merge.

    Attributes:
        taken: rows with the action, [n_actions].
        eligible: rows in which two actions were both eligible, [n_actions, n_actions]; the diagonal counts each alone.
        inverse: sum of 1/propensity over rows with one action (row) in which another (column) was eligible, as above.
        squares: sum of 1/propensity^2 over rows with the action, [n_actions].
    """

    taken: np.ndarray
    eligible: np.ndarray
    inverse: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, rounds: Rounds) -> "ArmCounts":
        """Count rows; those in which nothing is eligible say nothing and are left out."""
        eligible = np.asarray(rounds.eligible, np.float64)
        some = eligible.any(axis=1)
        eligible, action, p = eligible[some], np.asarray(rounds.action)[some], np.asarray(rounds.propensity, np.float64)[some]
        taken = (action[:, None] == np.arange(rounds.n_actions)).astype(np.float64)
        weighted = taken / p[:, None]
        return cls(taken.sum(axis=0), eligible.T @ eligible, weighted.T @ eligible, (weighted**2).sum(axis=0))

    def __add__(self, other: "ArmCounts") -> "ArmCounts":
        """Return the counts of both's rows."""
        return ArmCounts(
            self.taken + other.taken,
            self.eligible + other.eligible,
            self.inverse + other.inverse,
            self.squares + other.squares,
        )

    def calibration(self, *, confidence: float = 0.95, tolerance: float = 0.0) -> Calibration:
        """Judge every action, and all together by Hotelling's chi-square of the rows' 1[a taken] / p - 1[a eligible].

        Raises:
            DataError: no action was taken often enough to be judged.
        """
        eligible, inverse, judged = np.diag(self.eligible), np.diag(self.inverse), self.taken >= MIN_TAKEN
        deviation = np.sqrt(np.maximum(self.squares - inverse, 0.0))
        difference = (inverse - eligible)[judged]
        scatter = np.diag(self.squares) - self.inverse - self.inverse.T + self.eligible
        scatter = scatter[np.ix_(judged, judged)]
        rank = int(np.linalg.matrix_rank(scatter, tol=1e-9 * max(float(np.trace(scatter)), 1.0), hermitian=True))
        statistic = float(difference @ np.linalg.pinv(scatter, rcond=1e-9, hermitian=True) @ difference)
        return _judge(inverse, eligible, deviation, judged, (statistic, rank), (confidence, tolerance), by=eligible)


@dataclass(frozen=True)
class BinCounts:
    """Sums by bins of the logging policy's probability, over every row and eligible action; add them to merge.

    Attributes:
        taken: how often the action was taken, [n_bins].
        expected: sum of its probabilities, [n_bins].
        variance: sum of p (1 - p), [n_bins].
    """

    taken: np.ndarray
    expected: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, rounds: Rounds, logging: np.ndarray, *, n_bins: int = 10) -> "BinCounts":
        """Count rows by equal bins of `logging`, the logging policy's probabilities, [n, n_actions]."""
        p = rounds.under(logging).probabilities[np.asarray(rounds.eligible, bool)].astype(np.float64)
        taken = (rounds.action[:, None] == np.arange(rounds.n_actions))[np.asarray(rounds.eligible, bool)]
        place = np.minimum((p * n_bins).astype(np.int64), n_bins - 1)
        return cls(*(np.bincount(place, weights=v, minlength=n_bins) for v in (taken.astype(np.float64), p, p * (1 - p))))

    def __add__(self, other: "BinCounts") -> "BinCounts":
        """Return the counts of both's rows."""
        return BinCounts(self.taken + other.taken, self.expected + other.expected, self.variance + other.variance)

    def calibration(self, *, confidence: float = 0.95, tolerance: float = 0.0) -> Calibration:
        """Judge every bin in which at least `MIN_TAKEN` are expected; one degree of freedom less, as each row takes one action.

        The chi-square sums (taken - expected)^2 / variance as if bins were independent, which errs towards calibrated by little.

        Raises:
            DataError: no bin has enough rows.
        """
        judged = (self.expected >= MIN_TAKEN) & (self.variance > 0)
        squares = (self.taken - self.expected)[judged] ** 2 / self.variance[judged]
        chi_square = float(squares.sum()), max(int(judged.sum()) - 1, 1)
        limits = (confidence, tolerance)
        return _judge(self.expected, self.taken, np.sqrt(self.variance), judged, chi_square, limits, by=self.expected)


def _judge(
    expected: np.ndarray,
    observed: np.ndarray,
    deviation: np.ndarray,
    judged: np.ndarray,
    chi_square: tuple[float, int],
    limits: tuple[float, float],
    *,
    by: np.ndarray,
) -> Calibration:
    confidence, tolerance = limits
    if not judged.any():
        raise DataError(f"propensity calibration: nothing was taken {MIN_TAKEN} times; received {int(by.sum())} rows")
    above = expected if by is observed else observed
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(judged, above / by, math.nan)
        reach = float(stats.norm.isf((1 - confidence) / 2 / judged.sum())) * np.where(judged, deviation / by, math.nan)
    passed = ~judged | ((ratio - reach <= 1 + tolerance) & (ratio + reach >= 1 - tolerance))
    error = float(np.abs(expected - observed)[judged].sum() / by[judged].sum())
    p_value = float(stats.chi2.sf(*chi_square)) if chi_square[1] else 1.0
    calibrated = bool(passed.all()) and (p_value >= 1 - confidence or error <= tolerance)
    return Calibration(
        expected, observed, ratio, ratio - reach, ratio + reach, judged, passed, error, *chi_square, p_value, calibrated
    )
