"""The section about the tuner: every trial with its values, the best first.

Called by `page`. Returns plain values for the template, or raises `Absent`.
"""

import json
from dataclasses import dataclass
from typing import Any

from .numbers import number
from .source import Absent, Source

TRIALS_FILE = "trials.json"


@dataclass(frozen=True)
class Trial:
    """One line of the table; `number` counts from 1 in the order they were made."""

    number: int
    values: list[str]
    score: float | None
    kept_epoch: int | None
    n_epochs: int
    seconds: float
    error: str


@dataclass(frozen=True)
class Search:
    """What was searched, and the trials: the best first, the failed last."""

    kind: str
    objective: str
    lower_is_better: bool
    n_train_rows: int
    keys: list[str]
    trials: list[Trial]
    seconds: float


def search(source: Source) -> Search:
    """Return the search of the run."""
    if source.config.tuner is None:
        raise Absent("There is no tuner in the config: no settings were searched.")
    path = source.artifact("Tuner", "tuner_results") / TRIALS_FILE
    record = json.loads(path.read_text(encoding="utf-8"))
    lower = record["direction"] == "min"
    keys = list(record["trials"][0]["values"])
    trials = [_trial(i, t, keys) for i, t in enumerate(record["trials"], 1)]
    ranked = sorted(trials, key=lambda t: (t.score is None, (t.score or 0.0) * (1 if lower else -1), t.number))
    return Search(
        kind=record["search"],
        objective=record["objective"],
        lower_is_better=lower,
        n_train_rows=record["n_train_rows"],
        keys=keys,
        trials=ranked,
        seconds=sum(t.seconds for t in trials),
    )


def _trial(i: int, record: dict[str, Any], keys: list[str]) -> Trial:
    values = [number(record["values"][k]) for k in keys]
    return Trial(i, values, record["score"], record["kept_epoch"], record["n_epochs"], record["seconds"], record["error"])
