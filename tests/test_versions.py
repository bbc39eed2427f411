import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from waze_data_tfx import versions
from waze_data_tfx.errors import RunFailed, UserError


def _write(text):
    return lambda folder: (folder / "value").write_text(text)


def _value(directory):
    return (directory / str(versions.current(directory)) / "value").read_text()


def _hidden(directory):
    return sorted(p.name for p in directory.iterdir() if p.name not in {"CURRENT", ".lock"} and not p.name.isdigit())


def test_nothing_is_published_yet(tmp_path):
    assert versions.current(tmp_path / "none") is None
    assert versions.versions(tmp_path / "none") == []


def test_publish_counts_up_and_moves_current(tmp_path):
    assert versions.publish(tmp_path, _write("a"), expected=None) == 1
    assert versions.publish(tmp_path, _write("b"), expected=1) == 2
    assert versions.publish(tmp_path, _write("c"), expected=versions.ANY) == 3
    assert versions.versions(tmp_path) == [1, 2, 3]
    assert (tmp_path / "CURRENT").read_text() == "3\n"
    assert not (tmp_path / "CURRENT").is_symlink()
    assert _value(tmp_path) == "c"
    assert _hidden(tmp_path) == []


@pytest.mark.parametrize("expected", [None, 2])
def test_another_version_than_expected_leaves_nothing(tmp_path, expected):
    versions.publish(tmp_path, _write("a"), expected=None)
    with pytest.raises(RunFailed, match="another writer"):
        versions.publish(tmp_path, _write("b"), expected=expected)
    assert versions.versions(tmp_path) == [1]
    assert versions.current(tmp_path) == 1
    assert _hidden(tmp_path) == []


def test_writer_that_comes_between_wins(tmp_path):
    versions.publish(tmp_path, _write("a"), expected=None)

    def slow(folder):
        versions.publish(tmp_path, _write("fast"), expected=1)
        _write("slow")(folder)

    with pytest.raises(RunFailed, match="received 2; expected 1"):
        versions.publish(tmp_path, slow, expected=1)
    assert versions.versions(tmp_path) == [1, 2]
    assert _value(tmp_path) == "fast"
    assert _hidden(tmp_path) == []


def test_numbers_are_not_used_again_after_a_rollback(tmp_path):
    for text in "abc":
        versions.publish(tmp_path, _write(text), expected=versions.ANY)
    assert versions.rollback(tmp_path) == 2
    assert versions.rollback(tmp_path) == 1
    assert versions.publish(tmp_path, _write("d"), expected=1) == 4
    assert versions.rollback(tmp_path, to=3) == 3
    assert _value(tmp_path) == "c"


def test_rollback_without_an_older_or_with_an_unknown_version(tmp_path):
    with pytest.raises(UserError, match="nothing was ever published"):
        versions.rollback(tmp_path / "none")
    versions.publish(tmp_path, _write("a"), expected=None)
    with pytest.raises(UserError, match="no version before the current one; received 1; known: 1"):
        versions.rollback(tmp_path)
    with pytest.raises(UserError, match="unknown version '7'; known: 1"):
        versions.rollback(tmp_path, to=7)
    assert versions.current(tmp_path) == 1


def test_prune_keeps_the_newest_and_the_current(tmp_path):
    for text in "abcde":
        versions.publish(tmp_path, _write(text), expected=versions.ANY)
    versions.rollback(tmp_path, to=1)
    assert versions.prune(tmp_path, 2) == [2, 3]
    assert versions.versions(tmp_path) == [1, 4, 5]
    assert versions.publish(tmp_path, _write("f"), expected=1) == 6
    assert versions.prune(tmp_path, 2) == [1, 4]
    assert _hidden(tmp_path) == []


def test_names_that_are_no_versions_are_skipped(tmp_path):
    versions.publish(tmp_path, _write("a"), expected=None)
    for name in ("0", "02", "x", ".3", "-4"):
        (tmp_path / name).mkdir()
    (tmp_path / "9").write_text("a file")
    assert versions.versions(tmp_path) == [1]


@pytest.mark.parametrize(("text", "message"), [("one\n", "expected a version number; received 'one'"), ("7\n", "does not exist")])
def test_damaged_current_is_an_error(tmp_path, text, message):
    versions.publish(tmp_path, _write("a"), expected=None)
    (tmp_path / "CURRENT").write_text(text)
    with pytest.raises(RunFailed, match=message):
        versions.current(tmp_path)


@pytest.mark.parametrize("text", [None, "one\n", "7\n", "\xff"])
def test_rollback_mends_a_current_that_cannot_be_used(tmp_path, text):
    for value in "abc":
        versions.publish(tmp_path, _write(value), expected=versions.ANY)
    (tmp_path / "CURRENT").unlink()
    if text is not None:
        (tmp_path / "CURRENT").write_text(text)
    assert versions.usable_current(tmp_path) is None
    assert versions.rollback(tmp_path, to=2) == 2
    assert _value(tmp_path) == "b"


def test_rollback_from_a_current_that_cannot_be_used_takes_the_newest(tmp_path):
    for value in "ab":
        versions.publish(tmp_path, _write(value), expected=versions.ANY)
    (tmp_path / "CURRENT").write_text("one\n")
    assert versions.rollback(tmp_path) == 2
    assert versions.publish(tmp_path, _write("c"), expected=2) == 3


def test_the_remedy_for_a_damaged_current_is_a_version_that_exists(tmp_path):
    versions.publish(tmp_path, _write("a"), expected=None)
    (tmp_path / "CURRENT").write_text("one\n")
    with pytest.raises(RunFailed) as caught:
        versions.publish(tmp_path, _write("b"), expected=versions.ANY)
    assert caught.value.hint == "waze-tfx rollback CONFIG --to 1"
    (tmp_path / "1" / "value").unlink()
    (tmp_path / "1").rmdir()
    with pytest.raises(RunFailed) as caught:
        versions.current(tmp_path)
    assert caught.value.hint == f"delete {tmp_path / 'CURRENT'}, then run again"


def test_full_disk_while_filling_leaves_nothing(tmp_path):
    versions.publish(tmp_path, _write("a"), expected=None)

    def full(folder):
        (folder / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        versions.publish(tmp_path, full, expected=1)
    assert versions.versions(tmp_path) == [1]
    assert _value(tmp_path) == "a"
    assert _hidden(tmp_path) == []


def test_full_disk_while_current_is_written_takes_the_version_back(tmp_path, monkeypatch):
    versions.publish(tmp_path, _write("a"), expected=None)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        versions.publish(tmp_path, _write("b"), expected=1)
    assert versions.versions(tmp_path) == [1]
    assert _value(tmp_path) == "a"
    assert _hidden(tmp_path) == []


WRITER = """
import os, sys, time
from pathlib import Path
from waze_data_tfx import versions
directory, step = Path(sys.argv[1]), sys.argv[2]

def stop(*_):
    print("here", flush=True)
    time.sleep(60)

def fill(folder):
    (folder / "value").write_text("b")
    if step == "fill":
        stop()

def stopping(function, name):
    def call(*args):
        if step == "before " + name:
            stop()
        result = function(*args)
        if step == "after " + name:
            stop()
        return result
    return call

for name in ("rename", "replace"):
    setattr(os, name, stopping(getattr(os, name), name))
versions.publish(directory, fill, expected=1)
"""


@pytest.mark.parametrize("step", ["fill", "before rename", "after rename", "before replace", "after replace"])
def test_killed_writer_leaves_a_valid_current_and_the_next_one_clears_up(tmp_path, step):
    versions.publish(tmp_path, _write("a"), expected=None)
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path), step], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"here\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert _value(tmp_path) == ("b" if step == "after replace" else "a")
    number = versions.publish(tmp_path, _write("c"), expected=versions.ANY)
    assert number == (2 if step in ("fill", "before rename") else 3)
    assert _value(tmp_path) == "c"
    assert _hidden(tmp_path) == []


def test_folder_of_a_living_writer_is_left_alone(tmp_path):
    versions.publish(tmp_path, _write("a"), expected=None)
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path), "fill"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"here\n"
    started = time.monotonic()
    assert versions.publish(tmp_path, _write("c"), expected=1) == 2
    assert time.monotonic() - started < 10
    assert len(_hidden(tmp_path)) == 1
    process.kill()
    process.wait()
    process.stdout.close()
