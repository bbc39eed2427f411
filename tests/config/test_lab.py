"""The lab's config: short forms, paths, and mistakes answered with file, line and the nearest known name."""

from pathlib import Path

import pytest
from conftest import REPOSITORY

from waze_data_tfx.config.lab import BanditLab, LabEnvironment, lab_from_python, load_lab
from waze_data_tfx.errors import ConfigError

LAB = """\
name: small
environment:
  type: low_rank
  n_arms: 5
agents:
  optimist: linucb
  mixed: {name: mixture, agents: [{name: linucb}, {name: lin_ts}]}
seeds: 3
steps: 50
points: 5
"""


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in LAB
    (folder / "lab.yaml").write_text(LAB.replace(old, new))
    return folder / "lab.yaml"


def test_short_forms_and_defaults(tmp_path: Path) -> None:
    config = load_lab(written(tmp_path), sets=["environment.rank=3"]).config
    assert config.agents["optimist"].name == "linucb"
    assert config.seeds == (1, 2, 3)
    assert config.environment.settings() == {"n_arms": 5, "rank": 3}
    assert config.directory == tmp_path / "output" / "small"


def test_paths_are_relative_to_the_config(tmp_path: Path) -> None:
    file = written(tmp_path, "low_rank\n  n_arms: 5", "classification\n  file: ../rows.csv\n  label: kind")
    assert load_lab(file).config.environment.settings() == {"file": str(tmp_path.parent / "rows.csv"), "label": "kind"}


def test_the_same_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = LabEnvironment(type="movielens", directory="ml-100k")
    config = lab_from_python(BanditLab(name="films", environment=environment, agents={"optimist": "linucb"})).config
    assert config.environment.settings() == {"directory": str(tmp_path / "ml-100k")}
    with pytest.raises(ConfigError, match=r"test_lab.py:\d+: BanditLab: environment.type: unknown environment 'movilens'"):
        BanditLab(name="films", environment=LabEnvironment(type="movilens"), agents={"optimist": "linucb"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("low_rank", "low_rnk", r"lab.yaml:3: environment.type: unknown environment 'low_rnk'; .*did you mean 'low_rank'"),
        ("n_arms: 5", "n_arm: 5", r"lab.yaml:4: environment.n_arm: unknown key; .*did you mean 'n_arms'"),
        ("n_arms: 5", "label: x", r"lab.yaml:4: environment.label: environment low_rank does not read it, only classification"),
        ("low_rank\n  n_arms: 5", "movielens", r"lab.yaml:2: environment.directory: is required for environment movielens"),
        (
            "optimist: linucb",
            "optimist: linucp",
            r"lab.yaml:6: agents.optimist.name: unknown agent 'linucp'; .*did you mean 'linucb'",
        ),
        ("{name: lin_ts}", "{name: lints}", r"agents.mixed.agents.1.name: unknown agent 'lints'"),
        ("optimist: linucb", "optimist: {name: linucb, epsilon: 0.1}", "agents.optimist.epsilon: agent linucb does not read it"),
        ("seeds: 3", "seeds: [1, 2, 1]", r"lab.yaml:8: seeds.2: 1 stands twice"),
        ("seeds: 3", "seeds: 0", r"lab.yaml:8: seeds: expected at least one entry"),
        ("points: 5", "points: 51", r"lab.yaml:10: points: expected at most as many as steps, 50; received 51"),
        ("steps: 50", "step: 50", r"lab.yaml:9: step: unknown key; .*did you mean 'steps'"),
        ("low_rank\n  n_arms: 5", "newsletter", ""),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = written(tmp_path, old, new)
    if not message:  # a good one
        assert load_lab(file).config.environment.type == "newsletter"
        return
    with pytest.raises(ConfigError, match=message):
        load_lab(file)


def test_an_agent_per_arm_needs_features_of_arms(tmp_path: Path) -> None:
    file = written(tmp_path, "low_rank\n  n_arms: 5", "newsletter")
    with pytest.raises(ConfigError, match=r"agents.optimist.per_arm: environment newsletter knows nothing of its arms"):
        load_lab(file, sets=["agents.optimist={name: linucb, per_arm: true}"])


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(ConfigError, match=r"lb.yaml: no such config file; did you mean 'lab.yaml'"):
        load_lab(tmp_path / "lb.yaml")


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs" / "lab").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_repository_s_labs_are_good_ones(path: Path) -> None:
    config = load_lab(path).config
    assert config.directory == REPOSITORY / "output" / "lab" / path.stem
    assert path.stem == config.name
