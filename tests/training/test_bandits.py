"""What a bandit's training begins from, and what its policy is called."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from agents_for_test import Ridge

from waze_data_tfx.bandits.agents import make_agent
from waze_data_tfx.bandits.agents.base import Agent, save_state
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.bandits.policies.identity import Identity, write_identity
from waze_data_tfx.config.bandit import Bandit
from waze_data_tfx.training.bandits import STATE_FILE, begin, identity_of
from waze_data_tfx.training.carry import MEANINGS_FILE, write_meanings

ARMS = ("a", "b")
BEFORE, WIDER = Problem(ARMS, 2), Problem(ARMS, 3)
MIXTURE = {"agents": [{"name": "random"}, {"name": "linucb"}]}


def meaning(n: int) -> list[str]:
    return [f"x{i}" for i in range(n)]


def accepted(folder: Path, agent: Agent, meanings: list[str] | None = None) -> str:
    """Write as much of a saved policy as a training begins from."""
    write_meanings(meanings or meaning(agent.problem.context_dim), folder)
    save_state(agent.state(), folder / STATE_FILE)
    write_identity(folder, Identity(agent.problem.actions, "before"))
    return str(folder)


def rows(n: int, dim: int) -> Batch:
    context = np.eye(dim, dtype=np.float32)[np.arange(n) % dim]
    action, ones = np.arange(n, dtype=np.int32) % 2, np.ones(n, np.float32)
    return Batch(context, action, ones, ones / 2, np.ones((n, 2), bool), ones, np.zeros(n, np.int32))


def test_a_training_begins_from_the_accepted_policy(tmp_path: Path) -> None:
    old = make_agent("linucb", BEFORE, {}, seed=1)
    old.fit(lambda: iter([rows(4, 2)]))
    agent, begun, refused = begin(lambda: make_agent("linucb", BEFORE, {}, seed=2), accepted(tmp_path / "m", old), meaning(2))
    assert (begun, refused) == (str(tmp_path / "m"), None)
    state = agent.state()
    assert all(np.array_equal(state[name], values) for name, values in old.state().items())


@pytest.mark.parametrize(("name", "settings"), [("linucb", {}), ("mixture", MIXTURE)])
def test_a_policy_of_another_width_is_not_begun_from_and_ends_nothing(
    name: str, settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = make_agent(name, BEFORE, settings, seed=1)
    old.fit(lambda: iter([rows(4, 2)]))

    def make() -> Agent:
        return make_agent(name, WIDER, settings, seed=2)

    agent, begun, refused = begin(make, accepted(tmp_path / "m", old), meaning(3))
    assert begun is None
    assert refused is not None
    assert "rows of 2 numbers; received a model of 3" in refused
    assert "begins anew" in capsys.readouterr().out
    fresh = make().state()  # also the part of a mixture that did fit begins anew
    assert all(np.array_equal(values, fresh[key]) for key, values in agent.state().items())


NEURAL = {"hidden_units": (4,), "off_policy": "dr", "epochs": 1}


@pytest.mark.parametrize(
    ("name", "settings", "prefix"),
    [
        ("neural_falcon", NEURAL, ""),
        ("mixture", {"agents": [{"name": "neural_falcon", **NEURAL}, {"name": "random"}]}, "0/"),
    ],
)
def test_first_weights_go_with_what_the_numbers_mean(name: str, settings: dict[str, Any], prefix: str, tmp_path: Path) -> None:
    before, now = ["topic='news'", "topic='sport'", "age"], ["age", "topic='art'", "topic='news'", "topic='jazz'"]
    old = make_agent(name, Problem(ARMS, 3), settings, seed=1)

    def make() -> Agent:
        return make_agent(name, Problem(ARMS, 4), settings, seed=2)

    folder = accepted(tmp_path / "m", old, before)
    agent, begun, refused = begin(make, folder, now)
    assert (begun, refused) == (folder, None)
    was, fresh, state = old.state(), make().state(), agent.state()
    for net in ("network", "reward_model"):
        kernel = f"{prefix}{net}/hidden_0_kernel"
        expected = np.stack([was[kernel][2], fresh[kernel][1], was[kernel][0], fresh[kernel][3]])
        assert np.array_equal(state[kernel], expected)
        assert np.array_equal(state[f"{prefix}{net}/head_kernel"], was[f"{prefix}{net}/head_kernel"])
    # of the same width, but sorted anew
    turned = begin(lambda: make_agent(name, Problem(ARMS, 3), settings, seed=2), folder, before[::-1])[0].state()
    assert np.array_equal(turned[f"{prefix}network/hidden_0_kernel"], was[f"{prefix}network/hidden_0_kernel"][::-1])


def test_what_cannot_be_carried_begins_anew_and_says_why(tmp_path: Path) -> None:
    def own() -> Agent:
        return Ridge(BEFORE)

    folder = accepted(tmp_path / "m", own())
    _, begun, refused = begin(own, folder, ["x1", "x2"])
    assert (begun, refused) == (
        None,
        "agent Ridge: the context's numbers mean something else than the earlier policy's; 1 known ones, 1 new, 1 gone",
    )
    old = make_agent("neural_falcon", BEFORE, NEURAL, seed=1)
    folder = accepted(tmp_path / "before", old)
    (tmp_path / "before" / MEANINGS_FILE).unlink()
    _, begun, refused = begin(lambda: make_agent("neural_falcon", BEFORE, NEURAL, seed=2), folder, meaning(2))
    assert begun is None
    assert refused is not None
    assert "what the numbers of the earlier context mean is not known" in refused


def test_a_model_without_a_state_is_not_begun_from(tmp_path: Path) -> None:
    _, begun, refused = begin(lambda: make_agent("random", BEFORE, {}, seed=2), str(tmp_path), meaning(2))
    assert begun is None
    assert refused == f"{tmp_path / STATE_FILE}: no such file"


def test_equal_sums_under_another_alpha_are_another_policy() -> None:
    agent = make_agent("linucb", BEFORE, {}, seed=0)

    def name_of(alpha: float, floor: float = 0.02) -> str:
        bandit = Bandit.model_validate({"actions": ARMS, "serving": {"floor": floor}})
        return identity_of(agent, {"name": "linucb", "alpha": alpha}, SimpleNamespace(bandit=bandit, name="n")).policy_id  # type: ignore[arg-type]

    assert name_of(1.0) == name_of(1.0)
    assert len({name_of(1.0), name_of(2.0), name_of(1.0, floor=0.1)}) == 3
