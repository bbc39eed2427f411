"""docs/bandits.md and docs/newsletter.md: their code runs, their numbers follow, and they name every agent and estimator."""

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPOSITORY
from pages_for_test import FENCE, files, page

from waze_data_tfx.bandits.agents import AGENTS, make_agent
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.bandits.estimators.terms import ESTIMATORS
from waze_data_tfx.config import load
from waze_data_tfx.config.agent import READS
from waze_data_tfx.usercode import offer

SHARED = {"off_policy", "max_weight", "per_arm", "tikhonov", "add_bias", "interactions", "priors"} | {
    *READS["neural_epsilon_greedy"][1:]
}


def rows(text: str) -> dict[str, str]:
    """Return every table's lines by their first cell, where that is one word of code."""
    return dict(re.findall(r"^\| `([a-z_]+)`(?: \(default\))? \|(.*)$", text, re.MULTILINE))


def test_every_agent_has_its_row_with_its_own_settings() -> None:
    table = rows(page("bandits.md").partition("### Linear")[0])
    assert set(table) == set(AGENTS)
    for name, settings in READS.items():
        own = set(settings) - SHARED - {"epsilon", "encoder_steps"}
        assert [key for key in own if f"`{key}`" not in table[name]] == [], name


def test_every_estimator_has_its_formula() -> None:
    table = rows(page("bandits.md").partition("## Estimators")[2].partition("\n## ")[0])
    assert set(table) == set(ESTIMATORS)


def test_the_code_on_arrays_runs_and_finds_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = [code for language, code in FENCE.findall(page("bandits.md")) if language == "python"]
    made: dict[str, Any] = {}
    exec(code, made)
    assert made["reward"].mean() == pytest.approx(0.28, abs=0.005)
    assert made["value"].value(made["sums"]) == pytest.approx(0.49, abs=0.005)
    assert "0.49, from a log that earned 0.28" in code
    assert "bootstrap" in capsys.readouterr().out


def test_the_table_of_floors_is_its_formula() -> None:
    guide = page("newsletter.md")
    shares = re.findall(r"[0-9.]+", guide.partition("| share of n |")[2].partition("\n")[0])
    n_rows = re.findall(r"[0-9,]+", guide.partition("| rows of the eval split for 200 |")[2].partition("\n")[0])
    for f, share, n in zip((0.02, 0.05, 0.1, 0.2), shares, n_rows, strict=True):
        exact = 1 / (0.9 / (1 - f) + 0.1 * 12 / f)
        assert float(share) == pytest.approx(exact, rel=0.03)
        assert float(n.replace(",", "")) == pytest.approx(200 / exact, rel=0.02)


def test_the_agent_of_ones_own_learns_and_chooses(tmp_path: Path) -> None:
    [(name, text)] = files("newsletter.md").items()
    (tmp_path / name).write_text(text)
    offer(tmp_path / name)
    agent = make_agent("letter_agent:RidgeSoftmax", Problem(("a", "b", "c"), 2), {"temperature": 0.1}, seed=1)
    rng, n = np.random.default_rng(0), 600
    context, action = rng.normal(size=(n, 2)).astype(np.float32), rng.integers(0, 3, n).astype(np.int32)
    reward = (action == np.argmax(np.c_[context, np.zeros(n)], axis=1)).astype(np.float32)
    ones = np.ones(n, np.float32)
    batch = Batch(context, action, reward, ones / 3, np.ones((n, 3), bool), ones, np.zeros(n, np.int32))
    agent.fit(lambda: iter([batch]))
    eligible = np.array([[True, True, False]])
    probabilities = agent.policy(np.array([[2.0, -2.0]], np.float32), eligible).probabilities.numpy()[0]
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[2] == 0
    assert probabilities[0] > 0.9


@pytest.mark.parametrize("line", re.findall(r"waze-tfx run letter/config.yaml (--set .*)$", page("newsletter.md"), re.MULTILINE))
def test_settings_for_one_run_are_good_ones(line: str) -> None:
    sets = [word for word in shlex.split(line) if word != "--set"]
    assert load(REPOSITORY / "configs" / "newsletter.yaml", sets=sets).config.bandit is not None
