"""Ranking with a saved LinUCB policy against TF-Agents' LinUCB policy, contextualbandits and MABWiser, in rows per CPU second.

20 float features, 12 arms, one thread for everybody; rounds alternate between the sides, medians are printed. Batches of 16,384
rows, as batch prediction sends them, for everybody; with 4,096 (`--batch 4096`) TF-Agents is 5 % faster, and ours has three
quarters of its speed.

Ours is the SavedModel's `raw` signature, called with its typed columns, a key and a mask: it answers with the key, the ranked
list, scores, probabilities with a floor, the drawn action and its propensity. TF-Agents' compiled policy and the peers' `predict`
answer with one action. "optional" takes columns in which NaN is missing, "criteria" asks a slice of every row, "eval" is
`eval_raw`, "examples" is `serving_default` with serialized tf.Examples. The peers' environment is linear_bandits.py's.
Of a call's 7 ms 2 ms are LinUCB's own products (near the processor's peak) and 0.5 ms the call itself (22 arguments, 200 nodes).

    python benchmarks/policy_ranking.py [--rounds 7] [--batch 16384] [--no-peers]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import linear_bandits as linear
import numpy as np

ACTIONS = tuple(f"arm_{k}" for k in range(linear.N_ARMS))
NAMES = [f"x{i}" for i in range(linear.DIM)]
ROWS = 204_800
"""How many a side answers in a round."""


def exported(folder: Path, *, optional: bool, criteria: bool) -> str:
    import tensorflow as tf

    from waze_data_tfx.bandits.agents import make_agent
    from waze_data_tfx.bandits.decisions import Problem
    from waze_data_tfx.bandits.export import Columns, export
    from waze_data_tfx.bandits.policies.criteria import EXPLOIT, Criteria, write_criteria
    from waze_data_tfx.bandits.policies.identity import Identity

    problem = Problem(ACTIONS, linear.DIM)
    agent = make_agent("linucb", problem, {}, seed=0)
    agent.fit(lambda: iter([linear.generated(65_536, 0)]))
    text = tf.io.VarLenFeature(tf.string)
    spec = tf.io.VarLenFeature(tf.float32) if optional else tf.io.FixedLenFeature([], tf.float32)

    def as_context(raw):
        def dense(column):
            if not optional:
                return column
            one_wide = tf.SparseTensor(column.indices, column.values, [column.dense_shape[0], 1])
            return tf.sparse.to_dense(one_wide)[:, 0]

        return tf.transpose(tf.stack([dense(raw[name]) for name in NAMES], axis=0))

    columns = Columns(
        context=dict.fromkeys(NAMES, spec),
        as_context=as_context,
        key=("user_id", text),
        eligible="eligible_actions",
        criteria={"plan": text} if criteria else {},
    )
    identity = Identity(ACTIONS, "benchmark", floor=0.05, criteria_columns=tuple(columns.criteria))
    export(agent.policy, problem, identity, columns=columns, directory=str(folder))
    if criteria:
        write_criteria(folder, Criteria(("plan",), {("pro",): EXPLOIT}, eval_share=0.1))
    return str(folder)


def asked(folder: str, signature: str, *, criteria: bool = False) -> Callable[[], int]:
    import tensorflow as tf

    batch = linear.generated(linear.SCORED, 1)
    model = tf.saved_model.load(folder)
    function = model.signatures[signature]
    users = [f"user{i:08d}" for i in range(linear.SCORED)]
    if signature == "serving_default":
        arguments = {"examples": tf.constant([example(u, x) for u, x in zip(users, batch.context, strict=True)])}
    else:
        arguments = {name: tf.constant(batch.context[:, i]) for i, name in enumerate(NAMES)}
        eligible = np.random.default_rng(2).random(batch.eligible.shape) < 0.9
        arguments |= {"user_id": tf.constant(users), "eligible_actions": tf.constant(eligible)}
        if criteria:
            arguments["plan"] = tf.constant(["pro", "free"] * (linear.SCORED // 2))

    calls = max(ROWS // linear.SCORED, 1)

    def run() -> int:
        for _ in range(calls):
            function(**arguments)
        return calls * linear.SCORED

    run.model = model  # a function does not hold its model's variables
    return run


def example(user: str, context: np.ndarray) -> bytes:
    import tensorflow as tf

    made = tf.train.Example()
    made.features.feature["user_id"].bytes_list.value.append(user.encode())
    for name, value in zip(NAMES, context, strict=True):
        made.features.feature[name].float_list.value.append(float(value))
    return made.SerializeToString()


def compare(rounds: int, folder: Path, peers: "linear.Peers | None") -> None:
    plain = exported(folder / "plain", optional=False, criteria=False)
    optional = exported(folder / "optional", optional=True, criteria=False)
    ruled = exported(folder / "criteria", optional=False, criteria=True)
    sides = {
        "ours, raw": asked(plain, "raw"),
        "tf-agents": linear.tf_agents_scores(),
        "ours, eval": asked(plain, "eval_raw"),
        "ours, criteria": asked(ruled, "raw", criteria=True),
        "ours, optional": asked(optional, "raw"),
        "ours, examples": asked(plain, "serving_default"),
    }
    measured = {name: (lambda run=run: linear.rate(run)) for name, run in sides.items()}
    if peers:
        for name in ("mabwiser", "contextualbandits"):
            measured[f"{name} predict"] = lambda name=name: peers.rate(f"{name} predict")
    targets = {"tf-agents": 100, "mabwiser predict": 1, "contextualbandits predict": 1}
    linear.compared(f"ranking, batches of {linear.SCORED:,}", rounds, measured, targets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=16_384)
    parser.add_argument("--no-peers", action="store_true", help="without MABWiser and contextualbandits")
    arguments = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in linear.ENVIRONMENT.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **linear.ENVIRONMENT})
    import tensorflow as tf

    linear.SCORED = arguments.batch
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory() as place:
        peers = None
        if not arguments.no_peers:
            try:
                peers = linear.Peers(Path(place))
            except (OSError, subprocess.SubprocessError) as error:
                print(f"MABWiser and contextualbandits are left out, as they cannot be installed here: {error}")
        compare(arguments.rounds, Path(place), peers)
        if peers:
            peers.close()


if __name__ == "__main__":
    main()
