"""A figure's pictures stand on their own: with namespace, size, colours and a legend."""

import base64
import re
import xml.etree.ElementTree as ET

import pytest
from markupsafe import Markup

from waze_data_tfx.report import charts
from waze_data_tfx.report.figure import Figure, standalone

SVG = "{http://www.w3.org/2000/svg}"
CHART = charts.lines("mae & more", {"train": [(1, 0.5), (2, 0.25)]}, "epoch")


def test_a_chart_alone_has_a_size_and_its_colours() -> None:
    root = ET.fromstring(standalone(CHART))
    assert (root.tag, root.get("width"), root.get("height")) == (f"{SVG}svg", "440", "230")  # the frame that charts.lines draws
    style = root.findtext(f"{SVG}style") or ""
    assert "svg .line0 { stroke: var(--c0); }" in style
    assert style.endswith("svg { width: 440px; height: 230px; background: var(--back); }")


def test_a_figure_is_a_legend_and_a_picture_per_chart_that_draws_something() -> None:
    shown = Figure(("train", "eval"), [("mae", CHART), ("nothing", Markup(""))])._repr_html_()
    pictures = [base64.b64decode(p).decode() for p in re.findall(r"base64,([^\"]+)", shown)]
    assert len(pictures) == 2
    assert "legend: train, eval" in pictures[0]
    assert 'alt="mae &amp; more"' in shown
    assert "<b>mae</b>" in shown
    assert "nothing" not in shown


def test_a_figure_of_nothing_known_says_little_and_shows_no_legend() -> None:
    figure = Figure((), [("mae", CHART)])
    assert repr(figure) == "Figure(series=())"
    assert figure._repr_html_().count("<img") == 1


def test_what_is_no_chart_is_refused() -> None:
    with pytest.raises(ValueError, match=r"does not begin as one of charts\.svg; received '<p>'"):
        standalone(Markup("<p>"))
