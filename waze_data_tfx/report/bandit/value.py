"""The section about what policies are worth: every estimator, both intervals, differences, and all of it by slice.

Called by `sections`. Reads off_policy.json and changes none of its numbers. Returns plain values for the template, or raises
`Absent`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from waze_data_tfx.evaluation.off_policy.results import Difference, OffPolicy, PolicyResult, SliceResult

from .. import charts
from ..numbers import number
from ..source import Source
from .evaluated import (
    N_SLICES,
    Shown,
    between,
    called,
    clip_of,
    drawn,
    exact,
    label,
    overall_of,
    read,
    saved,
    shown,
    shown_signed,
    slices_of,
)

METHODS = ("bootstrap", "bernstein")
COMPARED = ("candidate", "candidate_eval", "baseline")


@dataclass(frozen=True)
class PolicyLine:
    """One policy in one slice, as text.

    Attributes:
        name: what the page calls it.
        value: by the gate's estimator.
        unsubscribes: its rate of unsubscribes; None where the log has no such column.
        result: the numbers about weights, as they are in the file.
        estimates: (estimator, value) of every estimator.
    """

    name: str
    value: Shown
    unsubscribes: Shown | None
    result: PolicyResult
    estimates: list[tuple[str, Shown]]


@dataclass(frozen=True)
class DifferenceLine:
    """A policy of the candidate minus another one; `better` is None where the gate's interval holds 0 or is not known."""

    policy: str
    other: str
    is_arm: bool
    value: Shown
    better: bool | None
    unsubscribes: Shown | None


@dataclass(frozen=True)
class SliceValue:
    """One slice: its rows, the area under the curve, every policy, every difference."""

    name: str
    n_rows: int
    n_groups: int
    auc: str
    auc_interval: str
    baseline_auc: str
    policies: list[PolicyLine]
    differences: list[DifferenceLine]


@dataclass(frozen=True)
class Value:
    """What policies are worth.

    Attributes:
        found: estimator, interval, confidence and settings of the gate.
        percent: the confidence for a person: 95 %.
        reward_model: what the estimators expected of every action.
        model_helps: whether the reward model is nearer to rewards it did not see than their mean is; None where it is not known.
        tuned: hyperparameters of estimators and their values, but for the largest weight where the config names it.
        clip: the largest weight; empty where there is none or it is not known.
        has_baseline: whether there is a policy in production.
        compared: names of the candidate's and production's policies.
        by_policy: chart of every policy by the gate's estimator, both intervals.
        by_estimator: chart of the candidate's and production's policies by every estimator, the gate's interval.
        by_slice: chart of the candidate and the log by slice, the gate's interval; None without slices.
        overall: all rows.
        slices: the largest ones.
        n_left_out: smaller slices.
    """

    found: OffPolicy
    percent: str
    reward_model: Mapping[str, Any]
    model_helps: bool | None
    tuned: list[tuple[str, str]]
    clip: str
    has_baseline: bool
    compared: list[str]
    by_policy: Markup
    by_estimator: Markup
    by_slice: Markup | None
    overall: SliceValue
    slices: list[SliceValue]
    n_left_out: int


def value(source: Source) -> Value:
    """Return the values of all policies."""
    found = read(source)
    overall, slices = overall_of(found), slices_of(found)
    compared = [p for p in overall.policies if p.kind in COMPARED]
    made = found.reward_model
    known = made.get("mse") is not None and made.get("mse_of_mean") is not None
    return Value(
        found=found,
        percent=f"{100 * found.confidence:g} %",
        reward_model=made,
        model_helps=made["mse"] < made["mse_of_mean"] if known else None,
        tuned=_tuned(found, overall),
        clip=clip_of(found, overall),
        has_baseline=any(p.kind == "baseline" for p in compared),
        compared=[label(p) for p in compared],
        by_policy=_by_policy(found, overall),
        by_estimator=_by_estimator(found, compared),
        by_slice=_by_slice(found, [overall, *slices[:N_SLICES]]) if slices else None,
        overall=slice_value(found, overall),
        slices=[slice_value(found, s) for s in slices[:N_SLICES]],
        n_left_out=max(len(slices) - N_SLICES, 0),
    )


def slice_value(found: OffPolicy, part: SliceResult) -> SliceValue:
    """Return a slice as text."""
    best = part.policy("best_arm")
    return SliceValue(
        name=part.slice or "all rows",
        n_rows=part.n_rows,
        n_groups=part.n_groups,
        auc=number(part.auc),
        auc_interval=between(part.auc_interval),
        baseline_auc=number(part.baseline_auc),
        policies=[_policy(found, p) for p in part.policies],
        differences=[_difference(found, d, best.action if best else "") for d in part.differences],
    )


def _tuned(found: OffPolicy, part: SliceResult) -> list[tuple[str, str]]:
    """Return what was tuned for a slice; not the largest weight where the config names it."""
    named = () if found.settings.get("max_weight") is None else ("max_weight",)
    return [(name, number(v)) for name, v in part.tuned.items() if name not in named]


def _policy(found: OffPolicy, policy: PolicyResult) -> PolicyLine:
    return PolicyLine(
        name=label(policy),
        value=shown(policy.estimates.get(found.estimator)),
        unsubscribes=shown(policy.unsubscribe_rate) if policy.unsubscribe_rate else None,
        result=policy,
        estimates=[(name, shown(estimate)) for name, estimate in policy.estimates.items()],
    )


def _difference(found: OffPolicy, difference: Difference, best: str) -> DifferenceLine:
    low, high = (exact(end) for end in difference.reward.interval(found.interval) or (None, None))
    better = None
    if low is not None and high is not None and (low > 0 or high < 0):
        better = low > 0
    return DifferenceLine(
        policy=called(difference.policy),
        other=called(difference.other, best),
        is_arm=difference.other.startswith("arm:"),
        value=shown_signed(difference.reward),
        better=better,
        unsubscribes=shown_signed(difference.unsubscribe_rate) if difference.unsubscribe_rate else None,
    )


def _by_policy(found: OffPolicy, part: SliceResult) -> Markup:
    rows = [(label(p), [drawn(p.estimates.get(found.estimator), m) for m in METHODS]) for p in part.policies]
    return charts.intervals(f"Value by {found.estimator} of every policy", rows)


def _by_estimator(found: OffPolicy, policies: list[PolicyResult]) -> Markup:
    names = dict.fromkeys(name for p in policies for name in p.estimates)
    rows = [(name, [drawn(p.estimates.get(name), found.interval) for p in policies]) for name in names]
    return charts.intervals("Value by estimator", rows)


def _by_slice(found: OffPolicy, parts: list[SliceResult]) -> Markup:
    def pair(part: SliceResult) -> list[charts.Estimate | None]:
        policies = {p.name: p for p in saved(part)}
        return [
            drawn(policies[n].estimates.get(found.estimator), found.interval) if n in policies else None
            for n in ("candidate", "logging")
        ]

    return charts.intervals(f"Value by {found.estimator} by slice", [(p.slice or "all rows", pair(p)) for p in parts])
