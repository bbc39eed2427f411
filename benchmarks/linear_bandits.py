"""LinUCB's exact fit and its scoring against TF-Agents, MABWiser, contextualbandits and bare NumPy, in rows per CPU second.

20 features, 12 arms, rewards 0 and 1, one thread for everybody; rounds alternate between the sides, medians are printed, with the
ratio of ours to theirs. Ours fits from NumPy batches into daily sums and solves at the end. TF-Agents trains its agent in its
compiled loop on trajectories made before the clock starts, and scores with its agent's compiled policy. Bare NumPy sums x'x and
r x per arm and batch in float64, with no day, no weight and no check, and solves at the end. MABWiser and contextualbandits fit
65,536 rows at once, in an environment of their own that is made in .peers/ from bandit_peers.lock when it is first needed (a
minute; contextualbandits needs a C compiler); where that is impossible the reason is printed. At last the fit of 10^5, 10^6 and
10^7 rows that are generated in batches over 28 days, a process each: rows per CPU second without generating, and memory.

    python benchmarks/linear_bandits.py [--rounds 5] [--no-peers]
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

DIM, N_ARMS, SCORED = 20, 12, 4096
HERE = Path(__file__).parent
LOCK = HERE / "bandit_peers.lock"
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # read when NumPy is imported
ENVIRONMENT = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", **THREADS}


def generated(n: int, seed: int, *, day: int = 0):
    from waze_data_tfx.bandits.decisions import Batch

    random = np.random.default_rng(seed)
    context = random.standard_normal((n, DIM), np.float32)
    action = random.integers(0, N_ARMS, n, dtype=np.int32)
    reward = (context[np.arange(n), action] + random.standard_normal(n, np.float32) > 0).astype(np.float32)
    ones = np.ones(n, np.float32)
    return Batch(context, action, reward, ones, np.ones((n, N_ARMS), bool), ones, np.full(n, day, np.int32))


def agent():
    from waze_data_tfx.bandits.agents.linucb import LinUCB
    from waze_data_tfx.bandits.decisions import Problem

    return LinUCB(Problem(tuple(f"arm_{k}" for k in range(N_ARMS)), DIM))


def our_fit(size: int, n_batches: int) -> Callable[[], int]:
    made, batches = agent(), [generated(size, i) for i in range(min(n_batches, 64))]

    def run() -> int:
        made.fit(lambda: (batches[i % len(batches)] for i in range(n_batches)))
        return size * n_batches

    return run


def our_steps(size: int, n_batches: int) -> Callable[[], int]:
    import tensorflow as tf

    from waze_data_tfx.bandits.decisions import Batch

    made, batch = agent(), Batch(*map(tf.constant, generated(size, 0)))
    step = tf.function(lambda: made.train_step(batch))

    def run() -> int:
        for _ in range(n_batches):
            step()
        return size * n_batches

    return run


def numpy_fit(size: int, n_batches: int) -> Callable[[], int]:
    batches = [generated(size, i) for i in range(min(n_batches, 64))]

    def run() -> int:
        gram, target = np.zeros((N_ARMS, DIM, DIM)), np.zeros((N_ARMS, DIM))
        for i in range(n_batches):
            batch = batches[i % len(batches)]
            context, reward = batch.context.astype(float), batch.reward.astype(float)
            for k in range(N_ARMS):
                taken = batch.action == k
                x = context[taken]
                gram[k] += x.T @ x
                target[k] += x.T @ reward[taken]
        np.linalg.solve(gram + np.eye(DIM), target[:, :, None])
        return size * n_batches

    return run


def tf_agents_agent():
    import tensorflow as tf
    from tf_agents.bandits.agents import lin_ucb_agent
    from tf_agents.specs import tensor_spec
    from tf_agents.trajectories import time_step as ts

    observation = tf.TensorSpec([DIM], tf.float32)
    action = tensor_spec.BoundedTensorSpec([], tf.int32, 0, N_ARMS - 1)
    return lin_ucb_agent.LinearUCBAgent(ts.time_step_spec(observation), action)


def tf_agents_fit(size: int, n_batches: int) -> Callable[[], int]:
    import tensorflow as tf
    from tf_agents.bandits.policies import policy_utilities
    from tf_agents.trajectories import trajectory
    from tf_agents.utils import common

    made, batch = tf_agents_agent(), generated(size, 0)
    train = common.function(made.train)
    steps = trajectory.Trajectory(
        step_type=tf.zeros([size, 1], tf.int32),
        observation=tf.constant(batch.context[:, None]),
        action=tf.constant(batch.action[:, None]),
        policy_info=policy_utilities.PolicyInfo(),
        next_step_type=tf.zeros([size, 1], tf.int32),
        reward=tf.constant(batch.reward[:, None]),
        discount=tf.ones([size, 1]),
    )

    def run() -> int:
        for _ in range(n_batches):
            train(steps)
        return size * n_batches

    return run


def our_scores(name: str, n_batches: int) -> Callable[[], int]:
    import tensorflow as tf

    from waze_data_tfx.bandits.agents import AGENTS
    from waze_data_tfx.bandits.decisions import Problem

    module, _, attribute = AGENTS[name].partition(":")
    kind = getattr(__import__(module, fromlist=[attribute]), attribute)
    made = kind(Problem(tuple(f"arm_{k}" for k in range(N_ARMS)), DIM))
    made.fit(lambda: iter([generated(65_536, 0)]))
    batch = generated(SCORED, 1)
    context, eligible = tf.constant(batch.context), tf.constant(batch.eligible)
    signature = [tf.TensorSpec([None, DIM]), tf.TensorSpec([None, N_ARMS], tf.bool)]
    choose = tf.function(lambda c, e: tuple(made.policy(c, e)), input_signature=signature)

    def run() -> int:
        for _ in range(n_batches):
            choose(context, eligible)
        return SCORED * n_batches

    return run


def tf_agents_scores() -> Callable[[], int]:
    import tensorflow as tf
    from tf_agents.trajectories import time_step as ts
    from tf_agents.utils import common

    made = tf_agents_agent()
    tf_agents_train = generated(SCORED, 0)
    for k, gram in enumerate(made.cov_matrix):
        x = tf_agents_train.context[tf_agents_train.action == k]
        gram.assign(x.T @ x)
    act = common.function(made.policy.action)
    step = ts.restart(tf.constant(generated(SCORED, 1).context), batch_size=SCORED)

    def run() -> int:
        act(step)
        return SCORED

    return run


def peers_python() -> str:
    """Return the Python of an environment with MABWiser and contextualbandits, made once; raises OSError where it cannot be."""
    folder = HERE.parent / ".peers" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    python = folder / "bin/python"
    if not (folder / ".complete").exists():
        print(f"making {folder} from {LOCK.name}", flush=True)
        uv = [sys.executable, "-m", "uv"]
        for command in (
            [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
            [*uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(LOCK)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
            if done.returncode:
                raise OSError(" ".join(done.stderr.strip().splitlines()[-3:]))
        (folder / ".complete").touch()
    return str(python)


class Peers:
    """A process in the peers' environment that answers one line per work."""

    def __init__(self, folder: Path) -> None:
        batch, scored = generated(65_536, 0), generated(SCORED, 1)
        columns = {"context": batch.context, "action": batch.action, "reward": batch.reward}
        np.savez(folder / "data.npz", contexts_to_score=scored.context, **columns)
        command = [peers_python(), str(HERE / "bandit_peers.py"), str(folder / "data.npz")]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    def rate(self, work: str) -> float:
        self._process.stdin.write(work + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit(self._process.stderr.read())
        answer = json.loads(line)
        return answer["rows"] / answer["seconds"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def rate(run: Callable[[], int]) -> float:
    started = time.process_time()
    rows = run()
    return rows / (time.process_time() - started)


def compared(title: str, rounds: int, sides: dict[str, Callable[[], float]], targets: dict[str, float]) -> None:
    """Print the median of each side, and the ratio of the first to every other."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for name, measure in sides.items():
        if not name.startswith(("mabwiser", "contextualbandits")):
            measure()  # traces, first touches of memory
    for _ in range(rounds):
        for name, measure in sides.items():
            rates[name].append(measure())
    first = next(iter(sides))
    print(f"\n{title}")
    for name, measured in rates.items():
        median = statistics.median(measured)
        line = f"  {name:34s} {median:12,.0f} rows per CPU second"
        if name != first:
            ratio = statistics.median(rates[first]) / median
            target = f", target at least {targets[name]:g}" if name in targets else ""
            line += f"; ours {ratio:.2f} times{target}"
        print(line, flush=True)


def compare(rounds: int, peers: Peers | None) -> None:
    def here(run: Callable[[], int]) -> Callable[[], float]:
        return lambda: rate(run)

    def there(work: str) -> dict[str, Callable[[], float]]:
        names = ("mabwiser", "contextualbandits") if peers else ()
        return {f"{name} {work}": (lambda name=name: peers.rate(f"{name} {work}")) for name in names}

    many = {"ours": here(our_fit(4096, 200)), "tf-agents": here(tf_agents_fit(4096, 10)), "numpy": here(numpy_fit(4096, 200))}
    many |= {"ours, solved at every step": here(our_steps(4096, 50))} | there("fit")
    compared("fit, batches of 4,096", rounds, many, {"tf-agents": 10, "mabwiser fit": 1, "numpy": 0.5})
    few = {"ours": here(our_fit(64, 3000)), "tf-agents": here(tf_agents_fit(64, 60)), "numpy": here(numpy_fit(64, 1000))}
    few |= {"ours, solved at every step": here(our_steps(64, 500))}
    compared("fit, batches of 64", rounds, few, {"tf-agents": 50})
    scored = {"ours": here(our_scores("linucb", 50)), "tf-agents": here(tf_agents_scores())}
    scored |= {"ours, Thompson with 100 draws": here(our_scores("lin_ts", 3))} | there("predict")
    targets = {"tf-agents": 100, "mabwiser predict": 1, "contextualbandits predict": 1}
    compared(f"scoring, batches of {SCORED:,}", rounds, scored, targets)


def resident_mb() -> float:
    """Return the memory that this process holds now; the peak would hide all that TensorFlow's import has let go of."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def fit_generated(n_rows: int) -> None:
    """Fit rows as they are generated, and print what it took."""
    spent, most = 0.0, 0.0

    def batches() -> Iterator:
        nonlocal spent, most
        n_batches = max(n_rows // 4096, 1)
        for i in range(n_batches):
            started = time.process_time()
            batch = generated(n_rows // n_batches, i, day=28 * i // n_batches)
            most = max(most, resident_mb())
            spent += time.process_time() - started
            yield batch

    made = agent()
    made.fit(lambda: iter([generated(100, 0)]))
    before, started = resident_mb(), time.process_time()
    rows = made.fit(batches)["rows"]
    seconds = time.process_time() - started - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  {rows:12,} rows {rows / seconds:12,.0f} rows per CPU second, {seconds:6.2f} s; "
        f"peak memory with imports {peak:.0f} MB, grew by {most - before:.0f} MB while fitting"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true", help="without MABWiser and contextualbandits")
    parser.add_argument("--fit-generated", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if arguments.fit_generated:
        fit_generated(arguments.fit_generated)
        return
    with tempfile.TemporaryDirectory() as folder:
        peers = None
        if not arguments.no_peers:
            try:
                peers = Peers(Path(folder))
            except (OSError, subprocess.SubprocessError) as error:
                print(f"MABWiser and contextualbandits are left out, as they cannot be installed here: {error}")
        compare(arguments.rounds, peers)
        if peers:
            peers.close()
    print("\nfit of rows generated in batches over 28 days", flush=True)
    for n_rows in (10**5, 10**6, 10**7):
        subprocess.run([sys.executable, __file__, "--fit-generated", str(n_rows)], check=True)


if __name__ == "__main__":
    main()
