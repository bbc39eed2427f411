"""Chooses an estimator's hyperparameter without knowing the truth: SLOPE.

From the largest variance and the least bias onwards, as long as an estimate agrees with all before it within their widths: Su,
Srinath and Krishnamurthy 2020, with the constant of Tucker and Lee 2021. Called by the Evaluator and notebooks; reads sums.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from waze_data_tfx.bandits.estimators.intervals import variance
from waze_data_tfx.bandits.estimators.plan import Plan
from waze_data_tfx.bandits.estimators.sums import Sums
from waze_data_tfx.errors import UserError

C = math.sqrt(6) - 1


@dataclass(frozen=True)
class Tuned:
    """What was chosen and from what, in the order of the grid.

    Attributes:
        parameter: the chosen clip, tau or lambda.
        grid: all of them.
        values: the estimate by each.
        widths: half the width of each one's interval.
    """

    parameter: float
    grid: tuple[float, ...]
    values: tuple[float, ...]
    widths: tuple[float, ...]


def slope(values: Sequence[float], widths: Sequence[float]) -> int:
    """Return the place of the chosen estimate.

    Ordered by falling width, the last i with |value_i - value_j| <= width_i + C width_j for all j before it, and so for every one
    up to it. The widths stand for the variance; bias must not fall where variance does, as it holds for clip, tau and lambda.
    """
    if not values or len(values) != len(widths):
        raise UserError(f"SLOPE: received {len(values)} values and {len(widths)} widths; expected the same number, at least 1")
    order = sorted(range(len(values)), key=lambda i: -widths[i])
    for place, i in enumerate(order):
        if any(abs(values[i] - values[j]) > widths[i] + C * widths[j] for j in order[:place]):
            return order[place - 1]
    return order[-1]


def tune(sums: Sums, plan: Plan, policy: str, estimator: str, *, outcome: str = "reward", confidence: float = 0.9) -> Tuned:
    """Choose an estimator's hyperparameter from the policy's grid.

    Half widths are Student's t times the standard error, one-sided at `confidence`.

    Raises:
        UserError: the estimator has no hyperparameter.
        DataError: no rows, or no overlap.
    """
    grid = plan.policies[policy].of(estimator)
    if not grid:
        raise UserError(f"{estimator}: has no hyperparameter to tune")
    quantities = [plan.value(policy, estimator, outcome=outcome, parameter=p) for p in grid]
    t = float(stats.t.ppf(confidence, max(sums.n_rows - 1, 1)))
    values = tuple(q.value(sums) for q in quantities)
    widths = tuple(t * math.sqrt(variance(sums, q.gradient(sums))) for q in quantities)
    return Tuned(grid[slope(values, widths)], grid, values, widths)
