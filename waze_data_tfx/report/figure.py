"""Charts of `charts` for a notebook: each a picture of its own that carries its colours, and a legend above.

Called by `tables`. As pictures they take no style from the notebook and give none to it; their ground is drawn too, so that they
can be read in a dark notebook. Knows nothing of runs.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markupsafe import Markup

from . import charts

STYLE = Path(__file__).parent / "style.css"
_OPEN = re.compile(r'<svg viewBox="0 0 (\S+) (\S+)"')


@dataclass(frozen=True)
class Figure:
    """Charts with one legend; a notebook shows it where it is a cell's last value, `display` anywhere.

    Attributes:
        series: what the charts show, in the order of their colours; empty for no legend.
        charts: name and SVG, as `charts` makes it.
    """

    series: Sequence[str]
    charts: Sequence[tuple[str, Markup]] = field(repr=False)

    def _repr_html_(self) -> str:
        legend = _picture(charts.legend(self.series)) if self.series else Markup("")
        block = Markup('<div style="display:inline-block;vertical-align:top;margin:4px"><b>{}</b><br>{}</div>')
        return str(legend) + "".join(block.format(name, _picture(chart)) for name, chart in self.charts if chart)


def standalone(chart: Markup) -> str:
    """Return a chart as a document of its own: with namespace, size in pixels and style.

    Raises:
        ValueError: it is not a chart of `charts`.
    """
    found = _OPEN.match(chart)
    if found is None:
        raise ValueError(f"chart: does not begin as one of charts.svg; received {str(chart)[:60]!r}")
    width, height = found[1], found[2]
    own = f"svg {{ width: {width}px; height: {height}px; background: var(--back); }}"
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head, _, rest = chart[found.end() :].partition(">")
    return f"{opened}{head}><style><![CDATA[{_style()}{own}]]></style>{rest}"


def _picture(chart: Markup) -> Markup:
    data = base64.b64encode(standalone(chart).encode("utf-8")).decode("ascii")
    title = re.search("<title>(.*?)</title>", chart)
    assert title is not None  # charts.svg writes one
    return Markup('<img alt="{}" src="data:image/svg+xml;base64,{}">').format(Markup(title[1]), data)


@cache
def _style() -> str:
    return STYLE.read_text(encoding="utf-8")
