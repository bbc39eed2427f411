"""From off-policy values to decision criteria: for every slice, explore, exploit, or fall back to the best fixed arm.

Pure; called by the Pusher, which writes them into the pushed graph, and (`too_thin`) by the PolicyResolver. The rule, per slice,
with differences of policies on the same rows, by the gate's estimator and interval:

1. explore, if the log says too little of the candidate's serving or eval policy: effective sample size or support below the
   minimum;
2. fixed arm, if both of them are worth less than the best single arm, whole intervals below 0, the log says enough of the
   arm, and it keeps the guard-rail;
3. exploit, if the eval policy is worth more than the serving policy, the logging policy and the best single arm, whole intervals
   above 0, and it keeps the guard-rail;
4. explore otherwise.

The guard-rail: what serves the slice without exploration loses at most `unsubscribe_margin` more users than the log, by the
upper bound. As many slices are decided at once, every interval is widened by Bonferroni's correction for their number
(`widening`).
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

from waze_data_tfx.errors import RunFailed

from .results import Estimate, OffPolicy, PolicyResult, SliceResult

SERVING, EVAL, LOGGING, BEST_ARM = "candidate", "candidate_eval", "logging", "best_arm"
"""The evaluation's names of the policies that are compared."""
CALLED = {SERVING: "the serving policy", EVAL: "the eval policy", LOGGING: "the logging policy", BEST_ARM: "the best single arm"}
Kind = Literal["explore", "exploit", "fixed"]
Interval = tuple[float, float, float]
"""A difference and its interval's ends."""


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


@dataclass(frozen=True)
class _Rule:
    """How a slice is decided.

    Attributes:
        method: of the intervals.
        factor: by which they are widened.
        miss: probability with which one bound may be wrong.
        enough: what the log must say of a policy.
        unsubscribe_margin: of the guard-rail.
    """

    method: str
    factor: float
    miss: float
    enough: Enough
    unsubscribe_margin: float


def decide(
    measured: OffPolicy, *, columns: tuple[str, ...], enough: Enough, unsubscribe_margin: float = math.inf
) -> tuple[Criterion, ...]:
    """Return the criterion of all rows, then one for each slice of exactly these columns.

    Args:
        measured: the evaluation's values.
        columns: of the slices.
        enough: what the log must say of a policy.
        unsubscribe_margin: how far above the log's the upper bound of a rate of unsubscribes may be.

    Raises:
        RunFailed: there is no slice of all rows, or a slice's best arm is none of the actions.
    """
    overall = measured.of("")
    if overall is None:
        raise RunFailed("off_policy.json: expected a slice of all rows; received none", hint="waze-tfx run --from Evaluator")
    parts = (overall, *slices_of(measured, columns))
    factor = widening(measured.interval, confidence=measured.confidence, n_decisions=len(parts))
    rule = _Rule(measured.interval, factor, (1 - measured.confidence) / 2 / len(parts), enough, unsubscribe_margin)
    return tuple(_criterion(s, measured, columns, rule) for s in parts)


def slices_of(measured: OffPolicy, columns: tuple[str, ...]) -> tuple[SliceResult, ...]:
    """Return the slices that name exactly these columns; none for no columns."""
    return tuple(s for s in measured.slices if columns and set(s.key) == set(columns))


def too_thin(part: SliceResult, enough: Enough) -> str:
    """Return why the log says too little of the candidate's two policies on a slice; empty if it says enough."""
    return _policy_too_thin(part, SERVING, enough) or _policy_too_thin(part, EVAL, enough)


def widening(method: str, *, confidence: float, n_decisions: int) -> float:
    """Return by how much an interval at `confidence` is widened to hold at 1 - (1 - confidence) / n_decisions (Bonferroni).

    The file holds the ends alone: the bootstrap's are widened as a normal distribution's, by the ratio of its quantiles;
    Bernstein's, a sqrt(ln(4 / alpha)) + b ln(4 / alpha), by the ratio of the logarithms, which is at least as much as is due.
    """
    alpha = 1 - confidence
    if method == "bernstein":
        return math.log(4 * n_decisions / alpha) / math.log(4 / alpha)
    return NormalDist().inv_cdf(alpha / 2 / n_decisions) / NormalDist().inv_cdf(alpha / 2)


def interval_of(part: SliceResult, policy: str, other: str, method: str, *, factor: float = 1.0) -> Interval | None:
    """Return the difference in value and its interval's ends, widened by a factor; None if one of them is not known."""
    difference = part.difference(policy, other)
    return _interval(difference.reward, method, factor) if difference else None


def to_json(criteria: Iterable[Criterion]) -> list[dict[str, Any]]:
    """Return plain values for criteria.json; NaN becomes null."""
    plain: list[dict[str, Any]] = json.loads(json.dumps([asdict(c) for c in criteria]), parse_constant=lambda _: None)
    return plain


def _criterion(part: SliceResult, measured: OffPolicy, columns: tuple[str, ...], rule: _Rule) -> Criterion:
    kind, reason = _rule(part, rule)
    best = part.policy(BEST_ARM)
    action = best.action if kind == "fixed" and best else None
    if action is not None and action not in measured.actions:
        raise RunFailed(f"{part.slice or 'all rows'}: best_arm '{action}' is no action; known: {', '.join(measured.actions)}")
    pairs = [(SERVING, BEST_ARM), (EVAL, BEST_ARM), (EVAL, SERVING), (EVAL, LOGGING)]
    found = {f"{policy} - {other}": interval_of(part, policy, other, rule.method, factor=rule.factor) for policy, other in pairs}
    values = tuple(part.key[column] for column in columns) if part.key else ()
    return Criterion(part.slice, values, kind, action, reason, {"n_rows": part.n_rows, **found})


def _rule(part: SliceResult, rule: _Rule) -> tuple[Kind, str]:
    if why := too_thin(part, rule.enough):
        return "explore", f"too little overlap: {why}"
    arm = part.policy(BEST_ARM)
    others = [SERVING, LOGGING, *([BEST_ARM] if arm else [])]
    pairs = [*((EVAL, other) for other in others), *([(SERVING, BEST_ARM)] if arm else [])]
    differences = {pair: interval_of(part, *pair, rule.method, factor=rule.factor) for pair in pairs}
    if missing := next((pair for pair, d in differences.items() if d is None), None):
        return "explore", f"{CALLED[missing[0]]} could not be compared with {CALLED[missing[1]]}"
    known = {pair: d for pair, d in differences.items() if d is not None}
    if arm and all(known[policy, BEST_ARM][2] < 0 for policy in (SERVING, EVAL)):
        if why := _policy_too_thin(part, BEST_ARM, rule.enough):
            return "explore", f"too little overlap: {why}"
        told = f"arm {arm.action} is worth more than both policies; the eval policy minus it {_shown(known[EVAL, BEST_ARM])}"
        return _guarded("fixed", told, _loses_users(part, f"arm:{arm.action}", rule))
    nearest = min(others, key=lambda other: known[EVAL, other][1])
    shown = f"{CALLED[nearest]}: {_shown(known[EVAL, nearest])}"
    if known[EVAL, nearest][1] > 0:
        told = f"the eval policy is worth more than all others; the nearest is {shown}"
        return _guarded("exploit", told, _loses_users(part, EVAL, rule))
    return "explore", f"the eval policy is not clearly worth more than {shown}"


def _guarded(kind: Kind, told: str, why: str) -> tuple[Kind, str]:
    return ("explore", f"{told}; but {why}") if why else (kind, told)


def _loses_users(part: SliceResult, name: str, rule: _Rule) -> str:
    """Return why a policy may lose too many users on a slice; empty if it does not, or if the log does not say who was lost.

    Where no unsubscribe was seen there is no interval; the bound is then that of no event in as many rows as the log holds of
    the policy: -ln(miss) / effective sample size (the "rule of three").
    """
    logging, difference = part.policy(LOGGING), part.difference(name, LOGGING)
    if logging is None or logging.unsubscribe_rate is None:
        return ""
    called = CALLED.get(name, name.removeprefix("arm:"))
    found = difference.unsubscribe_rate if difference else None
    interval = _interval(found, rule.method, rule.factor) if found else None
    upper = interval[2] if interval else None
    if interval is None and logging.unsubscribe_rate.value == 0:
        policy = part.policy(name)
        size = (policy.effective_sample_size if policy else None) or 0.0
        upper = -math.log(rule.miss) / size if size else None
    if upper is not None and upper <= rule.unsubscribe_margin:
        return ""
    shown = "are not known" if upper is None else f"may be {upper:+.4g}"
    return f"the unsubscribes of {called} minus the log's {shown}; allowed {rule.unsubscribe_margin:+.4g}"


def _interval(found: Estimate, method: str, factor: float) -> Interval | None:
    ends = found.interval(method)
    if found.value is None or ends is None or ends[0] is None or ends[1] is None:
        return None
    return found.value, found.value + factor * (ends[0] - found.value), found.value + factor * (ends[1] - found.value)


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
