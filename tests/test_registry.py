"""The registry on small folders: generations, records, what is refused, and what a kill leaves."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from waze_data_tfx import registry, versions
from waze_data_tfx.errors import RunFailed, UserError


def model(folder: Path, text: str, *, status: str = "blessed", auc: float = 0.7) -> Path:
    """Write what the Pusher leaves: a model and its verdict."""
    (folder / "assets.extra").mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_text(text)
    checks = [{"name": "auc", "slice": "", "value": auc}, {"name": "auc", "slice": "segment=new", "value": 0.1}]
    verdict = {"status": status, "checks": checks, "model": {"uri": "/m", "id": "7"}}
    (folder / "assets.extra" / "verdict.json").write_text(json.dumps(verdict))
    return folder


def register(folder: Path, directory: Path, run: str = "r1", keep: int = 5) -> registry.Registration:
    return registry.register(folder, directory, run=run, pipeline="p", pushed_version="4", keep=keep)


def test_a_model_becomes_a_generation_with_its_record(tmp_path: Path) -> None:
    done = register(model(tmp_path / "a", "a"), tmp_path / "registry")
    assert (done.generation, done.is_new) == (1, True)
    [found] = registry.generations(tmp_path / "registry")
    told = {k: v for k, v in found.record.items() if k not in ("digest", "registered")}
    assert told == {
        "model": {"uri": "/m", "id": "7"},
        "status": "blessed",
        "metrics": {"auc": 0.7},
        "run": "r1",
        "pipeline": "p",
        "pushed_version": "4",
    }
    assert (tmp_path / "registry" / "1" / "saved_model.pb").read_text() == "a"
    assert found.is_current


def test_the_same_model_measured_anew_writes_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "registry"
    register(model(tmp_path / "a", "a"), directory)
    before = {p: p.stat().st_mtime_ns for p in directory.rglob("*")}
    again = register(model(tmp_path / "a", "a", auc=0.9), directory, "r2")
    assert (again.generation, again.is_new, "is this model already; nothing written" in again.line) == (1, False, True)
    assert {p: p.stat().st_mtime_ns for p in directory.rglob("*")} == before


def test_promote_rollback_and_keep(tmp_path: Path) -> None:
    directory = tmp_path / "registry"
    with pytest.raises(UserError, match="no generation before the current one; received None; known: none"):
        registry.rollback(directory)
    for text in "abc":
        done = register(model(tmp_path / text, text), directory, keep=2)
    assert done.line.endswith("deleted 1")
    assert [(g.number, g.is_current) for g in registry.generations(directory)] == [(3, True), (2, False)]
    registry.promote(directory, 2)
    assert versions.current(directory) == 2
    with pytest.raises(UserError, match="no generation before the current one; received 2; known: 2, 3"):
        registry.rollback(directory)
    with pytest.raises(UserError, match="unknown generation '7'; known: 2, 3"):
        registry.promote(directory, 7)


@pytest.mark.parametrize("status", ["refused", "inconclusive", None])
def test_only_a_blessed_model_is_registered(tmp_path: Path, status: str | None) -> None:
    folder = model(tmp_path / "a", "a", status=status or "")
    if status is None:
        (folder / "assets.extra" / "verdict.json").unlink()
    with pytest.raises(RunFailed, match=f"received {status}" if status else "received no such file"):
        register(folder, tmp_path / "registry")
    assert not (tmp_path / "registry").exists()


def test_another_writer_between_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, publish = tmp_path / "registry", versions.publish

    def later(*args: object, **kwargs: object) -> int:
        monkeypatch.setattr(versions, "publish", publish)
        register(model(tmp_path / "b", "b"), directory)
        return publish(*args, **kwargs)

    monkeypatch.setattr(versions, "publish", later)
    with pytest.raises(RunFailed, match="another writer changed the current version; received 1; expected none"):
        register(model(tmp_path / "a", "a"), directory)
    assert (directory / "1" / "saved_model.pb").read_text() == "b"
    assert versions.versions(directory) == [1]


KILLED = """
import os, sys, time
from pathlib import Path
from waze_data_tfx import registry
os.replace = lambda *_: (print("here", flush=True), time.sleep(60))
registry.register(Path(sys.argv[1]), Path(sys.argv[2]), run="r", pipeline="p", pushed_version="2", keep=5)
"""


def test_a_killed_writer_leaves_the_current_generation_and_the_next_one_goes_on(tmp_path: Path) -> None:
    directory, b = tmp_path / "registry", model(tmp_path / "b", "b")
    register(model(tmp_path / "a", "a"), directory)
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(KILLED), str(b), str(directory)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"here\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert versions.current(directory) == 1
    done = register(b, directory)
    assert (done.generation, done.is_new, versions.current(directory)) == (3, True, 3)
    assert not [p for p in os.listdir(directory) if p.startswith((".writing-", ".CURRENT-"))]


@pytest.mark.parametrize("text", ["x\n", "7\n"])
def test_a_damaged_pointer_is_named_with_its_remedy(tmp_path: Path, text: str) -> None:
    directory = tmp_path / "registry"
    register(model(tmp_path / "a", "a"), directory)
    (directory / "CURRENT").write_text(text)
    with pytest.raises(RunFailed) as caught:
        register(model(tmp_path / "b", "b"), directory)
    assert caught.value.hint == "waze-tfx registry promote CONFIG 1"
    registry.promote(directory, 1)
    assert register(model(tmp_path / "b", "b"), directory).generation == 2
