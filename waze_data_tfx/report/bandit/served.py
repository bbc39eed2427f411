"""The section about what serves: the PolicyResolver's choice, the Pusher's criteria, the registry's generation.

Called by `sections`. Reads the artifacts of the three; each part says by itself why it has nothing. Decides nothing.
"""

import json
from dataclasses import dataclass
from typing import Any

from waze_data_tfx.registry import CRITERIA

from ..numbers import number, signed
from ..source import Absent, Section, Source, section
from .evaluated import called


@dataclass(frozen=True)
class Criterion:
    """What serving does on one slice: in words, why, and the differences that it was made from."""

    slice: str
    does: str
    reason: str
    n_rows: int | None
    evidence: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Criteria:
    """What was attached to the pushed graph."""

    columns: list[str]
    eval_share: float
    floor: float
    criteria: list[Criterion]


@dataclass(frozen=True)
class Resolution:
    """Which policy serves, its share of the traffic and why."""

    policy: str
    eval_share: float
    reason: str
    difference: str


@dataclass(frozen=True)
class Served:
    """The three parts."""

    resolution: Section[Resolution]
    criteria: Section[Criteria]
    registration: Section[dict[str, Any]]


def served(source: Source) -> Served:
    """Return what the last three nodes left."""
    return Served(section(resolution, source), section(criteria, source), section(registration, source))


def resolution(source: Source) -> Resolution:
    """Return the PolicyResolver's choice."""
    found = _value(source, "PolicyResolver", "resolution")
    return Resolution(found["policy"], found["eval_share"], found["reason"], _between(found["evidence"].get("eval - serving")))


def criteria(source: Source) -> Criteria:
    """Return the criteria of the pushed graph."""
    assert source.config.bandit is not None
    file = source.artifact("Pusher", "pushed_model") / CRITERIA
    if not file.is_file():
        raise Absent("Nothing was pushed in this run, so there are no decision criteria.")
    record = json.loads(file.read_text(encoding="utf-8"))
    return Criteria(
        columns=record["columns"],
        eval_share=record["eval_share"],
        floor=source.config.bandit.serving.floor,
        criteria=[_criterion(c, "all other rows" if record["columns"] else "all rows") for c in record["criteria"]],
    )


def registration(source: Source) -> dict[str, Any]:
    """Return what the Copier said: generation (0 for none), is_new and one line."""
    return _value(source, "Copier", "registration")


def _value(source: Source, node: str, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(source.artifact(node, key).read_text(encoding="utf-8"))
    return found


def _criterion(record: dict[str, Any], rest: str) -> Criterion:
    evidence = dict(record["evidence"])
    n_rows = evidence.pop("n_rows", None)
    does = {"explore": "explore", "exploit": "exploit", "fixed": f"always {record['action']}"}[record["kind"]]
    pairs = [(pair.partition(" - "), found) for pair, found in evidence.items()]
    compared = [(called(policy), called(other), _between(found)) for (policy, _, other), found in pairs]
    return Criterion(record["slice"] or rest, does, record["reason"], n_rows, compared)


def _between(found: list[float] | None) -> str:
    if found is None:
        return "not known"
    value, low, high = found
    return f"{signed(value)} ({number(low)} to {number(high)})"
