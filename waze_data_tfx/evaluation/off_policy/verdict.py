"""The gate of a bandit: what must hold of a candidate policy for it to be pushed, judged by confidence bounds.

Pure: estimates go in, the project's one `Verdict` comes out. Called by the Evaluator. Beside the config's ordinary thresholds it
judges, on all rows: overlap and propensities (where these fail nothing else of the log can be believed, and the verdict is
inconclusive), the candidate against production, the log and the best single arm, and the unsubscribes; of each of the candidate's
two policies that the config lets serve. Where it lets the evaluation choose (`policy: auto`), the gate judges the serving policy,
and the PolicyResolver takes the eval policy only if that is worth more and keeps the same guard-rail. Imports nothing heavy.
"""

import dataclasses
from collections.abc import Iterator

from waze_data_tfx.config.bandit import Bandit
from waze_data_tfx.config.evaluation import METRICS_BY_TASK
from waze_data_tfx.config.schema import Config
from waze_data_tfx.evaluation import verdict
from waze_data_tfx.evaluation.spec import BASELINE, CANDIDATE
from waze_data_tfx.evaluation.verdict import Check, Metrics, Status, Verdict

from . import numbers
from .criteria import EVAL, SERVING
from .results import Estimate, OffPolicy, SliceResult
from .settings import CALIBRATION_TOLERANCE

OTHERS = {"production": "baseline", "logging": "logging", "best_single_arm": "best_arm"}
"""Names of `bandit.off_policy.compare` -> of policies."""
TRUST = ("effective_sample_size of the policy", "mean_weight of the policy", "propensity of")
"""How the checks begin without which the log says nothing of the policy."""
NOT_OFF_POLICY = ("auc", "auc gap")
MORE_OVERLAP = "log with more exploration (bandit.serving.floor) or for longer (data.window), then train again"


def judge(
    config: Config,
    found: OffPolicy,
    *,
    model: dict[str, str],
    data: dict[str, str],
    baseline: dict[str, str] | None = None,
    note: str = verdict.NO_BASELINE,
) -> Verdict:
    """Apply the config's thresholds and the comparisons of `bandit.off_policy`.

    Args:
        config: the resolved config of a bandit.
        found: what was estimated; all rows are its slice "".
        model: identity of the candidate.
        data: identity of the rows.
        baseline: identity of the baseline, None without one.
        note: why there is no baseline.
    """
    assert config.bandit is not None
    overall = found.of("")
    assert overall is not None  # the slice of all rows is always there
    old = metrics_of(found, BASELINE) if baseline else None
    ordinary = verdict.judge(config, metrics_of(found, CANDIDATE), old, model=model, data=data, baseline=baseline, note=note)
    trust: list[Check] = []
    others = [*_with_intervals(ordinary.checks, config.bandit, found)]
    for policy in judged_policies(config.bandit):
        trust += _trust(config.bandit, overall, policy)
        others += _comparisons(config.bandit, overall, policy, note)
        others += _guard_rail(config.bandit, overall, policy)
    trust += _propensities(overall)
    doubt = next((c.reason for c in trust if c.passed is False), "")
    checks = (*trust, *(_doubted(c, doubt) for c in others))
    hint = MORE_OVERLAP if doubt else ordinary.hint
    return dataclasses.replace(ordinary, status=_status(checks, doubt), checks=checks, hint=hint)


def metrics_of(found: OffPolicy, model_name: str) -> Metrics:
    """Return the metrics of a config's task bandit, of the candidate or of the baseline."""
    return numbers.metrics_of(found, model_name, METRICS_BY_TASK["bandit"])


def judged_policy(bandit: Bandit) -> str:
    """Return which of the candidate's two policies is judged first: the one that will serve, or serves most."""
    return judged_policies(bandit)[0]


def judged_policies(bandit: Bandit) -> tuple[str, ...]:
    """Return which of the candidate's two policies are judged: all that the config lets serve."""
    if bandit.serving.policy == "eval":
        return (EVAL,)
    return (SERVING, EVAL) if bandit.serving.eval_share > 0 else (SERVING,)


def _status(checks: tuple[Check, ...], doubt: str) -> Status:
    failed = [c for c in checks if c.passed is False and not c.name.startswith(TRUST)]
    if any(c.value is not None for c in failed):
        return "refused"
    return "inconclusive" if failed or doubt else "blessed"


def _doubted(check: Check, doubt: str) -> Check:
    """Return a check of an estimate unjudged where the log cannot carry it; the area under the curve needs no overlap."""
    if not doubt or check.passed is None or check.name in NOT_OFF_POLICY:
        return check
    return dataclasses.replace(check, passed=None, reason=f"{check.reason}; not judged: {doubt}")


def _named(check: str, bandit: Bandit, policy: str) -> str:
    """Return a check's name; that of the second policy that is judged says which it is."""
    return check if policy == judged_policy(bandit) else f"{check} (eval policy)"


def _trust(bandit: Bandit, overall: SliceResult, judged: str) -> Iterator[Check]:
    """Yield whether the log overlaps with a policy."""
    policy, asked = overall.policy(judged), bandit.off_policy
    rules = (
        ("effective_sample_size", float(asked.min_effective_sample_size), "rows' worth of overlap with the log"),
        ("mean_weight", asked.min_support, "of its decisions are in the log's reach"),
    )
    for name, bound, meaning in rules:
        value = getattr(policy, name) if policy else None
        passed = value is not None and value >= bound
        shown = "none" if value is None else f"{value:.6g}"
        reason = f"{name} {shown} {'>=' if passed else '<'} {bound:.6g} {meaning}"
        check = _named(f"{name} of the policy", bandit, judged)
        yield Check(check, "", value, bound, None, None, None, passed, _named(reason, bandit, judged))


def _propensities(overall: SliceResult) -> Iterator[Check]:
    """Yield the actions whose logged propensities cannot be right."""
    for entry in overall.calibration:
        if entry.passed is False and entry.ratio is not None:
            reason = (
                f"action '{entry.action}' was taken {entry.n_taken} times, {entry.ratio:.3g} times as often as its logged "
                f"propensities say; allowed 1 +- {CALIBRATION_TOLERANCE:g}: they cannot be right"
            )
            interval = numbers.whole(entry.interval)
            yield Check(f"propensity of {entry.action}", "", entry.ratio, 1.0, None, None, interval, False, reason)


def _with_intervals(checks: tuple[Check, ...], bandit: Bandit, found: OffPolicy) -> Iterator[Check]:
    """Yield the ordinary checks with the intervals of their values; a slice with too little overlap is shown and not judged."""
    asked, policy_name = bandit.off_policy, judged_policy(bandit)
    for check in checks:
        part = found.of(check.slice)
        if part is None:
            yield check
            continue
        filled = dataclasses.replace(check, interval=numbers.interval(part, check.name, asked.interval))
        policy = part.policy(policy_name)
        size = (policy.effective_sample_size if policy else None) or 0.0
        if check.slice and size < asked.min_effective_sample_size and check.name not in NOT_OFF_POLICY:
            why = f"effective_sample_size {size:.6g} < {asked.min_effective_sample_size} in the slice"
            filled = _doubted(filled, why)
        yield filled


def _comparisons(bandit: Bandit, overall: SliceResult, policy: str, note: str) -> Iterator[Check]:
    """Yield whether the lower bound of the paired difference of a policy to each other one is high enough."""
    asked = bandit.off_policy
    for name in asked.compare:
        other, difference = overall.policy(OTHERS[name]), overall.difference(policy, OTHERS[name])
        check = _named(f"{asked.estimator} against {name}", bandit, policy)
        value = _named(asked.estimator, bandit, policy)
        if other is None or difference is None:
            yield Check(check, "", None, 0.0 - asked.margin, None, None, None, None, f"{note}: not judged")
            continue
        called = f"{name} ('{other.action}')" if other.action else name
        old = other.estimates[asked.estimator].value
        found = difference.reward
        interval = numbers.whole(found.interval(asked.interval))
        if found.value is None or interval is None:
            reason = f"{value} cannot be compared with {called}: {_undefined(found)}"
            yield Check(check, "", None, 0.0 - asked.margin, old, None, None, False, reason)
            continue
        passed = interval[0] >= 0.0 - asked.margin
        reason = (
            f"{value} differs from {called} by {found.value:+.4g}, between {interval[0]:+.4g} and {interval[1]:+.4g} "
            f"at {asked.confidence:g}; lower bound {'>=' if passed else '<'} {0.0 - asked.margin:g}"
        )
        yield Check(check, "", found.value, 0.0 - asked.margin, old, None, interval, passed, reason)


def _guard_rail(bandit: Bandit, overall: SliceResult, policy: str) -> Iterator[Check]:
    """Yield whether the upper bound of a policy's rate of unsubscribes is not too far above the log's."""
    asked = bandit.off_policy
    difference, logging = overall.difference(policy, "logging"), overall.policy("logging")
    found = difference.unsubscribe_rate if difference else None
    if found is None or logging is None or logging.unsubscribe_rate is None:
        return
    name, bound = _named("unsubscribe_rate against logging", bandit, policy), asked.unsubscribe_margin
    rate = _named("unsubscribe_rate", bandit, policy)
    old, interval = logging.unsubscribe_rate.value, numbers.whole(found.interval(asked.interval))
    if old == 0 and interval is None:
        yield Check(name, "", found.value, bound, old, None, None, None, "nobody unsubscribed in the log: not judged")
    elif found.value is None or interval is None:
        reason = f"{rate} cannot be compared with the log's: {_undefined(found)}"
        yield Check(name, "", None, bound, old, None, None, False, reason)
    else:
        passed = interval[1] <= bound
        reason = (
            f"{rate} differs from the log's {old or 0.0:.4g} by {found.value:+.4g}, at most {interval[1]:+.4g} at "
            f"{asked.confidence:g}; allowed {bound:+g}"
        )
        yield Check(name, "", found.value, bound, old, None, interval, passed, reason)


def _undefined(found: Estimate) -> str:
    if found.value is None:
        return "one of the two takes none of the logged actions"
    return "the rows give no interval (a single group of users, or one value in all rows)"
