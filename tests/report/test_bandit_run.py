"""The page of a real run of the newsletter: complete, right to the last interval, and made without TensorFlow."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bandit_page_for_test import assert_values, section_of, table_of
from conftest import Project, waze_tfx
from html_for_test import browse, checked, needs_chromium, overflow, words

SECTIONS = ["verdict", "graph", "data", "anomalies", "drift", "transforms", "log", "agent", "value", "arms", "overlap"]
SECTIONS += ["served", "serving", "lineage", "environment"]


LIGHT = """
import sys
from pathlib import Path
from waze_data_tfx.history.record import load_run
from waze_data_tfx.report import page
page.write(load_run(Path({folder!r})), Path({page!r}))
print([m for m in ("tensorflow", "tfx", "apache_beam", "keras") if m in sys.modules])
"""


@pytest.fixture(scope="module")
def folder(letter: Project) -> Path:
    """Return the run that pushed."""
    return letter.root / "runs" / letter.first()["id"]


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def artifacts(folder: Path) -> dict:
    done = waze_tfx("show", folder, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["artifacts"]


def test_every_section_is_filled_and_every_value_is_the_files(html: str, artifacts: dict) -> None:
    assert checked(html).ids == SECTIONS
    assert re.findall(r'<p class="absent">(.*?)</p>', html) == [
        "There is no earlier run of this pipeline whose StatisticsGen can be compared with."
    ]
    assert_values(html, (Path(artifacts["Evaluator"]["evaluation"][0]) / "off_policy.json").read_text())


def test_the_log_is_counted_by_week_and_by_arm(html: str, artifacts: dict) -> None:
    rows = json.loads((Path(artifacts["ExampleGen"]["examples"][0]) / "rows.json").read_text())
    weeks = table_of(html, "log", "Week", "Decisions")
    assert [w["Week"][:10] for w in weeks] == ["2025-01-27", "2025-02-03", "2025-02-10", "2025-02-17"]
    assert sum(int(w["Decisions"].replace(",", "")) for w in weeks) == rows["log"]["rows"] == sum(rows["splits"].values())
    assert "still inside the attribution window" in words(section_of(html, "log"))
    for action, taken in rows["log"]["taken"].items():
        assert sum(day["taken"].get(action, 0) for day in rows["log"]["days"].values()) == taken


def test_what_serves_is_what_was_pushed(html: str, letter: Project) -> None:
    pushed = json.loads((letter.root / "serving" / "1" / "assets.extra" / "criteria.json").read_text())
    shown = {row["Slice"]: (row["Serving does"], row["Why"]) for row in table_of(html, "served", "Serving does")}
    assert len(shown) == len(pushed["criteria"]) > 1
    for made in pushed["criteria"]:
        does = f"always {made['action']}" if made["kind"] == "fixed" else made["kind"]
        assert shown[made["slice"] or "all other rows"] == (does, made["reason"])
    text = words(section_of(html, "served")).replace("&gt;", ">")
    assert pushed["reason"] in text
    assert "generation 1 is current in" in text


def test_show_and_compare_speak_of_policies(folder: Path, tmp_path: Path) -> None:
    shown = waze_tfx("show", folder).stdout
    assert "policy value by dr, bootstrap interval at 0.95" in shown
    assert "decision criteria: all rows:" in shown
    done = waze_tfx("compare", folder, folder, "--output", tmp_path / "c.html")
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "c.html").read_text()
    assert checked(html).ids == ["changes", "metrics", "verdicts", "agents", "arms", "drift", "nodes"]
    assert "Both evaluated the same decisions." in words(html)
    assert {row["Change"] for row in table_of(html, "metrics", "Metric", "Change")} == {"0"}


def test_it_is_made_again_without_tensorflow(folder: Path, html: str, tmp_path: Path) -> None:
    code = LIGHT.format(folder=str(folder), page=str(tmp_path / "again.html"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr
    assert (tmp_path / "again.html").read_text().partition("<footer>")[0] == html.partition("<footer>")[0]


@needs_chromium
@pytest.mark.parametrize("width", [1280, 500])
def test_chromium_shows_it_within_the_window(html: str, folder: Path, tmp_path: Path, width: int) -> None:
    done = browse(tmp_path, "--dump-dom", f"file://{folder / 'report.html'}")
    assert "CONSOLE" not in done.stderr
    assert overflow(tmp_path, html, width) <= 0
