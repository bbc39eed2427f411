"""A name becomes an agent or environment: of the table, or of the user's own; a wrong one is answered with the known ones."""

import inspect
from pathlib import Path

import pytest
from agents_for_test import Ridge, TwoArms

from waze_data_tfx.bandits.agents import make_agent
from waze_data_tfx.bandits.environments import ENVIRONMENTS, make_environment
from waze_data_tfx.bandits.registry import resolve
from waze_data_tfx.config.lab import ENVIRONMENTS as READ
from waze_data_tfx.errors import UserCodeError, UserError


def test_a_dotted_path_is_found_with_its_settings() -> None:
    agent = make_agent("agents_for_test:Ridge", TwoArms().problem, {"epsilon": 0.3}, seed=5)
    assert isinstance(agent, Ridge)
    assert (agent.seed, agent.policy.epsilon) == (5, 0.3)
    environment = make_environment("agents_for_test.TwoArms", {"second": 0.5})
    assert isinstance(environment, TwoArms)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("low_rnk", {}, "unknown environment 'low_rnk'; known: .*; did you mean 'low_rank'"),
        ("low_rank", {"n_arm": 5}, "environment 'low_rank': unknown setting 'n_arm'; .*did you mean 'n_arms'"),
        ("movielens", {}, "environment 'movielens': setting 'directory' is required and missing; received none"),
        ("agents_for_test:TwoArm", {}, "unknown class 'TwoArm'; known: .*; did you mean 'TwoArms'"),
    ],
)
def test_a_wrong_name_or_setting_is_answered(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_environment(name, settings)


def test_a_module_that_cannot_be_imported_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_agent.py").write_text("import nowhere_at_all\n")
    with pytest.raises(UserCodeError, match=r"agent 'broken_agent:Mine': importing broken_agent raised .*nowhere_at_all"):
        make_agent("broken_agent:Mine", TwoArms().problem, {}, seed=1)


def test_an_agent_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match="agent 'agents_for_test:make_nothing': expected a subclass of Agent; received a str"):
        make_agent("agents_for_test:make_nothing", TwoArms().problem, {}, seed=1)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_config_reads_what_each_environment_takes(name: str) -> None:
    parameters = inspect.signature(resolve("environment", name, ENVIRONMENTS)).parameters.values()
    assert {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} == set(READ[name])
    assert set(READ) == set(ENVIRONMENTS)
