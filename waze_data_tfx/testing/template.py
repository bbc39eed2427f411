"""An untouched copy of a template: does it pass `check`, its own tests and a run? Called by `check_template`."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError, did_you_mean
from ..scaffold import create, templates

COMMANDS = {
    "check": ("-m", "waze_data_tfx", "check", "config.yaml"),
    "test": ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "waze_data_tfx.testing.plugin", "."),
    "run": ("-m", "waze_data_tfx", "run", "config.yaml"),
}
LEFT_OUT = ("output", "__pycache__", ".pytest_cache")
TAIL_CHARACTERS = 3000


def check(folder: str | Path, steps: Sequence[str]) -> None:
    """Copy the template to a temporary folder and do the steps there.

    Raises:
        AssertionError: a command that failed, and what it printed.
        UserError: no such folder, template or step.
    """
    for step in steps:
        if step not in COMMANDS:
            raise UserError(f"steps: unknown step '{step}'; known: {', '.join(COMMANDS)}{did_you_mean(step, COMMANDS)}")
    with tempfile.TemporaryDirectory() as place:
        copy = _copy(folder, Path(place))
        for step in steps:
            done = subprocess.run([sys.executable, *COMMANDS[step]], cwd=copy, capture_output=True, text=True, check=False)
            if done.returncode:
                said = (done.stdout + done.stderr)[-TAIL_CHARACTERS:]
                raise AssertionError(f"{folder}: {step} ended with exit code {done.returncode}:\n{said}")


def _copy(folder: str | Path, place: Path) -> Path:
    path = Path(folder)
    if (path / "config.yaml").is_file():
        return Path(shutil.copytree(path, place / path.resolve().name, ignore=shutil.ignore_patterns(*LEFT_OUT)))
    if str(folder) in templates():
        create(place / f"my_{folder}", str(folder))
        return place / f"my_{folder}"
    known = ", ".join(templates())
    guess = did_you_mean(str(folder), templates())
    raise UserError(f"{folder}: neither a folder with a config.yaml nor a template of this package; known: {known}{guess}")
