"""The local runner around a run: locks, names, resume, and a process for TFX that cannot start. Whole runs are in e2e/."""

import os
import re
from pathlib import Path

import pytest
from filelock import FileLock
from store_for_test import Writer

from waze_data_tfx import runners
from waze_data_tfx.config import load
from waze_data_tfx.errors import Locked, UserError
from waze_data_tfx.history.record import NodeRecord, Run, load_run
from waze_data_tfx.runners.cache import Selection
from waze_data_tfx.runners.local import LocalRunner, open_run

CONFIG = """\
name: eta
label: seconds
data:
  input: trips.csv
features:
  dense: [miles]
evaluation:
  metrics:
    - {name: mae, upper_bound: 5}
"""
NODES = [
    "ExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Resolver",
    "Evaluator",
    "InfraValidator",
    "Pusher",
    "Copier",
]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalRunner:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "eta.yaml").write_text(CONFIG)
    (tmp_path / "trips.csv").write_text("miles,seconds\n1,60\n")
    return LocalRunner(load(tmp_path / "eta.yaml"))


def root(runner: LocalRunner) -> Path:
    assert runner.config.root is not None
    return runner.config.root


def test_the_table_knows_the_local_runner_and_says_so() -> None:
    assert runners.get("local") is LocalRunner
    with pytest.raises(UserError, match=r"^unknown runner 'lokal'; known: local; did you mean 'local'\?$"):
        runners.get("lokal")


def test_a_plan_writes_no_run(runner: LocalRunner) -> None:
    assert [p.node.id for p in runner.plan(Selection())] == NODES
    assert not (root(runner) / "runs").exists()
    assert not (root(runner) / "metadata.sqlite").exists()


@pytest.mark.parametrize("selection", [Selection(start="Trainor"), Selection(end="Trainor")])
def test_an_unknown_node_is_refused_before_anything_is_written(runner: LocalRunner, selection: Selection) -> None:
    flag = "--from" if selection.start else "--to"
    with pytest.raises(UserError, match=rf"^{flag} Trainor: unknown node 'Trainor'; known: .*; did you mean 'Trainer'\?$"):
        runner.run(selection)
    with pytest.raises(UserError, match=f"^{flag} Trainor: unknown node"):
        runner.plan(selection)
    assert not root(runner).exists()


def test_a_selection_with_nothing_in_it_is_refused(runner: LocalRunner) -> None:
    with pytest.raises(UserError) as caught:
        runner.run(Selection(start="Evaluator", end="Transform"))
    assert caught.value.message == (
        "--from Evaluator --to Transform: nothing lies between; known after Evaluator: Evaluator, Pusher, Copier"
    )


def test_a_held_root_names_the_holder(runner: LocalRunner) -> None:
    root(runner).mkdir(parents=True)
    with FileLock(root(runner) / "run.lock"):
        with pytest.raises(Locked, match="another run holds this pipeline root: a process that has just started"):
            runner.run(Selection())
        (root(runner) / "run.holder.json").write_text('{"pid": 77, "since": "2024-01-31 08:00:00"}')
        with pytest.raises(Locked, match="process 77 since 2024-01-31 08:00:00") as caught:
            runner.run(Selection())
    assert caught.value.hint == "wait for it, or give this run a root of its own with --set root=OTHER"


def test_a_root_that_cannot_be_written_names_the_line(runner: LocalRunner) -> None:
    (root(runner).parent).mkdir()
    root(runner).write_text("a file")
    with pytest.raises(UserError, match=rf"eta\.yaml:1: root: {re.escape(str(root(runner)))} cannot be written: File exists"):
        runner.run(Selection())


def test_resume_without_a_run_says_how_to_start_one(runner: LocalRunner) -> None:
    with pytest.raises(UserError, match="nothing to resume: no run below") as caught:
        runner.run(Selection(), resume=True)
    assert caught.value.hint == f"start one with `waze-tfx run {runner.loaded.path}`"


def test_resume_of_a_finished_run_returns_it(runner: LocalRunner) -> None:
    done = Run("20240101-000000-aaaa", str(root(runner)), "eta", "eta.yaml", state="done", exit_code=0)
    done.folder.mkdir(parents=True)
    planned = runner.plan(Selection(end="ExampleGen"))[0]
    done.nodes = {"ExampleGen": NodeRecord("ExampleGen", key=planned.key)}
    done.save()
    Writer(runner.config).execution(
        done.id, "ExampleGen", key=planned.key, parts=planned.parts, outputs={"examples": ("Examples", {})}
    )
    again = runner.run(Selection(end="ExampleGen"), resume=True)
    assert (again.id, again.exit_code) == (done.id, 0)
    assert [p.name for p in (root(runner) / "runs").iterdir()] == [done.id]


@pytest.fixture
def broken_tfx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package named tfx that cannot be imported before the installed one, for child processes only."""
    (tmp_path / "broken" / "tfx").mkdir(parents=True)
    (tmp_path / "broken" / "tfx" / "__init__.py").write_text("raise ImportError('a wheel is damaged')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "broken"), os.environ.get("PYTHONPATH", "")]))


@pytest.mark.usefixtures("broken_tfx")
def test_a_process_that_cannot_import_tfx_fails_the_run_with_its_last_words(
    runner: LocalRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner.run(Selection())
    assert (run.state, run.exit_code) == ("failed", 1)
    assert run.message.splitlines() == [
        "the process that imports TFX ended: ImportError: a wheel is damaged",
        f"  next: read {run.folder}/logs/runner.log; check the installation with `waze-tfx doctor`",
    ]
    assert {n.state for n in run.nodes.values()} == {"not run"}
    assert load_run(run.folder) == run
    assert capsys.readouterr().out.splitlines()[0] == f"run {run.id} of eta"
    again = runner.run(Selection(), resume=True)
    assert again.id == run.id
    assert FileLock(root(runner) / "run.lock", timeout=0).acquire()


@pytest.mark.usefixtures("broken_tfx")
def test_resume_starts_a_new_run_when_a_finished_node_changed(runner: LocalRunner, capsys: pytest.CaptureFixture[str]) -> None:
    old = Run("20240101-000000-aaaa", str(root(runner)), "eta", "eta.yaml", state="failed", exit_code=1)
    old.folder.mkdir(parents=True)
    old.save()
    first = runner.plan(Selection())[0]
    Writer(runner.config).execution(
        old.id, "ExampleGen", key=first.key, parts=first.parts, outputs={"examples": ("Examples", {})}
    )
    (Path(runner.config.data.input)).write_text("miles,seconds\n2,90\n")
    run = runner.run(Selection(), resume=True)
    assert run.id != old.id
    said = capsys.readouterr().out.splitlines()[0]
    assert said == f"run {old.id} has finished ExampleGen (input data changed): a new run starts and reuses the rest"


def test_a_run_whose_process_is_gone_counts_as_interrupted(tmp_path: Path) -> None:
    run = Run("20240101-000000-aaaa", str(tmp_path), "eta", "eta.yaml")
    run.folder.mkdir(parents=True)
    run.save()
    assert open_run(run.folder).state == "interrupted"
    with FileLock(tmp_path / "run.lock"):
        assert open_run(run.folder).state == "running"
    assert load_run(run.folder).state == "running", "reading changes nothing"
