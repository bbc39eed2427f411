"""The pytest plugin: fixtures `waze_config`, `transform`, `parity` and `golden`, and the option `--rewrite-golden`.

Loaded by every pytest of an environment that has this package, so it imports nothing heavy and starts nothing until a test
asks for it. All tests of a session share one worker process; it ends with the session.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .golden import Golden

FITTING = {"transform", "parity"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--rewrite-golden` and the setting `waze_config`."""
    group = parser.getgroup("waze-data-tfx")
    group.addoption("--rewrite-golden", action="store_true", help="write golden/*.json anew from what the tests compute")
    parser.addini("waze_config", "config of the pipeline whose features are tested; default: config.yaml beside or above a test")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the worker import while the first tests run, if any test needs it."""
    if not session.config.option.collectonly and any(FITTING & set(getattr(i, "fixturenames", ())) for i in session.items):
        from .session import worker

        worker()


def pytest_unconfigure() -> None:
    """End the worker, also after Ctrl-C."""
    from .session import end

    end()


@pytest.fixture(scope="module")
def waze_config(request: pytest.FixtureRequest) -> Path:
    """Return the config's path: the ini setting `waze_config`, or the config.yaml beside the test module or above it.

    A template in a repository of templates (templates/CASE/test_CASE.py) has its config in configs/CASE.yaml.
    """
    from ..errors import UserError

    setting = request.config.getini("waze_config")
    if setting:
        return (request.config.inipath or request.config.rootpath / "pytest.ini").parent / str(setting)
    here = request.path.parent
    candidates = [folder / "config.yaml" for folder in (here, *here.parents)]
    candidates[1:1] = [here.parent.parent / "configs" / f"{here.name}.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise UserError(
        f"{here}: no config.yaml here or above; expected the pipeline's config",
        hint="name it in pytest's settings (waze_config = path), or define a fixture waze_config",
    )


@pytest.fixture(scope="module")
def transform(waze_config: Path) -> Callable[..., list[dict[str, Any]]]:
    """Return `transform(rows, fit_rows=None)`: `testing.transform_rows` with the test's config."""
    from . import Rows, transform_rows

    def transform(rows: Rows, *, fit_rows: Rows | None = None) -> list[dict[str, Any]]:
        return transform_rows(waze_config, rows, fit_rows=fit_rows)

    return transform


@pytest.fixture(scope="module")
def parity(waze_config: Path) -> Callable[..., list[dict[str, Any]]]:
    """Return `parity(rows, fit_rows=None)`: `testing.check_parity` with the test's config."""
    from . import Rows, check_parity

    def parity(rows: Rows, *, fit_rows: Rows | None = None) -> list[dict[str, Any]]:
        return check_parity(waze_config, rows, fit_rows=fit_rows)

    return parity


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> "Golden":
    """Return `golden.check(rows, name)`, which compares with golden/NAME.json beside the test module."""
    from .golden import Golden

    return Golden(request.path, rewrite=request.config.getoption("rewrite_golden"))
