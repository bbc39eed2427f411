"""What a node of a graph is, as plain data: enough to plan, to show and to compute cache keys without importing TFX."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Node:
    """One node: what it waits for and everything that its outputs depend on.

    Attributes:
        id: name in the pipeline, in MLMD and in the artifact paths.
        upstream: ids of the nodes it waits for.
        settings: the part of the config that matters to it.
        library: folders or modules of this package whose source matters to it, relative to the package.
        user_code: the user's files (with their local imports) that it runs.
        user_modules: the user's modules on Python's path, `package.module`, that it runs.
        wiring: sha256 of the user's files that make the graph, by name.
        data: input files whose content it reads.
        queries: whether it runs the config's query, and so reads its tables.
        gates: those of `upstream` that it waits for and reads nothing of: they can stop the run, and are not part of its key.
        resolves_baseline: whether its outputs depend on which model was blessed last.
        resolves_earlier: whether its outputs depend on what an earlier run on other rows left: the statistics of the previous one
            or of the pushed model's, or the model that was accepted last.
        judges: whether it makes a verdict that stops runs: a run that starts after it takes one by its own settings only.
        pushes: whether it changes what is current in the push directory.
        registers: whether it changes what is current in the registry.
    """

    id: str
    upstream: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    library: tuple[str, ...] = ()
    user_code: tuple[Path, ...] = ()
    user_modules: tuple[str, ...] = ()
    wiring: Mapping[str, str] = field(default_factory=dict)
    data: tuple[Path, ...] = ()
    queries: bool = False
    gates: tuple[str, ...] = ()
    resolves_baseline: bool = False
    resolves_earlier: Literal["", "previous", "pushed", "accepted"] = ""
    judges: bool = False
    pushes: bool = False
    registers: bool = False

    @property
    def read(self) -> tuple[str, ...]:
        """Return the ids of the nodes whose outputs it reads."""
        return tuple(u for u in self.upstream if u not in self.gates)


def ordered(nodes: tuple[Node, ...]) -> dict[str, Node]:
    """Return the nodes by id, checked to stand after everything they wait for."""
    known: dict[str, Node] = {}
    for node in nodes:
        missing = [u for u in node.upstream if u not in known]
        if missing or node.id in known:
            raise ValueError(f"graph: {node.id} stands before {missing} or twice")
        known[node.id] = node
    return known


def downstream_of(nodes: Mapping[str, Node], start: str) -> set[str]:
    """Return `start` and every node that waits for it, directly or not."""
    reached = {start}
    for node in nodes.values():
        if reached & set(node.upstream):
            reached.add(node.id)
    return reached


def upstream_of(nodes: Mapping[str, Node], end: str) -> set[str]:
    """Return `end` and every node that it waits for, directly or not."""
    reached = {end}
    for node in reversed(nodes.values()):  # type: ignore[call-overload]
        if node.id in reached:
            reached.update(node.upstream)
    return reached
