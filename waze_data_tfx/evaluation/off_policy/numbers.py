"""What number of a slice's result a metric's name stands for.

Called by `metrics` for TFMA and by `verdict` for the gate. Imports nothing heavy.
"""

from waze_data_tfx.evaluation.spec import BASELINE, CANDIDATE
from waze_data_tfx.evaluation.verdict import EXAMPLE_COUNT, Metrics

from .results import Estimate, OffPolicy, PolicyResult, Range, SliceResult


def metrics_of(found: OffPolicy, model_name: str, names: tuple[str, ...]) -> Metrics:
    """Return the metrics of the candidate or the baseline by slice and name, with the number of examples."""
    return {
        tuple(sorted(part.key.items())): {name: number(part, name, model_name) for name in (EXAMPLE_COUNT, *names)}
        for part in found.slices
    }


def interval(result: SliceResult, name: str, method: str) -> tuple[float, float] | None:
    """Return the interval of a metric of the candidate; None where it has none."""
    policy = result.policy(CANDIDATE)
    estimate = _estimate(policy, name) if policy else None
    return whole(result.auc_interval if name == "auc" else estimate.interval(method) if estimate else None)


def whole(found: Range | None) -> tuple[float, float] | None:
    """Return an interval that has both ends, or None."""
    return None if found is None or found[0] is None or found[1] is None else (found[0], found[1])


def number(result: SliceResult, name: str, model_name: str) -> float:
    """Return a public metric's number of the candidate, or of the baseline; NaN where it is not defined."""
    policy = result.policy(BASELINE if model_name == BASELINE else CANDIDATE)
    if name == EXAMPLE_COUNT:
        return float(result.n_rows)
    if name == "auc":
        return _number(result.baseline_auc if model_name == BASELINE else result.auc)
    if policy is None:
        return float("nan")
    if name in ("effective_sample_size", "max_weight", "mean_weight", "clipped_share", "support"):
        return _number(getattr(policy, name))
    base, method, end = _parts(name)
    return _of(_estimate(policy, base), method, end)


def _estimate(policy: PolicyResult, name: str) -> Estimate | None:
    return policy.unsubscribe_rate if name == "unsubscribe_rate" else policy.estimates.get(name)


def _parts(name: str) -> tuple[str, str, str]:
    """Return (dr, bootstrap, lower) of `dr_bootstrap_lower`, and (dr, "", "") of `dr`."""
    for method in ("bootstrap", "bernstein"):
        base, found, end = name.partition(f"_{method}_")
        if found:
            return base, method, end
    return name, "", ""


def _of(estimate: Estimate | None, method: str, end: str) -> float:
    if estimate is None:
        return float("nan")
    if not method:
        return _number(estimate.value)
    found = estimate.interval(method)
    return _number(found[("lower", "upper").index(end)] if found else None)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
