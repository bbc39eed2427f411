"""A run's folder: written whole, found again, and what is said when it cannot be."""

import json
import os
from pathlib import Path

import pytest
from store_for_test import config_in

from waze_data_tfx.errors import RunFailed, UserError
from waze_data_tfx.history import record
from waze_data_tfx.history.record import (
    NodeRecord,
    Run,
    find_run,
    known_roots,
    load_run,
    new_run,
    newest_run,
    write_json,
    write_text,
)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def made(root: Path, run_id: str) -> Run:
    run = Run(run_id, str(root), "eta", "eta.yaml")
    run.folder.mkdir(parents=True)
    run.save()
    return run


def test_a_saved_run_is_read_back_equal(tmp_path: Path) -> None:
    run = made(tmp_path, "20240101-000000-aaaa")
    run.nodes["Trainer"] = NodeRecord("Trainer", "failed", "first run", "k", 3, 1.5, 2.25, "", {"type": "RunFailed"})
    run.state, run.exit_code, run.pushed_version = "failed", 1, 4
    run.save()
    assert load_run(run.folder) == run


def test_a_new_run_sorts_by_time_holds_its_config_and_remembers_its_root(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    run = new_run(config, config_path=tmp_path / "eta.yaml", env="local")
    run.save()
    assert run.folder.parent == tmp_path / "output" / "runs"
    assert run.id[8] == run.id[15] == "-"
    assert len(run.id) == len("20240101-000000-123ab")
    assert run.config() == config
    assert (run.pid, run.state) == (os.getpid(), "running")
    assert known_roots() == [tmp_path / "output"]
    new_run(config, config_path=tmp_path / "eta.yaml", env="local")
    assert known_roots() == [tmp_path / "output"]


def test_a_root_that_is_gone_is_no_longer_known(tmp_path: Path) -> None:
    run = new_run(config_in(tmp_path), config_path=tmp_path / "eta.yaml", env="local")
    run.folder.parent.rename(tmp_path / "moved")
    assert known_roots() == []


def test_a_home_that_cannot_be_written_costs_a_note_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    run = new_run(config_in(tmp_path), config_path=tmp_path / "eta.yaml", env="local")
    assert (run.folder / "config.json").is_file()
    assert capsys.readouterr().out.startswith(f"note: {tmp_path}/file/waze-tfx/roots.json cannot be written")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "x.json"
    write_json(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "half")
    assert json.loads(path.read_text()) == {"a": 1}


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    import threading

    path = tmp_path / "x.json"
    texts = {"a" * 200_000, "b" * 300_000}
    write_text(path, "a" * 200_000)
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            for text in texts:
                write_text(path, text)

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = {path.read_text() for _ in range(200)}
    stop.set()
    writer.join()
    assert seen <= texts
    assert os.listdir(tmp_path) == ["x.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"id": "x", "nodes": {}}', '{"nodes": {"a": {"id": "a", "colour": 1}}}', None],
)
def test_a_damaged_record_names_its_file_and_the_way_on(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunFailed) as caught:
        load_run(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path}/run.json: not a readable run record: ")
    assert caught.value.hint == "the artifacts are untouched; start a new run"


def test_runs_are_found_by_id_beginning_folder_and_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    old = made(one, "20240101-000000-aaaa")
    middle = made(two, "20240102-000000-bbbb")
    new = made(one, "20240102-000001-cccc")
    roots = [one, two]
    assert find_run(old.id, roots) == old
    assert find_run("20240101", roots) == old
    assert find_run("latest", roots) == new
    assert find_run("latest", [two]) == middle
    assert find_run(str(middle.folder), []) == middle
    monkeypatch.chdir(middle.folder)
    assert find_run(".", []) == middle
    assert newest_run(one) == new
    assert newest_run(tmp_path) is None


def test_a_run_that_is_not_unique_or_not_there(tmp_path: Path) -> None:
    made(tmp_path, "20240101-000000-aaaa")
    made(tmp_path, "20240101-000001-bbbb")
    with pytest.raises(UserError) as caught:
        find_run("2024", [tmp_path])
    assert caught.value.message == "run '2024': more than one begins so: 20240101-000000-aaaa, 20240101-000001-bbbb"
    with pytest.raises(UserError) as caught:
        find_run("20240101-000001-bbbc", [tmp_path])
    assert caught.value.message == (
        "run '20240101-000001-bbbc': no such run; known: 20240101-000001-bbbb, 20240101-000000-aaaa; "
        "did you mean '20240101-000001-bbbb'?"
    )
    with pytest.raises(UserError, match=r"^run 'latest': no such run; known: none"):
        find_run("latest", [])


def test_the_command_that_goes_on_repeats_the_settings(tmp_path: Path) -> None:
    run = new_run(
        config_in(tmp_path), config_path=Path("eta.yaml"), env="small", sets=["training.epochs=2", "evaluation.slices=[a b]"]
    )
    expected = "waze-tfx run eta.yaml --env small --set training.epochs=2 --set 'evaluation.slices=[a b]' --resume"
    assert run.resume_command() == expected
    run.save()
    assert load_run(run.folder).resume_command() == expected
