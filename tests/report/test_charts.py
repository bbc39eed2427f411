"""Charts are well-formed, escaped and in their frame; numbers read as a person writes them."""

import xml.etree.ElementTree as ET

import pytest

from waze_data_tfx.report import charts, graph
from waze_data_tfx.report.charts import Axis, Estimate
from waze_data_tfx.report.numbers import duration, number, share, signed

DRAWN = {
    "histogram": charts.histogram("t", {"train": [(0, 1, 5), (1, 2, 3)], "eval": [(0.5, 1.5, 2)]}),
    "constant": charts.histogram("t", {"train": [(3, 3, 5)]}),
    "bars": charts.bars("t", ["<b>", "x" * 99], {"train": [0.5, 0.1], "eval": [0.4, 0.0]}),
    "columns": charts.columns("t", [0.5, -1.0, 0.0]),
    "zero columns": charts.columns("t", [0.0, 0.0]),
    "lines": charts.lines("t", {"train": [(1, 0.5), (2, float("nan")), (3, 0.25)]}, "epoch"),
    "one point": charts.lines("t", {"train": [(1, 0.5)]}, "epoch"),
    "intervals": charts.intervals("t", [("all", [Estimate(2, (1, 3)), None])], 2.5),
    "reliability": charts.reliability("t", {"candidate": [(0.1, Estimate(0.2, (0.1, 0.3)))]}, "x", "y"),
    "scatter": charts.scatter("t", [(1, 2), (3, -4)], "x", "y"),
    "graph": graph.draw("t", [graph.Box("A", "complete", "1 s", ()), graph.Box("B", "not run", "", ("A",))]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_well_formed_with_all_its_numbers_finite(name: str) -> None:
    root = ET.fromstring(DRAWN[name])
    assert root.tag == "svg"
    assert not {"nan", "inf"} & set(DRAWN[name].lower().replace(",", " ").replace('"', " ").split())


def test_nothing_draws_nothing() -> None:
    assert charts.histogram("t", {"train": []}) == charts.lines("t", {}, "x") == charts.intervals("t", []) == ""


def test_texts_are_escaped_and_cut_ones_whole_on_hover() -> None:
    assert "<b>" not in DRAWN["bars"]
    assert "&lt;b&gt;" in DRAWN["bars"]
    assert "x" * 99 in DRAWN["bars"]


def test_ticks_are_round_and_within() -> None:
    assert Axis(0, 1, 0, 100).ticks(4) == [0, 0.25, 0.5, 0.75, 1]
    assert Axis(3, 3, 0, 100).ticks() == [3]
    assert Axis(0, 10, 0, 100).at(25) == 100


def test_numbers_for_a_person() -> None:
    shown = [number(v) for v in (None, 0, 12, 1234567, 0.123456, 157742.24, -2.5, 1e-7, float("nan"))]
    assert shown == ["–", "0", "12", "1,234,567", "0.1235", "157,742", "−2.5", "1e-07", "nan"]
    assert (signed(2.5), signed(-1), signed(0)) == ("+2.5", "−1", "0")
    assert [share(v) for v in (0, 0.0001, 0.5, 1)] == ["0 %", "< 0.1 %", "50.0 %", "100 %"]
    assert [duration(v) for v in (None, 1.26, 125, 7300)] == ["–", "1.3 s", "2 min 5 s", "2 h 1 min"]
