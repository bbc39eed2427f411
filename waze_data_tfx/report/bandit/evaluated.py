"""What the Evaluator left of a bandit, and how policies and estimates are written for a person.

Called by the sections about the policy. Reads `off_policy.json`; computes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from waze_data_tfx.evaluation.off_policy.results import OFF_POLICY_FILE, Estimate, OffPolicy, PolicyResult, Range, SliceResult
from waze_data_tfx.history.metadata import Execution

from .. import charts
from ..numbers import number, signed
from ..source import Absent, Source

NAMES = {
    "candidate": "candidate",
    "candidate_eval": "candidate (eval)",
    "baseline": "production",
    "logging": "the log's policy",
    "best_arm": "best single arm",
}
"""Kinds of policies and what the page calls them; `arm:NAME` is 'always NAME'."""
N_SLICES = 12
N_DIGITS = 12
"""Digits after the point that a difference of rewards can have; further ones are rounding."""


@dataclass(frozen=True)
class Shown:
    """An estimate as text: its value and its two intervals."""

    value: str
    bootstrap: str
    bernstein: str


def read(source: Source) -> OffPolicy:
    """Return off_policy.json.

    Raises:
        Absent: the Evaluator has not run, or left none.
    """
    file = source.artifact("Evaluator", "evaluation") / OFF_POLICY_FILE
    if not file.is_file():
        raise Absent(f"The evaluation holds no off-policy values ({OFF_POLICY_FILE}).")
    return OffPolicy.from_json(file.read_text(encoding="utf-8"))


def off_policy_of(executions: Mapping[str, Execution]) -> OffPolicy | None:
    """Return off_policy.json of a run's executions; None where there is none, as of any run that is no bandit's."""
    evaluator = executions.get("Evaluator")
    for artifact in evaluator.outputs.get("evaluation", ()) if evaluator else ():
        file = Path(artifact.uri) / OFF_POLICY_FILE
        if file.is_file():
            return OffPolicy.from_json(file.read_text(encoding="utf-8"))
    return None


def overall_of(found: OffPolicy) -> SliceResult:
    """Return all rows.

    Raises:
        Absent: there are none.
    """
    overall = found.of("")
    if overall is None:
        raise Absent(f"{OFF_POLICY_FILE} holds no slice of all rows.")
    return overall


def slices_of(found: OffPolicy) -> list[SliceResult]:
    """Return the slices but for all rows, the largest first."""
    return sorted((s for s in found.slices if s.slice), key=lambda s: (-s.n_rows, s.slice))


def clip_of(found: OffPolicy, part: SliceResult) -> str:
    """Return the largest importance weight of a slice as text; empty where it is not known, or there is none."""
    largest = part.tuned.get("max_weight", found.settings.get("max_weight"))
    return "" if largest is None else number(largest)


def called(policy: str, action: str = "") -> str:
    """Return what the page calls a policy."""
    if policy.startswith("arm:"):
        return f"always {policy.removeprefix('arm:')}"
    return NAMES[policy] + (f" ({action})" if policy == "best_arm" and action else "")


def label(policy: PolicyResult) -> str:
    """Return what the page calls a policy, with the arm of the best one."""
    return called(policy.name, policy.action)


def shown(estimate: Estimate | None) -> Shown:
    """Return an estimate as text; an en dash where the rows leave it undefined."""
    if estimate is None:
        return Shown("–", "", "")
    return Shown(number(exact(estimate.value)), between(estimate.bootstrap), between(estimate.bernstein))


def shown_signed(estimate: Estimate) -> Shown:
    """Return a difference as text, its value with its sign."""
    text = shown(estimate)
    return Shown(signed(exact(estimate.value)), text.bootstrap, text.bernstein)


def exact(value: float | None) -> float | None:
    """Return a value without what floating point adds to a difference of equals: 0 in place of 7e-18."""
    return None if value is None else round(value, N_DIGITS) + 0.0


def between(interval: Range | None) -> str:
    """Return an interval as text; empty where it is not known."""
    if interval is None or interval[0] is None or interval[1] is None:
        return ""
    return f"{number(exact(interval[0]))} to {number(exact(interval[1]))}"


def drawn(estimate: Estimate | None, method: str) -> charts.Estimate | None:
    """Return an estimate for a chart with the interval of a method; None where it has no value."""
    if estimate is None or estimate.value is None:
        return None
    found = estimate.interval(method)
    whole = None if found is None or found[0] is None or found[1] is None else (found[0], found[1])
    return charts.Estimate(estimate.value, whole)


def saved(part: SliceResult) -> Iterable[PolicyResult]:
    """Return the policies that are no single arm."""
    return (p for p in part.policies if p.kind not in ("arm", "best_arm"))
