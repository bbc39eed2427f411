"""The section about drift and skew: what the run's validators have judged, and the columns that moved most.

Called by `page`. The numbers are the validators' own; where the config watches nothing, `data.drift` shows how far the training
split has moved since the run before, unjudged.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from markupsafe import Markup

from ..config.monitoring import SERVING
from ..evaluation.verdict import Check, Verdict
from ..monitoring import judge, statistics
from . import data
from .source import Absent, Section, Source, section

NODES: dict[judge.Kind, str] = {"drift": "DriftValidator", "skew": "SkewValidator"}
TITLES: dict[judge.Kind, str] = {"drift": "Drift against an earlier run", "skew": "Skew against serving rows"}
N_WORST = 4


@dataclass(frozen=True)
class Moved:
    """A column's distribution on both sides."""

    name: str
    reason: str
    failed: bool
    chart: Markup


@dataclass(frozen=True)
class Watched:
    """What one validator has judged; `sides` are the names of the two distributions."""

    title: str
    policy: str
    verdict: Verdict
    against: str
    sides: list[str]
    worst: list[Moved]


@dataclass(frozen=True)
class Monitoring:
    """A part per section of the config that is written; `drift` where there is none for it."""

    parts: list[tuple[str, Section[Watched]]]
    drift: Section[data.Drift] | None


def monitoring(source: Source) -> Monitoring:
    """Return what was watched, and the unjudged comparison where drift is not."""
    written = source.config.monitoring
    sections: dict[judge.Kind, object] = {"drift": written.drift, "skew": written.skew}
    parts = [(TITLES[kind], section(partial(watched, kind=kind), source)) for kind, watch in sections.items() if watch]
    return Monitoring(parts, None if written.drift else section(data.drift, source))


def watched(source: Source, kind: judge.Kind) -> Watched:
    """Return a validator's verdict, the worst column first, and charts of those that moved most."""
    folder = source.artifact(NODES[kind], "anomalies")
    verdict = Verdict.from_json((folder / "verdict.json").read_text(encoding="utf-8"))
    sides = ["now", "earlier"] if kind == "drift" else ["training", "serving"]
    uri = (verdict.baseline or {}).get("uri", "")
    return Watched(
        TITLES[kind],
        judge.watch_of(source.config, kind).policy,
        _worst_first(verdict),
        _against(source, uri) if kind == "drift" else "",
        sides,
        _worst(source, kind, verdict, Path(uri), sides) if uri else [],
    )


def _worst_first(verdict: Verdict) -> Verdict:
    def order(check: Check) -> tuple[bool, bool, float]:
        return check.passed is not False, check.passed is None, -(check.value or 0.0) / (check.bound or 1e-9)

    return replace(verdict, checks=tuple(sorted(verdict.checks, key=order)))


def _worst(source: Source, kind: judge.Kind, verdict: Verdict, other: Path, sides: list[str]) -> list[Moved]:
    now = data.splits_of(source).get("train", {})
    if not other.exists():
        raise Absent(f"{other} is no longer there.")
    then = statistics.read(other).get(SERVING if kind == "skew" else "train", {})
    found: list[Moved] = []
    for check in _worst_first(verdict).checks:
        both = {side: columns[check.slice] for side, columns in zip(sides, (now, then), strict=True) if check.slice in columns}
        if check.passed is not None and both and len(found) < N_WORST:
            chart = data.chart_of(both, f"{check.slice}: {' and '.join(both)}")
            found.append(Moved(check.slice, check.reason, check.passed is False, chart))
    return found


def _against(source: Source, uri: str) -> str:
    """Return the run that made these statistics."""
    runs = [e.run for e in source.history.of_node("StatisticsGen") for a in e.outputs.get("statistics", ()) if a.uri == uri]
    return runs[-1] if runs else ""
