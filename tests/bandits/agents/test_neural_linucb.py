"""NeuralLinUCB: the exact ridge solution on the encoding, with every weight, and phases of its own."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from separable_for_test import ACTIONS, N_CONTEXT, PROBLEM, QUICK, decisions, tensors

from waze_data_tfx.bandits.agents import make_agent
from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.errors import UserError


def made(**settings: object):
    return make_agent("neural_linucb", PROBLEM, {**QUICK, "encoding_dim": 4, "epochs": 2, **settings}, seed=1)


@pytest.mark.parametrize("off_policy", ["none", "ips"])
def test_is_the_ridge_solution_on_the_encoding(off_policy):
    agent, log = made(alpha=0.7, tikhonov=2.0, off_policy=off_policy), decisions(600)
    agent.fit(lambda: iter([log]))
    context = decisions(5, seed=8).context
    choice = agent.policy(tf.constant(context), tf.ones([5, 3], tf.bool))
    row, new = (
        np.hstack([agent.network.encoding(tf.constant(x)).numpy(), np.ones((len(x), 1))]).astype(float)
        for x in (log.context, context)
    )
    weight = log.weight / (log.propensity if off_policy == "ips" else 1.0)
    upper = np.empty((5, 3))
    for k in range(3):
        mine = log.action == k
        precision = (row[mine] * weight[mine, None]).T @ row[mine] + 2 * np.eye(5)
        theta = np.linalg.solve(precision, (row[mine] * weight[mine, None]).T @ log.reward[mine])
        np.testing.assert_allclose(choice.scores[:, k], new @ theta, atol=1e-4)
        upper[:, k] = new @ theta + 0.7 * np.sqrt(np.einsum("ni,ij,nj->n", new, np.linalg.inv(precision), new))
    np.testing.assert_array_equal(choice.probabilities, np.eye(3)[upper.argmax(axis=1)])


def test_the_encoder_learns_first_whoever_else_has_learnt():
    other = made(encoder_steps=1)  # TF-Agents' global step would send the next one straight to its linear phase
    for i in range(5):
        other.train_step(tensors(decisions(64, seed=i)))
    agent = made(encoder_steps=3)
    kernels = [agent.network.kernel.numpy()]
    for i in range(5):
        agent.train_step(tensors(decisions(64, seed=i)))
        kernels.append(agent.network.kernel.numpy())
    changed = [not np.array_equal(a, b) for a, b in pairwise(kernels)]
    assert changed == [True, True, True, False, False]
    assert agent.state()["core/moments"][:, 4, 4].sum() == pytest.approx(
        decisions(64, seed=3).weight.sum() + decisions(64, seed=4).weight.sum(), rel=1e-6
    )  # the constant's sum is that of the weights of the two batches


def test_before_the_core_is_solved_the_network_is_followed_epsilon_greedily():
    agent = made(epsilon=0.3)
    agent.train_step(tensors(decisions(64)))
    probabilities = agent.policy(tf.constant(decisions(4).context), tf.ones([4, 3], tf.bool)).probabilities
    np.testing.assert_allclose(np.sort(probabilities, axis=1), [[0.1, 0.1, 0.8]] * 4, atol=1e-6)


def test_a_new_action_has_no_rows_and_the_others_mean():
    agent, log = made(), decisions(600)
    agent.fit(lambda: iter([log]))
    wider = make_agent("neural_linucb", Problem((*ACTIONS, "weather"), N_CONTEXT), {**QUICK, "encoding_dim": 4}, seed=2)
    wider.warm_start(agent.state(), ACTIONS)
    context = tf.constant(decisions(5, seed=8).context)
    scores = wider.policy(context, tf.ones([5, 4], tf.bool)).scores.numpy()
    np.testing.assert_allclose(scores[:, :3], agent.policy(context, tf.ones([5, 3], tf.bool)).scores, atol=1e-4)
    np.testing.assert_allclose(scores[:, 3], scores[:, :3].mean(axis=1), atol=1e-4)
    assert wider.state()["core/moments"][3].sum() == 0


def test_doubly_robust_targets_are_refused():
    with pytest.raises(UserError, match=r"neural_linucb\.off_policy: received 'dr'; known: none, ips"):
        made(off_policy="dr")


def test_a_dot_product_has_no_joint_encoding():
    with pytest.raises(UserError, match=r"neural_linucb\.network: received 'dot_product'; expected common_tower"):
        made(per_arm=True, network="dot_product")
