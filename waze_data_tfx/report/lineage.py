"""The sections about the run itself: graph, nodes with times and reasons, lineage of the artifacts, and what went in.

Called by `page` and `compare`. Each function returns plain values for the template.
"""

import json
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from .. import pipelines
from ..history.environment import read
from ..history.record import NodeRecord
from . import graph
from .numbers import duration
from .source import Absent, Source


@dataclass(frozen=True)
class NodeLine:
    """One node: its record, where its time lies in the run in percent, and its log's path if there is one."""

    record: NodeRecord
    left: float
    width: float
    log: str


@dataclass(frozen=True)
class Nodes:
    """The graph and its nodes in order."""

    graph: Markup
    lines: list[NodeLine]


@dataclass(frozen=True)
class Made:
    """One artifact: what, by which node, in which run, read by which nodes, where."""

    what: str
    by: str
    run: str
    users: str
    uri: str
    exists: bool


def nodes(source: Source) -> Nodes:
    """Return the graph with states, and each node with its time, reason and log."""
    records = source.run.nodes
    if not records:
        raise Absent("The run ended before its nodes were planned.")
    upstream = _upstream(source)
    times = {n.id: duration(n.seconds) if n.seconds is not None else "" for n in records.values()}
    boxes = [graph.Box(n.id, n.state, times[n.id], upstream.get(n.id, ())) for n in records.values()]
    starts = [n.started for n in records.values() if n.started is not None]
    first = min(starts, default=0.0)
    span = max((n.started + (n.seconds or 0.0) - first for n in records.values() if n.started is not None), default=0.0) or 1.0
    return Nodes(graph.draw("Graph of the pipeline", boxes), [_line(source, n, first, span) for n in records.values()])


def lineage(source: Source) -> list[Made]:
    """Return every artifact that the run made or took from an earlier run."""
    if not source.executions:
        raise Absent("No node of this run has ended.")
    makers = {i: e.run for e in source.history.executions if e.state == "complete" for i in e.output_ids()}
    made: list[Made] = []
    for execution in sorted(source.executions.values(), key=lambda e: e.id):
        for key, artifacts in execution.outputs.items():
            for a in artifacts:
                users = [e.node for e in source.executions.values() if any(a.id in ids for ids in e.inputs.values())]
                run = makers.get(a.id, "")
                by = f"{execution.node}.{key}"
                made.append(
                    Made(f"{a.type} #{a.id}", by, "" if run == source.run.id else run, ", ".join(users), a.uri, a.is_whole)
                )
    return made


def provenance(source: Source) -> dict[str, dict[str, str]]:
    """Return, by node, what else its outputs depend on: content of the data and of the user's code, and the baseline."""
    found: dict[str, dict[str, str]] = {}
    for node in source.run.nodes:
        path = source.run.folder / "nodes" / f"{node}.parts.json"
        parts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        kept = {
            k: str(v)
            for k, v in parts.items()
            if v is not None and k.partition(" ")[0] in ("code", "graph", "data", "table", "baseline")
        }
        if kept:
            found[node] = kept
    if not found:
        raise Absent("The run did not note what its nodes depend on.")
    return found


def environment(source: Source) -> dict[str, Any]:
    """Return Python, machine and packages, as noted when the run ended."""
    noted = read(source.run.folder)
    if noted is None:
        raise Absent("The run did not note its environment: it was killed, or made by an earlier version.")
    return noted


def _line(source: Source, record: NodeRecord, first: float, span: float) -> NodeLine:
    log = source.run.log(record.id)
    if record.started is None:
        return NodeLine(record, 0.0, 0.0, str(log) if log.is_file() else "")
    left, width = 100 * (record.started - first) / span, 100 * (record.seconds or 0.0) / span
    return NodeLine(record, round(left, 2), round(max(width, 0.5), 2), str(log) if log.is_file() else "")


def _upstream(source: Source) -> dict[str, tuple[str, ...]]:
    """Return what each node waits for, as this version of the pipeline has it."""
    return {n.id: n.upstream for n in pipelines.nodes(source.config).values()}
