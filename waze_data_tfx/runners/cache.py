"""Which nodes a run must execute and which it can take from an earlier run, and why.

A node's key is a hash of everything its outputs depend on: the settings that matter to it, the user's code with its local
imports, the content of its input files, the source of the library that it runs, the versions of TFX and TensorFlow, and
the keys of the nodes before it. An earlier execution is reused when its key is the same, it read the very artifacts
that this run would give it, and its outputs are still on disk. Needs ML Metadata, never TFX.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata as distributions
from pathlib import Path
from typing import Any, Literal

from .. import registry, versions
from ..config import Config
from ..data.engines import engine_of
from ..data.fingerprint import fingerprint
from ..errors import NoCredentials, WazeTfxError
from ..history.metadata import SUCCESSFUL, Execution, History
from ..pipelines.earlier import ROWS, accepted_model, earlier_statistics, rows_in, rows_of
from ..pipelines.graph import Node, downstream_of, upstream_of
from ..usercode import code_files, module_files

Decision = Literal["run", "cached", "done", "reused", "skip"]
PACKAGE = Path(__file__).resolve().parent.parent
VERSIONED = (
    "tfx",
    "tensorflow",
    "tensorflow-transform",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tfx-bsl",
    "keras",
    "tf-keras",
    "apache-beam",
    "duckdb",
    "pyarrow",
    "sqlglot",
    "pyfarmhash",
)
UNKNOWN_TABLES = "tables"
"""Part of a key that takes the place of the tables' versions where nobody is logged in to ask for them."""
N_SHOWN = 40
"""Characters of a value that a reason shows."""
CHANGED = {
    "data": "input data changed",
    "library": "waze-data-tfx itself changed",
    UNKNOWN_TABLES: "what its tables hold is unknown: no credentials",
}
MAX_DIFFERENCES = 3
"""Differences inside a long list that a reason names one by one."""


@dataclass(frozen=True)
class Planned:
    """What a run does with one node.

    Attributes:
        node: the node.
        decision: run it; cached: take an earlier run's outputs; done: this run has finished it already (resume);
            reused: taken although its key differs, because a partial run starts after it; skip: outside a partial run.
        reason: one line for a person.
        key: hash of everything its outputs depend on.
        parts: what went into the key, by name.
        source: id of the execution whose outputs are taken.
    """

    node: Node
    decision: Decision
    reason: str
    key: str
    parts: dict[str, Any]
    source: Execution | None = None


@dataclass(frozen=True)
class Selection:
    """Which part of the graph a run covers and whether it may reuse anything."""

    start: str | None = None
    end: str | None = None
    force: bool = False


def plan(
    config: Config,
    nodes: Mapping[str, Node],
    history: History,
    *,
    selection: Selection,
    run: str = "",
    recorded: Mapping[str, str] | None = None,
) -> list[Planned]:
    """Decide for every node, in topological order.

    Args:
        config: the resolved config.
        nodes: the graph by id.
        history: what earlier runs left.
        selection: partial run and force.
        run: id of the run that goes on, if one does; nodes that it has completed are not executed again.
        recorded: that run's own note of its nodes' keys: a kill can come between a node's end and its key in MLMD.
    """
    inside = set(nodes)
    if selection.end:
        inside &= upstream_of(nodes, selection.end)
    started = downstream_of(nodes, selection.start) & inside if selection.start else inside
    planned: dict[str, Planned] = {}
    for node in nodes.values():
        baseline = _baseline(planned, history) if node.resolves_baseline else None
        earlier = _earlier(config, node, planned, history, run) if node.resolves_earlier else None
        parts = key_parts(config, node, {u: planned[u].key for u in node.read}, baseline, earlier)
        key = _hash(parts)
        planned[node.id] = _decide(
            config, node, key, parts, planned, history, selection, inside, started, run, (recorded or {}).get(node.id, "")
        )
    return list(planned.values())


def key_parts(
    config: Config, node: Node, upstream: dict[str, str], baseline: int | None, earlier: int | None = None
) -> dict[str, Any]:
    """Return everything that the node's outputs depend on, by name."""
    parts: dict[str, Any] = {f"config {name}": value for name, value in _flat(node.settings)}
    parts.update({f"graph {name}": digest for name, digest in node.wiring.items()})
    for file in node.user_code:
        parts.update({f"code {name}": digest for name, digest in code_files(file).items()})
    for module in node.user_modules:
        parts.update({f"code {name}": digest for name, digest in module_files(module).items()})
    if node.data:
        assert config.root is not None
        parts["data"] = fingerprint(list(node.data), config.root / "fingerprints.json")
    if node.queries:
        parts.update(_tables(config))
    if node.library:
        parts["library"] = _library(node.library)
    parts["versions"] = _versions()
    parts.update({f"upstream {name}": key for name, key in upstream.items()})
    if node.resolves_baseline:
        parts["baseline"] = baseline
    if node.resolves_earlier:
        parts["accepted model" if node.resolves_earlier == "accepted" else "earlier statistics"] = earlier
    return parts


def parts_read(config: Config, node: Node) -> dict[str, Any]:
    """Return the parts that a node reads from files while it runs: to see afterwards whether they were what its key says."""
    parts = key_parts(config, node, {}, None)
    return {
        name: value
        for name, value in parts.items()
        if name in ("data", "library") or name.startswith(("code ", "graph ", "table "))
    }


def changed_parts(before: str, now: dict[str, Any]) -> list[str]:
    """Return, for a person, what differs between an earlier execution's parts (JSON) and these."""
    old, now = json.loads(before) if before else {}, json.loads(json.dumps(now, default=str))  # a tuple is a list there
    changes: list[str] = []
    for name in dict.fromkeys([*now, *old]):
        was, new = old.get(name), now.get(name)
        if was == new:
            continue
        kind, _, rest = name.partition(" ")
        if kind == "config":
            changes.extend(_change(*difference) for difference in _differences(rest, was, new))
        elif kind == "code":
            changes.append(f"code {rest} {'added' if was is None else 'removed' if new is None else 'changed'}")
        elif kind == "upstream":
            changes.append(f"{rest} changed")
        else:
            changes.append(CHANGED.get(name, f"{name} changed"))
    return sorted(changes, key=lambda c: c.endswith(" changed") and not c.startswith("code"))


def _decide(
    config: Config,
    node: Node,
    key: str,
    parts: dict[str, Any],
    planned: Mapping[str, Planned],
    history: History,
    selection: Selection,
    inside: set[str],
    started: set[str],
    run: str,
    recorded: str,
) -> Planned:
    def is_(decision: Decision, reason: str, source: Execution | None = None) -> Planned:
        return Planned(node, decision, reason, key, parts, source)

    if node.id not in inside:
        return is_("skip", f"after --to {selection.end}")
    upstream = [planned[u] for u in node.read]
    own = next((e for e in history.of_node(node.id) if e.run == run), None)
    same = own is not None and (own.cache_key or recorded) == key
    if own and same and own.state in SUCCESSFUL and _intact(own) and all(p.decision != "run" for p in upstream):
        return is_("done", "finished before the interruption", own)
    if node.id not in started:
        return _reuse_before(node, key, parts, upstream, history, selection)
    if selection.force:
        return is_("run", "--force")
    if changed := [p.node.id for p in upstream if p.decision == "run"]:
        return is_("run", f"{changed[0]} runs" if len(changed) == 1 else f"{', '.join(changed)} run")
    return _reuse(config, node, key, parts, upstream, history)


def _reuse_before(
    node: Node, key: str, parts: dict[str, Any], upstream: list[Planned], history: History, selection: Selection
) -> Planned:
    """Take a node that a partial run starts after: its newest execution that read what the nodes before it give this run.

    One with this very key comes before, and for a verdict no other will do.
    """
    where = f"before --from {selection.start}"
    if any(p.decision == "run" for p in upstream):
        return Planned(node, "run", f"{where}, but what it reads is made again", key, parts)
    whole = [e for e in history.of_node(node.id) if e.state in SUCCESSFUL and _intact(e)]
    if not whole:
        return Planned(
            node,
            "run",
            f"{where}, but nothing of it is left" if history.of_node(node.id) else f"{where}, but it has never run",
            key,
            parts,
        )
    available = {i for p in upstream if p.source for i in p.source.output_ids()}
    fitting = [e for e in whole if _read_only(e, available, upstream, history)]
    if not fitting:
        return Planned(node, "run", f"{where}, but its last run ({whole[0].run}) read other inputs", key, parts)
    if same := next((e for e in fitting if e.cache_key == key), None):
        return Planned(node, "cached", where, key, parts, same)
    if node.judges:
        changes = changed_parts(fitting[0].cache_parts, parts)
        return Planned(node, "run", f"{where}, but it judges: {'; '.join(changes[:3]) or 'changed'}", key, parts)
    return Planned(node, "reused", f"{where}, though changed", key, parts, fitting[0])


def _reuse(config: Config, node: Node, key: str, parts: dict[str, Any], upstream: list[Planned], history: History) -> Planned:
    """Find an earlier execution with this key that read exactly what this run would give it."""
    earlier = [e for e in history.of_node(node.id) if e.state in SUCCESSFUL]
    if not earlier:
        return Planned(node, "run", "first run", key, parts)
    same = [e for e in earlier if e.cache_key == key]
    if not same:
        changes = changed_parts(earlier[0].cache_parts, parts)
        return Planned(node, "run", "; ".join(changes[:3]) or "changed", key, parts)
    available = {i for p in upstream if p.source for i in p.source.output_ids()}
    candidates = [e for e in same if _read_only(e, available, upstream, history)]
    if not candidates:
        return Planned(node, "run", "its inputs were made again", key, parts)
    whole = next((e for e in candidates if _intact(e)), None)
    if whole is None:
        return Planned(node, "run", "its outputs are no longer on disk", key, parts)
    superseded = _superseded(config, whole) if node.pushes else _unregistered(config, whole) if node.registers else ""
    if superseded:
        return Planned(node, "run", superseded, key, parts)
    return Planned(node, "cached", f"unchanged since run {whole.run}", key, parts, whole)


def _superseded(config: Config, execution: Execution) -> str:
    """Say why the version that this execution pushed does not stand: deleted, or a later one is current.

    An earlier one that is current was chosen by a rollback, and stays.
    """
    pushed = next((a.properties.get("pushed_version") for a in execution.outputs.get("pushed_model", ())), None)
    directory = config.push.directory
    if not pushed or directory is None:
        return ""
    if int(pushed) not in versions.versions(directory):
        return f"version {pushed} is no longer in {directory}"
    current = versions.current(directory)
    if current is None or current > int(pushed):
        return f"version {current} is current, not this model's version {pushed}"
    return ""


def _unregistered(config: Config, execution: Execution) -> str:
    """Say why the generation that this execution registered does not stand: the same rule, for the registry.

    A bucket is asked with a few requests; where it cannot be asked the node runs, and says so itself.
    """
    found = (a.properties.get("generation") for a in execution.outputs.get("registration", ()))
    number, directory = next(found, None), config.registry.directory
    if not number or directory is None:
        return ""
    try:
        return registry.superseded(directory, int(number))
    except WazeTfxError as error:
        return f"what the registry holds is unknown: {error.message}"


def _read_only(execution: Execution, available: set[int], upstream: list[Planned], history: History) -> bool:
    """Whether every input that upstream nodes make was read from the executions chosen for this run."""
    made_upstream = {i for p in upstream for e in history.of_node(p.node.id) for i in e.output_ids()}
    read = {i for ids in execution.inputs.values() for i in ids}
    return read & made_upstream <= available


def _intact(execution: Execution) -> bool:
    return all(a.is_whole for artifacts in execution.outputs.values() for a in artifacts)


def _baseline(planned: Mapping[str, Planned], history: History) -> int | None:
    """Return the id of the model that a candidate is compared with.

    The model blessed last; where that is the candidate itself (nothing was trained anew), the one it was blessed
    against, so that running again without a change is not a new comparison.
    """
    blessing = history.latest_blessing()
    if blessing is None:
        return None
    current = blessing.properties.get("current_model_id")
    trainer = planned.get("Trainer")
    source = trainer.source if trainer else None
    if source and current in source.output_ids():
        return blessing.properties.get("baseline_model_id")
    return current


def _earlier(config: Config, node: Node, planned: Mapping[str, Planned], history: History, run: str) -> int | None:
    """Return the id of the earlier statistics or model that this run reads, by the rule that the run's resolver follows."""
    assert node.resolves_earlier
    assert config.push.directory is not None
    planned_rows = planned[ROWS]
    rows = rows_of(planned_rows.source) if planned_rows.source else rows_in(planned_rows.parts)
    if node.resolves_earlier == "accepted":
        model = accepted_model(history, rows=rows)
        return model.id if model else None
    found = earlier_statistics(
        history,
        run=run,
        rows=rows,
        against=node.resolves_earlier,
        push_directory=config.push.directory,
    )
    return found.id if found else None


def _tables(config: Config) -> dict[str, str]:
    """Return what changes with the content of each table that the query reads; without credentials nothing like any run's."""
    try:
        return {f"table {name}": version for name, version in engine_of(config).versions().items()}
    except NoCredentials:
        return {UNKNOWN_TABLES: secrets.token_hex(8)}


def _flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        return [pair for k, v in value.items() for pair in _flat(v, f"{prefix}.{k}" if prefix else str(k))]
    return [(prefix, value)]


def _differences(key: str, was: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """Return (dotted key, before, now) of what differs inside two values that are too long to be shown whole."""
    if not isinstance(was, list) or not isinstance(new, list) or max(len(json.dumps(v)) for v in (was, new)) <= N_SHOWN:
        return [(key, was, new)]
    before, now = dict(_leaves(was, key)), dict(_leaves(new, key))
    found = [(k, before.get(k), now.get(k)) for k in dict.fromkeys([*now, *before]) if before.get(k) != now.get(k)]
    return found if len(found) <= MAX_DIFFERENCES else [(key, was, new)]


def _leaves(value: Any, key: str) -> list[tuple[str, Any]]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return [pair for k, v in items for pair in _leaves(v, f"{key}.{k}")] or [(key, value)]


def _change(key: str, was: Any, new: Any) -> str:
    """Say how a setting changed; of a long text, such as a query, only that it did."""
    if all(isinstance(value, str) and len(value) > N_SHOWN for value in (was, new)):
        return f"{key} changed"
    return f"{key}: {_shown(was)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= N_SHOWN else text[: N_SHOWN - 3] + "..."


def _hash(parts: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(parts, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


@cache
def _library(parts: tuple[str, ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        path = PACKAGE / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def _versions() -> str:
    def version(name: str) -> str:
        try:
            return distributions.version(name)
        except distributions.PackageNotFoundError:
            return "absent"

    return " ".join(f"{name} {version(name)}" for name in VERSIONED)
