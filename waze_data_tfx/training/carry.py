"""What each number of a context means, kept with the policy, and a state rearranged from earlier meanings to those of now.

A window's vocabularies are sorted anew, so that the third id of a column is another word than it was: a warm start goes by what a
number means, never by its place. Called by `bandits`. Reads a transform's vocabularies; never data.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from waze_data_tfx.bandits.agents.base import Agent
from waze_data_tfx.config import names
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserError
from waze_data_tfx.features.inputs import ModelInput

from . import contexts

MEANINGS_FILE = Path("assets.extra") / "context.json"


def meanings(inputs: Mapping[str, ModelInput], transformed: Any, config: Config) -> list[str]:
    """Return what each number of a context means: `age`, `topic_category=3`, `country_vocabulary=CH`.

    Which vocabulary belongs to which output is known of the config's features, and of an output of code.features that is called
    as its vocabulary. Another output of code.features with several numbers may be made of any vocabulary that is left: its
    numbers then name the digest of these, and are the same only while none of them changes.

    Args:
        inputs: the model's inputs by name.
        transformed: a tft.TFTransformOutput.
        config: names the features.
    """
    known = dict(_vocabularies(inputs, transformed))
    ready_made = {output for output, _ in names.outputs(config.features)}
    left = _digest_of_others(transformed, {file for file, _ in known.values()})
    found: list[str] = []
    for name, feature in inputs.items():
        places = contexts.names({name: feature})
        if name in known:
            places = _by_entry(name, known[name][1], len(places))
        elif left and name not in ready_made and len(places) > 1:
            places = [f"{place} of {left}" for place in places]
        found += places
    return found


def write_meanings(found: list[str], folder: Path) -> None:
    """Write them beside a saved policy's state."""
    (folder / MEANINGS_FILE).parent.mkdir(parents=True, exist_ok=True)
    (folder / MEANINGS_FILE).write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


def read_meanings(folder: Path) -> list[str] | None:
    """Read what `write_meanings` wrote; None if there is no such file: the policy is from before it was kept."""
    file = folder / MEANINGS_FILE
    return list(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def carried(state: Mapping[str, np.ndarray], agent: Agent, *, before: list[str] | None, now: list[str]) -> dict[str, np.ndarray]:
    """Return an earlier state whose entries along the context are those of `now`.

    A number that was known keeps its entries, a new one has the agent's own first ones, one that is gone is dropped.

    Args:
        state: of the earlier agent.
        agent: the one that will begin from it, as it was made.
        before: meaning of each number of the earlier context; None: not kept.
        now: of each of the agent's.

    Raises:
        UserError: the agent's state cannot be rearranged, or the earlier meanings are not known.
    """
    axes = agent.context_axes()
    if before == now or axes == {}:
        return dict(state)
    if before is None:
        raise UserError(f"{MEANINGS_FILE}: no such file: what the numbers of the earlier context mean is not known")
    if axes is None:
        raise UserError(
            f"agent {type(agent).__name__}: the context's numbers mean something else than the earlier policy's; "
            f"{_changed(before, now)}",
            hint="say in the agent's context_axes which arrays of its state have an entry per number of the context",
        )
    places = {meaning: i for i, meaning in enumerate(before)}
    kept = [(i, places[meaning]) for i, meaning in enumerate(now) if meaning in places]
    fresh, made = agent.state(), dict(state)
    for name, axis in axes.items():
        if name in state and name in fresh:
            made[name] = _rearranged(state[name], fresh[name], axis, kept, n_before=len(before))
    print(f"Trainer: warm start by what the context's numbers mean: {_changed(before, now)}", flush=True)
    return made


def _changed(before: list[str], now: list[str]) -> str:
    kept = len(set(before) & set(now))
    return f"{kept} known ones, {len(now) - kept} new, {len(before) - kept} gone"


def _rearranged(old: np.ndarray, fresh: np.ndarray, axis: int, kept: list[tuple[int, int]], *, n_before: int) -> np.ndarray:
    """Return `fresh` with the kept entries of `old`; `old` itself where the other axes differ, which the agent then refuses."""
    if old.ndim != fresh.ndim or np.delete(old.shape, axis).tolist() != np.delete(fresh.shape, axis).tolist():
        return old
    if old.shape[axis] != n_before:
        raise UserError(f"{MEANINGS_FILE}: meanings of {n_before} numbers; the state has {old.shape[axis]}")
    made = np.moveaxis(fresh.copy(), axis, 0)
    if kept:
        to, of = (list(places) for places in zip(*kept, strict=True))
        made[to] = np.moveaxis(old, axis, 0)[of]
    return np.moveaxis(made, 0, axis)


def _vocabularies(inputs: Mapping[str, ModelInput], transformed: Any) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """Yield (output, (vocabulary file, what its numbers stand for, in their order)) of every output whose vocabulary is known."""
    for name, feature in inputs.items():
        for ending, first in (("_vocabulary", []), ("_sequence", ["padding"]), ("_cell", []), ("_text", []), ("", [])):
            if not name.endswith(ending):
                continue
            file = names.vocabulary_file(name.removesuffix(ending) if ending == "_vocabulary" else name)
            entries = _entries(transformed, file)
            if entries is not None and len(first) + len(entries) <= len(contexts.names({name: feature})):
                yield name, (file, [*first, *(f"'{entry}'" for entry in entries)])
                break


def _by_entry(name: str, entries: list[str], width: int) -> list[str]:
    """Return the names of an output's numbers: its vocabulary's, then those for unknown and missing values."""
    n_others = width - len(entries)
    return [f"{name}={entry}" for entry in entries] + [f"{name}=other {i} of {n_others}" for i in range(n_others)]


def _entries(transformed: Any, file: str) -> list[str] | None:
    if not transformed.vocabulary_file_by_name(file):
        return None
    return [entry.decode("utf-8", "backslashreplace") for entry in transformed.vocabulary_by_name(file)]


def _digest_of_others(transformed: Any, known: set[str]) -> str:
    """Return a digest of the vocabularies that no output is known to have; empty for none. One of one entry has no order."""
    found = []
    for file in sorted(Path(transformed.transform_savedmodel_dir, "assets").glob("*")):
        name = file.name.removesuffix(".gz").removesuffix(".tfrecord")
        entries = _entries(transformed, name) if name not in known else None
        if entries and len(entries) > 1:
            found.append((name, entries))
    return hashlib.blake2b(json.dumps(found).encode(), digest_size=6).hexdigest() if found else ""
