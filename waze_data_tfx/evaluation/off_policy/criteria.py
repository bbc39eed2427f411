"""From off-policy values to decision criteria: for every slice, explore, exploit, or fall back to the best fixed arm.

Pure; called by the Pusher, which writes them into the pushed graph, and (`too_thin`) by the PolicyResolver. The rule, per slice,
with differences of policies on the same rows, by the gate's estimator and interval:

1. explore, if the log says too little of the candidate's serving or eval policy: effective sample size or support below the
   minimum;
2. fixed arm, if both of them are worth less than the best single arm, whole intervals below 0, and the log says enough of the
   arm;
3. exploit, if the eval policy is worth more than the serving policy, the logging policy and the best single arm, whole intervals
   above 0;
4. explore otherwise.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from waze_data_tfx.errors import RunFailed

from .results import OffPolicy, PolicyResult, SliceResult

SERVING, EVAL, LOGGING, BEST_ARM = "candidate", "candidate_eval", "logging", "best_arm"
"""The evaluation's names of the policies that are compared."""
CALLED = {SERVING: "the serving policy", EVAL: "the eval policy", LOGGING: "the logging policy", BEST_ARM: "the best single arm"}
Kind = Literal["explore", "exploit", "fixed"]


@dataclass(frozen=True)
class Enough:
    """What the log must say of a policy before anything is concluded: rows' worth of overlap, and mean importance weight."""

    effective_sample_size: float
    support: float = 0.0


@dataclass(frozen=True)
class Criterion:
    """What serving does on one slice.

    Attributes:
        slice: `column=value,...`, or "" for every row that no other criterion holds for.
        values: the slice's values in the order of the criteria columns; none for all rows.
        kind: explore (the serving policy's probabilities), exploit (greedy), or fixed (one arm).
        action: the arm, of `fixed`.
        reason: why, for a person.
        evidence: the differences it was made from: `policy - other` -> value and interval.
    """

    slice: str
    values: tuple[str, ...]
    kind: Kind
    action: str | None
    reason: str
    evidence: Mapping[str, Any]


def decide(measured: OffPolicy, *, columns: tuple[str, ...], enough: Enough) -> tuple[Criterion, ...]:
    """Return the criterion of all rows, then one for each slice of exactly these columns.

    Raises:
        RunFailed: there is no slice of all rows, or a slice's best arm is none of the actions.
    """
    overall = measured.of("")
    if overall is None:
        raise RunFailed("off_policy.json: expected a slice of all rows; received none", hint="waze-tfx run --from Evaluator")
    return tuple(_criterion(s, measured, columns, enough) for s in (overall, *slices_of(measured, columns)))


def slices_of(measured: OffPolicy, columns: tuple[str, ...]) -> tuple[SliceResult, ...]:
    """Return the slices that name exactly these columns; none for no columns."""
    return tuple(s for s in measured.slices if columns and set(s.key) == set(columns))


def too_thin(part: SliceResult, enough: Enough) -> str:
    """Return why the log says too little of the candidate's two policies on a slice; empty if it says enough."""
    return _policy_too_thin(part, SERVING, enough) or _policy_too_thin(part, EVAL, enough)


def interval_of(part: SliceResult, policy: str, other: str, method: str) -> tuple[float, float, float] | None:
    """Return the difference in value and its interval's ends; None if one of them is not known."""
    difference = part.difference(policy, other)
    interval = difference.reward.interval(method) if difference else None
    if difference is None or interval is None or None in (difference.reward.value, *interval):
        return None
    return difference.reward.value or 0.0, interval[0] or 0.0, interval[1] or 0.0


def to_json(criteria: Iterable[Criterion]) -> list[dict[str, Any]]:
    """Return plain values for criteria.json; NaN becomes null."""
    plain: list[dict[str, Any]] = json.loads(json.dumps([asdict(c) for c in criteria]), parse_constant=lambda _: None)
    return plain


def _criterion(part: SliceResult, measured: OffPolicy, columns: tuple[str, ...], enough: Enough) -> Criterion:
    kind, reason = _rule(part, measured.interval, enough)
    best = part.policy(BEST_ARM)
    action = best.action if kind == "fixed" and best else None
    if action is not None and action not in measured.actions:
        raise RunFailed(f"{part.slice or 'all rows'}: best_arm '{action}' is no action; known: {', '.join(measured.actions)}")
    pairs = [(SERVING, BEST_ARM), (EVAL, BEST_ARM), (EVAL, SERVING), (EVAL, LOGGING)]
    found = {f"{policy} - {other}": interval_of(part, policy, other, measured.interval) for policy, other in pairs}
    values = tuple(part.key[column] for column in columns) if part.key else ()
    return Criterion(part.slice, values, kind, action, reason, {"n_rows": part.n_rows, **found})


def _rule(part: SliceResult, method: str, enough: Enough) -> tuple[Kind, str]:
    if why := too_thin(part, enough):
        return "explore", f"too little overlap: {why}"
    arm = part.policy(BEST_ARM)
    others = [SERVING, LOGGING, *([BEST_ARM] if arm else [])]
    differences = {(EVAL, other): interval_of(part, EVAL, other, method) for other in others}
    if arm:
        differences[SERVING, BEST_ARM] = interval_of(part, SERVING, BEST_ARM, method)
    if missing := next((pair for pair, d in differences.items() if d is None), None):
        return "explore", f"{CALLED[missing[0]]} could not be compared with {CALLED[missing[1]]}"
    known = {pair: d for pair, d in differences.items() if d is not None}
    if arm and all(known[policy, BEST_ARM][2] < 0 for policy in (SERVING, EVAL)):
        if why := _policy_too_thin(part, BEST_ARM, enough):
            return "explore", f"too little overlap: {why}"
        return (
            "fixed",
            f"arm {arm.action} is worth more than both policies; the eval policy minus it {_shown(known[EVAL, BEST_ARM])}",
        )
    nearest = min(others, key=lambda other: known[EVAL, other][1])
    above = known[EVAL, nearest][1] > 0
    verb = "is worth more than all others; the nearest is" if above else "is not clearly worth more than"
    return "exploit" if above else "explore", f"the eval policy {verb} {CALLED[nearest]}: {_shown(known[EVAL, nearest])}"


def _policy_too_thin(part: SliceResult, name: str, enough: Enough) -> str:
    policy: PolicyResult | None = part.policy(name)
    if policy is None:
        return f"{CALLED[name]} was not evaluated"
    for what, value, minimum in (
        ("effective sample size", policy.effective_sample_size, enough.effective_sample_size),
        ("mean weight", policy.mean_weight, enough.support),
    ):
        if value is None or not value >= minimum:
            return f"{what} of {CALLED[name]} {'unknown' if value is None else f'{value:.4g}'} < {minimum:.4g}"
    return ""


def _shown(difference: tuple[float, float, float]) -> str:
    value, low, high = difference
    return f"{value:+.4g} [{low:+.4g}, {high:+.4g}]"
