"""docs/lab.md: its config is a good one, its environment runs, its table names every environment and setting."""

import re
from pathlib import Path

import pytest
from pages_for_test import page

from waze_data_tfx import bandit_lab
from waze_data_tfx.config.lab import ENVIRONMENTS, load_lab

PAGE = page("lab.md")
[CONFIG] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
[ENVIRONMENT] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_config_is_a_good_one(tmp_path: Path) -> None:
    (tmp_path / "films.yaml").write_text(CONFIG)
    config = load_lab(tmp_path / "films.yaml").config
    assert list(config.agents) == ["optimist", "sampler", "mine"]


def test_the_table_names_every_environment_and_its_settings() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (`.*`) \|$", PAGE, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", settings)) for name, settings in rows} == {
        k: set(v) for k, v in ENVIRONMENTS.items()
    }


def test_the_environment_of_one_s_own_runs_and_is_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "coins.py").write_text(ENVIRONMENT)
    lab = "name: coins\nenvironment: {type: coins:Coins, params: {better: 0.7}}\nagents: {optimist: {name: linucb, add_bias: true}}\n"
    (tmp_path / "lab.yaml").write_text(lab + "seeds: 1\nsteps: 400\npoints: 4\n")
    result = bandit_lab(tmp_path / "lab.yaml", quiet=True)
    assert result.summary()[0]["suboptimal"] < 0.1
    assert result.summary()[0]["reward"] == pytest.approx(0.7, abs=0.1)
