"""The section about the log: reward and actions by week, and what its validation warns of.

Called by `sections`. Reads what ExampleGen counted of every kept row, of all splits (`rows.json`); computes means and shares of
these counts only. Returns plain values for the template, or raises `Absent`.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup

from .. import charts
from ..charts import Estimate
from ..source import Absent, Source

WEEK = 7
Z95 = 1.96


@dataclass(frozen=True)
class Week:
    """Seven days, or those of them that lie in the log.

    Attributes:
        first, last: days with a decision.
        n_days: of them.
        n_rows: decisions.
        reward: mean, with its 95 % interval as if every decision were independent of the others.
        rewards: share of the decisions that earned each reward, in the order of `Log.rewards`; None where it was not counted.
        taken: share of each action by name; empty where it was not counted.
    """

    first: str
    last: str
    n_days: int
    n_rows: int
    reward: Estimate
    rewards: list[float] | None
    taken: dict[str, float]


@dataclass(frozen=True)
class Log:
    """The log as it was read, all splits together.

    Attributes:
        actions: in the order of their numbers.
        n_rows: decisions.
        left_out: rule -> rows that it left out before.
        rewards: values of a reward -> rows, in rising order.
        weeks: in their order.
        chart: reward by week.
        largest_share: of any action in any week, 1 where actions were not counted by day.
        warnings: name, message and hint of each finding.
    """

    actions: tuple[str, ...]
    n_rows: int
    left_out: dict[str, int]
    rewards: dict[str, int]
    weeks: list[Week]
    chart: Markup
    largest_share: float
    warnings: list[dict[str, str]]


def read_rows(source: Source) -> dict[str, Any]:
    """Return rows.json.

    Raises:
        Absent: ExampleGen has not run.
    """
    text = (source.artifact("ExampleGen", "examples") / "rows.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def log(source: Source) -> Log:
    """Return what was counted of the log."""
    rows = read_rows(source)
    counted = rows.get("log")
    if not counted:
        raise Absent("ExampleGen counted no decisions: it was made by an earlier version.")
    values = sorted(counted["rewards"], key=float)
    weeks = weeks_of(counted["days"], values, start=source.run.window.get("start") if source.run.window else None)
    return Log(
        actions=tuple(counted["taken"]),
        n_rows=counted["rows"],
        left_out={name: n for name, n in rows["dropped"].items() if n},
        rewards={v: counted["rewards"][v] for v in values},
        weeks=weeks,
        chart=charts.intervals("Mean reward by week", [(f"from {w.first}", [w.reward]) for w in weeks]),
        largest_share=max((share for w in weeks for share in w.taken.values()), default=1.0),
        warnings=counted["warnings"],
    )


def weeks_of(days: Mapping[str, Mapping[str, Any]], values: list[str], *, start: str | None) -> list[Week]:
    """Return the weeks that have decisions.

    Args:
        days: day -> rows, sum of rewards, rows by reward and rows by action.
        values: of a reward.
        start: first day of the first week; None: the first day with a decision.
    """
    if not days:
        return []
    first = date.fromisoformat(start or min(days))
    parts: dict[int, list[str]] = {}
    for day in sorted(days):
        parts.setdefault((date.fromisoformat(day) - first) // timedelta(days=WEEK), []).append(day)
    return [_week({day: days[day] for day in part}, values) for part in parts.values()]


def _week(days: dict[str, Mapping[str, Any]], values: list[str]) -> Week:
    n = sum(d["rows"] for d in days.values())
    mean = sum(d["reward"] for d in days.values()) / n
    earned, taken = _sum(days, "rewards"), _sum(days, "taken")
    interval = None
    if sum(earned.values()) == n > 1:
        variance = sum(c * (float(v) - mean) ** 2 for v, c in earned.items()) / (n - 1)
        reach = Z95 * math.sqrt(variance / n)
        interval = (mean - reach, mean + reach)
    return Week(
        first=min(days),
        last=max(days),
        n_days=len(days),
        n_rows=n,
        reward=Estimate(mean, interval),
        rewards=[earned[v] / n for v in values] if earned else None,
        taken={name: c / n for name, c in taken.items()},
    )


def _sum(days: dict[str, Mapping[str, Any]], name: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for day in days.values():
        total.update(day.get(name, {}))
    return total
