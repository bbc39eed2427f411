"""Rows in, transformed rows out: values by hand, the user's errors, and one worker that sees every edit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from waze_data_tfx import testing
from waze_data_tfx.errors import RunFailed, UserCodeError, UserError
from waze_data_tfx.testing import session

sys.path.insert(0, str(Path(__file__).parent))
from project_for_test import ROWS, write


def test_values_by_hand(tmp_path: Path) -> None:
    """The km present are 1 3 5: mean 3; variance (4 + 0 + 4) / 3 = 8 / 3, 2 / sqrt(8 / 3) = sqrt(1.5); missing ends as 0."""
    out = testing.transform_rows(write(tmp_path), ROWS)
    assert [row["km"] for row in out] == pytest.approx([-(1.5**0.5), 0, 1.5**0.5, 0], abs=1e-6)
    assert [row["zone_vocabulary"] for row in out] == [0, 0, 1, 3]  # port, port, hill; 2 is the bucket for the rest, 3 missing
    assert set(out[0]) == {"km", "zone_vocabulary"}


@pytest.mark.parametrize(
    ("task", "label"),
    [("binary_classification", "late"), ("multilabel_classification", "late|early"), ("multilabel_classification", "")],
)
def test_a_label_of_text_is_no_feature_and_may_be_given(tmp_path: Path, task: str, label: str) -> None:
    config = write(tmp_path, more=f"task: {task}\nclasses: [early, late]\n")
    config.write_text(config.read_text().replace("mae, upper_bound: 1000", "auc, lower_bound: 0.5"))
    out = testing.transform_rows(config, [{**row, "seconds": label or None} for row in ROWS])
    assert set(out[0]) == {"km", "zone_vocabulary"}
    with pytest.raises(UserError, match=r"^label 'seconds': unknown class 'lat'; known: early, late; did you mean 'late'\?$"):
        testing.transform_rows(config, [{**ROWS[0], "seconds": "lat"}])


def test_fitted_on_other_rows(tmp_path: Path) -> None:
    """Fitted on km 1 and 3: mean 2, standard deviation 1."""
    out = testing.transform_rows(write(tmp_path), [{"km": 7.0, "zone": "unseen"}], fit_rows=ROWS[:2])
    assert out == [{"km": pytest.approx(5.0), "zone_vocabulary": 1}]


def test_rows_are_read_as_a_file_is(tmp_path: Path) -> None:
    """NaN, infinities and empty text are missing: the same as None."""
    config = write(tmp_path)
    rows = [*ROWS[:3], {"km": float("inf"), "zone": ""}, {"km": float("nan")}]
    assert testing.transform_rows(config, rows)[3:] == testing.transform_rows(config, [*ROWS, ROWS[3]])[3:]


def test_a_feature_that_loses_rows_is_refused_as_in_a_run(tmp_path: Path) -> None:
    """Three of the four rows have a km: `.values` holds three."""
    config = write(tmp_path, mine='inputs["km"].values')
    said = r"eta_features.py:7: preprocessing_fn: output 'mine': received 3 rows for a batch of 4; expected one per row"
    with pytest.raises(UserCodeError, match=said):
        testing.transform_rows(config, ROWS)


def test_an_edit_is_seen_and_its_error_has_file_and_line(tmp_path: Path) -> None:
    config = write(tmp_path, mine="km * 2")
    assert [row["mine"] for row in testing.transform_rows(config, ROWS)] == [2, 6, 10, 0]
    code = tmp_path / "eta_features.py"
    code.write_text(code.read_text().replace("km * 2", "km * scale"))
    with pytest.raises(UserCodeError, match=rf"^{code}:10: preprocessing_fn raised NameError: name 'scale' is not defined"):
        testing.transform_rows(config, ROWS)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"^rows: received none; expected at least one$"),
        ([{"km": 1.0}, {"kms": 1.0}], r"^row 2: unknown column 'kms'; known: km, seconds, zone; did you mean 'km'\?$"),
        ([{"km": 1.0}, {"km": "far"}], r"^rows:row 2: km: expected float; received 'far'"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, rows: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        testing.transform_rows(write(tmp_path), rows)


def test_code_that_kills_the_process_fails_its_test_and_not_the_next(tmp_path: Path) -> None:
    config = write(tmp_path, mine="__import__('os').kill(__import__('os').getpid(), 9)")
    with pytest.raises(RunFailed, match="the process died of SIGKILL"):
        testing.transform_rows(config, ROWS)
    pid = session.worker().pid
    assert len(testing.transform_rows(write(tmp_path), ROWS)) == 4
    assert session.worker().pid == pid


def test_a_worker_that_was_killed_is_started_again(tmp_path: Path) -> None:
    config = write(tmp_path)
    testing.transform_rows(config, ROWS)
    os.kill(session.worker().pid, signal.SIGKILL)
    session.worker()._process.wait()
    assert len(testing.transform_rows(config, ROWS)) == 4


SLEEPS = "[__import__('pathlib').Path(config.name + '.began').touch(), __import__('time').sleep(100)]"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_session(tmp_path: Path, how: signal.Signals) -> None:
    """Ctrl-C reaches the whole group, as from a terminal; a kill only pytest."""
    write(tmp_path, mine=SLEEPS)
    (tmp_path / "test_it.py").write_text('def test_it(transform):\n    transform([{"km": 1.0}])\n')
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "waze_data_tfx.testing.plugin", "test_it.py"]
    with (tmp_path / "log").open("w") as log:
        run = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
    _wait_for(lambda: (tmp_path / "eta.began").exists(), 60)
    processes = psutil.Process(run.pid).children(recursive=True)
    assert len(processes) == 2  # the worker and its child
    os.killpg(run.pid, how) if how == signal.SIGINT else os.kill(run.pid, how)
    assert run.wait(20) == (2 if how == signal.SIGINT else -9)
    _wait_for(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes), 10)


def _wait_for(what, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
