"""The section about transforms: the same rows before and after Transform.

Called by `page`. Reads the first rows of the training split from both of Transform's sides, without TensorFlow. Which column made
an output is not recorded anywhere: outputs stand beside the column whose name they carry (`miles`, `miles_bucket`), others apart.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..data.records import parse, records
from . import charts
from .numbers import number, share
from .source import Absent, Source

N_ROWS = 1000
N_EXAMPLES = 3
N_SHOWN = 6
WIDE = 8
Values = list[list[Any]]
"""One list of values per row; an empty one where the value is missing."""


@dataclass(frozen=True)
class Shown:
    """A column or an output: its name, what it is in words, a chart, and its values in the first rows."""

    name: str
    what: str
    chart: Markup
    examples: list[str]


@dataclass(frozen=True)
class Group:
    """A raw column and the outputs that carry its name; `raw` is None for the outputs that carry no column's."""

    raw: Shown | None
    outputs: list[Shown]


@dataclass(frozen=True)
class Transforms:
    """All groups over `n_rows` rows."""

    n_rows: int
    groups: list[Group]


def transforms(source: Source) -> Transforms:
    """Return what the first rows of the training split were and what they became."""
    raw = read_rows(source.artifact("ExampleGen", "examples") / "Split-train")
    made = read_rows(source.artifact("Transform", "transformed_examples") / "Split-train")
    label = source.config.label
    kept = zip(raw.get(label, []), made.get(label, []), strict=False)
    if not raw or not made or any(a and b and [float(v) for v in a] != [float(v) for v in b] for a, b in kept):
        raise Absent("The rows before and after do not pair: their labels differ.")
    outputs = {n: v for n, v in made.items() if n not in (label, source.config.weight, source.config.key)}
    groups = []
    for name in (n for n in raw if n in source.config.features.column_types()):
        own = {n for n in outputs if _column_of(n, raw) == name}
        groups.append(Group(_shown(name, raw[name]), [_shown(n, outputs[n]) for n in sorted(own)]))
    rest = [_shown(n, v) for n, v in sorted(outputs.items()) if _column_of(n, raw) is None]
    groups.sort(key=lambda g: not g.outputs)
    return Transforms(len(next(iter(raw.values()))), [*groups, Group(None, rest)] if rest else groups)


def read_rows(split: Path) -> dict[str, Values]:
    """Return the first rows of a split by feature, missing values as empty lists."""
    rows: list[dict[str, list[Any]]] = []
    for file in sorted(split.glob("*.gz")):
        with file.open("rb") as opened:
            rows += [parse(r) for r in itertools.islice(records(opened, str(file)), N_ROWS - len(rows))]
        if len(rows) >= N_ROWS:
            break
    return {name: [row.get(name, []) for row in rows] for name in sorted({n for row in rows for n in row})}


def _column_of(output: str, raw: dict[str, Values]) -> str | None:
    """Return the longest column name that the output is or begins with."""
    return max((n for n in raw if output == n or output.startswith(f"{n}_")), key=len, default=None)


def _shown(name: str, values: Values) -> Shown:
    flat = [v for row in values for v in row]
    width = max((len(row) for row in values), default=0)
    missing = sum(not row for row in values) / (len(values) or 1)
    gone = f", {share(missing)} missing" if missing else ""
    examples = [_example(row) for row in values[:N_EXAMPLES]]
    if not flat:
        return Shown(name, "no value in these rows", Markup(""), examples)
    if width > 1:
        same = len({len(row) for row in values if row}) == 1
        words = (
            f"{width} numbers; the mean at each position" if same and not isinstance(flat[0], bytes) else f"up to {width} values"
        )
        return Shown(name, words + gone, _positions(name, values) if same else Markup(""), examples)
    if isinstance(flat[0], bytes) or (isinstance(flat[0], int) and len(set(flat)) <= 2 * N_SHOWN):
        kind = "text" if isinstance(flat[0], bytes) else "int"
        return Shown(name, f"{kind}, {len(set(flat))} different{gone}", _frequencies(name, flat), examples)
    numbers = np.array(flat, float)
    numbers = numbers[np.isfinite(numbers)]
    kind = f"int, {len(set(flat))} different" if isinstance(flat[0], int) else "float"
    words = f"{kind}; mean {number(float(numbers.mean()))}, std. dev. {number(float(numbers.std()))}{gone}"
    return Shown(name, words, _distribution(name, numbers), examples)


def _distribution(name: str, numbers: np.ndarray) -> Markup:
    low, high = np.quantile(numbers, (0.005, 0.995)) if len(numbers) >= 200 else (numbers.min(), numbers.max())
    inside = numbers[(numbers >= low) & (numbers <= high)]
    counts, edges = np.histogram(inside, 20)
    bins = [(float(a), float(b), float(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)]
    return charts.histogram(f"{name}: distribution", {"rows": bins})


def _frequencies(name: str, flat: Sequence[Any]) -> Markup:
    """Return the shares of the most frequent texts, or of all numbers in their order."""
    common = Counter(flat).most_common(2 * N_SHOWN if isinstance(flat[0], int) else N_SHOWN)
    shown = sorted(common) if isinstance(flat[0], int) else common
    return charts.bars(f"{name}: shares", [_text(v) for v, _ in shown], {"rows": [n / len(flat) for _, n in shown]})


def _positions(name: str, values: Values) -> Markup:
    """Return the mean at each position of a vector."""
    rows = [row for row in values if row]
    if isinstance(rows[0][0], bytes):
        return Markup("")
    return charts.columns(f"{name}: mean at each position", np.array(rows, float).mean(axis=0).tolist())


def _example(row: list[Any]) -> str:
    if not row:
        return "missing"
    hot = [i for i, v in enumerate(row) if v]
    if len(row) > WIDE and len(hot) == 1 and row[hot[0]] == 1:
        return f"1 at position {hot[0]}"
    texts = [_text(v) for v in row[:WIDE]]
    return ", ".join(texts) + (f", … ({len(row)} in all)" if len(row) > WIDE else "")


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else number(value)
