"""Two runs of a bandit side by side: agents, what their candidates are worth, and how often they show each arm.

Called by `compare`. Reads both runs' training.json and off_policy.json. Returns plain values for the template; an absence says of
which run.
"""

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from waze_data_tfx.config.evaluation import METRIC_DIRECTIONS, METRICS_BY_TASK
from waze_data_tfx.evaluation.off_policy.numbers import interval, number
from waze_data_tfx.evaluation.off_policy.results import OffPolicy, SliceResult
from waze_data_tfx.evaluation.spec import CANDIDATE

from .. import charts
from .. import numbers as written
from ..source import Absent, Section, Source, section
from . import agent
from .arms import distance
from .evaluated import exact, overall_of, read

NAMES = ("first", "second")


@dataclass(frozen=True)
class Worth:
    """Both candidates on every slice that both evaluated.

    Attributes:
        same_rows: whether both were evaluated on the very same decisions.
        percent: confidence of the intervals, 95 %; empty where the runs' differ, so that there are none.
        lines: metric, slice, first, second, change, interval and better (None where it may be chance) of each.
    """

    same_rows: bool
    percent: str
    lines: list[dict[str, Any]]


@dataclass(frozen=True)
class Shares:
    """Arm shares of both candidates on all rows, as a chart, and how far they lie apart: 0 alike, 1 nothing in common."""

    chart: Markup
    distance: float


@dataclass(frozen=True)
class Comparison:
    """What stands in place of a supervised model's metrics, training and calibration."""

    worth: Section[Worth]
    agents: Section[list[tuple[str, str, str]]]
    shares: Section[Shares]


def comparison(first: Source, second: Source) -> Comparison:
    """Return all sections."""
    return Comparison(
        worth=section(lambda s: worth(first, s), second),
        agents=section(lambda s: agents(first, s), second),
        shares=section(lambda s: shares(first, s), second),
    )


def worth(first: Source, second: Source) -> Worth:
    """Return a line per metric of all rows, and per slice that both have one for the gate's, none where either is undefined.

    The interval of a change is made of the two values' own, as if these were independent of each other.
    """
    old, new = _both(first, second)
    method = new.interval if old.confidence == new.confidence else None
    lines = []
    for part in new.slices:
        before = old.of(part.slice)
        names = ("auc", new.estimator, "effective_sample_size", "unsubscribe_rate") if part.slice else METRICS_BY_TASK["bandit"]
        if before is not None:
            lines += [line for name in names if (line := _line(name, before, part, method))]
    same = first.artifact("ExampleGen", "examples") == second.artifact("ExampleGen", "examples")
    return Worth(same, f"{100 * new.confidence:g} %" if method else "", lines)


def agents(first: Source, second: Source) -> list[tuple[str, str, str]]:
    """Return what training.json says of both agents: (what, first, second)."""
    found = []
    for name, source in zip(NAMES, (first, second), strict=True):
        try:
            found.append(_described(agent.agent(source)))
        except Absent as absent:
            raise Absent(f"The {name} run: {absent}") from None
    one, other = found
    return [(key, one.get(key, "–"), other.get(key, "–")) for key in dict.fromkeys([*one, *other])]


def shares(first: Source, second: Source) -> Shares:
    """Return the arm shares of both candidates."""
    policies = [overall_of(f).policy(CANDIDATE) for f in _both(first, second)]
    found = [p.arm_shares for p in policies if p is not None]
    if len(found) < len(NAMES):
        raise Absent("A run's off-policy values hold no candidate.")
    actions = list(dict.fromkeys([*found[0], *found[1]]))
    made = [{a: f.get(a, 0.0) for a in actions} for f in found]
    series = {name: [m[a] for a in actions] for name, m in zip(NAMES, made, strict=True)}
    return Shares(charts.bars("Arm shares", actions, series), distance(*made))


def _both(first: Source, second: Source) -> tuple[OffPolicy, OffPolicy]:
    found = []
    for name, source in zip(NAMES, (first, second), strict=True):
        try:
            found.append(read(source))
        except Absent as absent:
            raise Absent(f"The {name} run: {absent}") from None
    return found[0], found[1]


def _line(name: str, before: SliceResult, part: SliceResult, method: str | None) -> dict[str, Any] | None:
    values = [number(p, name, CANDIDATE) for p in (before, part)]
    if not all(map(math.isfinite, values)):
        return None
    change, around = values[1] - values[0], [interval(p, name, method) if method else None for p in (before, part)]
    reach = math.hypot(*((i[1] - i[0]) / 2 for i in around if i)) if all(around) else None
    better = None
    if reach is not None and abs(change) > reach:
        better = (change > 0) == (METRIC_DIRECTIONS[name] == "higher")
    return {
        "metric": name,
        "slice": part.slice or "all rows",
        "first": written.number(values[0]),
        "second": written.number(values[1]),
        "change": written.signed(exact(change)),
        "interval": "" if reach is None else f"{written.number(change - reach)} to {written.number(change + reach)}",
        "better": better,
    }


def _described(found: agent.Agent) -> dict[str, str]:
    record = found.record
    return {
        "agent": str(record["agent"]),
        "policy": str(record["policy_id"]),
        "began from": found.began,
        "decisions": written.number(record["n_train_rows"]),
        "squared error on held-out rewards": written.number(record["eval"]["mse"]),
        **{f"setting {name}": str(value) for name, value in found.settings.items()},
    }
