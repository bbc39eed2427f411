"""Charts as inline SVG: pure functions from numbers to markup, coloured by the page's style sheet.

Called by the modules that fill sections. A series is told from another by its shape or dash as well as by its colour, so that the
charts can be read in grey. Every text is escaped. Knows nothing of runs.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup, escape

from .numbers import number, share

Point = tuple[float, float]
CHARACTER = 6.3
"""Width of a character of 10 px text, on average."""
N_STYLES = 8
"""Lines that the style sheet tells apart, by colour and dash; most charts show two or three."""


@dataclass(frozen=True)
class Axis:
    """Values from low to high along the pixels from start to end."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of a value; values outside stand at the edge."""
        span = (self.high - self.low) or 1.0
        inside = min(max((value - self.low) / span, 0.0), 1.0)
        return round(self.start + inside * (self.end - self.start), 1)

    def ticks(self, count: int = 4) -> list[float]:
        """Return about `count` round values within."""
        span = self.high - self.low
        if span <= 0 or not math.isfinite(span):
            return [self.low]
        rough = span / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [float(round(i * step, 12)) for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def svg(width: float, height: float, title: str, *parts: str) -> Markup:
    """Return a picture that shrinks with the page and says its title to a screen reader."""
    return Markup('<svg viewBox="0 0 {} {}" style="max-width:{}px" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        width, height, width, title, title, Markup("".join(parts))
    )


def text(x: float, y: float, words: object, css: str = "", anchor: str = "start") -> Markup:
    """Return a text at a point."""
    return Markup('<text x="{}" y="{}" class="{}" text-anchor="{}">{}</text>').format(
        round(x, 1), round(y, 1), css, anchor, words
    )


def histogram(title: str, series: Mapping[str, Sequence[tuple[float, float, float]]]) -> Markup:
    """Return densities over one axis: the first series as bars, the others as outlines; bins are (low, high, count)."""
    width, height, floor = 300, 120, 100
    series = {name: bins for name, bins in series.items() if bins}
    if not series:
        return Markup("")
    x = Axis(min(b[0] for s in series.values() for b in s), max(b[1] for s in series.values() for b in s), 8, width - 8)
    if x.high == x.low:
        x = Axis(x.low - 0.5, x.high + 0.5, 8, width - 8)
    least = (x.high - x.low) / 100
    densities = {n: _densities(s, least) for n, s in series.items()}
    y = Axis(0, max(d for s in densities.values() for _, _, d in s) or 1.0, floor, 8)
    parts = []
    for i, bins in enumerate(densities.values()):
        if i == 0:
            for a, b, d in bins:
                parts.append(_box(x.at(a), y.at(d), x.at(b) - x.at(a), floor - y.at(d), "fill0", f"{number(a)} – {number(b)}"))
        else:
            points = [p for a, b, d in bins for p in ((a, d), (b, d))]
            parts.append(_path([(x.at(a), y.at(d)) for a, d in [(bins[0][0], 0.0), *points, (bins[-1][1], 0.0)]], f"line{i}"))
    return svg(width, height, title, *parts, *_bottom(x, floor, x.ticks(4)))


def columns(title: str, values: Sequence[float]) -> Markup:
    """Return a column per position from zero up or down."""
    width, floor = 300, 100
    x = Axis(-0.5, len(values) - 0.5, 34, width - 8)
    y = Axis(min(0.0, *values), max(0.0, *values), floor, 10)
    thick = (x.end - x.start) / len(values)
    parts = [*_side(y, 34, width - 8)] if y.high > y.low else []
    for i, v in enumerate(values):
        top, bottom = y.at(max(v, 0.0)), y.at(min(v, 0.0))
        parts.append(_box(x.at(i - 0.45), top, thick * 0.9, bottom - top, "fill0", f"position {i}: {number(v)}"))
    ticks = [t for t in x.ticks(5) if t >= 0 and float(t).is_integer()]
    return svg(width, floor + 18, title, *parts, *(text(x.at(t), floor + 13, number(t), "small", "middle") for t in ticks))


def bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> Markup:
    """Return one group of horizontal bars per label, one bar per series; values are shares."""
    width, left, thick = 300, 112, 12
    step = thick * len(series) + 8
    x = Axis(0, max((v for s in series.values() for v in s), default=0) or 1.0, left, width - 46)
    parts = []
    for row, label in enumerate(labels):
        top = row * step + 4
        parts.append(text(left - 6, top + step / 2, _cut(label, left), anchor="end"))
        for i, values in enumerate(series.values()):
            y, end = top + i * thick, x.at(values[row])
            parts.append(_box(left, y, max(end - left, 0.5), thick - 2, f"fill{i}", f"{label}: {share(values[row])}"))
            parts.append(text(end + 4, y + thick - 3, share(values[row]), "small"))
    return svg(width, len(labels) * step + 6, title, *parts)


def lines(title: str, series: Mapping[str, Sequence[Point]], x_label: str, *, from_zero: bool = False) -> Markup:
    """Return curves over a common axis; the second and later ones are dashed."""
    width, height, left, floor = 440, 230, 46, 196
    points = [p for s in series.values() for p in s if math.isfinite(p[1])]
    if not points:
        return Markup("")
    x = Axis(min(p[0] for p in points), max(p[0] for p in points), left, width - 12)
    y = _padded([p[1] for p in points], floor, 12, from_zero=from_zero)
    whole = [t for t in x.ticks(6) if float(t).is_integer()]
    parts = [
        *_side(y, left, width - 12),
        *_bottom(x, floor, whole),
        text((left + width) / 2, height - 4, x_label, anchor="middle"),
    ]
    for i, (name, values) in enumerate(series.items()):
        path = [(x.at(a), y.at(b)) for a, b in values if math.isfinite(b)]
        parts.append(_path(path, f"line{i}"))
        if len(path) <= 40:
            shown = (v for v in values if math.isfinite(v[1]))
            notes = (f"{name}, {x_label} {number(a)}: {number(b)}" for a, b in shown)
            parts += [_mark(a, b, i, note) for (a, b), note in zip(path, notes, strict=True)]
    return svg(width, height, title, *parts)


class Spread(NamedTuple):
    """A point of a curve and how far it spreads to either side."""

    x: float
    mean: float
    deviation: float


def bands(title: str, series: Mapping[str, Sequence[Spread]], x_label: str) -> Markup:
    """Return curves of means over a common axis, each in a band of one deviation; its last value is said on hover."""
    width, height, left, floor = 440, 230, 46, 196
    points = [p for s in series.values() for p in s]
    if not points:
        return Markup("")
    x = Axis(0, max(p.x for p in points), left, width - 12)
    y = _padded([v for p in points for v in (p.mean - p.deviation, p.mean + p.deviation)], floor, 12)
    parts = [
        *_side(y, left, width - 12),
        *_bottom(x, floor, x.ticks(5)),
        text((left + width) / 2, height - 4, x_label, anchor="middle"),
    ]
    for i, s in enumerate(series.values()):
        if any(p.deviation for p in s):
            edge = [(p.x, p.mean + p.deviation) for p in s] + [(p.x, p.mean - p.deviation) for p in reversed(s)]
            parts.append(_path([(x.at(a), y.at(b)) for a, b in edge], f"band{i % N_STYLES}"))
    for i, (name, s) in enumerate(series.items()):
        parts.append(_path([(x.at(p.x), y.at(p.mean)) for p in s], f"line{i % N_STYLES}"))
        last = s[-1]
        note = f"{name}, {x_label} {number(last.x)}: {number(last.mean)}"
        note += f" ± {number(last.deviation)}" if last.deviation else ""
        parts.append(_mark(x.at(last.x), y.at(last.mean), i, note))
    return svg(width, height, title, *parts)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, where there is one."""

    value: float
    interval: tuple[float, float] | None = None


def intervals(title: str, rows: Sequence[tuple[str, Sequence[Estimate | None]]], bound: float | None = None) -> Markup:
    """Return a line per row with a point and interval per series, and a rule at a bound."""
    width, left, step = 440, 150, 30
    flat = [e for _, estimates in rows for e in estimates if e]
    if not flat:
        return Markup("")
    reach = [v for e in flat for v in (e.value, *(e.interval or ()))] + ([bound] if bound is not None else [])
    x = _padded(reach, left, width - 16)
    floor = len(rows) * step + 8
    parts = []
    if bound is not None:
        parts.append(_path([(x.at(bound), 2), (x.at(bound), floor)], "rule"))
        parts.append(text(x.at(bound), floor + 26, f"bound {number(bound)}", "small", "middle"))
    for row, (label, estimates) in enumerate(rows):
        middle = row * step + step / 2
        parts.append(text(left - 10, middle + 4, _cut(label, left), anchor="end"))
        for i, estimate in enumerate(estimates):
            if estimate:
                parts += _estimate(x, middle + (i - (len(estimates) - 1) / 2) * 10, i, label, estimate)
    return svg(width, floor + (30 if bound is not None else 16), title, *parts, *_bottom(x, floor, x.ticks(5)))


def reliability(title: str, series: Mapping[str, Sequence[tuple[float, Estimate]]], x_label: str, y_label: str) -> Markup:
    """Return what was predicted against what happened, with the diagonal on which both are the same."""
    size, left, floor = 320, 50, 280
    points = [v for s in series.values() for p, e in s for v in (p, e.value, *(e.interval or ()))]
    if not points:
        return Markup("")
    low, high = min(points), max(points)
    x, y = _padded([low, high], left, size - 10), _padded([low, high], floor, 10)
    parts = [
        *_side(y, left, size - 10),
        *_bottom(x, floor, x.ticks(4)),
        _path([(x.at(low), y.at(low)), (x.at(high), y.at(high))], "rule"),
    ]
    for i, (name, values) in enumerate(series.items()):
        parts.append(_path([(x.at(p), y.at(e.value)) for p, e in values], f"line{i}"))
        for p, e in values:
            if e.interval:
                parts.append(_path([(x.at(p), y.at(e.interval[0])), (x.at(p), y.at(e.interval[1]))], f"whisker{i}"))
            parts.append(_mark(x.at(p), y.at(e.value), i, f"{name}: predicted {number(p)}, observed {number(e.value)}"))
    parts += [text((left + size) / 2, floor + 32, x_label, anchor="middle"), text(4, 8, y_label)]
    return svg(size, floor + 38, title, *parts)


def scatter(title: str, points: Sequence[Point], x_label: str, y_label: str) -> Markup:
    """Return points and the line of no residual."""
    width, height, left, floor = 440, 270, 54, 226
    if not points:
        return Markup("")
    x = _padded([p[0] for p in points], left, width - 10)
    y = _padded([p[1] for p in points], floor, 18)
    parts = [*_side(y, left, width - 10), *_bottom(x, floor, x.ticks(5)), _path([(left, y.at(0)), (width - 10, y.at(0))], "rule")]
    parts += [Markup('<circle cx="{}" cy="{}" r="2" class="dot"/>').format(x.at(a), y.at(b)) for a, b in points]
    return svg(width, height, title, *parts, text((left + width) / 2, floor + 32, x_label, anchor="middle"), text(4, 9, y_label))


def legend(names: Sequence[str]) -> Markup:
    """Return which line and mark stands for which series, side by side."""
    parts, left = [], 8.0
    for i, name in enumerate(names):
        parts += [
            _path([(left, 9), (left + 26, 9)], f"line{i % N_STYLES}"),
            _mark(left + 13, 9, i, name),
            text(left + 32, 13, name),
        ]
        left += 32 + CHARACTER * len(name) + 18
    return svg(round(left), 18, f"legend: {', '.join(names)}", *parts)


def _estimate(x: Axis, y: float, i: int, label: str, estimate: Estimate) -> Iterable[Markup]:
    note = f"{label}: {number(estimate.value)}"
    if estimate.interval:
        low, high = estimate.interval
        note += f" ({number(low)} to {number(high)})"
        yield _path([(x.at(low), y), (x.at(high), y)], f"whisker{i}")
    yield _mark(x.at(estimate.value), y, i, note)


def _densities(bins: Sequence[tuple[float, float, float]], least: float) -> list[tuple[float, float, float]]:
    """Return (low, high, share per unit); a bin without width (a constant) is drawn as wide as `least`."""
    total = sum(n for _, _, n in bins) or 1.0
    wide = [(a, b, n) if b > a else (a - least / 2, a + least / 2, n) for a, b, n in bins]
    return [(a, b, n / total / (b - a)) for a, b, n in wide]


def _padded(values: Sequence[float], start: float, end: float, *, from_zero: bool = False) -> Axis:
    low, high = min(values), max(values)
    low = min(low, 0.0) if from_zero else low
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(low - (0 if from_zero else pad), high + pad, start, end)


def _bottom(x: Axis, y: float, ticks: Sequence[float]) -> list[Markup]:
    axis = _path([(x.start, y), (x.end, y)], "axis")
    return [axis, *(text(x.at(v), y + 13, number(v), "small", "middle") for v in ticks)]


def _side(y: Axis, left: float, right: float) -> list[Markup]:
    made = []
    for v in y.ticks(4):
        made += [_path([(left, y.at(v)), (right, y.at(v))], "grid"), text(left - 5, y.at(v) + 3, number(v), "small", "end")]
    return made


def _box(x: float, y: float, width: float, height: float, css: str, note: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}"><title>{}</title></rect>').format(
        x, y, round(max(width - 0.5, 0.5), 1), round(height, 1), css, note
    )


def _path(points: Sequence[Point], css: str) -> Markup:
    d = "M" + " L".join(f"{a:g},{b:g}" for a, b in points)
    return Markup('<path d="{}" class="{}"/>').format(d, css)


def _mark(x: float, y: float, i: int, note: str) -> Markup:
    """Return a circle for the first series, a square for the second, a diamond for the third and later ones."""
    corners = ((-3, -3), (3, -3), (3, 3), (-3, 3)) if i == 1 else ((0, -4), (4, 0), (0, 4), (-4, 0))
    if i == 0:
        return Markup('<circle cx="{}" cy="{}" r="3.2" class="mark0"><title>{}</title></circle>').format(x, y, note)
    d = " ".join(f"{x + a:g},{y + b:g}" for a, b in corners)
    return Markup('<polygon points="{}" class="mark{}"><title>{}</title></polygon>').format(d, i % N_STYLES, note)


def _cut(label: str, width: float) -> Markup:
    """Return as much of a label as fits, the whole of it on hover."""
    fits = int((width - 10) / CHARACTER)
    if len(label) <= fits:
        return escape(label)
    return Markup("{}…<title>{}</title>").format(label[: fits - 1], label)
