"""What a log's counts mean: what stops the run, and what the report warns of. Called by QueryExampleGen at its end.

Stops the run, since whatever is learnt or judged from such rows would be wrong without a word:

    a missing action, propensity, reward or day; an action that the config does not name, or that was not eligible; a propensity
    that is not in (0, 1]; a reward outside the set; rewards that are all the same; a week without a decision between weeks that
    have some; a decision twice; propensities that are too small for how often their action was taken.

Warns, since it may be meant:

    rows in which nothing is eligible; names among the eligible that are no action; an action that was never eligible or never
    taken; propensities that are too large, or an action that the logging policy left out in some contexts (nothing can be said of
    it there); a day without a decision whose weekday has some; a log that begins a week or more after its window, or ends so.

Knows no config; never reads a row.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from waze_data_tfx.errors import DataError, unknown_name

from .log_checks import LogCounts, LogSpec

Level = Literal["error", "warning"]
N_SHOWN = 3
WEEK = 7
CALIBRATION_Z, CALIBRATION_CHANGE = 5.0, 0.1
"""So many standard deviations and so large a share off their expectation, and propensities are not those of the log.

The deviation is that between groups of users, since a policy may draw alike for a user every time. A sound log of 12 actions
passes the first alone about once in 70,000."""
EPOCH = date(1970, 1, 1)

ROW_FAULTS: dict[str, tuple[Level, str, str, str]] = {
    "action_missing": (
        "error",
        "the action is missing",
        "the name of the one taken",
        "drop decisions without an action by a rule, such as drop: action IS NULL",
    ),
    "action_unknown": ("error", "the action is none of bandit.actions", "", "add it to the end of bandit.actions"),
    "action_not_eligible": (
        "error",
        "the action taken is not among the eligible ones",
        "one of them",
        "log the eligible actions as they were when the action was drawn, or drop such rows by a rule",
    ),
    "nothing_eligible": (
        "warning",
        "no action was eligible",
        "at least one",
        "nothing was chosen there; drop such rows by a rule, or mend the names in the column of eligible actions",
    ),
    "propensity_missing": ("error", "the propensity is missing", "a number in (0, 1]", ""),
    "propensity_not_positive": ("error", "the propensity is not above 0", "a number in (0, 1]: what was taken can be taken", ""),
    "propensity_above_1": (
        "error",
        "the propensity is above 1",
        "a number in (0, 1]: a probability, not a weight or percentage",
        "",
    ),
    "reward_missing": ("error", "the reward is missing", "a number of bandit.rewards", "COALESCE it in the query"),
    "reward_unknown": (
        "error",
        "the reward is none of bandit.rewards",
        "",
        "mend the query, or name the value in bandit.rewards",
    ),
    "day_missing": (
        "error",
        "the day cannot be read",
        "a DATE, or text such as 2025-01-31",
        "mend the query's column of the day",
    ),
}
"""Fault of a row: whether it stops the run, what it is, what was expected, the next step."""
PROPENSITY_HINT = "log the probability of the action at the moment when it was drawn; it cannot be made up afterwards"


@dataclass(frozen=True)
class Finding:
    """Something about a log that a person has to know.

    Attributes:
        name: of the kind of finding.
        level: whether it stops the run.
        message: what was found in how many rows, an example, what was expected.
        hint: the next step.
    """

    name: str
    level: Level
    message: str
    hint: str = ""


def findings(spec: LogSpec, counts: LogCounts, *, n_twice: int = 0, twice: str = "") -> list[Finding]:
    """Return everything that is found, errors first.

    Args:
        spec: what the log is held against.
        counts: of all rows.
        n_twice: rows whose decision stands in an earlier row, too.
        twice: such a decision.
    """
    found = [*_row_faults(spec, counts), *_duplicates(counts, n_twice, twice), *_rewards(counts)]
    found += [*_arms(spec, counts), *_calibration(spec, counts), *_days(spec, counts)]
    return sorted(found, key=lambda f: f.level)


def check(where: str, found: list[Finding]) -> list[Finding]:
    """Return the warnings.

    Raises:
        DataError: there are errors; all of them, each with its count, an example and what was expected.
    """
    errors = [f for f in found if f.level == "error"]
    if errors:
        hint = "; ".join(dict.fromkeys(f.hint for f in errors if f.hint))
        raise DataError("\n".join(f"{where}: {f.message}" for f in errors), hint=hint)
    return found


def summary(spec: LogSpec, counts: LogCounts, found: list[Finding]) -> dict[str, Any]:
    """Return what a run's record holds of its log: counts by action and day, mean weights, warnings."""
    days = {
        str(_day(int(d))): {
            "rows": n,
            "reward": earned,
            "rewards": counts.day_rewards.get(d, {}),
            "taken": counts.day_taken.get(d, {}),
        }
        for d, (n, earned) in sorted(counts.days.items(), key=_number)
    }
    taken = {name: counts.taken.get(name, 0) for name in spec.actions}
    eligible = {name: counts.eligible.get(name, 0) for name in spec.actions}
    weight = {name: counts.weight.get(name, 0.0) / n if n else None for name, n in eligible.items()}
    warnings = [{"name": f.name, "message": f.message, "hint": f.hint} for f in found]
    return {
        "rows": counts.rows,
        "rewards": counts.rewards,
        "taken": taken,
        "eligible": eligible,
        "mean_weight": weight,
        "days": days,
        "warnings": warnings,
    }


def _row_faults(spec: LogSpec, counts: LogCounts) -> list[Finding]:
    found = []
    for fault, n in counts.faults.items():
        level, what, expected, hint = ROW_FAULTS[fault]
        if fault == "action_unknown":
            name = next(iter(counts.no_action), "")
            expected = f"{unknown_name('action', name, spec.actions)}"
        elif fault == "reward_unknown":
            values = ", ".join(f"{value} ({rows} rows)" for value, rows in list(counts.no_reward.items())[:N_SHOWN])
            expected = f"received {values}; expected one of {', '.join(f'{r:g}' for r in spec.rewards)}"
        else:
            expected = f"expected {expected}"
        if fault == "nothing_eligible" and n == counts.rows:
            level, hint = "error", "let the column be an array of names of bandit.actions: SPLIT(names, ',') where it is one text"
        hint = hint or PROPENSITY_HINT
        message = f"{what} in {n} of {counts.rows} decisions, the first {counts.first[fault]}; {expected}"
        found.append(Finding(fault, level, message, hint))
    if counts.not_eligible:
        n, name = sum(counts.not_eligible.values()), next(iter(counts.not_eligible))
        message = (
            f"names among the eligible that are no action are ignored, {n} times; {unknown_name('action', name, spec.actions)}"
        )
        found.append(Finding("eligible_unknown", "warning", message, "add them to bandit.actions, or take them out in the query"))
    return found


def _duplicates(counts: LogCounts, n_twice: int, twice: str) -> list[Finding]:
    if not n_twice:
        return []
    message = f"{n_twice} of {counts.rows} decisions stand in another row, too, such as {twice!r}; expected each once"
    return [
        Finding("decision_twice", "error", message, "join events after grouping them by decision, so that a row is a decision")
    ]


def _rewards(counts: LogCounts) -> list[Finding]:
    if len(counts.rewards) != 1 or counts.no_reward or counts.faults.get("reward_missing"):
        return []
    [value] = counts.rewards
    message = f"the reward is {value} in all {counts.rows} decisions; expected at least two values, else nothing can be learnt"
    return [
        Finding("reward_constant", "error", message, "look at the join of decisions and events, and at the attribution window")
    ]


def _arms(spec: LogSpec, counts: LogCounts) -> list[Finding]:
    never = [name for name in spec.actions if counts.eligible and not counts.taken.get(name)]
    not_eligible = [name for name in never if not counts.eligible.get(name)]
    untaken = [name for name in never if counts.eligible.get(name)]
    found = []
    if not_eligible:
        message = f"{', '.join(not_eligible)}: never eligible in {counts.rows} decisions"
        found.append(Finding("action_never_eligible", "warning", message, "take it out of bandit.actions if it is gone"))
    if untaken:
        message = f"{', '.join(untaken)}: never taken in {counts.rows} decisions, though eligible; nothing is known of its reward"
        found.append(Finding("action_never_taken", "warning", message, "let the serving policy explore it: bandit.serving.floor"))
    return found


def _calibration(spec: LogSpec, counts: LogCounts) -> list[Finding]:
    """Compare, by action, the sum of 1 / propensity where it was taken with its expectation: the rows where it was eligible."""
    found = []
    for name in spec.actions:
        n, weight = counts.eligible.get(name, 0), counts.weight.get(name, 0.0)
        if not n or not weight:
            continue
        off, deviation = weight / n - 1.0, _deviation(counts.excess[name]) / n
        if abs(off) <= CALIBRATION_CHANGE or abs(off) <= CALIBRATION_Z * deviation:
            continue
        sum_of = (
            f"'{name}': 1 / propensity is {weight / n:.3g} a decision in which it was eligible; expected 1 +- {deviation:.2g}"
        )
        if off > 0:
            message = f"{sum_of}: its propensities are too small for how often it was taken"
            found.append(Finding("propensity_too_small", "error", message, PROPENSITY_HINT))
        else:
            message = f"{sum_of}: its propensities are too large, or there are contexts in which it is never taken"
            found.append(Finding("propensity_too_large", "warning", message, PROPENSITY_HINT))
    return found


def _deviation(groups: list[float]) -> float:
    """Return the standard deviation of the sum of independent groups."""
    mean = sum(groups) / len(groups)
    variance: float = sum((g - mean) ** 2 for g in groups) * len(groups) / (len(groups) - 1)
    return variance**0.5


def _days(spec: LogSpec, counts: LogCounts) -> list[Finding]:
    days = {int(day): int(n) for day, (n, _) in counts.days.items()}
    if not days:
        return []
    first, last = min(days), max(days)
    start, end = spec.window or (first, last + 1)
    found = []
    for begin in range(start, end, WEEK):
        if begin > first and begin + WEEK <= last and not any(d in days for d in range(begin, begin + WEEK)):
            message = f"no decision from {_day(begin)} to {_day(begin + WEEK - 1)}, between weeks that have some"
            found.append(
                Finding("empty_week", "error", message, "load the missing days; a log with a hole tells of another time")
            )
    if first - start >= WEEK:
        message = f"the first decision is of {_day(first)}; the window begins on {_day(start)}"
        found.append(Finding("begins_late", "warning", message))
    if end - 1 - last >= WEEK:
        message = f"the last decision is of {_day(last)}; the window ends before {_day(end)}"
        found.append(
            Finding("ends_early", "warning", message, "look whether the log still arrives, or how long attribution takes")
        )
    weekdays = {day % WEEK for day in days}
    missing = [d for d in range(first, last) if d not in days and d % WEEK in weekdays]
    if missing and not any(f.name == "empty_week" for f in found):
        shown = ", ".join(str(_day(d)) for d in missing[:N_SHOWN])
        message = f"no decision on {len(missing)} days whose weekdays have some otherwise: {shown}"
        found.append(Finding("empty_day", "warning", message, "look whether rows of these days are missing"))
    return found


def _day(number: int) -> date:
    return EPOCH + timedelta(days=number)


def _number(item: tuple[str, Any]) -> int:
    return int(item[0])
