"""The pipeline's graph as inline SVG: nodes in layers from top to bottom, coloured by state. Called by `lineage`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .charts import svg, text

WIDTH, HEIGHT, GAP_X, GAP_Y = 158, 40, 18, 26
SYMBOLS = {"complete": "✓", "cached": "↺", "done": "✓", "reused": "↺", "failed": "✗", "stopped": "■", "running": "▶"}


@dataclass(frozen=True)
class Box:
    """A node to draw; `state` chooses colour and symbol."""

    name: str
    state: str
    line: str
    upstream: Sequence[str]


def draw(title: str, boxes: Sequence[Box]) -> Markup:
    """Return the graph; boxes stand after what they wait for."""
    layers = _layers(boxes)
    rows: dict[int, list[Box]] = {}
    for box in boxes:
        rows.setdefault(layers[box.name], []).append(box)
    columns = max(map(len, rows.values()))
    width = columns * (WIDTH + GAP_X) + 2 * GAP_X
    places: dict[str, tuple[float, float]] = {}
    for layer, row in rows.items():
        left = (width - len(row) * WIDTH - (len(row) - 1) * GAP_X) / 2
        for i, box in enumerate(row):
            places[box.name] = (left + i * (WIDTH + GAP_X), 4 + layer * (HEIGHT + GAP_Y))
    edges = [_edge(places, layers, u, box.name, width) for box in boxes for u in box.upstream if u in places]
    drawn = [part for box in boxes for part in _box(box, *places[box.name])]
    return svg(width, len(rows) * (HEIGHT + GAP_Y) - GAP_Y + 8, title, *edges, *drawn)


def _layers(boxes: Sequence[Box]) -> dict[str, int]:
    """Return how many steps from a source each node is at most."""
    layers: dict[str, int] = {}
    for box in boxes:
        layers[box.name] = max((layers[u] + 1 for u in box.upstream if u in layers), default=0)
    return layers


def _edge(places: Mapping[str, tuple[float, float]], layers: Mapping[str, int], a: str, b: str, width: float) -> Markup:
    (x0, y0), (x1, y1) = places[a], places[b]
    if layers[b] - layers[a] <= 1:
        x0, y0, x1 = x0 + WIDTH / 2, y0 + HEIGHT, x1 + WIDTH / 2
        d = f"M{x0},{y0} C{x0},{y0 + GAP_Y * 0.7} {x1},{y1 - GAP_Y * 0.7} {x1},{y1 - 3}"
        return Markup('<path d="{}" class="edge"/>').format(d)
    right = x0 + WIDTH / 2 >= width / 2 and x1 + WIDTH / 2 >= width / 2
    side = (max(x0, x1) + WIDTH + GAP_X) if right else (min(x0, x1) - GAP_X)
    start, end = (x0 + WIDTH, x1 + WIDTH + 3) if right else (x0, x1 - 3)
    y0, y1 = y0 + HEIGHT * 0.6, y1 + HEIGHT * 0.4
    d = f"M{start},{y0} C{side},{y0} {side},{y0 + 20} {side},{(y0 + y1) / 2} S{side},{y1} {end},{y1}"
    return Markup('<path d="{}" class="edge"/>').format(d)


def _box(box: Box, x: float, y: float) -> tuple[Markup, ...]:
    css = "state-" + box.state.replace(" ", "-")
    rectangle = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="6" class="node {}"><title>{}: {} {}</title></rect>')
    return (
        rectangle.format(x, y, WIDTH, HEIGHT, css, box.name, box.state, box.line),
        text(x + 10, y + 17, f"{SYMBOLS.get(box.state, '○')} {box.name}", "name"),
        text(x + 10, y + 32, f"{box.state} {box.line}", "small"),
    )
