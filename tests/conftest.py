"""Shared by the tests: the command line in a process of its own, and small taxi projects that share pipeline runs."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from letter_for_test import Letter

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # before TensorFlow, whichever test of a process is first to import it

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell that starts tests in the background; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parent.parent
SMALL = (
    "--set", "training.epochs=2",
    "--set", "evaluation.metrics=[{name: mae, upper_bound: 2000}, {name: mse}]",
    "--set", "evaluation.slices=[payment_type]",
)  # fmt: skip
N_SMALL_ROWS = 3000


def taxi_csv() -> Path:
    """Return the Chicago trips that ship inside the tfx wheel."""
    spec = find_spec("tfx")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / "examples/chicago_taxi_pipeline/data/simple/data.csv"


def waze_tfx(
    *arguments: object, cwd: Path | None = None, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the real command line and return what it printed and its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "waze_data_tfx", *map(str, arguments)],
        cwd=cwd,
        env={**{k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}, **environment},  # as a user has it
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@dataclass
class Project:
    """A fork of the taxi template on a small file."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def root(self) -> Path:
        return self.folder / "output" / self.name

    @property
    def data(self) -> Path:
        return self.folder / "trips.csv"

    def run(self, *arguments: object, small: bool = True) -> subprocess.CompletedProcess[str]:
        return waze_tfx("run", self.config, *(SMALL if small else ()), *arguments)

    def last(self) -> dict:
        """Return the newest run's record."""
        newest = max((self.root / "runs").glob("*/run.json"))
        return json.loads(newest.read_text())

    def first(self) -> dict:
        """Return the oldest run's record: of `pushed`, the run that pushed, whatever other tests have run since."""
        return json.loads(min((self.root / "runs").glob("*/run.json")).read_text())

    def states(self) -> dict[str, str]:
        return {name: node["state"] for name, node in self.last()["nodes"].items()}

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the list of known roots out of the user's home."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def small_rows() -> list[list[str]]:
    """Return the header and the first rows of the taxi file."""
    with taxi_csv().open(newline="") as file:
        return [row for _, row in zip(range(N_SMALL_ROWS + 1), csv.reader(file), strict=False)]


def write_rows(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def fork(folder: Path, rows: list[list[str]]) -> Project:
    """Fork the template through the real command and point it at a small file."""
    done = waze_tfx("new", folder, "--template", "taxi")
    assert done.returncode == 0, done.stderr
    project = Project(folder)
    write_rows(project.data, rows)
    project.edit("config.yaml", "package://tfx/examples/chicago_taxi_pipeline/data/simple/data.csv", "trips.csv")
    return project


@pytest.fixture(scope="session")
def pushed(tmp_path_factory: pytest.TempPathFactory, small_rows: list[list[str]]) -> Project:
    """Return a project whose first run has pushed a model; tests read that run (`first`), and some run it again."""
    project = fork(tmp_path_factory.mktemp("pushed") / "my_eta", small_rows)
    done = project.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.fixture(scope="session")
def letter(tmp_path_factory: pytest.TempPathFactory) -> "Letter":
    """Return a fork of the newsletter whose first run has pushed a policy; tests read that run, and some run it again."""
    from letter_for_test import fork

    forked = fork(tmp_path_factory.mktemp("letters") / "my_letter")
    done = forked.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return forked


@pytest.fixture
def unused_project(tmp_path: Path, small_rows: list[list[str]]) -> Project:
    """Return a project that has never run."""
    return fork(tmp_path / "my_eta", small_rows)


def copy_code(project: Project, folder: Path) -> Project:
    """Return a second project with the same files and an empty root."""
    shutil.copytree(project.folder, folder, ignore=shutil.ignore_patterns("output", "__pycache__"))
    return Project(folder)


_exit_code = 0


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    global _exit_code
    _exit_code = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave without the interpreter's own end: after tf.Transform it is a segmentation fault (see testing/worker.py)."""
    if "tensorflow_transform" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_code)
