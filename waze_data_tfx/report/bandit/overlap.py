"""The section about what the log can tell: how far it overlaps with each policy, and whether its propensities can be right.

Called by `sections`. Reads off_policy.json, the config's minimums and the counts of the whole log. Returns plain values for the
template, or raises `Absent`.
"""

from dataclasses import dataclass

from markupsafe import Markup

from waze_data_tfx.evaluation.off_policy.results import Calibration, PolicyResult
from waze_data_tfx.evaluation.off_policy.settings import CALIBRATION_TOLERANCE
from waze_data_tfx.evaluation.off_policy.verdict import judged_policy

from .. import charts
from ..source import Absent, Source
from .evaluated import between, called, clip_of, label, overall_of, read
from .log import read_rows


@dataclass(frozen=True)
class Weights:
    """How far the log overlaps with a policy.

    Attributes:
        name: of the policy.
        result: its numbers, as they are in the file.
        share: its effective sample size as a share of the rows; None where it is not known.
        is_judged: whether this is the policy whose overlap the gate asks for.
    """

    name: str
    result: PolicyResult
    share: float | None
    is_judged: bool


@dataclass(frozen=True)
class Checked:
    """One action's propensities: the entry of off_policy.json, its interval as text, and the same ratio on the whole log."""

    entry: Calibration
    interval: str
    whole_log: float | None


@dataclass(frozen=True)
class Overlap:
    """What the log can tell.

    Attributes:
        n_rows: decisions that were evaluated.
        judged: name of the policy whose overlap the gate asks for.
        least: effective sample size below which the gate cannot decide.
        least_weight: mean weight below which it cannot.
        clip: the largest weight of an estimate; empty where it is not known.
        weights: by policy.
        chart: effective sample size of every policy as a share of the rows.
        checked: by action.
        calibration: chart of the ratios with their intervals.
        tolerance: how far a ratio may be from 1.
    """

    n_rows: int
    judged: str
    least: float
    least_weight: float
    clip: str
    weights: list[Weights]
    chart: Markup
    checked: list[Checked]
    calibration: Markup
    tolerance: float


def overlap(source: Source) -> Overlap:
    """Return overlap and calibration on all rows of the eval split."""
    assert source.config.bandit is not None
    found, asked = read(source), source.config.bandit.off_policy
    overall, judged, whole = overall_of(found), judged_policy(source.config.bandit), _whole_log(source)
    weights = [
        Weights(label(p), p, _share(p.effective_sample_size, overall.n_rows), p.name == judged)
        for p in overall.policies
        if p.kind != "logging"
    ]
    known = [w for w in weights if w.share is not None]
    rows = [(c.action, [_ratio(c)]) for c in overall.calibration]
    return Overlap(
        n_rows=overall.n_rows,
        judged=called(judged),
        least=asked.min_effective_sample_size,
        least_weight=asked.min_support,
        clip=clip_of(found, overall),
        weights=weights,
        chart=charts.bars("Effective share of the rows", [_short(w) for w in known], {"": [w.share or 0.0 for w in known]}),
        checked=[Checked(c, between(c.interval), whole.get(c.action)) for c in overall.calibration],
        calibration=charts.intervals("How often an action was taken, to what its propensities say", rows, 1.0),
        tolerance=CALIBRATION_TOLERANCE,
    )


def _whole_log(source: Source) -> dict[str, float | None]:
    """Return the ratios of the log with all its splits, as ExampleGen counted them; none where it did not."""
    try:
        found: dict[str, float | None] = read_rows(source).get("log", {}).get("mean_weight", {})
    except Absent:
        return {}
    return found


def _short(weights: Weights) -> str:
    """Return what the chart has room for: an arm's name alone."""
    return weights.result.action if weights.result.kind == "arm" else called(weights.result.kind)


def _ratio(entry: Calibration) -> charts.Estimate | None:
    if entry.ratio is None:
        return None
    low, high = entry.interval or (None, None)
    return charts.Estimate(entry.ratio, None if low is None or high is None else (low, high))


def _share(size: float | None, n_rows: int) -> float | None:
    return size / n_rows if size is not None and n_rows else None
