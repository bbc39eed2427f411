"""What holds for every neural agent: it learns, its probabilities are right, its policy is free of everything but TensorFlow."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from separable_for_test import ACTIONS, N_CONTEXT, PROBLEM, QUICK, decisions, rows, tensors

from waze_data_tfx.bandits.agents import AGENTS, make_agent
from waze_data_tfx.bandits.agents.base import Agent, Policy, load_state, save_state
from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.policies import sampling
from waze_data_tfx.errors import DataError, UserError

PARTS = [{"name": "neural_falcon", **QUICK}, {"name": "neural_boltzmann", **QUICK}]
DOT = {"per_arm": True, "network": "dot_product"}
AGENTS_TO_TEST = {
    "neural_epsilon_greedy": ("neural_epsilon_greedy", {"epsilon": 0.2, **QUICK}),
    "epsilon per arm": ("neural_epsilon_greedy", {"per_arm": True, **QUICK}),
    "epsilon dr": ("neural_epsilon_greedy", {"off_policy": "dr", **QUICK}),
    "neural_boltzmann": ("neural_boltzmann", {"temperature": 0.2, "off_policy": "ips", **QUICK}),
    "boltzmann dot product": ("neural_boltzmann", {**DOT, **QUICK}),
    "neural_falcon": ("neural_falcon", QUICK),
    "falcon per arm dr": ("neural_falcon", {"per_arm": True, "off_policy": "dr", **QUICK}),
    "dropout_ts": ("dropout_ts", {"draws": 40, **QUICK}),
    "dropout per arm": ("dropout_ts", {"draws": 20, "per_arm": True, **QUICK}),
    "neural_linucb": ("neural_linucb", {"encoding_dim": 8, **QUICK}),
    "linucb per arm": ("neural_linucb", {"encoding_dim": 8, "per_arm": True, "off_policy": "ips", **QUICK}),
    "mixture": ("mixture", {"agents": PARTS, "weights": [1, 3]}),
}
NEW = decisions(1000, seed=9)


def made(label: str, *, seed: int = 3, problem: Problem = PROBLEM) -> Agent:
    name, settings = AGENTS_TO_TEST[label]
    return make_agent(name, problem, settings, seed=seed)


@pytest.fixture(scope="module")
def trained() -> dict[str, Agent]:
    """Every agent, fitted to the same log."""
    log = decisions(3000)
    agents = {label: made(label) for label in AGENTS_TO_TEST}
    for agent in agents.values():
        agent.fit(lambda: iter([rows(log, slice(0, 1000)), rows(log, slice(1000, None))]))
    return agents


def test_every_agent_of_the_table_is_tested():
    neural = {
        name for name, path in AGENTS.items() if path.split(":")[0].rpartition(".")[2] not in ("linucb", "thompson", "baselines")
    }
    assert neural == {name for name, _ in AGENTS_TO_TEST.values()}


@pytest.mark.parametrize("label", AGENTS_TO_TEST)
def test_learns_the_best_action(trained, label):
    everything = np.ones_like(NEW.eligible)
    choice = trained[label].policy(tf.constant(NEW.context), tf.constant(everything))
    best = NEW.context[:, :3].argmax(axis=1)
    assert np.mean(choice.scores.numpy().argmax(axis=1) == best) > 0.9
    assert np.mean(choice.probabilities.numpy().argmax(axis=1) == best) > 0.85


@pytest.mark.parametrize("label", AGENTS_TO_TEST)
def test_probabilities_are_of_eligible_actions_alone(trained, label):
    eligible = NEW.eligible.copy()
    eligible[7] = False
    probabilities = trained[label].policy(tf.constant(NEW.context), tf.constant(eligible)).probabilities.numpy()
    assert (probabilities[~eligible] == 0).all()
    assert probabilities.min() >= 0
    np.testing.assert_allclose(np.delete(probabilities.sum(axis=1), 7), 1, atol=1e-6)
    assert probabilities[7].tolist() == [0, 0, 0]


@pytest.mark.parametrize("label", AGENTS_TO_TEST)
def test_a_row_does_not_depend_on_its_batch(trained, label):
    policy = trained[label].policy
    together = policy(tf.constant(NEW.context), tf.constant(NEW.eligible))
    for part in (slice(3, 4), slice(500, None), slice(None, None, -1)):
        apart = policy(tf.constant(NEW.context[part]), tf.constant(NEW.eligible[part]))
        np.testing.assert_allclose(apart.scores, together.scores.numpy()[part], atol=2e-6)
        moved = np.abs(apart.probabilities.numpy() - together.probabilities.numpy()[part])
        assert np.mean(moved > 1e-4) < 0.002  # a tie in the last digit may go to the other side


class Served(tf.Module):
    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    @tf.function(input_signature=[tf.TensorSpec([None, N_CONTEXT]), tf.TensorSpec([None, 3], tf.bool)], autograph=False)
    def choose(self, context: tf.Tensor, eligible: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.policy(context, eligible)._asdict()


PLAIN = """
import sys, json
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tf_agents", "tensorflow_probability", "tf_keras", "waze_data_tfx"):
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, Refused())
import numpy as np, tensorflow as tf
folder = sys.argv[1]
asked = dict(np.load(folder + "/asked.npz"))
for i in range(int(sys.argv[2])):
    loaded = tf.saved_model.load(f"{folder}/{i}")
    choice = loaded.choose(tf.constant(asked["context"]), tf.constant(asked["eligible"]))
    np.savez(f"{folder}/{i}.npz", scores=choice["scores"].numpy(), probabilities=choice["probabilities"].numpy())
"""


def test_a_saved_policy_loads_where_there_is_nothing_but_tensorflow(trained, tmp_path: Path):
    np.savez(tmp_path / "asked.npz", context=NEW.context, eligible=NEW.eligible)
    for i, agent in enumerate(trained.values()):
        tf.saved_model.save(Served(agent.policy), str(tmp_path / str(i)))
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "TF_USE_LEGACY_KERAS")}
    plain = [sys.executable, "-c", PLAIN, str(tmp_path), str(len(trained))]
    done = subprocess.run(plain, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    for i, agent in enumerate(trained.values()):
        here = agent.policy(tf.constant(NEW.context), tf.constant(NEW.eligible))
        with np.load(tmp_path / f"{i}.npz") as there:
            np.testing.assert_allclose(there["scores"], here.scores, atol=1e-5)
            assert np.mean(np.abs(there["probabilities"] - here.probabilities) > 1e-3) < 0.002


@pytest.mark.parametrize("label", AGENTS_TO_TEST)
def test_the_same_seed_and_rows_make_the_same_weights(trained, label):
    # The other agents that learnt in this process, and TF-Agents' global step that they would share, make no difference.
    log = decisions(3000)
    again, other = made(label), made(label, seed=4).state()
    begun = again.state()
    again.fit(lambda: iter([log]))
    state, expected = again.state(), trained[label].state()
    assert all(np.array_equal(state[name], expected[name]) for name in expected)
    assert any(not np.array_equal(other[name], begun[name]) for name in begun)


@pytest.mark.parametrize("label", AGENTS_TO_TEST)
def test_a_warm_start_finds_actions_by_name(trained, label, tmp_path: Path):
    turned = Problem(ACTIONS[::-1], N_CONTEXT, PROBLEM.arm_features[::-1])
    agent = made(label, problem=turned)
    save_state(trained[label].state(), tmp_path / "state.npz")
    agent.warm_start(load_state(tmp_path / "state.npz"), ACTIONS)
    then = trained[label].policy(tf.constant(NEW.context), tf.constant(NEW.eligible)).scores.numpy()
    now = agent.policy(tf.constant(NEW.context), tf.constant(NEW.eligible[:, ::-1])).scores.numpy()
    np.testing.assert_allclose(now[:, ::-1], then, atol=1e-4)


@pytest.mark.parametrize(("prior", "expected"), [(None, "mean"), (0.25, 0.25)])
def test_a_new_action_begins_as_the_mean_of_the_others_or_at_its_prior(trained, prior, expected):
    problem = Problem(("weather", *ACTIONS), N_CONTEXT)
    agent = make_agent("neural_falcon", problem, {**QUICK, "new_action_prior": prior}, seed=0)
    agent.warm_start(trained["neural_falcon"].state(), ACTIONS)
    scores = agent.policy(tf.constant(NEW.context), tf.ones([1000, 4], tf.bool)).scores.numpy()
    np.testing.assert_allclose(scores[:, 0], scores[:, 1:].mean(axis=1) if expected == "mean" else expected, atol=1e-5)


def test_a_state_of_other_sizes_is_refused(trained):
    agent = make_agent("neural_falcon", Problem(ACTIONS, 4), QUICK, seed=0)
    with pytest.raises(UserError, match=r"hidden_0_kernel of the state to start from has the size \[5, 16\]; expected \[4, 16\]"):
        agent.warm_start(trained["neural_falcon"].state(), ACTIONS)
    with pytest.raises(UserError, match="neural_falcon: the state to start from has no network/hidden_0_kernel"):
        agent.warm_start({"moments": np.zeros(3)}, ACTIONS)


def test_epsilon_greedy_emits_the_marginal_probability(trained):
    # epsilon 0.2 over 3: the best 0.8 + 0.2 / 3, where TF-Agents emits the joint 0.8 or 0.0667
    probabilities = trained["neural_epsilon_greedy"].policy(tf.constant(NEW.context), tf.ones([1000, 3], tf.bool)).probabilities
    np.testing.assert_allclose(np.sort(probabilities, axis=1)[0], [0.2 / 3, 0.2 / 3, 0.8 + 0.2 / 3], atol=1e-6)


def test_boltzmann_is_a_softmax_of_scores_by_temperature(trained):
    scores, probabilities = trained["neural_boltzmann"].policy(tf.constant(NEW.context[:1]), tf.ones([1, 3], tf.bool))
    weights = np.exp(scores.numpy()[0] / 0.2)
    np.testing.assert_allclose(probabilities[0], weights / weights.sum(), atol=1e-6)


def test_falcon_explores_by_rows_learnt_from(trained):
    agent = trained["neural_falcon"]
    n_parameters = 5 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3
    assert (agent.samples.numpy(), agent.network.n_parameters) == (3000, n_parameters)  # the epochs count the rows once
    scores, probabilities = agent.policy(tf.constant(NEW.context[:1]), tf.constant([[True, True, False]]))
    gamma = np.sqrt(2 * 3000 / n_parameters)
    gap = abs(scores.numpy()[0, 0] - scores.numpy()[0, 1])
    assert sorted(probabilities.numpy()[0])[1] == pytest.approx(1 / (2 + gamma * gap), abs=1e-6)
    agent = make_agent("neural_falcon", PROBLEM, {**QUICK, "max_exploration": 0.3}, seed=0)
    probabilities = agent.policy(tf.constant(NEW.context), tf.ones([1000, 3], tf.bool)).probabilities.numpy()
    np.testing.assert_allclose(probabilities.max(axis=1), 0.7, atol=1e-6)  # no row yet: uniform, were it not for the bound


def test_dropout_emits_the_share_of_its_masks(trained):
    agent = trained["dropout_ts"]
    context = tf.constant(NEW.context[:5])
    kept = np.random.default_rng([3, 40]).random((40, 8)) >= 0.2
    best = [agent.network.scores(context, tf.constant(m / np.float32(0.8), tf.float32)).numpy().argmax(axis=1) for m in kept]
    shares = np.stack([np.mean(np.array(best) == k, axis=0) for k in range(3)], axis=1)
    np.testing.assert_allclose(agent.policy(context, tf.ones([5, 3], tf.bool)).probabilities, shares, atol=1e-6)


def test_what_is_drawn_has_the_probability_that_is_emitted(trained):
    for label in ("neural_epsilon_greedy", "mixture", "dropout_ts", "neural_falcon"):
        policy = trained[label].policy
        probabilities = policy(tf.constant(NEW.context[:1]), tf.ones([1, 3], tf.bool)).probabilities.numpy()[0].astype(float)
        draws = sampling.uniform_draw(tf.strings.as_string(tf.range(20_000)), "a seed")
        drawn = sampling.drawn(tf.tile(tf.constant(probabilities[:, None], tf.float32), [1, 20_000]), draws)
        np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 20_000, probabilities, atol=0.015)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epsilon": 1.5}, "neural_epsilon_greedy.epsilon: received 1.5; expected a probability"),
        ({"hidden_units": ()}, "hidden_units: received .*; expected a list of layer sizes"),
        ({"hidden_units": (8, 0)}, r"hidden_units\[1\]: received 0; expected a whole number of 1 or more"),
        ({"learning_rate": 0.0}, "learning_rate: received 0.0; expected a number above 0"),
        ({"off_policy": "drr"}, "off_policy: received 'drr'; known: none, ips, dr; did you mean 'dr'"),
        ({"max_weight": 0.5}, "max_weight: received 0.5; expected 1 or a number above"),
        ({"parallel": "many"}, "parallel: received 'many'; known: one, mirrored"),
        ({"epochs": 2.5}, "epochs: received 2.5; expected a whole number"),
        ({"learning_rat": 1}, "unknown setting 'learning_rat'.*did you mean 'learning_rate'"),
        ({**DOT, "arm_units": (4,), "hidden_units": (8,)}, "arm_units: last layer has 4 units; expected 8"),
    ],
)
def test_an_impossible_setting_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        make_agent("neural_epsilon_greedy", PROBLEM, settings, seed=0)


def test_arms_without_features_are_refused():
    with pytest.raises(UserError, match=r"neural_boltzmann\.per_arm: needs features of the arms"):
        make_agent("neural_boltzmann", Problem(ACTIONS, 5), {"per_arm": True}, seed=0)


def test_the_settings_are_in_the_signature():
    from waze_data_tfx.bandits.agents.neural import NeuralFalcon

    names = set(inspect.signature(NeuralFalcon).parameters)
    assert {"problem", "seed", "exploitation_coefficient", "max_exploration", "hidden_units", "off_policy"} <= names
    assert "training" not in names


def test_a_loss_that_is_no_number_ends_the_training():
    log = decisions(200)
    log.reward[7] = 1e30  # its square is infinite in float32
    with pytest.raises(UserError, match=r"training: loss is inf after epoch 1(.|\n)*lower the agent's learning_rate"):
        made("neural_falcon").fit(lambda: iter([log]))
    agent = made("neural_falcon")
    agent.network.kernel.assign(agent.network.kernel * np.nan)
    agent.network.hidden.kernels[0].assign(
        agent.network.hidden.kernels[0] * np.nan
    )  # ReLU makes 0 of NaN: the loss may not show it
    with pytest.raises(UserError, match=r"training: (loss|a weight) is nan after epoch 1"):
        agent.fit(lambda: iter([decisions(64)]))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("action", 3, "action: 1 rows are impossible; received 3; expected 0..2"),
        ("propensity", 0.0, "propensity: 1 rows are impossible; received 0.0"),
        ("weight", -1.0, "weight: 1 rows are impossible; received -1.0"),
        ("context", np.nan, "context: 1 rows are impossible; received .*nan"),
        ("reward", np.inf, "reward: 1 rows are impossible; received inf"),
    ],
)
def test_an_impossible_row_is_refused(column, value, message):
    log = decisions(50)
    getattr(log, column)[5] = value
    with pytest.raises(DataError, match=message):
        made("neural_falcon").fit(lambda: iter([log]))


def test_an_empty_log_is_refused():
    with pytest.raises(UserError, match="the log has no row"):
        made("neural_falcon").fit(lambda: iter([rows(decisions(1), slice(0, 0))]))


@pytest.mark.parametrize("label", AGENTS_TO_TEST)
def test_learns_in_a_compiled_loop(label):
    agent = made(label)
    step = tf.function(agent.train_step, autograph=False)
    before, losses = agent.state(), [float(step(tensors(decisions(64, seed=i)))) for i in range(3)]
    assert np.isfinite(losses).all()
    assert any(not np.array_equal(before[name], value) for name, value in agent.state().items())
