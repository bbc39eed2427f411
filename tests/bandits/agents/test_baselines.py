"""The baselines on a log of six decisions, counted by hand."""

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx.bandits.agents import make_agent
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.errors import DataError, UserError

PROBLEM = Problem(("news", "deals", "tips"), 1)


def batch(action, reward, eligible):
    n = len(action)
    mask = np.array([[c == "1" for c in row] for row in eligible]).reshape(n, 3)
    ones = np.ones(n, np.float32)
    return Batch(np.zeros((n, 1), np.float32), np.int32(action), np.float32(reward), ones, mask, ones, np.zeros(n, np.int32))


# news: taken 3 of 4 times eligible, mean reward (1 + 0 + 1) / 3; deals: 2 of 6, (-1 + 0) / 2; tips: 1 of 2, mean 1
LOG = [
    batch([0, 0, 1], [1, 0, -1], ["110", "110", "011"]),
    batch([0, 1, 2], [1, 0, 1], ["110", "110", "011"]),
]
SCORES = [2 / 3, -1 / 2, 1]


def fitted(name, **settings):
    agent = make_agent(name, PROBLEM, settings, seed=0)
    return agent, agent.fit(lambda: iter(LOG))


def answers(agent, *rows):
    mask = tf.constant([[c == "1" for c in row] for row in rows])
    choice = agent.policy(tf.zeros([len(rows), 1]), mask)
    np.testing.assert_allclose(choice.scores, [SCORES] * len(rows), rtol=1e-6)
    return choice.probabilities.numpy()


def test_random_is_even_over_the_eligible():
    agent, record = fitted("random")
    np.testing.assert_allclose(answers(agent, "111", "011", "000"), [[1 / 3] * 3, [0, 0.5, 0.5], [0, 0, 0]])
    assert record == {"rows": 6, "taken": [3, 2, 1], "offered": [4, 6, 2], "reward": [2, -1, 1]}


def test_logging_takes_actions_as_often_as_the_log_did_when_it_could():
    agent, _ = fitted("logging")
    # 3/4, 1/3, 1/2 of the times: 9, 4 and 6 of 19; 4 and 6 of 10
    np.testing.assert_allclose(
        answers(agent, "111", "011", "000"), [[9 / 19, 4 / 19, 6 / 19], [0, 0.4, 0.6], [0, 0, 0]], rtol=1e-6
    )
    fresh = make_agent("logging", PROBLEM, {}, seed=0).policy(tf.zeros([1, 1]), tf.constant([[True, True, False]]))
    np.testing.assert_allclose(fresh.probabilities, [[0.5, 0.5, 0]])


def test_fixed_takes_one_action_or_the_best_in_its_place():
    agent, _ = fitted("fixed", action="deals")
    np.testing.assert_allclose(answers(agent, "111", "101", "000"), [[0, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_steps_in_a_graph_count_what_a_fit_counts():
    agent = make_agent("logging", PROBLEM, {}, seed=0)
    step = tf.function(agent.train_step)
    losses = [float(step(Batch(*map(tf.constant, part)))) for part in LOG]
    # before: 0 for all; then news 1/2, deals -1, tips 0 against 1, 0, 1
    np.testing.assert_allclose(losses, [(1 + 0 + 1) / 3, (1 / 4 + 1 + 1) / 3], rtol=1e-6)
    for name, values in fitted("logging")[0].state().items():
        np.testing.assert_array_equal(agent.state()[name], values)


def test_a_state_goes_to_other_actions_by_name():
    agent = make_agent("random", Problem(("tips", "new", "news"), 1), {}, seed=0)
    agent.warm_start(fitted("random")[0].state(), PROBLEM.actions)
    assert agent.state()["taken"].tolist() == [1, 0, 3]
    with pytest.raises(UserError, match=r"random: the state to start from; received theta \[2\]"):
        agent.warm_start({"theta": np.zeros(2)}, PROBLEM.actions)


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(UserError, match=r"unknown action 'newz'.*did you mean 'news'"):
        make_agent("fixed", PROBLEM, {"action": "newz"}, seed=0)
    with pytest.raises(UserError, match="setting 'action' is required"):
        make_agent("fixed", PROBLEM, {}, seed=0)
    with pytest.raises(DataError, match="random: received a log without rows"):
        make_agent("random", PROBLEM, {}, seed=0).fit(lambda: iter([batch([], [], [])]))
    with pytest.raises(DataError, match="received 3; expected 0 to 2"):
        make_agent("random", PROBLEM, {}, seed=0).fit(lambda: iter([batch([3], [1], ["111"])]))
