"""Training of a neural bandit against TF-Agents' own compiled loop: `python benchmarks/neural_bandits.py [ROUNDS]`.

20 features, 12 arms, hidden layers (50, 50), the same rows; samples per CPU second of one thread, alternating, medians. The peer
is `common.function(agent.train)` of TF-Agents' NeuralEpsilonGreedyAgent, called once per batch with trajectories made
beforehand; ours is `NeuralEpsilonGreedy.fit`, whose time includes cutting, shuffling and copying the rows.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents.neural import NeuralEpsilonGreedy
from waze_data_tfx.bandits.decisions import Batch, Problem

N_FEATURES, N_ARMS, HIDDEN = 20, 12, (50, 50)
STEPS = {64: 1024, 4096: 64}


def decisions(n: int) -> Batch:
    random = np.random.default_rng(1)
    context = random.normal(size=(n, N_FEATURES)).astype(np.float32)
    action = random.integers(0, N_ARMS, n).astype(np.int32)
    reward = (context @ random.normal(size=(N_FEATURES, N_ARMS)))[np.arange(n), action].astype(np.float32)
    ones = np.ones(n, np.float32)
    return Batch(context, action, reward, ones / N_ARMS, np.ones((n, N_ARMS), bool), ones, np.zeros(n, np.int32))


def ours(rows: Batch, batch_size: int) -> Callable[[], object]:
    problem = Problem(tuple(f"a{k}" for k in range(N_ARMS)), N_FEATURES)
    agent = NeuralEpsilonGreedy(problem, hidden_units=HIDDEN, batch_size=batch_size, epochs=1)
    return lambda: agent.fit(lambda: iter([rows]))


def theirs(rows: Batch, batch_size: int) -> Callable[[], object]:
    from tf_agents.bandits.agents import neural_epsilon_greedy_agent
    from tf_agents.bandits.policies import policy_utilities
    from tf_agents.networks import q_network
    from tf_agents.specs import tensor_spec
    from tf_agents.trajectories import time_step, trajectory
    from tf_agents.utils import common

    observation = tf.TensorSpec([N_FEATURES], tf.float32)
    action = tensor_spec.BoundedTensorSpec([], tf.int32, 0, N_ARMS - 1)
    agent = neural_epsilon_greedy_agent.NeuralEpsilonGreedyAgent(
        time_step.time_step_spec(observation),
        action,
        reward_network=q_network.QNetwork(observation, action, fc_layer_params=HIDDEN),
        optimizer=tf.compat.v1.train.AdamOptimizer(0.003),
        epsilon=0.1,
    )
    made = []
    for start in range(0, len(rows.action), batch_size):
        part = slice(start, start + batch_size)
        made.append(
            tf.nest.map_structure(
                lambda values: tf.constant(values)[:, tf.newaxis],
                trajectory.single_step(
                    observation=rows.context[part],
                    action=rows.action[part],
                    policy_info=policy_utilities.PolicyInfo(),
                    reward=rows.reward[part],
                    discount=rows.weight[part],
                ),
            )
        )
    train = common.function(agent.train)

    def run() -> None:
        for experience in made:
            train(experience)

    return run


def main(rounds: int) -> None:
    for batch_size, steps in STEPS.items():
        rows = decisions(batch_size * steps)
        runs = {"ours": ours(rows, batch_size), "TF-Agents": theirs(rows, batch_size)}
        speeds: dict[str, list[float]] = {name: [] for name in runs}
        for i in range(rounds + 1):  # the first round compiles
            for name, run in runs.items():
                started = time.process_time()
                run()
                if i:
                    speeds[name].append(len(rows.action) / (time.process_time() - started))
        medians = {name: statistics.median(values) for name, values in speeds.items()}
        shown = ", ".join(f"{name} {value:,.0f}" for name, value in medians.items())
        ratio = medians["ours"] / medians["TF-Agents"]
        print(f"batch {batch_size}: {shown} samples per CPU second; ratio {ratio:.2f} (at least 1 expected)")


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
