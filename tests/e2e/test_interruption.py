"""Kills, signals and two runs at once: a run that was ended goes on to the same verdict."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import SMALL, Project, copy_code, waze_tfx

NODES = (
    "ExampleGen",
    "StatisticsGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Resolver",
    "Evaluator",
    "InfraValidator",
    "Pusher",
    "Copier",
)


def start(project: Project, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "waze_data_tfx", "run", str(project.config), *SMALL, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_node(project: Project, node: str, process: subprocess.Popen) -> None:
    """Wait until the node's process writes its log, which is when it has begun."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if any((project.root / "runs").glob(f"*/logs/{node}.log")):
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    raise AssertionError(f"{node} never started")


def children_of_runs(root: Path) -> list[int]:
    """Return processes whose command line or log belongs to this root."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if any(os.readlink(fd).startswith(str(root)) for fd in (entry / "fd").iterdir()):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def kill_at(project: Project, node: str, signal_: signal.Signals) -> subprocess.Popen:
    process = start(project, "--resume") if (project.root / "runs").is_dir() else start(project)
    wait_for_node(project, node, process)
    process.send_signal(signal_)
    process.wait(timeout=30)
    return process


def verdict(project: Project) -> dict:
    found = json.loads((project.root / "runs" / project.first()["id"] / "verdict.json").read_text())
    return {"status": found["status"], "checks": [(c["name"], c["slice"], c["value"]) for c in found["checks"]]}


def test_sigterm_leaves_a_resumable_run_within_seconds(pushed: Project, tmp_path: Path) -> None:
    project = copy_code(pushed, tmp_path / "my_eta")
    process = start(project)
    wait_for_node(project, "Transform", process)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 130, output
    assert time.monotonic() - began < 10
    assert "--resume" in output
    assert project.last()["state"] == "interrupted"
    run_id = project.last()["id"]

    process = kill_at(project, "Trainer", signal.SIGKILL)
    time.sleep(1.0)
    assert children_of_runs(project.root) == [], "a kill -9 leaves no process behind"

    done = project.run("--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.last()["id"] == run_id
    assert project.states()["ExampleGen"] == project.states()["Transform"] == "done"
    assert verdict(project) == verdict(pushed)

    again = project.run("--resume")
    assert again.returncode == 0
    assert project.last()["id"] == run_id


@pytest.mark.slow
@pytest.mark.parametrize("node", NODES)
def test_kill_at_every_node_then_resume(pushed: Project, tmp_path: Path, node: str) -> None:
    project = copy_code(pushed, tmp_path / "my_eta")
    kill_at(project, node, signal.SIGKILL)
    done = project.run("--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(project) == verdict(pushed)
    assert (project.root / "serving" / "CURRENT").read_text().strip() == "1"


def test_two_runs_at_once_the_second_says_who_holds_the_root(unused_project: Project) -> None:
    first = start(unused_project, "--to", "ExampleGen")
    while not (unused_project.root / "run.holder.json").exists():
        time.sleep(0.02)
    second = unused_project.run("--to", "ExampleGen")
    assert second.returncode == 75
    assert f"process {first.pid}" in second.stderr
    assert first.wait(timeout=120) == 0


def test_resume_without_a_run_says_so(unused_project: Project) -> None:
    done = unused_project.run("--resume")
    assert done.returncode == 2
    assert "nothing to resume" in done.stderr


def test_one_node_by_hand_is_what_the_runner_did(pushed: Project, tmp_path: Path) -> None:
    project = copy_code(pushed, tmp_path / "my_eta")
    process = start(project, "--to", "ImportSchemaGen")
    assert process.wait(timeout=120) == 0, process.communicate()[0]
    folder = project.root / "runs" / project.last()["id"]
    done = waze_tfx("node", "StatisticsGen", "--run", folder)
    assert done.returncode == 1
    assert "StatisticsGen" in done.stderr
    done = waze_tfx("node", "ExampleGen", "--run", folder)
    assert done.returncode == 0, done.stderr
    assert list((project.root / "artifacts" / "ExampleGen").rglob("*.gz"))
