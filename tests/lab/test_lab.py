"""A whole lab through the command line: page, curves and TensorBoard's files hold the same numbers; mistakes name their place."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from conftest import REPOSITORY, waze_tfx

from waze_data_tfx import BanditLab, LabEnvironment, bandit_lab
from waze_data_tfx.errors import UserError
from waze_data_tfx.lab import page
from waze_data_tfx.lab.curves import Curves
from waze_data_tfx.report.numbers import number

LAB = """\
name: small
environment: {type: low_rank, n_users: 80, n_arms: 6, rank: 3}
agents:
  optimist: {name: linucb, alpha: 3}
  mine & yours: {name: "my_agent:Ridge", params: {epsilon: 0.2}}
seeds: [3, 4]
steps: 400
batch_size: 4
points: 8
directory: out
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lab")
    (made / "lab.yaml").write_text(LAB)
    (made / "my_agent.py").write_text((REPOSITORY / "tests" / "agents_for_test.py").read_text())
    return made


@pytest.fixture(scope="module")
def printed(folder: Path) -> dict[str, Any]:
    done = waze_tfx("bandit-lab", folder / "lab.yaml", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_says_how_the_agents_ended(printed: dict[str, Any]) -> None:
    optimist, mine = printed["agents"]
    assert [optimist["agent"], mine["agent"]] == ["optimist", "mine & yours"]
    assert optimist["suboptimal"] < mine["suboptimal"]  # a fifth of whose choices are drawn from all six arms: 1/6 of them best
    assert mine["suboptimal"] > 0.2 * 5 / 6 - 0.1
    assert printed["notes"] == ["generated ratings of 80 users for 6 arms, of rank 3, seed 0"]


def test_the_files_hold_the_same_numbers(folder: Path, printed: dict[str, Any]) -> None:
    curves = json.loads((folder / "out" / "curves.json").read_text())
    assert curves["summary"] == printed["agents"]
    with (folder / "out" / "curves.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["agent"] == "optimist"]
    by_seed = [[float(row["regret"]) for row in rows if row["seed"] == seed] for seed in "34"]
    mean, deviation = np.mean(by_seed, axis=0), np.std(by_seed, axis=0, ddof=1)
    assert curves["curves"]["optimist"]["regret"]["mean"] == pytest.approx(mean)
    assert curves["curves"]["optimist"]["regret"]["deviation"] == pytest.approx(deviation)
    assert curves["curves"]["optimist"]["steps"] == [50, 100, 150, 200, 250, 300, 350, 400]
    assert curves["curves"]["optimist"]["cumulative_regret"]["mean"] == pytest.approx(np.cumsum(50 * mean))
    [events] = (folder / "out" / "tensorboard" / "mine___yours" / "seed_4").glob("events.*")
    found = {}
    for event in tf.compat.v1.train.summary_iterator(str(events)):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, float(tf.make_ndarray(value.tensor))))
    assert set(found) == {"regret", "suboptimal", "reward", "loss"}
    with (folder / "out" / "curves.csv").open(newline="") as file:
        of_run = [row for row in csv.DictReader(file) if (row["agent"], row["seed"]) == ("mine & yours", "4")]
    assert found["suboptimal"] == [(int(row["step"]), pytest.approx(float(row["suboptimal"]), rel=1e-6)) for row in of_run]


def test_the_page_shows_every_curve_and_its_band(folder: Path, printed: dict[str, Any]) -> None:
    text = Path(printed["page"]).read_text()
    assert Path(printed["page"]) == folder / "out" / "lab.html"
    assert text.count('class="band0"') == text.count('class="band1"') == 4  # four charts
    assert "mine &amp; yours" in text
    for measure, curve in json.loads((folder / "out" / "curves.json").read_text())["curves"]["optimist"].items():
        if measure != "steps":
            assert f"optimist, step 400: {number(curve['mean'][-1])} ± {number(curve['deviation'][-1])}</title>" in text
    assert "<script" not in text


def test_the_same_in_python_and_again_the_same(folder: Path, printed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    environment = LabEnvironment(type="low_rank", n_users=80, n_arms=6, rank=3)
    agents = {"optimist": {"name": "linucb", "alpha": 3}}
    config = BanditLab(name="again", environment=environment, agents=agents, seeds=[4], steps=400, batch_size=4, points=8)
    result = bandit_lab(config, quiet=True)
    with (folder / "out" / "curves.csv").open(newline="") as file:
        rows = [float(row["regret"]) for row in csv.DictReader(file) if (row["agent"], row["seed"]) == ("optimist", "4")]
    assert result.curves["optimist"].regret[0].tolist() == pytest.approx(rows, rel=1e-5)
    assert result.summary()[0]["regret_sd"] is None
    assert 'class="band0"' not in result.page.read_text()  # one seed has no spread
    assert page.figure(result)._repr_html_().count("<img") == 5  # a legend and four charts


def test_final_values_are_weighted_by_the_windows_widths() -> None:
    two = np.array([[4.0, 1.0, 3.0], [4.0, 3.0, 5.0]])
    curves = Curves("x", np.array([90, 95, 105]), two, two, two, two, np.ones(2), np.ones(2))
    # beyond 0.9 * 105 = 94.5 lie the windows of 5 and 10 steps: 35/15 and 65/15, whose deviation is sqrt 2
    assert curves.final("regret") == pytest.approx((10 / 3, 2**0.5))
    assert curves.cumulative_regret.tolist() == [[360.0, 365.0, 395.0], [360.0, 375.0, 425.0]]
    assert curves.final("cumulative_regret") == pytest.approx((410.0, 450**0.5))
    assert curves.steps_per_second == 15.0  # twice 15 steps after the first window, in two seconds


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rank: 3", "rank: 9", r"bad.yaml:2: environment.rank: received 9; expected 2 to 6, for 80 users and 6 arms"),
        (
            "low_rank, n_users: 80, n_arms: 6, rank: 3",
            "movielens, directory: nowhere",
            r"bad.yaml:2: environment.directory: no such folder; received .*nowhere",
        ),
        ("my_agent:Ridge", "my_agent:Ridg", r"bad.yaml:5: agents.mine & yours: .*unknown class 'Ridg'; .*did you mean 'Ridge'"),
        (
            "epsilon: 0.2",
            "epsilom: 0.2",
            r"bad.yaml:5: agents.mine & yours: .*unknown setting 'epsilom'; .*did you mean 'epsilon'",
        ),
    ],
)
def test_a_mistake_names_its_place(folder: Path, old: str, new: str, message: str) -> None:
    assert old in LAB
    (folder / "bad.yaml").write_text(LAB.replace(old, new).replace("optimist: {name: linucb, alpha: 3}", "optimist: linucb"))
    with pytest.raises(UserError, match=message):
        bandit_lab(folder / "bad.yaml", quiet=True)


def test_a_mistake_on_the_command_line_has_no_traceback(folder: Path) -> None:
    done = waze_tfx("bandit-lab", folder / "lab.yaml", "--set", "agents.optimist.name=linucp")
    assert done.returncode == 2
    assert "agents.optimist.name: unknown agent 'linucp'" in done.stderr
    assert "Traceback" not in done.stderr
