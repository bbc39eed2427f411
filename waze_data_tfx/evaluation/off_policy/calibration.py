"""Whether the logged propensities can be right: is every action taken as often as they say?

For an action that the logging policy takes with the stated probability, the sum of 1/propensity over the rows that hold it is, in
expectation, the number of rows in which it was eligible. Called by `evidence` and `estimates`. Imports nothing heavy.
"""

import numpy as np

from waze_data_tfx.bandits.estimators.intervals import variance
from waze_data_tfx.bandits.estimators.quantities import Quantity, Ratio
from waze_data_tfx.bandits.estimators.sums import Sums

from .results import Calibration
from .rows import Rows
from .settings import CALIBRATION_TOLERANCE

MIN_TAKEN = 10
"""Rows of an action below which the normal interval means nothing: shown, not judged."""


def names(n_actions: int) -> list[str]:
    """Return the columns that are summed."""
    return [f"{part}.{k}" for k in range(n_actions) for part in ("taken", "eligible", "inverse")]


def columns(rows: Rows) -> dict[str, np.ndarray]:
    """Return, for every action, whether it was taken, whether it could be, and 1/propensity where it was taken, each [n]."""
    n_actions = rows.eligible.shape[1]
    taken = np.equal.outer(rows.action, np.arange(n_actions)) & rows.eligible
    inverse = taken / rows.propensity[:, None]
    parts = {"taken": taken.astype(np.float64), "eligible": rows.eligible.astype(np.float64), "inverse": inverse}
    return {f"{part}.{k}": values[:, k] for part, values in parts.items() for k in range(n_actions)}


def table(sums: Sums, actions: tuple[str, ...], *, z: float) -> tuple[Calibration, ...]:
    """Return one entry per action.

    Args:
        sums: of the slice.
        actions: names.
        z: half width of an interval in standard errors, corrected for the number of actions.
    """
    return tuple(_entry(sums, k, name, z) for k, name in enumerate(actions))


def _entry(sums: Sums, k: int, name: str, z: float) -> Calibration:
    taken, eligible, expected = (sums.total(f"{part}.{k}") for part in ("taken", "eligible", "inverse"))
    n_taken, n_eligible = round(taken), round(eligible)
    if not n_eligible:
        return Calibration(name, n_taken, n_eligible, expected, None, None, None)
    ratio = Quantity(f"calibration of {name}", (Ratio(1.0, f"inverse.{k}", f"eligible.{k}"),))
    reach = z * variance(sums, ratio.gradient(sums)) ** 0.5
    value = ratio.value(sums)
    near = value - reach <= 1 + CALIBRATION_TOLERANCE and value + reach >= 1 - CALIBRATION_TOLERANCE
    passed = bool(near) if n_taken >= MIN_TAKEN else None
    return Calibration(name, n_taken, n_eligible, expected, value, (value - reach, value + reach), passed)
