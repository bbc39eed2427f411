"""Whether logged decisions can be learnt from: what is counted of their rows.

Counts are plain numbers that add up, so that they are made batch by batch on any number of workers; `log_findings` judges the
sum. Called by QueryExampleGen for the rows that its rules have kept. Imports pyarrow and TensorFlow inside functions. Never
changes or drops a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from waze_data_tfx.data.splits import fingerprints_of

if TYPE_CHECKING:
    import pyarrow as pa

N_NAMES = 20
"""Names that are no action, and values that are no reward, of which the rows are counted one by one."""
N_GROUPS = 200
"""Groups of users, by a hash: what varies between them is what varies, however alike the decisions of one user are."""
Mask = Any
"""[n] or [n, n_actions] bool."""


@dataclass(frozen=True)
class LogSpec:
    """What a log is held against.

    Attributes:
        actions: names of the actions in the order of their numbers.
        rewards: values that a reward can have.
        window: first day and first day after the last, as days since 1970-01-01; None where there is no window.
    """

    actions: tuple[str, ...]
    rewards: tuple[float, ...]
    window: tuple[int, int] | None = None


class LogRows(NamedTuple):
    """Columns of logged decisions, [n] each.

    Attributes:
        action: names, text.
        eligible: names, lists of text; a null or empty list means every action.
        propensity: double.
        reward: double.
        day: text that begins like 2025-01-31.
        who: what a row is called in messages: the decision's id or the user.
        user: text.
    """

    action: "pa.Array"
    eligible: "pa.Array"
    propensity: "pa.Array"
    reward: "pa.Array"
    day: "pa.Array"
    who: "pa.Array"
    user: "pa.Array"


@dataclass
class LogCounts:
    """What is counted of a log; `add` adds another part's.

    Attributes:
        rows: decisions.
        faults: fault: rows that have it.
        first: fault: the first such row and its value.
        no_action, no_reward, not_eligible: name or value that is none: rows, of the first N_NAMES.
        taken: action: rows in which it was taken.
        eligible: action: rows in which it could be taken.
        weight: action: sum of 1 / propensity over the rows in which it was taken; its expectation is `eligible`.
        excess: action: `weight` less `eligible` of each group of users, [N_GROUPS]; what they vary by is the error of `weight`.
        rewards: reward: rows.
        days: day since 1970-01-01: rows and sum of their rewards.
        day_taken: day: action: rows in which it was taken.
        day_rewards: day: reward: rows.
    """

    rows: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    no_action: dict[str, int] = field(default_factory=dict)
    no_reward: dict[str, int] = field(default_factory=dict)
    not_eligible: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    eligible: dict[str, int] = field(default_factory=dict)
    weight: dict[str, float] = field(default_factory=dict)
    excess: dict[str, list[float]] = field(default_factory=dict)
    rewards: dict[str, int] = field(default_factory=dict)
    days: dict[str, list[float]] = field(default_factory=dict)
    day_taken: dict[str, dict[str, int]] = field(default_factory=dict)
    day_rewards: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, other: "LogCounts") -> None:
        """Add another part's counts."""
        self.rows += other.rows
        self.first = {**other.first, **self.first}
        for name in ("faults", "taken", "eligible", "weight", "rewards"):
            _add(getattr(self, name), getattr(other, name))
        for name in ("no_action", "no_reward", "not_eligible"):
            mine = getattr(self, name)
            known = {n: c for n, c in getattr(other, name).items() if n in mine or len(mine) < N_NAMES}
            _add(mine, known)
        for name, groups in other.excess.items():
            self.excess[name] = np.add(self.excess.get(name, np.zeros(N_GROUPS)), groups).tolist()
        for day, (rows, reward) in other.days.items():
            before = self.days.get(day, [0, 0.0])
            self.days[day] = [before[0] + rows, before[1] + reward]
        for name in ("day_taken", "day_rewards"):
            for day, values in getattr(other, name).items():
                _add(getattr(self, name).setdefault(day, {}), values)


def count(spec: LogSpec, rows: LogRows) -> LogCounts:
    """Return the counts of a batch."""
    counts = LogCounts(rows=len(rows.action))
    if not counts.rows:
        return counts
    number, eligible, given = _numbers(rows.action, spec), *_eligible(rows.eligible, spec, counts)
    propensity, reward, day = _floats(rows.propensity), _floats(rows.reward), _days(rows.day)
    known = number >= 0
    named, each = ~_nulls(rows.action), np.arange(counts.rows)
    ineligible = known & given & ~eligible[each, number]
    flag = _flagger(counts, rows.who)
    flag("action_missing", ~named, rows.action)
    flag("action_unknown", named & ~known, rows.action)
    flag("action_not_eligible", ineligible & eligible.any(1), rows.action)
    flag("nothing_eligible", ~eligible.any(1), rows.action)
    flag("propensity_missing", np.isnan(propensity), rows.propensity)
    flag("propensity_not_positive", propensity <= 0, rows.propensity)
    flag("propensity_above_1", propensity > 1, rows.propensity)
    flag("reward_missing", np.isnan(reward), rows.reward)
    flag("reward_unknown", ~np.isnan(reward) & ~np.isin(reward, np.array(spec.rewards, np.float32)), rows.reward)
    flag("day_missing", day == _NO_DAY, rows.day)
    _count_names(counts, rows, named & ~known)
    _count_values(counts, spec, reward, day)
    rewards = np.array(spec.rewards, np.float32)
    counts.day_taken = _by_day(day, number, spec.actions)
    counts.day_rewards = _by_day(day, _places(reward, rewards), [f"{value:g}" for value in rewards])
    sound = known & ~ineligible & (propensity > 0) & (propensity <= 1)
    _count_weights(counts, spec, _Weighted(number[sound], propensity[sound], eligible[sound], _groups(rows.user)[sound]))
    return counts


def to_json(counts: LogCounts) -> dict[str, Any]:
    """Return the counts as plain values."""
    return {f.name: getattr(counts, f.name) for f in fields(counts)}


def from_json(values: Mapping[str, Any]) -> LogCounts:
    """Return what `to_json` wrote."""
    return LogCounts(**values)


_NO_DAY = np.iinfo(np.int32).min


class _Weighted(NamedTuple):
    action: Any
    propensity: Any
    eligible: Any
    group: Any


def _numbers(names: "pa.Array", spec: LogSpec) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.index_in(names, value_set=pa.array(spec.actions, names.type))
    return pc.fill_null(found, -1).to_numpy(zero_copy_only=False)


def _eligible(lists: "pa.Array", spec: LogSpec, counts: LogCounts) -> tuple[Mask, Mask]:
    """Return which actions a row names, all where it names nothing: [n, n_actions]; and whether it names anything: [n]."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if not (pt.is_list(lists.type) or pt.is_large_list(lists.type)):  # one name per row
        lists = pa.array([[name] if name else None for name in lists.to_pylist()], pa.list_(lists.type))
    row = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    values = pc.list_flatten(lists)
    number = _numbers(values, spec)
    mask = np.zeros((len(lists), len(spec.actions)), bool)
    mask[row[number >= 0], number[number >= 0]] = True
    given = np.zeros(len(lists), bool)
    given[row] = True
    mask[~given] = True
    counts.not_eligible = _counted(values.filter(_as_arrow(number < 0)))
    return mask, given


def _flagger(counts: LogCounts, who: "pa.Array") -> Callable[[str, Mask, "pa.Array"], None]:
    """Return a function that counts the rows of a fault and keeps the first as an example."""

    def flag(fault: str, wrong: Mask, values: "pa.Array") -> None:
        n = int(wrong.sum())
        if n:
            first = int(wrong.argmax())
            counts.faults[fault] = n
            counts.first[fault] = f"{who[first].as_py()!r}: {values[first].as_py()!r}"

    return flag


def _count_names(counts: LogCounts, rows: LogRows, unknown: Mask) -> None:
    counts.no_action = _counted(rows.action.filter(_as_arrow(unknown)))


def _count_values(counts: LogCounts, spec: LogSpec, reward: Any, day: Any) -> None:
    values, n = np.unique(reward[~np.isnan(reward)], return_counts=True)
    by_value = {f"{value:g}": int(c) for value, c in zip(values, n, strict=True)}
    known = {f"{np.float32(r):g}" for r in spec.rewards}
    counts.rewards = {value: c for value, c in by_value.items() if value in known}
    counts.no_reward = dict(list({value: c for value, c in by_value.items() if value not in known}.items())[:N_NAMES])
    days, place = np.unique(day, return_inverse=True)
    n_rows, earned = np.bincount(place), np.bincount(place, weights=np.nan_to_num(reward))
    counts.days = {str(d): [int(a), float(b)] for d, a, b in zip(days, n_rows, earned, strict=True) if d != _NO_DAY}


def _by_day(day: Any, number: Any, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return, for each day [n], the rows of every name that occurs; `number` [n] says which, -1 none."""
    known = (number >= 0) & (day != _NO_DAY)
    days, place = np.unique(day[known], return_inverse=True)
    table = np.bincount(place * len(names) + number[known], minlength=len(days) * len(names)).reshape(len(days), len(names))
    return {
        str(d): {str(name): int(n) for name, n in zip(names, counts, strict=True) if n}
        for d, counts in zip(days, table, strict=True)
    }


def _places(values: Any, known: Any) -> Any:
    """Return the position of each value [n] among the known ones, -1 where it is none."""
    same = values[:, None] == known
    return np.where(same.any(1), same.argmax(1), -1)


def _count_weights(counts: LogCounts, spec: LogSpec, rows: _Weighted) -> None:
    """Add what the propensities of the actions taken say of themselves, for the rows that are sound."""
    size, inverse = len(spec.actions), 1.0 / rows.propensity.astype(np.float64)
    taken = np.bincount(rows.action, minlength=size)
    cells = np.bincount(rows.action * N_GROUPS + rows.group, weights=inverse, minlength=size * N_GROUPS)
    weight = cells.reshape(size, N_GROUPS)
    for i, name in enumerate(spec.actions):
        eligible = np.bincount(rows.group, weights=rows.eligible[:, i], minlength=N_GROUPS)
        counts.taken[name], counts.eligible[name] = int(taken[i]), int(eligible.sum())
        counts.weight[name], counts.excess[name] = float(weight[i].sum()), (weight[i] - eligible).tolist()


def _groups(users: "pa.Array") -> Any:
    """Return the group of each row's user, [n] in 0..N_GROUPS-1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return fingerprints_of(pc.fill_null(users, "").cast(pa.large_binary())) % N_GROUPS


def _counted(values: "pa.Array") -> dict[str, int]:
    import pyarrow.compute as pc

    return {str(v["values"]): v["counts"] for v in pc.value_counts(values).to_pylist()[:N_NAMES]}


def _floats(column: "pa.Array") -> Any:
    """Return the values [n] float32, as the examples hold them; NaN where missing."""
    import pyarrow as pa

    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float32)


def _days(column: "pa.Array") -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.utf8_slice_codeunits(column, 0, 10)
    day = pc.strptime(text, format="%Y-%m-%d", unit="s", error_is_null=True).cast(pa.date32()).cast(pa.int32())
    return pc.fill_null(day, int(_NO_DAY)).to_numpy(zero_copy_only=False)


def _nulls(column: "pa.Array") -> Mask:
    import pyarrow.compute as pc

    missing: Mask = pc.is_null(column).to_numpy(zero_copy_only=False)
    return missing


def _as_arrow(mask: Mask) -> "pa.Array":
    import pyarrow as pa

    return pa.array(mask)


def _add(mine: dict[str, Any], theirs: Mapping[str, Any]) -> None:
    for name, n in theirs.items():
        mine[name] = mine.get(name, 0) + n
