"""The curves of a lab as files: curves.json with everything, curves.csv with one line per agent, seed and window.

Called by `bandit_lab`. Knows nothing of charts.
"""

import csv
import json
from typing import Any

import numpy as np

from waze_data_tfx.errors import UserError
from waze_data_tfx.lab.curves import MEASURES, Curves, Result

JSON, CSV = "curves.json", "curves.csv"


def write(result: Result) -> None:
    """Write both files, over those of an earlier run.

    Raises:
        UserError: the directory cannot be written.
    """
    try:
        result.directory.mkdir(parents=True, exist_ok=True)
        (result.directory / JSON).write_text(json.dumps(as_json(result), indent=1, allow_nan=False), encoding="utf-8")
        with (result.directory / CSV).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ("agent", "seed", "step", *MEASURES))
            writer.writeheader()
            writer.writerows(result.rows())
    except OSError as error:
        raise UserError(f"directory: {result.directory} cannot be written: {error.strerror}") from error


def as_json(result: Result) -> dict[str, Any]:
    """Return config, what the environment says, a summary, mean and deviation of every curve; null where there is none."""
    return {
        "config": result.config.model_dump(mode="json", exclude_none=True),
        "environment": {"n_actions": result.n_actions, "context_dim": result.context_dim, "notes": list(result.notes)},
        "summary": result.summary(),
        "curves": {label: _curve(curves) for label, curves in result.curves.items()},
    }


def _curve(curves: Curves) -> dict[str, Any]:
    measured = {
        measure: {"mean": _numbers(curves.mean(measure)), "deviation": _numbers(curves.deviation(measure))}
        for measure in MEASURES
    }
    return {"steps": curves.steps.tolist(), **measured}


def _numbers(values: np.ndarray) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
