"""The model registry: generations of pushed models, each with its record, and which of them is current.

    DIRECTORY/CURRENT                                number of the current generation
              3/                                     a SavedModel as it was pushed
              3/assets.extra/generation.json         its record: model, verdict, metrics, run, pipeline, time, pushed version
              3/assets.extra/verdict.json            the gate's verdict

A directory of `versions`, so a generation is complete as soon as it has a number and a killed writer leaves nothing half.
Called by the Copier and by `waze-tfx registry`. Imports nothing heavy and never loads a model.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import versions
from .errors import RunFailed, UserError, unknown_name

EXTRA = "assets.extra"
RECORD, VERDICT, CRITERIA = (f"{EXTRA}/{name}.json" for name in ("generation", "verdict", "criteria"))
_TOLD = frozenset({RECORD, VERDICT, CRITERIA})
"""What is told about a model and is no part of it: a model measured anew is the same model."""


@dataclass(frozen=True)
class Generation:
    """One generation and its record; empty where somebody else has put the folder there."""

    number: int
    is_current: bool
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Registration:
    """What became of a model: its generation, whether it was written now, and what happened in one line."""

    generation: int
    is_new: bool
    line: str


def register(model: Path, directory: Path, *, run: str, pipeline: str, pushed_version: str, keep: int) -> Registration:
    """Make a pushed model the current generation, unless it is already; delete all but the `keep` newest.

    Args:
        model: folder of the SavedModel as it was pushed, its verdict in assets.extra.
        directory: of the registry, made if it does not exist.
        run: id of the run that pushed it.
        pipeline: the pipeline's name.
        pushed_version: its number in the push directory.
        keep: how many generations stay.

    Raises:
        RunFailed: there is no verdict or it does not bless the model, the copy differs, or another writer came between; no
            generation is left behind.
    """
    verdict = _blessed(model)
    content = _content(model)
    now = _current(directory)
    if now is not None and _content(directory / str(now)) == content:
        return Registration(now, False, f"generation {now} in {directory} is this model already; nothing written")
    record = {
        "model": verdict["model"],
        "digest": _digest(content),
        "status": verdict["status"],
        "metrics": {c["name"]: c["value"] for c in verdict["checks"] if not c["slice"]},
        "run": run,
        "pipeline": pipeline,
        "pushed_version": pushed_version,
        "registered": datetime.now(UTC).isoformat(timespec="seconds"),
    }

    def fill(folder: Path) -> None:
        shutil.copytree(model, folder, dirs_exist_ok=True)
        if differ := sorted(name for name, _ in content ^ _content(folder)):
            raise RunFailed(
                f"{folder}: the copy differs from {model} in {', '.join(differ)}", hint="check the disk and run again"
            )
        (folder / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    number = versions.publish(directory, fill, expected=now)
    deleted = versions.prune(directory, keep)
    tail = f"; deleted {', '.join(map(str, deleted))}" if deleted else ""
    return Registration(number, True, f"generation {number} is current in {directory}{tail}")


def generations(directory: Path) -> list[Generation]:
    """Return all generations, the newest first."""
    now = versions.usable_current(directory)
    return [Generation(n, n == now, _record(directory / str(n))) for n in reversed(versions.versions(directory))]


def promote(directory: Path, number: int) -> None:
    """Make a generation the current one.

    Raises:
        UserError: there is no such generation.
    """
    known = versions.versions(directory)
    if number not in known:
        raise UserError(f"{directory}: {unknown_name('generation', str(number), map(str, known))}", hint=_listing(known))
    versions.rollback(directory, number)


def rollback(directory: Path) -> int:
    """Make the generation before the current one current; return its number.

    Raises:
        UserError: there is none.
    """
    known, now = versions.versions(directory), versions.usable_current(directory)
    if not [n for n in known if now is None or n < now]:
        shown = ", ".join(map(str, known)) or "none"
        raise UserError(
            f"{directory}: no generation before the current one; received {now}; known: {shown}", hint=_listing(known)
        )
    return versions.rollback(directory)


def _listing(known: list[int]) -> str:
    return "waze-tfx registry list CONFIG" if known else "waze-tfx run CONFIG: its last node registers what was pushed"


def _current(directory: Path) -> int | None:
    try:
        return versions.current(directory)
    except RunFailed as error:
        known = versions.versions(directory)
        hint = (
            f"waze-tfx registry promote CONFIG {known[-1]}" if known else f"delete {directory / versions.CURRENT}, then run again"
        )
        raise RunFailed(error.message, hint=hint) from None


def _blessed(model: Path) -> dict[str, Any]:
    """Return the verdict that lies in the model."""
    file = model / VERDICT
    if not file.is_file():
        raise RunFailed(f"{file}: expected the verdict that the Pusher leaves; received no such file", hint="waze-tfx run CONFIG")
    verdict: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if verdict["status"] != "blessed":
        raise RunFailed(f"{file}: only a blessed model is registered; received {verdict['status']}")
    return verdict


def _content(folder: Path) -> set[tuple[str, str]]:
    """Return (relative path, digest) of every file that is the model's own."""
    return {(name, digest) for name, digest in versions.checksums(folder).items() if name not in _TOLD}


def _digest(content: set[tuple[str, str]]) -> str:
    return hashlib.blake2b(json.dumps(sorted(content)).encode(), digest_size=16).hexdigest()


def _record(folder: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return record
