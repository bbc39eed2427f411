"""The model registry: generations of pushed models, each with its record, and which of them is current.

    DIRECTORY/CURRENT                                number of the current generation
              3/                                     a SavedModel as it was pushed
              3/assets.extra/generation.json         its record: model, verdict, metrics, run, pipeline, time, pushed version
              3/assets.extra/verdict.json            the gate's verdict

The directory is a folder or `gs://BUCKET/PATH`; the rules stand here, once, over what `place` asks of both. A generation is
there as a whole or not at all, and CURRENT is only replaced if nobody else has done so meanwhile. A rollback stays: a
model that was registered and rolled back is not made current by looking at the same push again.
Called by the Copier, by `waze-tfx registry` and by the cache. Imports nothing heavy and never loads a model.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import versions
from ..errors import RunFailed, UserError, unknown_name
from .place import RECORD, Place, Seen

Directory = Path | str
"""A folder, or gs://BUCKET/PATH."""
VERDICT, CRITERIA = "assets.extra/verdict.json", "assets.extra/criteria.json"
LOOK_S = 20.0
"""For which a request to a bucket is repeated where a person waits for a plan."""
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


def register(model: Path, directory: Directory, *, run: str, pipeline: str, pushed_version: str, keep: int) -> Registration:
    """Make a pushed model the current generation, unless it is already; delete all but the `keep` newest.

    The same push again (same model, pipeline and pushed version) while an earlier generation is current changes nothing either:
    somebody has rolled it back, and only a new push or `promote` goes over that.

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
        UserError: the bucket does not exist, or may not be written to.
    """
    verdict = _blessed(model)
    place = _place(directory)
    seen = _usable(place)
    now = seen.number
    if now is not None and _own(place.checksums(now)) == _own(place.checksums_of(model)):
        return Registration(now, False, f"generation {now} in {place} is this model already; nothing written")
    record = {
        "model": verdict["model"],
        "digest": _digest(model),
        "status": verdict["status"],
        "metrics": {c["name"]: c["value"] for c in verdict["checks"] if not c["slice"]},
        "run": run,
        "pipeline": pipeline,
        "pushed_version": pushed_version,
        "registered": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if now is not None and (later := _same_push(place, record, after=now)):
        line = f"generation {later} in {place} is this model and was rolled back; generation {now} stays current; nothing written"
        return Registration(later, False, line)
    number = place.publish(model, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode(), seen=seen)
    deleted = place.prune(keep)
    tail = f"; deleted {', '.join(map(str, deleted))}" if deleted else ""
    return Registration(number, True, f"generation {number} is current in {place}{tail}")


def generations(directory: Directory) -> list[Generation]:
    """Return all generations, the newest first."""
    place = _place(directory)
    now = place.seen().number
    return [Generation(n, n == now, place.record(n)) for n in reversed(place.numbers())]


def usable_current(directory: Directory) -> int | None:
    """Return the current generation, or None if there is none or CURRENT cannot be used."""
    return _place(directory).seen().number


def superseded(directory: Directory, number: int) -> str:
    """Say why a generation does not stand any more: deleted, or a later one is current; empty while it stands.

    An earlier one that is current was chosen by a rollback, and stays. Every plan asks: a bucket has LOOK_S to answer.
    """
    place = _looked_at(directory)
    if number not in place.numbers():
        return f"generation {number} is no longer in {place}"
    current = place.seen().number
    if current is None or current > number:
        return f"generation {current} is current in {place}, not this model's generation {number}"
    return ""


def promote(directory: Directory, number: int) -> None:
    """Make a generation the current one.

    Raises:
        UserError: there is no such generation.
    """
    place = _place(directory)
    seen, known = place.seen(), place.numbers()
    if number not in known:
        raise UserError(f"{place}: {unknown_name('generation', str(number), map(str, known))}", hint=_listing(known))
    place.point(number, seen=seen)


def rollback(directory: Directory) -> int:
    """Make the generation before the current one current; return its number.

    Raises:
        UserError: there is none.
    """
    place = _place(directory)
    seen, known = place.seen(), place.numbers()
    older = [n for n in known if seen.number is None or n < seen.number]
    if not older:
        shown = ", ".join(map(str, known)) or "none"
        raise UserError(
            f"{place}: no generation before the current one; received {seen.number}; known: {shown}", hint=_listing(known)
        )
    place.point(older[-1], seen=seen)
    return older[-1]


def _place(directory: Directory) -> Place:
    if str(directory).startswith("gs://"):
        from .bucket import Bucket

        return Bucket(str(directory))
    from .folder import Folder

    return Folder(Path(directory))


def _looked_at(directory: Directory) -> Place:
    """Return a place that is only looked at, by somebody who waits."""
    if not str(directory).startswith("gs://"):
        return _place(directory)
    from .bucket import Bucket

    return Bucket(str(directory), retry_s=LOOK_S)


def _listing(known: list[int]) -> str:
    return "waze-tfx registry list CONFIG" if known else "waze-tfx run CONFIG: its last node registers what was pushed"


def _usable(place: Place) -> Seen:
    seen = place.seen()
    if seen.problem:
        known = place.numbers()
        hint = f"waze-tfx registry promote CONFIG {known[-1]}" if known else f"delete {place}/{versions.CURRENT}, then run again"
        raise RunFailed(seen.problem, hint=hint)
    return seen


def _same_push(place: Place, record: Mapping[str, Any], *, after: int) -> int | None:
    """Return the newest generation after the current one that holds this very push."""
    told = ("digest", "pipeline", "pushed_version")
    for number in reversed([n for n in place.numbers() if n > after]):
        found = place.record(number)
        if all(found.get(key) == record[key] for key in told):
            return number
    return None


def _blessed(model: Path) -> dict[str, Any]:
    """Return the verdict that lies in the model."""
    file = model / VERDICT
    if not file.is_file():
        raise RunFailed(f"{file}: expected the verdict that the Pusher leaves; received no such file", hint="waze-tfx run CONFIG")
    verdict: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if verdict["status"] != "blessed":
        raise RunFailed(f"{file}: only a blessed model is registered; received {verdict['status']}")
    return verdict


def _own(checksums: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return (relative path, checksum) of every file that is the model's own."""
    return {(name, checksum) for name, checksum in checksums.items() if name not in _TOLD}


def _digest(model: Path) -> str:
    """Return the model's identity: it is the same in every place."""
    return hashlib.blake2b(json.dumps(sorted(_own(versions.checksums(model)))).encode(), digest_size=16).hexdigest()
