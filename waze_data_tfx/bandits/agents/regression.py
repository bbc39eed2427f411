"""One step of learning rewards from logged decisions: TF-Agents' agent with a loss that keeps every weight.

TF-Agents' `GreedyRewardPredictionAgent` takes the gradient and applies it. Its loss is replaced: 0.19 averages over rows
whatever their weights sum to, broadcasts weights of [n, 1] to [n, n], and has no targets for actions not taken. Called by
`learner`; never chooses an action. Imports TensorFlow and TF-Agents at the top.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import tensorflow as tf
from tf_agents.bandits.agents import greedy_reward_prediction_agent
from tf_agents.bandits.policies import policy_utilities as utilities
from tf_agents.networks import network
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step, trajectory

from waze_data_tfx.bandits.agents.networks import RewardNetwork

Predict = Callable[[Mapping[str, tf.Tensor]], tf.Tensor]


class Regression:
    """Fits a reward network to targets per action by Adam.

    The loss is the sum of weight * (target - prediction)^2. In a replica of a strategy the gradients of all replicas are added.
    """

    def __init__(
        self,
        net: RewardNetwork,
        *,
        context_dim: int,
        n_actions: int,
        targets: Literal["taken", "all"],
        learning_rate: float,
        n_masked: int = 0,
    ) -> None:
        """Make TF-Agents' agent around `net`.

        Args:
            net: what is trained.
            context_dim: numbers per context.
            n_actions: number of actions.
            targets: whether rows have a target for the action taken, or one for all actions.
            learning_rate: Adam's.
            n_masked: units of the last hidden layer that a row's `mask` multiplies; 0 without dropout.
        """
        import tf_keras

        n_targets = n_actions if targets == "all" else 1
        observation = {"context": tf.TensorSpec([context_dim], tf.float32), "action": tf.TensorSpec([], tf.int32)}
        if n_masked:
            observation["mask"] = tf.TensorSpec([n_masked], tf.float32)
        self._optimizer = tf_keras.optimizers.legacy.Adam(learning_rate)
        self._agent = _Agent(
            time_step.time_step_spec(observation, tf.TensorSpec([n_targets], tf.float32)),
            tensor_spec.BoundedTensorSpec([], tf.int32, 0, n_actions - 1),
            reward_network=_Adapter(observation, list(net.named().values()), _every(net) if targets == "all" else _taken(net)),
            optimizer=self._optimizer,
            enable_summaries=False,
            train_step_counter=tf.Variable(0, tf.int64, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA),
        )
        self._optimizer._create_all_weights(list(net.named().values()))

    def step(self, observation: Mapping[str, tf.Tensor], targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Take one step and return the loss [].

        Args:
            observation: context [n, context_dim], action [n], and mask [n, n_masked] with dropout.
            targets: [n, n_targets].
            weights: of each target, [n, n_targets], divided by the sum of the rows' weights already.
        """
        experience = trajectory.single_step(
            observation=dict(observation),
            action=observation["action"],
            policy_info=utilities.PolicyInfo(),
            reward=targets,
            discount=tf.ones_like(targets[:, 0]),
        )
        experience = tf.nest.map_structure(lambda values: values[:, tf.newaxis], experience)  # TF-Agents wants [n, time]
        return self._agent.train(experience, weights=weights).loss


class _Agent(greedy_reward_prediction_agent.GreedyRewardPredictionAgent):
    """TF-Agents' agent with the loss of this module; its policy, whose propensities are wrong, is never asked."""

    def reward_loss(self, observations: Any, actions: Any, rewards: Any, weights: Any = None, training: bool = False) -> Any:
        del actions
        predictions, _ = self._reward_network(observations, training=training)
        return tf.reduce_sum(weights * tf.math.squared_difference(rewards, predictions))

    def _variables_to_train(self) -> list[tf.Variable]:
        return self._reward_network.learnt


class _Adapter(network.Network):
    """A reward network as TF-Agents calls one."""

    def __init__(self, observation: Mapping[str, tf.TensorSpec], learnt: list[tf.Variable], predict: Predict) -> None:
        super().__init__(input_tensor_spec=dict(observation), state_spec=(), name="rewards")
        self.learnt, self._predict = learnt, predict

    def call(self, observation: Any, step_type: Any = None, network_state: Any = (), training: bool = False) -> Any:
        del step_type, training
        return self._predict(observation), network_state


def _every(net: RewardNetwork) -> Predict:
    return lambda seen: net.scores(seen["context"], seen.get("mask"))


def _taken(net: RewardNetwork) -> Predict:
    return lambda seen: net.predicted(seen["context"], seen["action"], seen.get("mask"))[:, tf.newaxis]
