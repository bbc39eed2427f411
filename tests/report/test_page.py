"""The report of real runs: every section filled or absent for a reason, no network, no TensorFlow, well in Chromium."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Project, waze_tfx
from html_for_test import browse, checked, needs_chromium, overflow, words

SECTIONS = ["verdict", "graph", "data", "anomalies", "drift", "transforms", "tuner", "training", "metrics"]
SECTIONS += ["fairness", "calibration", "serving", "lineage", "environment"]
LIMIT_S = 1.0
LIGHT = """
import json, sys, time
from pathlib import Path
from waze_data_tfx.history.record import load_run
from waze_data_tfx.report import page
run = load_run(Path(sys.argv[1]))
began = time.process_time()
page.write(run, Path(sys.argv[2]))
heavy = [m for m in ("tensorflow", "tfx", "apache_beam", "keras", "duckdb") if m in sys.modules]
print(json.dumps([time.process_time() - began, heavy]))
"""


@pytest.fixture(scope="module")
def folder(pushed: Project) -> Path:
    """Return the first run's folder: others may have run in the same project since."""
    return min((pushed.root / "runs").iterdir())


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text()


def test_a_run_leaves_a_report_with_every_section_filled(html: str) -> None:
    assert checked(html).ids == SECTIONS
    absent = re.findall(r'<p class="absent">(.*?)</p>', html)
    assert absent == [
        "There is no earlier run of this pipeline whose StatisticsGen can be compared with.",
        "There is no tuner in the config: no settings were searched.",
        "Rates of false and true decisions need a binary label; the task is regression.",
    ]


def test_what_it_says_is_what_the_artifacts_say(html: str, folder: Path) -> None:
    run = json.loads((folder / "run.json").read_text())
    verdict = json.loads((folder / "verdict.json").read_text())
    text = words(html)
    for node in run["nodes"].values():
        assert f"{node['id']} {node['state']}" in text
        assert node["note"] in text
    for check in verdict["checks"]:
        assert check["reason"] in text.replace("&lt;", "<").replace("&gt;", ">")
    assert "Done; version 1 is pushed" in text
    assert "None: every split fits the schema." in text
    assert "trip_miles" in text
    assert "Where the rows came from" in text
    assert "my_eta_trips.sql" in text
    assert "chicago.trips" in text
    assert re.search(r"mae lower is better", text)
    assert "Residual by prediction" in text


def test_it_is_made_again_in_part_of_a_second_without_tensorflow(folder: Path, html: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIGHT, str(folder), str(tmp_path / "again.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seconds, heavy = json.loads(done.stdout)
    assert heavy == []
    assert seconds < LIMIT_S

    def body(text: str) -> str:
        return text.partition("<footer>")[0]

    assert body((tmp_path / "again.html").read_text()) == body(html)


def test_the_command_writes_where_it_is_told(folder: Path, tmp_path: Path) -> None:
    done = waze_tfx("report", folder, "--output", tmp_path / "r.html")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'r.html'}\n"), done.stderr
    assert waze_tfx("report", "19700101", "--config", folder / "nothing.yaml").returncode == 2


def test_a_refused_run_reports_why_and_compares_with_the_first(pushed: Project, folder: Path, tmp_path: Path) -> None:
    earlier = [run.name for run in (pushed.root / "runs").iterdir()]
    done = pushed.run("--set", "evaluation.metrics=[{name: mae, upper_bound: 1.5}, {name: rmse}]")
    assert done.returncode == 3
    refused = pushed.root / "runs" / pushed.last()["id"]
    assert f"report: {refused / 'report.html'}" in done.stdout
    text = words((refused / "report.html").read_text())
    assert "Refused by the gate; nothing was pushed" in text
    assert "&gt; 1.5 (bound)" in text
    assert any(f"The training split is the very one of run {run}" in text for run in earlier)
    compared = waze_tfx("compare", folder, refused, "-o", tmp_path / "c.html")
    assert compared.returncode == 0, compared.stderr
    html = (tmp_path / "c.html").read_text()
    assert checked(html).ids == ["changes", "metrics", "verdicts", "training", "calibration", "drift", "nodes"]
    assert "evaluation.metrics" in words(html)
    assert "Both evaluated the same rows" in words(html)


def test_a_partial_and_a_damaged_run_say_what_is_missing(pushed: Project) -> None:
    done = pushed.run("--to", "StatisticsGen")
    assert done.returncode == 0, done.stderr
    folder = pushed.root / "runs" / pushed.last()["id"]
    html = (folder / "report.html").read_text()
    assert checked(html).ids == SECTIONS
    text = words(html)
    assert "Done; nothing was pushed" in text
    assert "The gate has not judged: Evaluator: skipped" in text
    assert "Trainer: skipped (after --to StatisticsGen)." in text


def test_a_report_that_fails_is_said_and_changes_no_exit_code(pushed: Project) -> None:
    code = "import waze_data_tfx.report.page as p\ndef write(run):\n raise ValueError('no ink')\np.write = write\n"
    code += f"from waze_data_tfx.cli import main\nmain(['run', {str(pushed.config)!r}, '--to', 'StatisticsGen'])\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "report: not written: ValueError: no ink" in done.stdout


@needs_chromium
def test_chromium_shows_it_without_a_complaint(folder: Path, tmp_path: Path) -> None:
    done = browse(tmp_path, "--dump-dom", f"file://{folder / 'report.html'}")
    assert "CONSOLE" not in done.stderr
    assert all(f'id="{name}"' in done.stdout for name in SECTIONS)


@needs_chromium
@pytest.mark.parametrize("width", [1280, 500])
def test_nothing_but_tables_is_wider_than_the_window(folder: Path, tmp_path: Path, width: int) -> None:
    assert overflow(tmp_path, (folder / "report.html").read_text(), width) <= 0
