"""Drift and skew through the command line, after a run that has trained. The tests go on from each other's state."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Project, write_rows

DRIFT = ("--set", "monitoring.drift={}", "--to", "DriftValidator")


@pytest.fixture(scope="module")
def project(pushed: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a copy of the project with its history."""
    folder = tmp_path_factory.mktemp("drift") / "my_eta"
    shutil.copytree(pushed.folder, folder)
    return Project(folder)


def changed(rows: list[list[str]], column: str, change: Callable[[str], str]) -> list[list[str]]:
    i = rows[0].index(column)
    return [rows[0], *([*row[:i], change(row[i]), *row[i + 1 :]] for row in rows[1:])]


def further(miles: str) -> str:
    return str(min(float(miles or 0) * 3 + 1, 1500))


def report_of(project: Project) -> str:
    return (project.root / "runs" / project.last()["id"] / "report.html").read_text()


def test_the_first_rows_have_nothing_to_be_compared_with(project: Project) -> None:
    done = project.run(*DRIFT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DriftValidator    complete" in done.stdout
    assert "(no earlier statistics to compare with)" in done.stdout
    assert "No earlier statistics to compare with." in report_of(project)


def test_rows_that_moved_stop_the_run(project: Project, small_rows: list[list[str]]) -> None:
    write_rows(project.data, changed(small_rows, "trip_miles", further))
    done = project.run(*DRIFT)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "stopped: the training rows have moved too far from the earlier run's (drift in 1 of " in done.stderr
    assert re.search(r"trip_miles: jensen_shannon 0\.\d+ > 0\.1: median: earlier 1\.\d+, now \d", done.stderr)
    assert "raise monitoring.drift.columns.trip_miles" in done.stderr
    again = project.run(*DRIFT)
    assert again.returncode == 3
    assert project.states()["DriftValidator"] == "stopped"
    assert project.last()["nodes"]["DriftValidator"]["reason"].startswith("unchanged since run")


def test_the_report_shows_the_worst_columns(project: Project) -> None:
    html = report_of(project)
    assert "Drift against an earlier run" in html
    assert "✗ failed</span></td>\n<td>trip_miles</td><td>jensen_shannon</td>" in html
    first = html.partition('<section id="drift">')[2].partition('<div class="card"><h3>')[2]
    assert first.startswith("trip_miles</h3><svg")


def test_a_warning_goes_on_and_an_unchanged_run_stays_cached(project: Project) -> None:
    for _ in range(2):
        done = project.run(*DRIFT, "--set", "monitoring.drift.policy=warn")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "drift in 1 of 13 columns: trip_miles: jensen_shannon" in done.stdout
        assert set(project.states().values()) == {"cached", "skipped"}


def test_serving_rows_without_a_label_are_held_against_the_training_rows(project: Project, small_rows: list[list[str]]) -> None:
    write_rows(project.data, small_rows)
    label = small_rows[0].index("trip_seconds")
    serving = [[*row[:label], *row[label + 1 :]] for row in changed(small_rows, "payment_type", lambda _: "Cash")]
    write_rows(project.folder / "serving.csv", serving)
    done = project.run("--to", "SkewValidator", "--set", "monitoring.skew.input=serving.csv")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "skew in 1 of 12 columns" in done.stderr
    assert re.search(r"payment_type: l_infinity 0\.\d+ > 0\.1: share of 'Cash': serving 100\.0%, training \d\d", done.stderr)
    assert "3,000 rows: 3,000 serving" in done.stdout
    folder = Path(project.root / "runs" / project.last()["id"])
    assert "Skew against serving rows" in (folder / "report.html").read_text()
    assert json.loads((folder / "run.json").read_text())["nodes"]["Transform"]["state"] == "skipped"


def test_serving_rows_that_are_not_there(project: Project) -> None:
    done = project.run("--to", "SkewValidator", "--set", "monitoring.skew.input=nowhere.csv")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "monitoring.skew.input: no file matches" in done.stderr


def test_a_feature_that_the_serving_rows_lack_is_named_before_anything_runs(project: Project) -> None:
    file = write_rows(project.folder / "narrow.csv", [["trip_miles"], ["1.5"]])
    done = project.run("--set", f"monitoring.skew.input={file}")
    assert done.returncode == 2
    assert "monitoring.skew.input: feature 'company' is not in narrow.csv; known: trip_miles" in done.stderr
