"""docs/first_pipeline.md: its commands, run in order in a clean folder, end and print as the page says.

Numbers, times, run ids and folders may differ; the words may not.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pages_for_test import page

CONSOLE = re.compile(r"^```console(?: exit=(\d+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{5}")


@dataclass(frozen=True)
class Step:
    command: str
    says: list[str]
    exit_code: int


def steps() -> list[Step]:
    found = []
    for code, block in CONSOLE.findall(page("first_pipeline.md")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *says = part.splitlines()
            found.append(Step(command, says, int(code or 0)))
    return found


def same_words(line: str) -> str:
    """Return the line without what differs from run to run."""
    line = re.sub(r"\S*/diabetes/output", "OUTPUT", RUN.sub("RUN", line))
    return " ".join(re.sub(r"\d[\d,.:T+-]*", "#", line).split())


@dataclass(frozen=True)
class Walk:
    printed: list[tuple[Step, subprocess.CompletedProcess[str]]]
    folder: Path


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Run every command; the page's n-th run id stands for the n-th run that was really made."""
    folder = tmp_path_factory.mktemp("first_pipeline")
    ids = list(dict.fromkeys(sorted(RUN.findall(page("first_pipeline.md")))))
    printed, made = [], []
    for step in steps():
        command = step.command
        for written, real in zip(ids, made, strict=False):
            command = command.replace(written, real)
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=with_this_python(folder), capture_output=True, text=True, check=False
        )
        made = sorted(f.name for f in folder.glob("diabetes/output/diabetes/runs/*"))
        printed.append((step, done))
        if done.returncode != step.exit_code:
            break
    return Walk(printed, folder)


def with_this_python(folder: Path) -> dict[str, str]:
    """Return an environment in which `waze-tfx` and `python` are those that run the tests."""
    bin_ = folder / ".bin"
    bin_.mkdir(exist_ok=True)
    for name, arguments in (("waze-tfx", "-m waze_data_tfx "), ("python", "")):
        script = bin_ / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments}"$@"\n')
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "XDG_STATE_HOME": str(folder / ".state")}


def test_every_command_ends_as_the_page_says(walk: Walk) -> None:
    step, last = walk.printed[-1]
    assert last.returncode == step.exit_code, f"$ {step.command}\n{last.stdout[-3000:]}{last.stderr[-2000:]}"
    assert [s for s, _ in walk.printed] == steps()
    assert len(walk.printed) >= 12


def test_every_line_that_the_page_shows_is_printed(walk: Walk) -> None:
    wrong = []
    for step, done in walk.printed:
        printed = {same_words(line) for line in (done.stdout + done.stderr).splitlines()}
        wrong += [f"$ {step.command}: {line}" for line in step.says if line != "..." and same_words(line) not in printed]
        if "..." not in step.says:
            assert len(printed - {""}) == len({same_words(line) for line in step.says} - {""}), (
                f"$ {step.command}: more is printed"
            )
    assert wrong == []


def test_the_config_that_the_page_quotes_is_the_one_that_was_written(walk: Walk) -> None:
    [quoted] = re.findall(r"^```yaml\n(.*?)^```", page("first_pipeline.md"), re.MULTILINE | re.DOTALL)
    written = (walk.folder / "diabetes/config.yaml").read_text()
    for old, new in (("dropout: 0.2", "dropout: 0"), ("epochs: 30", "epochs: 60"), ("65.04}", "65.04, absolute_change: 1}")):
        assert old in quoted
        quoted = quoted.replace(old, new)
    assert [line for line in quoted.splitlines() if line.strip() != "..." and line not in written.splitlines()] == []
