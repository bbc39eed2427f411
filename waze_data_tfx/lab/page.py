"""A lab's curves as one HTML file that needs no network and no script: regret and suboptimal choices, mean and deviation.

Called by `bandit_lab`; `figure` serves notebooks. The charts are `report.charts`', the style is the report's.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from waze_data_tfx.lab.curves import MEASURES, Result
from waze_data_tfx.report import charts
from waze_data_tfx.report.figure import Figure
from waze_data_tfx.report.page import render

SHOWN = ("suboptimal", "regret", "cumulative_regret", "reward")


def write(result: Result) -> Path:
    """Write the page and return its path."""
    values: dict[str, Any] = {
        "result": result,
        "names": list(result.curves),
        "charts": pictures(result),
        "config": json.dumps(result.config.model_dump(mode="json", exclude_none=True), indent=2),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    result.page.write_text(render("lab.html.j2", **values), encoding="utf-8")
    return result.page


def figure(result: Result) -> Figure:
    """Return the charts for a notebook."""
    return Figure(list(result.curves), pictures(result))


def pictures(result: Result) -> list[tuple[str, Any]]:
    """Return (name, chart) of every measure: a line per agent, in a band of one standard deviation over the seeds."""
    found = []
    for measure in SHOWN:
        series = {}
        for label, curves in result.curves.items():
            mean, deviation = curves.mean(measure), np.nan_to_num(curves.deviation(measure))
            points = zip(curves.steps.tolist(), mean.tolist(), deviation.tolist(), strict=True)
            series[label] = [charts.Spread(*point) for point in points]
        found.append((MEASURES[measure], charts.bands(MEASURES[measure], series, "step")))
    return found
