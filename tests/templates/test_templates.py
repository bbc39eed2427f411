"""Every template, forked, passes its own test in a process of its own; every shipped config is in order."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, waze_tfx

from waze_data_tfx import scaffold


@pytest.mark.parametrize("template", scaffold.templates())
def test_a_fork_passes_check_and_its_own_test(template: str, tmp_path: Path) -> None:
    fork = tmp_path / "my_fork"
    done = waze_tfx("new", fork, "--template", template)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"next: waze-tfx run {fork / 'config.yaml'}"
    done = waze_tfx("check", fork / "config.yaml")
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=fork,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("config", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_config_passes_check_and_says_how_to_run_it(config: Path) -> None:
    done = waze_tfx("check", config)
    assert done.returncode == 0, done.stderr
    assert f"waze-tfx run configs/{config.name}" in config.read_text()
