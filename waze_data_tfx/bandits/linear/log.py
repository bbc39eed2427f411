"""How batches of logged decisions enter the sums: which row, which model, which weight.

Called by `model` while it fits and by `combiner` on a worker. Imports nothing heavy.

Why propensities are not needed by default: the linear model says what an action earns *given* the context, and it is fitted
on the rows in which that action was taken. If the model is right, the logging policy's preferences change where the rows lie,
not what they say, and unweighted ridge is the best estimate. If the reward is not linear in the context, the fit is the best
line for the contexts in which the action was logged; `off_policy="ips"` (weights 1 / propensity, at most `max_weight`) makes
it the best line for all contexts instead, for the price of more variance. The weights also count as evidence: a row of weight
10 narrows the intervals as ten rows would, so choose a larger alpha with it.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from waze_data_tfx.bandits.decisions import Batch
from waze_data_tfx.bandits.linear.design import Design
from waze_data_tfx.bandits.linear.statistics import DailyStatistics
from waze_data_tfx.errors import DataError, UserError, did_you_mean

OffPolicy = Literal["none", "ips"]


@dataclass(frozen=True, eq=False)
class LinearLog:
    """Turns batches into daily sums.

    Attributes:
        design: which numbers make a row.
        off_policy: "none": every row weighs `Batch.weight`; "ips": that, times 1 / propensity.
        max_weight: the most that 1 / propensity counts.
    """

    design: Design
    off_policy: OffPolicy = "none"
    max_weight: float = 20.0

    def statistics(self) -> DailyStatistics:
        """Return sums without rows."""
        return DailyStatistics(self.design.models, self.design.dim)

    def add(self, batch: Batch, statistics: DailyStatistics) -> None:
        """Add a batch of NumPy columns.

        Raises:
            DataError: an action, a weight, a number or (where it is used) a propensity is impossible.
        """
        action = np.asarray(batch.action)
        outside = (action < 0) | (action >= len(self.design.actions))
        if outside.any():
            raise DataError(
                f"action: {int(outside.sum())} rows outside the set of {len(self.design.actions)} actions; received number "
                f"{action[outside][0]}; expected 0..{len(self.design.actions) - 1}"
            )
        rows = self.design.rows(np.asarray(batch.context), action)
        weight = np.asarray(batch.weight)
        if self.off_policy == "ips":
            weight = weight * self._importance(np.asarray(batch.propensity))
        day = np.asarray(batch.day)
        statistics.add(rows, np.asarray(batch.reward), model=self.design.model_of(action), weight=weight, day=day)

    def _importance(self, propensity: np.ndarray) -> np.ndarray:
        impossible = ~((propensity > 0) & (propensity <= 1))
        if impossible.any():
            raise DataError(
                f"propensity: {int(impossible.sum())} rows are not in (0, 1]; received {propensity[impossible][0]}",
                hint="off_policy: ips needs the probability with which each action was taken; log it, or set off_policy: none",
            )
        return np.minimum(1.0 / propensity, self.max_weight)


def check_off_policy(where: str, off_policy: str, max_weight: float) -> None:
    """Raise UserError where the settings name no way to weigh rows; `where` names the agent."""
    known = get_args(OffPolicy)
    if off_policy not in known:
        raise UserError(
            f"{where}.off_policy: unknown; received {off_policy!r}; known: {', '.join(known)}"
            f"{did_you_mean(str(off_policy), known)}"
        )
    if not max_weight >= 1:
        raise UserError(f"{where}.max_weight: received {max_weight}; expected 1 or more, as no propensity is above 1")
