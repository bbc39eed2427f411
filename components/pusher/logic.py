"""What the Pusher does, without TFX: copy a SavedModel aside, prove the copy, and publish it as the next version.

Called by executor.py. TensorFlow is imported when the copy is loaded. Never changes a version that exists.
"""

import base64
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from waze_data_tfx import versions
from waze_data_tfx.errors import RunFailed
from waze_data_tfx.versions import checksums

VERDICT_FILE, SAMPLE_FILE = "verdict.json", "sample.json"
PUSHED_VERDICT = Path("assets.extra") / VERDICT_FILE
RTOL, ATOL = 1e-5, 1e-6
"""How far the copy's predictions may be from the evaluated model's; float32 rounding differs with the batch and the machine."""


@dataclass(frozen=True)
class Outcome:
    """The version that is current now, and what happened, in one line."""

    version: int
    line: str


def push(model: Path, blessing: Path, directory: Path, *, keep: int) -> Outcome:
    """Make the model the current version of `directory`, unless it is already, and delete all but the `keep` newest.

    The copy is checked file by file, then loaded and asked for the evaluation's sample, before it gets its number. The verdict
    goes with it as assets.extra/verdict.json.

    Args:
        model: SavedModel.
        blessing: folder with verdict.json and sample.json.
        directory: of versions.
        keep: how many versions stay.

    Raises:
        RunFailed: the copy differs, its predictions differ, or another writer came between; nothing is left behind.
    """
    wanted = checksums(model)
    now = versions.current(directory)
    if now is not None and _same(checksums(directory / str(now)), wanted):
        return Outcome(now, f"version {now} in {directory} is this model already; nothing written")

    def fill(folder: Path) -> None:
        shutil.copytree(model, folder, dirs_exist_ok=True)
        _check_copy(folder, wanted)
        _check_predictions(folder, blessing / SAMPLE_FILE)
        (folder / PUSHED_VERDICT).parent.mkdir(exist_ok=True)
        shutil.copyfile(blessing / VERDICT_FILE, folder / PUSHED_VERDICT)

    number = versions.publish(directory, fill, expected=now)
    deleted = versions.prune(directory, keep)
    tail = f"; deleted {', '.join(map(str, deleted))}" if deleted else ""
    return Outcome(number, f"version {number} is current in {directory}{tail}")


def _same(version: dict[str, str], wanted: dict[str, str]) -> bool:
    """Whether a pushed version holds the model, its own verdict left out."""
    return {k: v for k, v in version.items() if k != PUSHED_VERDICT.as_posix()} == wanted


def _check_copy(folder: Path, wanted: dict[str, str]) -> None:
    received = checksums(folder)
    differ = sorted(k for k in {*received, *wanted} if received.get(k) != wanted.get(k))
    if differ:
        raise RunFailed(f"{folder}: the copy differs from the model in {', '.join(differ)}", hint="check the disk and run again")


def _check_predictions(folder: Path, sample_file: Path) -> None:
    sample = json.loads(sample_file.read_text(encoding="utf-8"))
    received = _predict(folder, [base64.b64decode(e) for e in sample["examples"]])[sample["output"]]
    expected = np.asarray(sample["predictions"], received.dtype)
    if received.shape == expected.shape and np.allclose(received, expected, RTOL, ATOL, equal_nan=True):
        return
    shown = f"received {_first(received)}...; expected {_first(expected)}..."
    raise RunFailed(f"{folder}: serving_default does not repeat the evaluation's predictions: {shown}", hint="waze-tfx run")


def _predict(folder: Path, examples: list[bytes]) -> dict[str, np.ndarray]:
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    signature: Any = model.signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]
    return {k: v.numpy() for k, v in signature(**{name: tf.constant(examples, tf.string)}).items()}


def _first(values: np.ndarray) -> str:
    return ", ".join(f"{v:.6g}" for v in values.ravel()[:3].tolist())
