"""A mixture's probabilities are the average of its agents', and Exp3 finds the agent that earns more."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import pytest
import tensorflow as tf
from separable_for_test import PROBLEM, QUICK, decisions, tensors

from waze_data_tfx.bandits.agents import make_agent
from waze_data_tfx.errors import UserError

GOOD = {"name": "linucb", "alpha": 0.0}
BAD = {"name": "neural_epsilon_greedy", "epsilon": 1.0, **QUICK, "epochs": 1}  # chooses by chance


def made(**settings: object):
    return make_agent("mixture", PROBLEM, {"agents": [GOOD, BAD], **settings}, seed=0)


def test_probabilities_and_scores_are_averages_by_weight():
    agent = made(weights=[1, 3])
    agent.fit(lambda: iter([decisions(500)]))
    context, eligible = tf.constant(decisions(4).context), tf.ones([4, 3], tf.bool)
    parts = [part.policy(context, eligible) for part in agent.agents]
    mixed = agent.policy(context, eligible)
    for i in range(2):
        np.testing.assert_allclose(mixed[i], 0.25 * parts[0][i] + 0.75 * parts[1][i], atol=1e-6)
    # the one takes its best action with 1, the other each with 1/3: 0.25 + 0.75 / 3 and 0.75 / 3
    np.testing.assert_allclose(np.sort(mixed.probabilities, axis=1), [[0.25, 0.25, 0.5]] * 4, atol=1e-6)


def test_every_agent_keeps_the_weights_of_rows():
    heavy = decisions(300)
    mixture = made()
    mixture.fit(lambda: iter([heavy]))
    alone = make_agent("linucb", PROBLEM, {"alpha": 0.0}, seed=0)
    alone.fit(lambda: iter([heavy]))
    context = tf.constant(decisions(4).context)
    here, there = (agent.policy(context, tf.ones([4, 3], tf.bool)).scores for agent in (mixture.agents[0], alone))
    np.testing.assert_allclose(here, there, atol=1e-6)


def test_exp3_turns_to_the_agent_that_earns_more():
    agent = made(learn="exp3")
    agent.fit(lambda: iter([decisions(3000)]))
    assert agent.weights.numpy()[0] > 0.9
    step = tf.function(made(learn="exp3").train_step, autograph=False)
    assert np.isfinite([float(step(tensors(decisions(64, seed=i)))) for i in range(3)]).all()


def test_exp3_is_worked_by_hand_and_its_temperature_is_capped():
    agent, batch = made(learn="exp3", memory=100, weights=[1, 3], max_weight=4), decisions(400)
    context, eligible = tf.constant(batch.context), tf.constant(batch.eligible)
    shares = [p.policy(context, eligible).probabilities.numpy()[np.arange(400), batch.action] for p in agent.agents]
    worth = batch.weight * batch.reward * np.minimum(1 / batch.propensity, 4)
    gains = np.array([np.sum(share * worth) for share in shares])
    agent.train_step(tensors(batch))
    logits = np.log([0.25, 0.75]) + gains / 10  # sqrt(400) = 20, but never more than sqrt(100)
    np.testing.assert_allclose(agent.weights, np.exp(logits) / np.exp(logits).sum(), rtol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"agents": [GOOD]}, "a mixture has two agents or more; received 1"),
        ({"weights": [1, 2, 3]}, "expected one for each agent; received 3 for 2"),
        ({"weights": [1, -2]}, r"mixture.weights\[1\]: received -2; expected a number above 0"),
        ({"learn": "exp"}, "mixture.learn: received 'exp'; known: static, exp3; did you mean 'exp3'"),
        ({"agents": [GOOD, {"epsilon": 1}]}, r"mixture.agents\[1\]: received .*expected the agent's name"),
        ({"agents": [GOOD, {"name": "linucbb"}]}, "unknown agent 'linucbb'.*did you mean 'linucb'"),
    ],
)
def test_an_impossible_setting_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        made(**settings)
