"""The gate's decision and its one JSON form, shared by every gate of the project.

Pure: metrics of the candidate and of the baseline go in, a verdict with a reason for every check comes out. Called by the
Evaluator; read by the Pusher, the report and the command line. Imports nothing heavy and never reads a model or rows.
"""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from waze_data_tfx.config.evaluation import MetricThreshold, Slice, indicator_of
from waze_data_tfx.config.schema import Config

SliceKey = tuple[tuple[str, str], ...]
"""((column, value), ...) sorted by column; () is all rows. The same as TFMA's slice key, with values as text."""
Metrics = Mapping[SliceKey, Mapping[str, float]]
"""Metric values of each slice, by the names of the config; `example_count` is the number of rows."""
Status = Literal["blessed", "refused", "inconclusive"]
OVERALL: SliceKey = ()
EXAMPLE_COUNT = "example_count"
N_NOT_FINITE = "n_not_finite"
"""Rows of the split whose prediction is NaN or infinite, given with the metrics of all rows; any refuses the model."""
NO_BASELINE = "no baseline"
NEEDS = {
    "auc": "rows of both classes",
    "auc_pr": "a row of the positive class",
    "precision": "a positive prediction",
    "recall": "a row of the positive class",
}
"""What a metric is a share of, and not defined without; an indicator of fairness is one, too."""


@dataclass(frozen=True)
class Check:
    """One rule applied to one metric of one slice.

    Attributes:
        name: the metric; `METRIC gap` for the distance of a slice from all rows, which `value`, `bound` and `baseline` then are.
        slice: `column=value,...`, or "" for all rows.
        value: the candidate's, or None if it could not be computed.
        bound: the upper or lower bound of the rule, None for a rule of change.
        baseline: the baseline's value, None without one.
        allowed_change: how much worse than the baseline it may be, in the metric's own unit; None for a bound.
        interval: confidence interval of the value, where the gate computes one.
        passed: None if it was shown and not judged (too few examples).
        reason: why, for a person.
    """

    name: str
    slice: str
    value: float | None
    bound: float | None
    baseline: float | None
    allowed_change: float | None
    interval: tuple[float, float] | None
    passed: bool | None
    reason: str


@dataclass(frozen=True)
class Verdict:
    """Whether a model may be pushed, and why.

    Attributes:
        status: only `blessed` may be pushed; `inconclusive`: what was asked could not be computed.
        checks: every rule; the status follows from those that were judged.
        model: identity of the candidate, such as {"uri": ..., "id": ...}.
        data: identity of the rows.
        baseline: identity of the model it was compared with, or None.
        note: why there is no baseline, or what kept the gate from a decision.
        hint: the next step, where there is one.
    """

    status: Status
    checks: tuple[Check, ...]
    model: dict[str, str]
    data: dict[str, str]
    baseline: dict[str, str] | None = None
    note: str = ""
    hint: str = ""

    def to_json(self) -> str:
        """Return the JSON text; numbers that JSON does not know (NaN, infinity) become null, the reason names them."""
        return json.dumps(_finite(dataclasses.asdict(self)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        """Return the verdict that `to_json` wrote."""
        values = json.loads(text)
        checks = (dict(c, interval=tuple(c["interval"]) if c["interval"] else None) for c in values.pop("checks"))
        return cls(checks=tuple(Check(**c) for c in checks), **values)

    def reasons(self) -> list[str]:
        """Return why the model was not blessed, one line per failed check, or the note; empty if it was."""
        if self.status == "blessed":
            return []
        failed = [f"{c.slice + ': ' if c.slice else ''}{c.reason}" for c in self.checks if c.passed is False]
        return failed or [self.note]


def slice_name(key: SliceKey) -> str:
    """Return `column=value,column=value`, or "" for all rows."""
    return ",".join(f"{column}={value}" for column, value in key)


def judge(
    config: Config,
    metrics: Metrics,
    baseline_metrics: Metrics | None,
    *,
    model: dict[str, str],
    data: dict[str, str],
    baseline: dict[str, str] | None = None,
    note: str = NO_BASELINE,
) -> Verdict:
    """Apply the config's thresholds.

    Bounds hold for the candidate alone. A change counts only in the direction that is worse for the metric; without a baseline
    it passes. A gap is the distance of a slice from all rows, either way. A slice with fewer than `min_examples` rows is shown
    and not judged, and so is a metric that a slice's rows leave undefined (`NEEDS`). Any failed check refuses; a value that is
    missing, undefined for all rows, or without a number to be compared with makes the verdict inconclusive; any other NaN of the
    candidate fails.

    Args:
        config: the resolved config.
        metrics: the candidate's.
        baseline_metrics: the baseline's, or None if there is none.
        model: identity of the candidate.
        data: identity of the rows.
        baseline: identity of the baseline.
        note: why there is no baseline; kept only then.
    """
    checks = list(_checks(config, metrics, baseline_metrics))
    if any(c.passed is False and c.value is not None for c in checks):
        status: Status = "refused"
    elif any(c.passed is False for c in checks):
        status = "inconclusive"
    else:
        status = "blessed"
    compared = baseline_metrics is not None
    return Verdict(status, tuple(checks), model, data, baseline if compared else None, "" if compared else note)


def _checks(config: Config, metrics: Metrics, baseline: Metrics | None) -> Iterator[Check]:
    n_bad = metrics.get(OVERALL, {}).get(N_NOT_FINITE, 0)
    if n_bad:
        reason = f"{n_bad:.0f} rows get a prediction that is not a finite number"
        yield Check(N_NOT_FINITE, "", n_bad, 0.0, None, None, None, False, reason)
    for threshold in config.evaluation.metrics:
        yield from _metric_checks(threshold, OVERALL, metrics, baseline)
    for part in config.evaluation.slices:
        thresholds = part.metrics or tuple(MetricThreshold(name=t.name) for t in config.evaluation.metrics)
        keys = sorted(k for k in {*metrics, *(baseline or ())} if _belongs(k, part))
        for threshold in thresholds:
            for key in keys:
                n = metrics.get(key, {}).get(EXAMPLE_COUNT, 0)
                if n < part.min_examples:
                    yield _not_judged(
                        threshold, key, metrics, baseline, f"{n:.0f} examples, fewer than {part.min_examples}: not judged"
                    )
                else:
                    yield from _metric_checks(threshold, key, metrics, baseline)
            if not keys:
                columns = ",".join(part.columns)
                yield Check(
                    threshold.name, columns, None, None, None, None, None, None, f"no row has a value of {columns}: not judged"
                )


def _belongs(key: SliceKey, part: Slice) -> bool:
    return {column for column, _ in key} == set(part.columns)


def _not_judged(threshold: MetricThreshold, key: SliceKey, metrics: Metrics, baseline: Metrics | None, why: str) -> Check:
    name = threshold.name
    value, old = metrics.get(key, {}).get(name), (baseline or {}).get(key, {}).get(name)
    return Check(name, slice_name(key), value, None, old, None, None, None, why)


def _metric_checks(threshold: MetricThreshold, key: SliceKey, metrics: Metrics, baseline: Metrics | None) -> Iterator[Check]:
    """Yield one check for each rule of the threshold; without a rule, one that only shows the value."""
    name = threshold.name
    if not threshold.has_threshold:
        yield _not_judged(threshold, key, metrics, baseline, "no threshold: not judged")
        return
    value = metrics.get(key, {}).get(name)
    old = (baseline or {}).get(key, {}).get(name)
    if value is not None and math.isnan(value) and (lacking := _lacking(name)):
        if key == OVERALL:
            yield Check(name, "", None, None, old, None, None, False, f"{name} could not be computed: it {lacking}")
        else:
            yield _not_judged(threshold, key, metrics, baseline, f"{name} {lacking}: not judged")
        return
    upper, lower = threshold.upper_bound, threshold.lower_bound

    def check(bound: float | None, allowed: float | None, passed: bool, reason: str) -> Check:
        return Check(name, slice_name(key), value, bound, old, allowed, None, passed, reason)

    for bound, is_upper in ((upper, True), (lower, False)):
        if bound is not None:
            yield check(bound, None, *_judge_bound(name, value, bound, is_upper=is_upper))
    for allowed, relative in ((threshold.absolute_change, None), (None, threshold.relative_change)):
        if allowed is None and relative is None:
            continue
        limit = allowed if relative is None else None if old is None else relative * abs(old)
        if baseline is None:
            yield check(None, limit, *_judge_first(name, value))
        elif value is not None and not math.isnan(value) and (old is None or math.isnan(old)):
            reason = (
                f"{name} cannot be compared: the baseline has {'none' if old is None else 'nan'} to compare {_text(value)} with"
            )
            yield dataclasses.replace(check(None, limit, False, reason), value=None)
        else:
            share = "" if relative is None else f" ({relative:.4g} of {_text(old or 0.0)})"
            yield check(None, limit, *_judge_change(threshold, value, old or 0.0, limit or 0.0, share))
    if threshold.max_gap is not None:
        yield _gap_check(name, threshold.max_gap, key, metrics, baseline)


def _lacking(name: str) -> str:
    """Return why a metric can be undefined; empty if it cannot."""
    if indicator_of(name):
        return "is a share of no row here"
    return f"needs {NEEDS[name]}" if name in NEEDS else ""


def _gap_check(name: str, allowed: float, key: SliceKey, metrics: Metrics, baseline: Metrics | None) -> Check:
    """Return the check of how far a slice lies from all rows; `value` and `baseline` are the distances."""
    value, gap = metrics.get(key, {}).get(name), gap_of(name, key, metrics)
    old = gap_of(name, key, baseline) if baseline is not None else None
    if value is None or gap is None or math.isnan(gap):
        passed, reason = False, _not_a_value(f"{name}'s distance from all rows", gap)
    else:
        whole, side = metrics[OVERALL][name], "above" if value > metrics[OVERALL][name] else "below"
        where = f"{_text(gap)} {side} all rows' {_text(whole)}" if gap else "as for all rows"
        passed, reason = gap <= allowed, f"{name} {_text(value)} is {where}, allowed {_text(allowed)} (max_gap)"
    return Check(f"{name} gap", slice_name(key), gap, allowed, old, None, None, passed, reason)


def gap_of(name: str, key: SliceKey, metrics: Metrics) -> float | None:
    """Return how far a slice's value lies from that of all rows, either way; None if either is missing."""
    value, whole = metrics.get(key, {}).get(name), metrics.get(OVERALL, {}).get(name)
    return None if value is None or whole is None else abs(value - whole)


def _judge_bound(name: str, value: float | None, bound: float, *, is_upper: bool) -> tuple[bool, str]:
    if value is None or math.isnan(value):
        return False, _not_a_value(name, value)
    passed = value <= bound if is_upper else value >= bound
    sign = ("<=" if passed else ">") if is_upper else (">=" if passed else "<")
    return passed, f"{name} {_text(value)} {sign} {_text(bound)} (bound)"


def _judge_first(name: str, value: float | None) -> tuple[bool, str]:
    if value is None or math.isnan(value):
        return False, _not_a_value(name, value)
    return True, f"{name} {_text(value)}: {NO_BASELINE}"


def _judge_change(threshold: MetricThreshold, value: float | None, old: float, limit: float, share: str) -> tuple[bool, str]:
    if value is None or math.isnan(value):
        return False, _not_a_value(threshold.name, value)
    change = value - old
    worse = change if threshold.direction == "lower" else -change
    verb = f"rose by {_text(change)}" if change > 0 else f"fell by {_text(-change)}" if change < 0 else "did not change"
    better = ", which is better" if worse < 0 else ""
    reason = f"{threshold.name} {verb} ({_text(old)} -> {_text(value)}){better}, allowed {_text(limit)}{share}"
    return worse <= limit, reason


def _not_a_value(name: str, value: float | None) -> str:
    return f"{name} could not be computed" if value is None else f"{name} is not a number"


def _text(value: float) -> str:
    """Return at most six significant digits, plain where that is readable."""
    return f"{value:.6g}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
