"""A bandit's log among the rows: which columns hold it, what is counted of it batch by batch, and what is said of it at the end.

Called by `plan`, `logic` and `counts`; what a sound log is stands in `bandits.log_findings`. Knows nothing of TFX.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from waze_data_tfx.bandits.log_checks import LogCounts, LogRows, LogSpec, count, from_json
from waze_data_tfx.bandits.log_findings import EPOCH, check, findings, summary
from waze_data_tfx.config.bandit import LogColumns
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.disjoint import KeyFile, repeated

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class LogPlan:
    """What a worker needs to count a part's decisions.

    Attributes:
        spec: what they are held against.
        columns: what the log's columns are called.
        reward: column of the reward.
        user: column of the user.
        who: column by which a row is named in messages.
    """

    spec: LogSpec
    columns: LogColumns
    reward: str
    user: str
    who: str


class Decisions:
    """Counts the decisions of one part, and keeps their ids where the config names a column of them."""

    def __init__(self, plan: LogPlan, staging: str | None, number: int) -> None:
        """Begin part `number`."""
        self.counts = LogCounts()
        self._plan, self._ids = plan, None
        if plan.columns.decision and staging:
            self._ids = KeyFile(ids_below(staging), number, (plan.columns.decision,))

    def add(self, typed: "pa.RecordBatch", splits: "np.ndarray") -> None:
        """Count a batch of kept rows, parsed; `splits` is the position of each row's split."""
        log = self._plan.columns
        names = (log.action, log.eligible, log.propensity, self._plan.reward, log.day, self._plan.who, self._plan.user)
        self.counts.add(count(self._plan.spec, LogRows(*(typed.column(name) for name in names))))
        if self._ids:
            self._ids.add(typed, splits)

    def close(self) -> None:
        """Write the ids."""
        if self._ids:
            self._ids.close()


def ids_below(staging: str) -> str:
    """Return the folder of the decisions' ids, which are there until it is known that none stands twice."""
    return os.path.join(staging, "decisions")


def log_plan(config: Config) -> LogPlan | None:
    """Return how the config's log is counted; None where it has none."""
    if config.bandit is None:
        return None
    window = config.data.window
    days = tuple((day - EPOCH).days for day in window.days) if window and window.is_literal else None
    spec = LogSpec(config.bandit.actions, config.bandit.rewards, (days[0], days[1]) if days else None)
    assert config.key is not None
    return LogPlan(spec, config.bandit.columns, config.label, config.key, config.bandit.columns.decision or config.key)


def judged(config: Config, counts: dict[str, Any], staging: str | None) -> dict[str, Any]:
    """Return what rows.json says of the log.

    Args:
        config: says what a sound log is.
        counts: of all parts, as plain values.
        staging: where the parts' ids are; None: not looked at.

    Raises:
        DataError: nothing can be learnt from this log, or what is learnt would be wrong; see `bandits.log_findings`.
    """
    plan = log_plan(config)
    assert plan is not None
    n_twice, twice = repeated(ids_below(staging)) if staging else (0, "")
    total = from_json(counts)
    found = findings(plan.spec, total, n_twice=n_twice, twice=twice)
    return summary(plan.spec, total, check(config.data.named, found))
