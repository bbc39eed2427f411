"""Two runs side by side as one HTML file: what was changed and what came of it.

Called by `waze-tfx compare`. Reads both runs as `page` does. Where both evaluated the very same rows, the difference of a metric
is judged row by row; else by two independent intervals.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..config.evaluation import METRIC_DIRECTIONS
from ..evaluation.verdict import EXAMPLE_COUNT, Verdict
from ..history.record import Run, write_text
from . import charts, data, lineage, model, page, quality
from .bandit import comparison as bandits
from .numbers import duration, number, signed
from .source import Absent, Section, Source, open_source, section

NAMES = ("first", "second")
NOT_ALIKE = "One of the two is a bandit, the other is not."


@dataclass(frozen=True)
class Side:
    """One of the two runs."""

    run: Run
    headline: str
    tone: str
    verdict: Section[Verdict]


@dataclass(frozen=True)
class Comparison:
    """Everything that the template shows; a section that lacks one side says which."""

    sides: list[Side]
    config: list[tuple[str, str, str]]
    inputs: Section[list[tuple[str, str, str, str]]]
    nodes: list[tuple[str, list[str]]]
    metrics: Section[list[dict[str, Any]]]
    paired: bool
    training: Section[list[tuple[str, Markup]]]
    plots: Section[Markup]
    bandit: bandits.Comparison | None
    drift: Section[list[dict[str, str]]]


def write(first: Run, second: Run, output: Path | None = None) -> Path:
    """Write the comparison and return its path; default: compare-FIRST.html in the second run's folder.

    Raises:
        RunFailed: a run's config or metadata cannot be read.
        OSError: the file cannot be written.
    """
    path = output or second.folder / f"compare-{first.id}.html"
    write_text(path, page.render("compare.html.j2", c=build(open_source(first), open_source(second))))
    return path


def build(first: Source, second: Source) -> Comparison:
    """Collect every section of both; two runs of a bandit have their own in place of metrics, training and plots."""
    both = (first, second)
    is_bandit = [s.config.bandit is not None for s in both]
    return Comparison(
        sides=[Side(s.run, page.headline(s), page.TONES[s.run.state], section(Source.verdict, s)) for s in both],
        config=config_changes(first, second),
        inputs=section(lambda s: _inputs(first, s), second),
        nodes=_nodes(first, second),
        metrics=Section(None, NOT_ALIKE) if any(is_bandit) else section(lambda s: metrics(first, s), second),
        paired=section(lambda s: _paired(first, s), second).data is not None,
        training=Section(None, NOT_ALIKE) if any(is_bandit) else section(lambda s: curves(first, s), second),
        plots=Section(None, NOT_ALIKE) if any(is_bandit) else section(lambda s: _calibration(first, s), second),
        bandit=bandits.comparison(first, second) if all(is_bandit) else None,
        drift=section(lambda s: _drift(first, s), second),
    )


def changed(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what differs: (name, first, second); an en dash where one has none."""
    names = dict.fromkeys([*first, *second])
    return [(n, _word(first.get(n)), _word(second.get(n))) for n in names if first.get(n) != second.get(n)]


def config_changes(first: Source, second: Source) -> list[tuple[str, str, str]]:
    """Return the config's dotted keys whose values differ: (key, first, second)."""
    return changed(*(_flat(s.config.model_dump(mode="json", by_alias=True)) for s in (first, second)))


def metrics(first: Source, second: Source) -> list[dict[str, Any]]:
    """Return a row per metric and slice that both have: values, difference, its interval, and whether it is better."""
    found = [{r["slice"]: r["candidate"] for r in model.read_metrics(s)} for s in _named(first, second)]
    pair = section(lambda s: _paired(first, s), second).data
    samples = [model.read_sample(s) for s in (first, second)]
    rows = []
    for slice_, new in found[1].items():
        old = found[0].get(slice_, {})
        for name in (n for n in new if n in METRIC_DIRECTIONS and new[n] is not None and old.get(n) is not None):
            counts = [values.get(EXAMPLE_COUNT) or 0 for values in (old, new)]
            around = _around(name, slice_, (old[name], new[name]), counts, samples, pair)
            sure = around is not None and (around[0] > 0 or around[1] < 0)
            better = (new[name] > old[name]) == (METRIC_DIRECTIONS[name] == "higher") if sure else None
            rows.append(
                {
                    "metric": name,
                    "slice": slice_ or "all rows",
                    "first": number(old[name]),
                    "second": number(new[name]),
                    "change": signed(new[name] - old[name]),
                    "interval": f"{number(around[0])} to {number(around[1])}" if around else "",
                    "better": better,
                }
            )
    return rows


def curves(first: Source, second: Source) -> list[tuple[str, Markup]]:
    """Return a chart per measure that both trainings noted, of the evaluation split where there is one."""
    found = [model.curves_of(model.read_training(s)) for s in (first, second)]
    names = [n for n in found[0] if n in found[1]]
    chosen = {n: {w: f[n].get("eval", f[n].get("train", [])) for w, f in zip(NAMES, found, strict=True)} for n in names}
    return [(n, charts.lines(n, series, "epoch")) for n, series in chosen.items()]


def _around(
    name: str,
    slice_: str,
    values: tuple[float, float],
    counts: list[float],
    samples: list[quality.Rows | None],
    pair: quality.Rows | None,
) -> tuple[float, float] | None:
    """Return the 95 % interval of the change, row by row where the rows are the same."""
    change = values[1] - values[0]
    if pair is not None and (paired := quality.change(pair, name, slice_, (values[1], values[0]), counts[1])):
        return paired
    halves = []
    for sample, value, n in zip(samples, values, counts, strict=True):
        own = quality.interval(sample, name, "candidate", slice_, value, n) if sample and n else None
        if own is None:
            return None
        halves.append((own[1] - own[0]) / 2)
    return change - math.hypot(*halves), change + math.hypot(*halves)


def _paired(first: Source, second: Source) -> quality.Rows:
    """Return the second run's rows with the first's candidate as baseline, where both sampled the same rows."""
    a, b = model.read_sample(first), model.read_sample(second)
    same = a is not None and b is not None and a.task == b.task and np.array_equal(a.labels, b.labels)
    if a is None or b is None or not same or _examples(first) != _examples(second):
        raise Absent("The runs did not evaluate the same rows.")
    models = {"candidate": b.models["candidate"], "baseline": a.models["candidate"]}
    return quality.Rows(b.task, b.n_rows, b.labels, models, b.slices, b.weights)


def _examples(source: Source) -> Path:
    return source.artifact("ExampleGen", "examples")


def _named(first: Source, second: Source) -> list[Source]:
    """Return both; an absence in either then says in which."""
    for name, source in zip(NAMES, (first, second), strict=True):
        try:
            source.artifact("Evaluator", "evaluation")
        except Absent as absent:
            raise Absent(f"The {name} run: {absent}") from None
    return [first, second]


def _calibration(first: Source, second: Source) -> Markup:
    samples = [model.read_sample(s) for s in _named(first, second)]
    points = {n: quality.calibration(s, "candidate") for n, s in zip(NAMES, samples, strict=True) if s}
    if len(points) < len(NAMES):
        raise Absent(model.NO_PREDICTIONS)
    return charts.reliability("Calibration", points, "mean prediction", "mean of what happened")


def _drift(first: Source, second: Source) -> list[dict[str, str]]:
    if first.artifact("StatisticsGen", "statistics") == second.artifact("StatisticsGen", "statistics"):
        raise Absent("Both trained on the very same rows: nothing has moved.")
    return data.moved(*(data.splits_of(s).get("train", {}) for s in (first, second)))


def _inputs(first: Source, second: Source) -> list[tuple[str, str, str, str]]:
    a, b = lineage.provenance(first), lineage.provenance(second)
    rows = [(node, *row) for node in dict.fromkeys([*a, *b]) for row in changed(dict(a.get(node, {})), dict(b.get(node, {})))]
    if not rows:
        raise Absent("The same: input data, code and baseline.")
    return rows


def _nodes(first: Source, second: Source) -> list[tuple[str, list[str]]]:
    names = dict.fromkeys([*first.run.nodes, *second.run.nodes])
    return [(n, [_node(s.run, n) for s in (first, second)]) for n in names]


def _node(run: Run, name: str) -> str:
    record = run.nodes.get(name)
    if record is None:
        return "–"
    return record.state + (f", {duration(record.seconds)}" if record.seconds is not None else "")


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return {k: v for name, inner in value.items() for k, v in _flat(inner, f"{prefix}.{name}" if prefix else name).items()}
    return {prefix: value}


def _word(value: Any) -> str:
    return "–" if value is None else str(value)
