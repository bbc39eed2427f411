"""A fork of the newsletter template, and what its policies are truly worth: replayed in the world that wrote its log."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from conftest import Project, waze_tfx

from waze_data_tfx.bandits.simulators import newsletter, readers, tables

OUTPUTS = ("key", "ranked_actions", "scores", "probabilities", "action", "propensity")
NEXT_WEEK = 49
"""Day of the simulation on which the shipped config's window ends."""

PLAIN = """
import sys
for name in ("tf_agents", "tensorflow_probability", "tf_keras", "tfx", "tfx_bsl", "tensorflow_transform", "waze_data_tfx"):
    sys.modules[name] = None  # importing it fails
import numpy as np
import tensorflow as tf
model, file, signature, answers = sys.argv[1:]
lengths, joined = (np.load(file)[name] for name in ("lengths", "joined"))
ends = lengths.cumsum()
rows = [joined[end - n : end].tobytes() for end, n in zip(ends, lengths)]
found = tf.saved_model.load(model).signatures[signature](examples=tf.constant(rows))
found = {name: value.numpy() for name, value in found.items()}
np.savez(answers, **{name: value.astype("S") if value.dtype == object else value for name, value in found.items()})
"""


@dataclass
class Letter(Project):
    """A fork of the newsletter template with the shipped log."""

    def run(self, *arguments: object, small: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it from another directory; `small` is the taxi project's."""
        del small
        return waze_tfx("run", self.config, *arguments, cwd=self.folder.parent, timeout=600, **environment)

    @property
    def policy(self) -> Path:
        """Return the folder of the policy that is pushed."""
        serving = self.root / "serving"
        return serving / (serving / "CURRENT").read_text().strip()


def fork(folder: Path) -> Letter:
    """Fork the template through the real command."""
    done = waze_tfx("new", folder, "--template", "newsletter")
    assert done.returncode == 0, done.stderr
    return Letter(folder)


def fresh_contexts(n: int, *, seed: int = 99) -> readers.Contexts:
    """Return decisions about readers whom nobody has seen, in the week after the shipped window."""
    rng = np.random.default_rng(seed)
    day = NEXT_WEEK + np.sort(rng.uniform(0, 7, n))
    return readers.draw_contexts(rng, readers.draw_readers(rng, n), user=np.arange(n), day=day)


def examples_of(contexts: readers.Contexts, *, leave_out: tuple[str, ...] = ()) -> list[bytes]:
    """Return serialized tf.Examples of the contexts, with what the template's query adds that is known beforehand."""
    from waze_data_tfx.data.encode import encode

    log = newsletter.decide(contexts, newsletter.uniform, rng=np.random.default_rng(0), policy_id="none", weeks=1)
    table = tables.decisions_table(log).drop_columns(["decided_at", "action", "propensity", "policy_id", "decision_id"])
    columns = {name: _as_declared(table[name]) for name in table.column_names if name not in leave_out}
    columns["weekday"] = pa.array((np.floor(contexts.day).astype(np.int64) + 1) % 7 + 1)  # day 0 is a Monday, and 1 is Sunday
    [batch] = pa.table(columns).combine_chunks().to_batches()
    return encode(batch, batch.schema.names)


def _as_declared(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as the config has it in examples: the dense features are floats, whole numbers or not."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.float64())
    return column.cast(pa.large_list(pa.string())) if pa.types.is_list(column.type) else column


def answers_of(policy: Path, examples: list[bytes], place: Path, *, signature: str = "serving_default") -> dict[str, Any]:
    """Return what a saved policy says in a new interpreter that cannot import anything but TensorFlow."""
    place.mkdir(parents=True, exist_ok=True)
    rows, answers = place / "rows.npz", place / "answers.npz"
    np.savez(rows, lengths=np.array([len(e) for e in examples]), joined=np.frombuffer(b"".join(examples), np.uint8))
    command = [sys.executable, "-c", PLAIN, *map(str, (policy, rows, signature, answers))]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TF_USE_LEGACY_KERAS")}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(answers) as found:
        return dict(found)


def true_values(policy: Path, place: Path, *, n: int = 20000) -> dict[str, newsletter.Value]:
    """Return the true value of a saved policy (serving, eval) on fresh contexts, beside the log's and the best single arm's."""
    contexts = fresh_contexts(n)
    examples = examples_of(contexts)
    probabilities = {
        name: answers_of(policy, examples, place / name, signature=signature)["probabilities"]
        for name, signature in (("serving", "serving_default"), ("eval", "eval"))
    }
    return {
        **{name: newsletter.replay(contexts, p) for name, p in probabilities.items()},
        "logging": newsletter.replay(contexts, newsletter.popularity),
        "best_single_arm": newsletter.best_single_arm(contexts)[1],
        "best": newsletter.replay(contexts, newsletter.best),
    }
