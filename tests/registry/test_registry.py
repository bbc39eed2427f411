"""The registry's rules, over a folder and over a bucket: generations, records, what is refused, and what a kill leaves."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from registry_for_test import URI, bucket, model, register

from waze_data_tfx import registry, versions
from waze_data_tfx.errors import RunFailed, UserError
from waze_data_tfx.testing.storage import FakeStorage


@pytest.fixture(params=["folder", "bucket"])
def directory(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path | str]:
    """Give a registry in a folder, then the same in a bucket; a listing of the bucket has two objects on a page."""
    if request.param == "folder":
        yield tmp_path / "registry"
        return
    with bucket(monkeypatch, page=2):
        yield URI


def test_a_model_becomes_a_generation_with_its_record(tmp_path: Path, directory: Path | str) -> None:
    done = register(model(tmp_path / "a", "a"), directory)
    assert (done.generation, done.is_new, done.line) == (1, True, f"generation 1 is current in {directory}")
    [found] = registry.generations(directory)
    told = {k: v for k, v in found.record.items() if k not in ("digest", "registered")}
    assert told == {
        "model": {"uri": "/m", "id": "7"},
        "status": "blessed",
        "metrics": {"auc": 0.7},
        "run": "r1",
        "pipeline": "p",
        "pushed_version": "4",
    }
    assert found.is_current


def test_the_same_model_measured_anew_writes_nothing(tmp_path: Path, directory: Path | str) -> None:
    register(model(tmp_path / "a", "a"), directory)
    before = registry.generations(directory)
    again = register(model(tmp_path / "a", "a", auc=0.9), directory, "r2")
    assert (again.generation, again.is_new, "is this model already; nothing written" in again.line) == (1, False, True)
    assert registry.generations(directory) == before
    assert before[0].record["run"] == "r1"


def test_promote_rollback_and_keep(tmp_path: Path, directory: Path | str) -> None:
    with pytest.raises(UserError, match="no generation before the current one; received None; known: none"):
        registry.rollback(directory)
    for text in "abc":
        done = register(model(tmp_path / text, text), directory, keep=2)
    assert done.line.endswith("deleted 1")
    assert [(g.number, g.is_current) for g in registry.generations(directory)] == [(3, True), (2, False)]
    registry.promote(directory, 2)
    assert registry.usable_current(directory) == 2
    with pytest.raises(UserError, match="no generation before the current one; received 2; known: 2, 3"):
        registry.rollback(directory)
    with pytest.raises(UserError, match="unknown generation '7'; known: 2, 3"):
        registry.promote(directory, 7)
    done = register(model(tmp_path / "d", "d"), directory, keep=2)
    assert done.line.endswith("; deleted 2"), "not current any more when it is deleted"
    registry.promote(directory, 3)
    register(model(tmp_path / "e", "e"), directory, keep=1)
    assert [(g.number, g.is_current) for g in registry.generations(directory)] == [(5, True)]


def test_a_rollback_stays_until_the_next_push(tmp_path: Path, directory: Path | str) -> None:
    a, b = model(tmp_path / "a", "a"), model(tmp_path / "b", "b")
    register(a, directory, version="1")
    register(b, directory, version="2")
    assert registry.rollback(directory) == 1
    again = register(b, directory, "r3", version="2")
    assert (again.generation, again.is_new, registry.usable_current(directory)) == (2, False, 1)
    assert "was rolled back; generation 1 stays current" in again.line
    assert register(b, directory, "r4", version="3").generation == 3, "pushed anew"
    assert register(a, directory, "r5", version="1").generation == 4, "an earlier one is no rollback's victim"


def test_a_generation_stands_until_a_later_one_is_current_or_it_is_deleted(tmp_path: Path, directory: Path | str) -> None:
    for text in "abc":
        register(model(tmp_path / text, text), directory)
    assert registry.superseded(directory, 3) == ""
    assert registry.superseded(directory, 2) == f"generation 3 is current in {directory}, not this model's generation 2"
    registry.promote(directory, 1)
    assert registry.superseded(directory, 2) == "", "a rollback stays"
    assert registry.superseded(directory, 9) == f"generation 9 is no longer in {directory}"


@pytest.mark.parametrize("status", ["refused", "inconclusive", None])
def test_only_a_blessed_model_is_registered(tmp_path: Path, directory: Path | str, status: str | None) -> None:
    folder = model(tmp_path / "a", "a", status=status or "")
    if status is None:
        (folder / "assets.extra" / "verdict.json").unlink()
    with pytest.raises(RunFailed, match=f"received {status}" if status else "received no such file"):
        register(folder, directory)
    assert registry.generations(directory) == []


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


@pytest.mark.parametrize("kind", ["folder", "bucket"])
@pytest.mark.parametrize("text", ["x\n", "7\n"])
def test_a_damaged_pointer_is_named_with_its_remedy(
    tmp_path: Path, text: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket(monkeypatch) as fake:
        directory = tmp_path / "registry" if kind == "folder" else URI
        _damaged(tmp_path, directory, lambda: _damage(directory, fake, text))


def _damage(directory: Path | str, fake: FakeStorage, text: str) -> None:
    if isinstance(directory, Path):
        (directory / "CURRENT").write_text(text)
    else:
        fake.put("models", "eta/CURRENT", text.encode())


def _damaged(tmp_path: Path, directory: Path | str, damage: Callable[[], None]) -> None:
    register(model(tmp_path / "a", "a"), directory)
    damage()
    with pytest.raises(RunFailed) as caught:
        register(model(tmp_path / "b", "b"), directory)
    assert caught.value.hint == "waze-tfx registry promote CONFIG 1"
    registry.promote(directory, 1)
    assert register(model(tmp_path / "b", "b"), directory).generation == 2
