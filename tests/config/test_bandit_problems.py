"""What of `bandit` does not fit, said with key and remedy at `check`; and what each agent reads, held against its class."""

import inspect
from typing import Any

import pytest
from pydantic import ValidationError

from waze_data_tfx.bandits.agents import AGENTS
from waze_data_tfx.bandits.registry import resolve
from waze_data_tfx.config import Config
from waze_data_tfx.config.agent import READS, Agent
from waze_data_tfx.config.bandit import Bandit
from waze_data_tfx.config.schema import Inconsistent
from waze_data_tfx.errors import ConfigError

BANDIT = {"actions": ["news", "deals", "trends"]}


def values(bandit: dict[str, Any] | None = BANDIT, **parts: Any) -> dict[str, Any]:
    return {
        "name": "letters",
        "pipeline": "bandit",
        "label": "reward",
        "key": "user",
        "data": {"input": "x", "split": {"by": ["user"]}},
        "features": {"dense": ["age"], "vocabulary": {"segment": 5}},
        "evaluation": {"metrics": [{"name": "dr", "lower_bound": 0.0}], "slices": ["segment"]},
        **({"bandit": bandit} if bandit else {}),
        **parts,
    }


def problems(given: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(given)
    [error] = caught.value.errors()
    inner = error["ctx"]["error"]
    assert isinstance(inner, Inconsistent)
    return inner.problems


def test_a_bandits_task_goes_without_saying_and_its_log_is_read() -> None:
    config = Config.model_validate(values({**BANDIT, "columns": {"unsubscribed": "lost"}}))
    assert config.task == "bandit"
    assert config.column_types() == {
        "age": "float", "segment": "string", "reward": "float", "user": "string", "action": "string",
        "eligible_actions": "string", "propensity": "float", "decided_on": "string", "policy_id": "string", "lost": "int",
    }  # fmt: skip
    assert config.class_names == ()


@pytest.mark.parametrize(
    ("bandit", "key", "what"),
    [
        ({"actions": ["a", "b", "a"]}, "bandit.actions.2", "'a' stands twice; expected each action once"),
        (
            {"serving": {"fallback_action": "trend"}},
            "bandit.serving.fallback_action",
            "unknown action 'trend'; known: deals, news, trends; did you mean 'trends'?",
        ),
        (
            {"serving": {"criteria_columns": ["age"]}},
            "bandit.serving.criteria_columns",
            "expected the columns of one of evaluation.slices; received ['age']; known: ['segment']",
        ),
        ({"columns": {"action": "age"}}, "bandit.columns.action", "'age' is a feature, too; what is known only after"),
        ({"columns": {"policy": "action"}}, "bandit.columns.policy", "'action' is bandit.columns.action already"),
        ({"agent": {"name": "linucp"}}, "bandit.agent.name", "unknown agent 'linucp'"),
        ({"agent": {"name": "linucb", "epsilon": 0.1}}, "bandit.agent.epsilon", "agent linucb does not read it, only neural_eps"),
        ({"agent": {"name": "linucb", "params": {"x": 1}}}, "bandit.agent.params", "only an agent of your own"),
        ({"agent": {"off_policy": "dr"}}, "bandit.agent.off_policy", "agent linucb knows none and ips"),
        ({"agent": {"interactions": True}}, "bandit.agent.interactions", "set per_arm: true, or leave it out"),
        (
            {"agent": {"add_bias": True, "priors": {"dealz": {"mean": 0.1, "strength": 5}}}},
            "bandit.agent.priors.dealz",
            "unknown action 'dealz'; known: deals, news, trends; did you mean 'deals'?",
        ),
        (
            {"agent": {"priors": {"deals": {"mean": 0.1, "strength": 5}}}},
            "bandit.agent.priors.deals.mean",
            "set add_bias: true",
        ),
        ({"agent": {"name": "mine:Own", "epsilon": 0.1}}, "bandit.agent.epsilon", "an agent of your own stand under params"),
        ({"agent": {"name": "fixed"}}, "bandit.agent.action", "is required for agent fixed"),
        ({"agent": {"name": "fixed", "action": "new"}}, "bandit.agent.action", "unknown action 'new'"),
        ({"agent": {"name": "linucb", "per_arm": True}}, "bandit.arm_features", "is required for an agent per arm"),
        ({"agent": {"name": "mixture", "agents": [{}]}}, "bandit.agent.agents", "two agents or more; received 1"),
        (
            {"agent": {"name": "mixture", "agents": [{}, {"name": "lin_ts", "epsilon": 1}]}},
            "bandit.agent.agents.1.epsilon",
            "agent lin_ts does not read it",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_its_key(bandit: dict[str, Any], key: str, what: str) -> None:
    [(where, said)] = problems(values({**BANDIT, **bandit}))
    assert where == key
    assert what in said


@pytest.mark.parametrize(
    ("given", "key", "what"),
    [
        (values(None), "bandit", "is required for pipeline bandit"),
        (values(key=None), "key", "is required for pipeline bandit: the user"),
        (values(data={"input": "x"}), "data.split.by", "received all columns; expected [user], or data.split.time"),
        (values(data={"input": "x", "split": {"by": ["user", "age"]}}), "data.split.by", "received [user, age]; expected [user]"),
        (values(training={"epochs": 3}), "training.epochs", "what learns is set under bandit.agent"),
        (values(model={"hidden_units": [3]}), "model.hidden_units", "what learns is set under bandit.agent"),
        (values(weight="w"), "weight", "use bandit.agent.off_policy, or leave it out"),
        (values(code={"agent": "mine.py"}), "code.agent", "no agent is of this file; expected bandit.agent.name: mine:CLASS"),
        (
            values({**BANDIT, "agent": {"name": "yours:Agent"}}, code={"agent": "mine.py"}),
            "code.agent",
            "expected bandit.agent.name: mine:CLASS",
        ),
        (values(task="regression"), "task", "pipeline bandit has task bandit; received regression; leave it out"),
        (
            values(pipeline="supervised", task="regression", evaluation={"metrics": [{"name": "mae", "upper_bound": 1}]}),
            "bandit",
            "only pipeline bandit reads it; received pipeline supervised",
        ),
    ],
)
def test_what_belongs_to_the_other_pipeline_is_refused(given: dict[str, Any], key: str, what: str) -> None:
    assert (key, True) in [(where, what in said) for where, said in problems(given)]


def test_every_agent_of_the_table_reads_what_its_class_takes() -> None:
    assert set(AGENTS) == set(READS)
    for name in AGENTS:
        taken = inspect.signature(resolve("agent", name, AGENTS)).parameters.values()
        keywords = {p.name for p in taken if p.kind is p.KEYWORD_ONLY} - {"seed"}
        assert set(READS[name]) == keywords, name
    assert {key for keys in READS.values() for key in keys} | {"name", "params"} == set(Agent.model_fields)


def test_settings_are_those_that_were_given() -> None:
    agent = Agent(name="mixture", agents=(Agent(alpha=2), Agent(name="lin_ts")), weights=(1, 3))
    parts = [{"name": "linucb", "alpha": 2.0}, {"name": "lin_ts"}]
    assert agent.settings() == {"agents": parts, "weights": [1.0, 3.0]}
    assert not agent.learns_in_steps
    assert Agent(name="mixture", agents=(Agent(), Agent(name="neural_falcon"))).learns_in_steps
    assert Agent(name="mine:Own", params={"x": 1}).settings() == {"x": 1}


def test_an_agents_file_may_hold_a_part_of_a_mixture() -> None:
    parts = [{"name": "linucb"}, {"name": "mine:Greedy", "params": {"epsilon": 0.1}}]
    config = Config.model_validate(values({**BANDIT, "agent": {"name": "mixture", "agents": parts}}, code={"agent": "mine.py"}))
    assert config.bandit is not None
    assert config.bandit.agent.own_modules == ("mine",)


def test_one_action_is_too_few() -> None:
    with pytest.raises(ConfigError, match=r"Bandit: actions: expected at least 2 entries; received 1"):
        Bandit(actions=("news",))
