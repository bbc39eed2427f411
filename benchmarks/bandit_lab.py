"""The lab's compiled loop against TF-Agents' own example loop: the same ratings, LinUCB, 8 decisions per step.

The peer is what TF-Agents' examples/v2/trainer.py does per loop, without its checkpoints and summaries: a DynamicStepDriver over
the MovieLens environment, a replay buffer, agent.train, eagerly; and the same with agent.train in `common.function`. Its
environment reads a file of generated ratings in MovieLens' format; 20 arms of rank 20 are those of its own example, and more take
it minutes to begin. Prints steps per second and the ratios ours/theirs: medians of the rounds.

    python benchmarks/bandit_lab.py [--rounds 3] [--steps 5]
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

BATCH, ARMS, RANK, TARGET = 8, 20, 20, 10.0
N_USERS, N_ITEMS = 943, 1682  # TF-Agents' reader fills a matrix of this size


def write_ratings(folder: Path) -> Path:
    """Write u.data: of each user and each of the first arms a rating of 1 to 5, at random a third of them."""
    rng = np.random.default_rng(0)
    rated = rng.random((N_USERS, ARMS)) < 1 / 3
    ratings = np.clip(np.round(rng.normal(3.8, 1.0, (N_USERS, ARMS))), 1, 5).astype(int)
    lines = [f"{user + 1}\t{item + 1}\t{ratings[user, item]}\t881250949" for user, item in np.argwhere(rated)]
    (folder / "u.data").write_text("\n".join(lines) + "\n")
    return folder / "u.data"


class Theirs:
    """TF-Agents' driver, replay buffer and agent."""

    def __init__(self, file: Path, *, compiled_train: bool) -> None:
        import tensorflow as tf
        from tf_agents.bandits.agents import lin_ucb_agent
        from tf_agents.bandits.environments import movielens_py_environment
        from tf_agents.drivers import dynamic_step_driver
        from tf_agents.environments import tf_py_environment
        from tf_agents.replay_buffers import tf_uniform_replay_buffer
        from tf_agents.utils import common

        made = movielens_py_environment.MovieLensPyEnvironment(str(file), RANK, BATCH, num_movies=ARMS, csv_delimiter="\t")
        environment = tf_py_environment.TFPyEnvironment(made)
        agent = lin_ucb_agent.LinearUCBAgent(
            time_step_spec=environment.time_step_spec(), action_spec=environment.action_spec(), alpha=10.0, dtype=tf.float32
        )
        self.buffer = tf_uniform_replay_buffer.TFUniformReplayBuffer(
            data_spec=agent.policy.trajectory_spec, batch_size=BATCH, max_length=1
        )
        self.driver = dynamic_step_driver.DynamicStepDriver(
            env=environment, policy=agent.collect_policy, num_steps=BATCH, observers=[self.buffer.add_batch]
        )
        self.train = common.function(agent.train) if compiled_train else agent.train

    def steps(self, n: int) -> None:
        for _ in range(n):
            self.driver.run()
            dataset = self.buffer.as_dataset(sample_batch_size=BATCH, num_steps=1, single_deterministic_pass=True)
            experience, _ = next(iter(dataset))
            self.train(experience)
            self.buffer.clear()


class Ours:
    """The lab's loop."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        from waze_data_tfx.bandits.agents import make_agent
        from waze_data_tfx.bandits.environments import make_environment
        from waze_data_tfx.lab.loop import N_STREAMS, compiled

        environment = make_environment("movielens", {"directory": str(folder), "n_arms": ARMS, "rank": RANK})
        agent = make_agent("linucb", environment.problem, {"alpha": 10.0}, seed=1)
        self.run, self.streams, self.done = compiled(agent, environment, BATCH), tf.range(N_STREAMS), 0

    def steps(self, n: int) -> None:
        import tensorflow as tf

        self.run(self.streams, tf.constant(self.done), tf.constant(self.done + n)).numpy()
        self.done += n


def speed(side: Ours | Theirs, n: int) -> float:
    began = time.perf_counter()
    side.steps(n)
    return n / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5, help="of TF-Agents' loops in a round; ours plays 200 times as many")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = write_ratings(Path(folder))
        sides = {
            "lab": (Ours(Path(folder)), 200 * asked.steps),
            "TF-Agents, eager train": (Theirs(file, compiled_train=False), asked.steps),
            "TF-Agents, train in common.function": (Theirs(file, compiled_train=True), asked.steps),
        }
        for side, _ in sides.values():
            side.steps(2)  # builds the graphs
        speeds = {name: [speed(*side) for _ in range(asked.rounds)] for name, side in sides.items()}
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    for name, value in medians.items():
        print(f"{name:38s} {value:8.1f} steps/s of {BATCH} decisions")
    for name in list(medians)[1:]:
        ratio = medians["lab"] / medians[name]
        print(f"ratio lab / {name}: {ratio:.1f} (target {TARGET}: {'met' if ratio >= TARGET else 'MISSED'})")


if __name__ == "__main__":
    main()
