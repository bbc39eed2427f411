"""The sections about data: rows, statistics of the splits, anomalies, and drift against the run before.

Called by `page` and `compare`. Each function returns plain values for the template, or raises `Absent`.
"""

import json
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..history.anomalies import anomalies_in
from ..monitoring import statistics
from ..monitoring.distances import distance
from ..monitoring.statistics import Feature
from . import charts
from .numbers import number, share
from .origins import origins
from .source import Absent, Source

FIRST = ("train", "eval")
N_VALUES = 6
MEASURES = {"l_infinity": "largest difference of a value's share", "jensen_shannon": "Jensen-Shannon divergence, bits"}


@dataclass(frozen=True)
class Card:
    """One column: its role, a chart of all splits, and a line of numbers per split."""

    name: str
    kind: str
    role: str
    chart: Markup
    numbers: list[tuple[str, list[str]]]
    distance: str


@dataclass(frozen=True)
class Statistics:
    """Every column of every split; the splits' names are the columns of each card."""

    splits: list[str]
    cards: list[Card]


@dataclass(frozen=True)
class Drift:
    """How far each column of the training split has moved since a run; `same` where both read the very same statistics."""

    run: str
    same: bool
    columns: list[dict[str, str]]


def rows(source: Source) -> dict[str, Any]:
    """Return rows.json (read, rejected by reason, dropped by rule, kept by split), where the rejected are, whence the rows."""
    found = json.loads((source.artifact("ExampleGen", "examples") / "rows.json").read_text(encoding="utf-8"))
    letters = f"{source.config.root}/rejected/training.jsonl"
    return {"rejected": {}, **found, "letters": letters, "origins": list(origins(source.executions))}


def splits_of(source: Source) -> dict[str, dict[str, Feature]]:
    """Return split -> column -> statistics, train and eval first."""
    found = statistics.read(source.artifact("StatisticsGen", "statistics"))
    if not found:
        raise Absent("StatisticsGen left no statistics.")
    return {s: found[s] for s in sorted(found, key=lambda s: (FIRST.index(s) if s in FIRST else len(FIRST), s))}


def statistics_of(source: Source) -> Statistics:
    """Return a card per column, the label first."""
    splits = splits_of(source)
    label = source.config.label
    names = sorted({n for s in splits.values() for n in s}, key=lambda n: (n != label, n))
    cards = [_card(name, source, {s: columns[name] for s, columns in splits.items() if name in columns}) for name in names]
    classes = rows(source).get("label_classes")
    if classes and cards and cards[0].name == label:
        cards[0] = _label_card(cards[0], {s: classes[s] for s in splits if s in classes}, splits)
    return Statistics(list(splits), cards)


def anomalies(source: Source) -> dict[str, list[str]]:
    """Return what ExampleValidator found, by split; empty if nothing."""
    return anomalies_in(source.artifact("ExampleValidator", "anomalies"))


def drift(source: Source) -> Drift:
    """Return how the training split differs from the one of the newest earlier run."""
    artifact = source.artifact("StatisticsGen", "statistics")
    run, before = source.previous("StatisticsGen", "statistics")
    if before == artifact:
        return Drift(run, same=True, columns=[])
    return Drift(run, same=False, columns=moved(statistics.read(before).get("train", {}), splits_of(source).get("train", {})))


def moved(before: dict[str, Feature], now: dict[str, Feature]) -> list[dict[str, str]]:
    """Return a row per column of either, the farthest first."""
    found = []
    for name in {**before, **now}:
        if name not in before or name not in now:
            gone = "no longer there" if name in before else "new"
            found.append((2.0, {"column": name, "distance": gone, "measure": "", "missing": "", "middle": ""}))
            continue
        a, b = before[name], now[name]
        far = distance(a, b)
        row = {
            "column": name,
            "distance": f"{far.value:.4f}" if far else "–",
            "measure": MEASURES[far.measure] if far else "no values to compare",
            "missing": f"{share(a.missing)} → {share(b.missing)}",
            "middle": f"{_middle(a)} → {_middle(b)}",
        }
        found.append((far.value if far else -1.0, row))
    return [row for _, row in sorted(found, key=lambda r: -r[0])]


def chart_of(splits: dict[str, Feature], title: str) -> Markup:
    """Return a column's distribution in each split: shares of the most frequent texts, or densities of numbers."""
    if any(f.values for f in splits.values()):
        totals: dict[str, float] = {}
        for feature in splits.values():
            for value, n in feature.values.items():
                totals[value] = totals.get(value, 0.0) + n
        labels = sorted(totals, key=lambda v: -totals[v])[:N_VALUES]
        shares = {s: [f.values.get(v, 0) / (sum(f.values.values()) or 1) for v in labels] for s, f in splits.items()}
        return charts.bars(title, labels, shares)
    return charts.histogram(title, {s: f.shown_bins for s, f in splits.items()})


def _card(name: str, source: Source, splits: dict[str, Feature]) -> Card:
    first = next(iter(splits.values()))
    lines = [("rows", [number(f.n_rows) for f in splits.values()]), ("missing", [share(f.missing) for f in splits.values()])]
    for key in dict.fromkeys(k for f in splits.values() for k in f.numbers):
        shown = share if key == "zeros" else number
        lines.append((key, [shown(f.numbers.get(key)) for f in splits.values()]))
    if any(f.n_unique for f in splits.values()):
        lines.append(("distinct values", [number(f.n_unique) for f in splits.values()]))
    if any(f.shown_bins != f.bins for f in splits.values()):
        above = [number(f.shown_bins[-1][1]) if f.bins != f.shown_bins else "" for f in splits.values()]
        lines.append(("not drawn: above", above))
    far = distance(splits["train"], splits["eval"]) if {*FIRST} <= {*splits} else None
    return Card(
        name,
        first.kind,
        _role(name, source),
        chart_of(splits, f"{name}: {' and '.join(splits)}"),
        lines,
        f"train to eval: {far.value:.4f} ({MEASURES[far.measure]})" if far else "",
    )


def _label_card(card: Card, classes: dict[str, dict[str, int]], splits: dict[str, dict[str, Feature]]) -> Card:
    """Return a label's card with the share of rows that have each class, by its name, in place of statistics of its numbers."""
    n_rows = {split: splits[split][card.name].n_rows or 1 for split in classes}
    names = [name for counts in list(classes.values())[:1] for name in counts]
    shares = {split: [counts[name] / n_rows[split] for name in names] for split, counts in classes.items()}
    lines = [line for line in card.numbers if line[0] in ("rows", "missing")]
    lines += [(name, [number(counts[name]) for counts in classes.values()]) for name in names]
    return Card(card.name, "classes", card.role, charts.bars(f"{card.name}: classes", names, shares), lines, "")


def _role(name: str, source: Source) -> str:
    config = source.config
    if name == config.label:
        return "label"
    if name == config.key:
        return "key"
    if name == config.weight:
        return "weight"
    if name in config.features.column_types():
        return "feature"
    return "log" if config.bandit and name in config.bandit.columns.types() else "slice"


def _middle(feature: Feature) -> str:
    if feature.numbers:
        return f"mean {number(feature.numbers['mean'])}"
    return f"most often {next(iter(feature.values))}" if feature.values else "no values"
