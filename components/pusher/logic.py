"""What the Pusher does, without TFX: copy a SavedModel aside, prove the copy, and publish it as the next version.

Called by executor.py. TensorFlow is imported when the copy is loaded. Never changes a version that exists.
"""

import base64
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from waze_data_tfx import versions
from waze_data_tfx.bandits.policies.criteria import FILE as CRITERIA_FILE
from waze_data_tfx.components.pusher import criteria
from waze_data_tfx.errors import RunFailed
from waze_data_tfx.versions import checksums

VERDICT_FILE, SAMPLE_FILE = "verdict.json", "sample.json"
PUSHED_VERDICT = Path("assets.extra") / VERDICT_FILE
SERVING, EVAL = "serving_default", "eval"
RTOL, ATOL = 1e-5, 1e-6
"""How far the copy's predictions may be from the evaluated model's; float32 rounding differs with the batch and the machine."""


@dataclass(frozen=True)
class Outcome:
    """The version that is current now, and what happened, in one line."""

    version: int
    line: str


def push(model: Path, blessing: Path, directory: Path, *, keep: int, attached: criteria.Attached | None = None) -> Outcome:
    """Make the model the current version of `directory`, unless it is already, and delete all but the `keep` newest.

    The copy is checked file by file, then loaded and asked for the evaluation's sample, before it gets its number. The verdict
    goes with it as assets.extra/verdict.json. Decision criteria are written after that check, and the copy is asked again: its
    eval policy must answer as before, and its serving policy must answer.

    Args:
        model: SavedModel.
        blessing: folder with verdict.json and sample.json.
        directory: of versions.
        keep: how many versions stay.
        attached: decision criteria, of a bandit's policy.

    Raises:
        RunFailed: the copy differs, its predictions differ, it does not answer as it must with its criteria, or another writer
            came between; nothing is left behind.
    """
    wanted = checksums(model)
    now = versions.current(directory)
    if now is not None and _same(checksums(directory / str(now)), _with_criteria(model, wanted, attached)):
        return Outcome(now, f"version {now} in {directory} is this model already; nothing written")

    def fill(folder: Path) -> None:
        shutil.copytree(model, folder, dirs_exist_ok=True)
        _check_copy(folder, wanted)
        _check_predictions(folder, blessing / SAMPLE_FILE)
        if attached:
            _attach(folder, attached, blessing / SAMPLE_FILE)
        tell(folder, blessing)

    number = versions.publish(directory, fill, expected=now)
    deleted = versions.prune(directory, keep)
    tail = f"; deleted {', '.join(map(str, deleted))}" if deleted else ""
    return Outcome(number, f"version {number} is current in {directory}{tail}")


def tell(folder: Path, blessing: Path) -> None:
    """Write the verdict into a copy of the model."""
    (folder / PUSHED_VERDICT).parent.mkdir(exist_ok=True)
    shutil.copyfile(blessing / VERDICT_FILE, folder / PUSHED_VERDICT)


def _same(version: dict[str, str], wanted: dict[str, str]) -> bool:
    """Whether a pushed version holds the model and these criteria; what is only told of it is left out."""
    told = {PUSHED_VERDICT.as_posix(), criteria.RECORD.as_posix()}
    return {k: v for k, v in version.items() if k not in told} == wanted


def _with_criteria(model: Path, wanted: dict[str, str], attached: criteria.Attached | None) -> dict[str, str]:
    """Return the digests of the model's files as they will be once the criteria are written."""
    if attached is None:
        return wanted
    text = criteria.text(model, attached).encode("utf-8")
    return {**wanted, CRITERIA_FILE.as_posix(): hashlib.blake2b(text).hexdigest()}


def _attach(folder: Path, attached: criteria.Attached, sample_file: Path) -> None:
    """Write the criteria, and ask the copy before and after: they change the serving policy and nothing else."""
    examples = _examples(sample_file)
    before = _predict(folder, examples, EVAL)
    criteria.attach(folder, attached)
    after, serving = _predict(folder, examples, EVAL), _predict(folder, examples, SERVING)
    if changed := sorted(name for name in before if not _equal(before[name], after[name])):
        raise RunFailed(f"{folder}: with its decision criteria, signature {EVAL} answers otherwise in {', '.join(changed)}")
    total = serving["probabilities"].sum(axis=1)
    wrong = total[~(np.isclose(total, 1, atol=1e-4) | (serving["action"] < 0))]
    if len(wrong):
        raise RunFailed(f"{folder}: with its decision criteria, probabilities sum to {_first(wrong)}; expected 1")


def _check_copy(folder: Path, wanted: dict[str, str]) -> None:
    received = checksums(folder)
    differ = sorted(k for k in {*received, *wanted} if received.get(k) != wanted.get(k))
    if differ:
        raise RunFailed(f"{folder}: the copy differs from the model in {', '.join(differ)}", hint="check the disk and run again")


def _check_predictions(folder: Path, sample_file: Path) -> None:
    sample = json.loads(sample_file.read_text(encoding="utf-8"))
    received = _predict(folder, _examples(sample_file), SERVING)[sample["output"]]
    expected = np.asarray(sample["predictions"], received.dtype)
    if received.shape == expected.shape and np.allclose(received, expected, RTOL, ATOL, equal_nan=True):
        return
    shown = f"received {_first(received)}...; expected {_first(expected)}..."
    raise RunFailed(f"{folder}: serving_default does not repeat the evaluation's predictions: {shown}", hint="waze-tfx run")


def _examples(sample_file: Path) -> list[bytes]:
    return [base64.b64decode(e) for e in json.loads(sample_file.read_text(encoding="utf-8"))["examples"]]


def _predict(folder: Path, examples: list[bytes], name: str) -> dict[str, np.ndarray]:
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    signature: Any = model.signatures[name]
    (argument,) = signature.structured_input_signature[1]
    return {k: v.numpy() for k, v in signature(**{argument: tf.constant(examples, tf.string)}).items()}


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _first(values: np.ndarray) -> str:
    return ", ".join(f"{v:.6g}" for v in values.ravel()[:3].tolist())
