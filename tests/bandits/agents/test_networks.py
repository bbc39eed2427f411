"""The networks give what TF-Agents' give with the same weights, and the arms' layers run once."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
from separable_for_test import N_CONTEXT, PROBLEM, decisions

from waze_data_tfx.bandits.agents.networks import ActionHeads, CommonTower, DotProduct, RewardNetwork

CONTEXT = tf.constant(decisions(7).context)


def observed() -> tuple[dict, dict]:
    arms = tf.tile(tf.constant(PROBLEM.arm_features)[None], [7, 1, 1])
    spec = {"global": tf.TensorSpec([N_CONTEXT], tf.float32), "per_arm": tf.TensorSpec([3, 4], tf.float32)}
    return {"global": CONTEXT, "per_arm": arms}, spec


def assert_equal(ours: RewardNetwork, theirs: object, observation: object) -> None:
    theirs.create_variables()
    values = [variable for name, variable in ours.named().items() if name != "output_bias" or not isinstance(ours, DotProduct)]
    for variable, value in zip(theirs.variables, values, strict=True):
        variable.assign(value)
    expected = theirs(observation)[0].numpy()
    np.testing.assert_allclose(ours.scores(CONTEXT), expected, atol=1e-5)
    action = np.array([0, 1, 2, 0, 1, 2, 0], np.int32)
    np.testing.assert_allclose(ours.predicted(CONTEXT, tf.constant(action)), expected[np.arange(7), action], atol=1e-5)


def test_action_heads_are_tf_agents_q_network():
    from tf_agents.networks import q_network
    from tf_agents.specs import tensor_spec

    net = q_network.QNetwork(
        tf.TensorSpec([N_CONTEXT], tf.float32), tensor_spec.BoundedTensorSpec([], tf.int32, 0, 2), fc_layer_params=(6, 4)
    )
    assert_equal(ActionHeads(N_CONTEXT, 3, (6, 4), seed=0), net, CONTEXT)


def test_common_tower_is_tf_agents():
    from tf_agents.bandits.networks import global_and_arm_feature_network as networks

    observation, spec = observed()
    theirs = networks.create_feed_forward_common_tower_network(spec, (6,), (5,), (4, 3))
    assert_equal(CommonTower(N_CONTEXT, PROBLEM.arm_features, (6,), (5,), (4, 3), seed=0), theirs, observation)


def test_dot_product_is_tf_agents_with_linear_last_layers():
    from tf_agents.bandits.networks import global_and_arm_feature_network as networks

    observation, spec = observed()
    theirs = networks.create_feed_forward_dot_product_network(spec, (6,), (6,), activation_fn=tf.identity)
    assert_equal(DotProduct(N_CONTEXT, PROBLEM.arm_features, (6,), (6,), seed=0), theirs, observation)


def test_samples_are_the_scores_under_each_mask():
    masks = tf.constant([[0.0, 2, 0, 1, 1, 1], [1.0, 1, 1, 0, 0, 3]])
    arms = PROBLEM.arm_features
    for net in (
        ActionHeads(N_CONTEXT, 3, (6,), seed=0),
        CommonTower(N_CONTEXT, arms, (6,), (5,), (4,), seed=0),
        DotProduct(N_CONTEXT, arms, (6,), (6,), seed=0),
    ):
        samples = net.samples(CONTEXT, masks).numpy()
        assert samples.shape == (7, 2, 3)
        for i in range(2):
            np.testing.assert_allclose(samples[:, i], net.scores(CONTEXT, tf.tile(masks[i : i + 1], [7, 1])), atol=1e-5)
