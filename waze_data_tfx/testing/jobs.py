"""What the worker does for one request. Called by `worker` in a child of its own per request; imports TensorFlow at the top."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from waze_data_tfx.config import load

from . import fitting


def do(request: dict[str, Any], folder: Path) -> Any:
    """Return the result of the request's job, as plain values.

    Raises:
        WazeTfxError: as the ExampleGen and Transform nodes would.
    """
    return JOBS[request["job"]](request, folder)


def transform(request: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Return the rows transformed by the exported graph."""
    config = load(request["config"]).config
    fit = fitting.fitted(config, _fit_rows(request), folder)
    return fitting.listed(fit.apply(fitting.encoded(config, request["rows"])), config)


def parity(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the rows as the Trainer would read them, and every difference from them on another road."""
    from . import roads

    config = load(request["config"]).config
    fit = fitting.fitted(config, _fit_rows(request), folder)
    with tempfile.TemporaryDirectory() as place:
        return roads.compare(fit, request["rows"], _fit_rows(request), Path(place))


def leaks(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what the labels move, and the score of each column and feature alone."""
    from . import predictors

    config = load(request["config"]).config
    with tempfile.TemporaryDirectory() as place:
        return predictors.measure(config, request["rows"], request["n_rows"], Path(place))


def _fit_rows(request: dict[str, Any]) -> list[dict[str, Any]]:
    return request["rows"] if request["fit_rows"] is None else request["fit_rows"]


JOBS: dict[str, Callable[[dict[str, Any], Path], Any]] = {"transform": transform, "parity": parity, "leaks": leaks}
