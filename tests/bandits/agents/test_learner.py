"""One step of learning: equal to TF-Agents' where that is right, with the weights that it loses."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from separable_for_test import N_CONTEXT, PROBLEM, QUICK, decisions, rows, tensors

from waze_data_tfx.bandits.agents.learner import Learner
from waze_data_tfx.bandits.agents.networks import ActionHeads
from waze_data_tfx.bandits.agents.neural_settings import Training
from waze_data_tfx.bandits.decisions import Batch
from waze_data_tfx.errors import UserError


def learner(seed: int = 2, dropout: float = 0.0, **settings: object) -> Learner:
    training = Training.of("test", {**QUICK, **settings})
    return Learner(
        lambda s: ActionHeads(N_CONTEXT, 3, (16, 8), seed=s), problem=PROBLEM, training=training, seed=seed, dropout=dropout
    )


def weights(learnt: Learner) -> list[np.ndarray]:
    return [variable.numpy() for variable in learnt.network.named().values()]


def assert_same(a: Learner, b: Learner, atol: float = 1e-6) -> None:
    for x, y in zip(weights(a), weights(b), strict=True):
        np.testing.assert_allclose(x, y, atol=atol)


def test_without_weights_a_step_is_tf_agents_own():
    import tf_keras
    from tf_agents.bandits.agents import greedy_reward_prediction_agent
    from tf_agents.bandits.policies import policy_utilities
    from tf_agents.networks import q_network
    from tf_agents.specs import tensor_spec
    from tf_agents.trajectories import time_step, trajectory

    ours = learner()
    observation = tf.TensorSpec([N_CONTEXT], tf.float32)
    action = tensor_spec.BoundedTensorSpec([], tf.int32, 0, 2)
    net = q_network.QNetwork(observation, action, fc_layer_params=(16, 8))
    agent = greedy_reward_prediction_agent.GreedyRewardPredictionAgent(
        time_step.time_step_spec(observation),
        action,
        net,
        tf_keras.optimizers.legacy.Adam(0.02),
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )
    for theirs, value in zip(net.variables, weights(ours), strict=True):
        theirs.assign(value)
    for i in range(5):
        batch = decisions(64, seed=i)
        batch = tensors(batch._replace(weight=np.ones(64, np.float32)))
        experience = trajectory.single_step(batch.context, batch.action, policy_utilities.PolicyInfo(), batch.reward, tf.ones(64))
        expected = agent.train(tf.nest.map_structure(lambda t: t[:, None], experience)).loss
        assert float(ours.step(batch)) == pytest.approx(float(expected), abs=1e-6)
    for theirs, value in zip(net.variables, weights(ours), strict=True):
        np.testing.assert_allclose(value, theirs, atol=1e-5)


@pytest.mark.parametrize("off_policy", ["none", "ips", "dr"])
def test_a_row_of_weight_2_is_the_row_twice(off_policy):
    batch = decisions(20)._replace(weight=np.ones(20, np.float32))
    heavy = batch._replace(weight=np.where(np.arange(20) == 4, 2, 1).astype(np.float32))
    once, twice = learner(off_policy=off_policy), learner(off_policy=off_policy)
    for _ in range(3):
        assert float(once.step(tensors(heavy))) == pytest.approx(
            float(twice.step(tensors(rows(batch, [*range(20), 4])))), abs=1e-6
        )
    assert_same(once, twice)


def test_rows_without_weight_change_nothing():
    batch = decisions(20)
    with_others = Batch(*(np.concatenate(columns) for columns in zip(batch, decisions(30, seed=5), strict=True)))
    with_others.weight[20:] = 0
    a, b, c = learner(), learner(), learner()
    a.step(tensors(batch))
    b.step(tensors(with_others))
    assert_same(a, b)
    c.step(tensors(batch._replace(weight=np.zeros(20, np.float32))))
    assert_same(c, learner(), atol=0)


def test_the_loss_is_divided_by_the_sum_of_weights():
    batch = decisions(20)
    net = learner()
    errors = batch.reward - net.network.predicted(tf.constant(batch.context), tf.constant(batch.action)).numpy()
    assert float(net.step(tensors(batch))) == pytest.approx(np.sum(batch.weight * errors**2) / batch.weight.sum(), rel=1e-5)


def test_weights_of_two_dimensions_are_refused():
    # TF-Agents broadcasts them with the errors to [n, n]
    batch = decisions(20)
    with pytest.raises(UserError, match=r"batch.weight: received the shape \(20, 1\); expected 1 dimensions"):
        learner().step(tensors(batch._replace(weight=batch.weight[:, None])))


def test_ips_weighs_by_clipped_inverse_propensities():
    batch = decisions(20)
    net = learner(off_policy="ips", max_weight=2.5)
    errors = batch.reward - net.network.predicted(tf.constant(batch.context), tf.constant(batch.action)).numpy()
    weight = batch.weight * np.minimum(1 / batch.propensity, 2.5)  # propensities 0.5, 0.3, 0.2: 2, 2.5, 2.5
    assert set(np.round(weight / batch.weight, 3)) == {2.0, 2.5}
    assert float(net.step(tensors(batch))) == pytest.approx(np.sum(weight * errors**2) / batch.weight.sum(), rel=1e-5)


def test_dr_aims_at_doubly_robust_targets_of_all_eligible_actions():
    batch = decisions(20)
    net = learner(off_policy="dr", max_weight=4)
    scores, estimates = (n.scores(tf.constant(batch.context)).numpy() for n in (net.network, net.reward_model))
    taken = np.eye(3)[batch.action]
    inverse = np.minimum(1 / batch.propensity, 4)[:, None]  # 0.2 would be 5
    targets = estimates + taken * inverse * (batch.reward[:, None] - estimates)
    each = np.sum(batch.eligible * (targets - scores) ** 2, axis=1)
    assert float(net.step(tensors(batch))) == pytest.approx(np.sum(batch.weight * each) / batch.weight.sum(), rel=1e-5)


def test_ips_repairs_what_the_logging_policy_hides_from_a_small_network():
    # The network sees nothing of x, so that it learns the mean reward; the log hardly takes the action where x > 0 and the reward
    # is high. Fitted unweighted it is the log's mean, 0.05 * 0.75 / 0.5 = 0.075, by ips everybody's: E max(x, 0) * 3 = 0.75.
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, 4000).astype(np.float32)
    propensity = np.where(x > 0, 0.05, 0.95).astype(np.float32)
    kept = random.random(4000) < propensity
    zeros, ones = np.zeros(4000, np.int32), np.ones(4000, np.float32)
    context, eligible = np.zeros((4000, N_CONTEXT), np.float32), np.ones((4000, 3), bool)
    log = rows(Batch(context, zeros, np.maximum(x, 0) * 3, propensity, eligible, ones, zeros), kept)
    found = {}
    for off_policy in ("none", "ips"):
        net = learner(off_policy=off_policy, epochs=30)
        net.fit(lambda: iter([log]))
        found[off_policy] = float(net.network.scores(tf.zeros([1, N_CONTEXT]))[0, 0])
    assert found["none"] == pytest.approx(0.075, abs=0.05)
    assert found["ips"] == pytest.approx(0.75, abs=0.15)


def test_batches_may_come_in_any_sizes():
    log = decisions(500)
    a, b = learner(epochs=2), learner(epochs=2)
    record = a.fit(lambda: iter([log]))
    b.fit(lambda: (rows(log, slice(i, i + 37)) for i in range(0, 500, 37)))
    assert_same(a, b, atol=0)
    assert record["rows"] == 500
    assert len(record["loss"]) == 2


def test_steps_of_two_agents_do_not_count_for_each_other():
    a, b = learner(dropout=0.5), learner(dropout=0.5)
    for _ in range(5):
        a.step(tensors(decisions(20)))
    b.step(tensors(decisions(20)))
    fresh = learner(dropout=0.5)
    fresh.step(tensors(decisions(20)))
    assert_same(b, fresh, atol=0)


PARALLEL = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
sys.path[:0] = sys.argv[1:]
import numpy as np
from separable_for_test import PROBLEM, QUICK, decisions, tensors
from waze_data_tfx.bandits.agents import make_agent
log = decisions(1001)
cases = [("neural_falcon", {}), ("neural_falcon", {"off_policy": "dr", "per_arm": True}), ("dropout_ts", {"off_policy": "ips"})]
for name, settings in cases:
    states = []
    for parallel in ("one", "mirrored"):
        agent = make_agent(name, PROBLEM, {**QUICK, **settings, "epochs": 2, "parallel": parallel}, seed=1)
        agent.fit(lambda: iter([log]))
        states.append(agent.state())
    assert agent._learner._strategy.num_replicas_in_sync == 2
    print(max(np.abs(states[0][key] - states[1][key]).max() for key in states[0]))
"""


def test_two_devices_learn_the_same_as_one_with_every_weight():
    tests = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", PARALLEL, str(tests), str(tests.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    differences = [float(line) for line in done.stdout.split()]
    assert len(differences) == 3
    assert max(differences) < 1e-5
