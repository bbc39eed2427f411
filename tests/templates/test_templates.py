"""Every template, forked and untouched, passes check and its own test and runs to a push, each in processes of its own.

A new template needs no line here: what it is expected to reach is read from its config's header.
"""

import csv
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from conftest import REPOSITORY, waze_tfx

from waze_data_tfx import scaffold

METRICS = {"mean absolute error": "mae", "AUC": "auc", "accuracy": "accuracy", "value (dr)": "dr"}
TOLERANCE = 0.03


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@cache
def fork(places: Path, template: str) -> Path:
    """Fork the template through the command line, once; return the fork's config."""
    folder = places / f"my_{template}"
    done = waze_tfx("new", folder, "--template", template)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"next: waze-tfx run {folder / 'config.yaml'}"
    return folder / "config.yaml"


@cache
def run(places: Path, template: str) -> dict:
    """Run the untouched fork, once; return what `run --json` prints."""
    done = waze_tfx("run", fork(places, template), "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout)


def expectation(config: Path) -> tuple[str, float]:
    """Return the metric and value of the header's `expect a(n) METRIC of about VALUE`."""
    found = re.search(r"^#.*; expect an? (.+?) of about ([0-9.]+)", config.read_text(), re.MULTILINE)
    assert found, f"{config}: the header does not say what to expect"
    return METRICS[found[1]], float(found[2])


@pytest.mark.parametrize("template", scaffold.templates())
def test_a_fork_passes_check_and_its_own_test(template: str, places: Path) -> None:
    config = fork(places, template)
    done = waze_tfx("check", config)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "waze_data_tfx.testing.plugin", "."],
        cwd=config.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("template", scaffold.templates())
def test_an_untouched_fork_runs_to_a_push_and_reaches_what_its_header_says(template: str, places: Path) -> None:
    done = run(places, template)
    assert done["state"] == "done"
    assert done["pushed_version"] == 1
    assert (Path(done["root"]) / "serving" / "CURRENT").read_text().strip() == "1"
    verdict = done["verdict"]
    assert verdict["status"] == "blessed"
    metric, value = expectation(fork(places, template))
    reached = next(c["value"] for c in verdict["checks"] if c["name"] == metric and c["slice"] == "")
    assert reached == pytest.approx(value, rel=TOLERANCE)


def test_ads_are_ranked_without_a_position_as_the_readme_says(places: Path, tmp_path: Path) -> None:
    run(places, "ads")
    config = fork(places, "ads")
    lines = re.findall(r"^    ((?:user_id|u7),.*)$", (config.parent / "README.md").read_text(), re.MULTILINE)
    assert len(lines) == 4
    candidates = list(csv.DictReader(lines))
    assert {row["position"] for row in candidates} == {""}

    def predicted(rows: list[dict[str, str]]) -> list[float]:
        with (tmp_path / "candidates.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        done = waze_tfx("predict", config, "--input", tmp_path / "candidates.csv", "--json")
        assert done.returncode == 0, done.stderr
        return [row["prediction"] for row in json.loads(done.stdout)]

    copies = [{**row, "position": position} for row in candidates for position in ("", "1", "5")]
    values = predicted(copies)
    by_ad = [values[i : i + 3] for i in (0, 3, 6)]
    for unknown, on_top, at_the_bottom in by_ad:
        assert unknown == on_top
        assert at_the_bottom < on_top
    assert len({round(unknown, 4) for unknown, _, _ in by_ad}) == 3


def test_drivers_are_ranked_in_plain_tensorflow_as_the_readme_says(places: Path, tmp_path: Path) -> None:
    run(places, "matching")
    config = fork(places, "matching")
    [code] = re.findall(r"^```python\n(.*?)^```$", (config.parent / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert "waze_data_tfx" not in code
    pairs = tmp_path / "pairs.csv"
    script = f"{code}\nbest.merge(rider, how='cross').to_csv({str(pairs)!r}, index=False)\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=config.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 + 5
    done = waze_tfx("predict", config, "--input", pairs, "--limit", "200", "--json")
    assert done.returncode == 0, done.stderr
    with pairs.open(newline="") as file:
        match = [float(row["match"]) for row in csv.DictReader(file)]
    p_accept = [row["prediction"] for row in json.loads(done.stdout)]
    assert len(match) == len(p_accept) == 200
    assert match == sorted(match, reverse=True)
    assert p_accept == pytest.approx(sorted(p_accept, reverse=True), abs=1e-5)  # the very order of whole pairs
    assert p_accept[0] > p_accept[-1] + 0.3


@pytest.mark.parametrize("config", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_config_passes_check_and_says_how_to_run_it(config: Path) -> None:
    done = waze_tfx("check", config)
    assert done.returncode == 0, done.stderr
    assert f"waze-tfx run configs/{config.name}" in config.read_text()
    assert expectation(config)
