"""ML Metadata without TFX: which executions a run has, what they made, and publishing one as cached.

Opening and reading a store takes milliseconds here, against ten seconds of TFX's imports, so plans, listings and fully
cached runs go through this module. One file lock stands around every use: SQLite aborts a writer after two seconds of
contention. Called by `runners` and `report`. Never runs a node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from ..config import Config
from ..errors import RunFailed, disk_is_full

if TYPE_CHECKING:
    from ml_metadata.metadata_store.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

CACHE_KEY = "waze_tfx_cache_key"
CACHE_PARTS = "waze_tfx_cache_parts"
STATES = {0: "unknown", 1: "new", 2: "running", 3: "complete", 4: "failed", 5: "cached", 6: "canceled"}
SUCCESSFUL = frozenset({"complete", "cached"})


@dataclass(frozen=True)
class Artifact:
    """One artifact: its MLMD id, type name, URI and properties."""

    id: int
    type: str
    uri: str
    properties: dict[str, Any] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether its files are still there, in every split (local URIs; others are taken to be)."""
        if "://" in self.uri:
            return True
        folder = Path(self.uri)
        splits = json.loads(self.properties.get("split_names") or "[]")
        parts = [_split_folder(folder, name) for name in splits] or [folder]
        return all(part.is_dir() and any(part.iterdir()) for part in parts) or folder.is_file()


@dataclass(frozen=True)
class Execution:
    """One execution of a node in one run."""

    id: int
    node: str
    run: str
    state: str
    cache_key: str
    cache_parts: str
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[Artifact, ...]]

    def output_ids(self) -> set[int]:
        """Return the ids of everything it made."""
        return {a.id for artifacts in self.outputs.values() for a in artifacts}


def _split_folder(folder: Path, split: str) -> Path:
    """Return where a split lies; DistributionValidator's pairs of splits have a name of their own."""
    paired = folder / f"SplitPair-{split}"
    return paired if paired.is_dir() else folder / f"Split-{split}"


def lock_path(config: Config) -> Path:
    """Return the lock that every reader and writer of the store takes."""
    sqlite = config.env.metadata.sqlite
    assert sqlite is not None
    return sqlite.with_name(sqlite.name + ".lock")


@contextmanager
def open_store(config: Config) -> Iterator[MetadataStore]:
    """Open the pipeline's store under its lock.

    Raises:
        RunFailed: when the file is not an ML Metadata database.
    """
    from ml_metadata import errors as mlmd_errors
    from ml_metadata.metadata_store import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    sqlite = config.env.metadata.sqlite
    assert sqlite is not None
    sqlite.parent.mkdir(parents=True, exist_ok=True)
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(sqlite)
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    with FileLock(lock_path(config)):
        try:
            yield metadata_store.MetadataStore(connection)
        except (mlmd_errors.StatusError, RuntimeError) as error:
            raise damaged(sqlite, error) from error


def damaged(sqlite: Path, error: BaseException) -> RunFailed:
    """Return the error for a store that cannot be used."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    first = first.partition(" query:")[0].removeprefix("Error when executing query: ")
    if disk_is_full(error):
        return RunFailed(f"{sqlite}: the disk is full; received '{first}'", hint="free some space and run again with --resume")
    return RunFailed(
        f"{sqlite}: the ML Metadata file cannot be used: {first}",
        hint=f"restore it from a copy, or move it away (mv {sqlite} {sqlite}.broken) to start with an empty history; "
        "pushed models are not touched by that",
    )


class History:
    """What a pipeline's store knows, read once: executions by node, newest first."""

    def __init__(self, store: MetadataStore, pipeline: str, run: str | None = None) -> None:
        """Read every execution of `pipeline`, or of one run of it, with its events and artifacts."""
        if run is None:
            artifacts, raw = store.get_artifacts(), {e.id: e for e in store.get_executions()}
            runs, nodes = _context_names(store, "pipeline_run"), _context_names(store, "node")
            inputs, outputs = _events(store, list(raw))
        else:
            context = store.get_context_by_type_and_name("pipeline_run", run)
            raw = {e.id: e for e in store.get_executions_by_context(context.id)} if context else {}
            runs, nodes = dict.fromkeys(raw, run), {i: _node_of(store, i) for i in raw}
            inputs, outputs = _events(store, list(raw))
            artifacts = store.get_artifacts_by_id(sorted({a for made in outputs.values() for ids in made.values() for a in ids}))
        self._artifacts = {a.id: _artifact(a) for a in artifacts}
        self.executions: list[Execution] = []
        for id_, execution in raw.items():
            node = nodes.get(id_, "")
            if not node.startswith(f"{pipeline}."):
                continue
            made = {k: tuple(self._artifacts[a] for a in ids if a in self._artifacts) for k, ids in outputs.get(id_, {}).items()}
            self.executions.append(
                Execution(
                    id=id_,
                    node=node.removeprefix(f"{pipeline}."),
                    run=runs.get(id_, ""),
                    state=STATES[execution.last_known_state],
                    cache_key=execution.custom_properties[CACHE_KEY].string_value,
                    cache_parts=execution.custom_properties[CACHE_PARTS].string_value,
                    inputs={k: tuple(v) for k, v in inputs.get(id_, {}).items()},
                    outputs=made,
                )
            )
        self.executions.sort(key=lambda e: -e.id)

    def of_node(self, node: str) -> list[Execution]:
        """Return the node's executions, newest first."""
        return [e for e in self.executions if e.node == node]

    def of_run(self, run: str) -> dict[str, Execution]:
        """Return the newest execution of each node in the run."""
        return {e.node: e for e in reversed(self.executions) if e.run == run}

    def artifact(self, id_: int) -> Artifact | None:
        """Return an artifact by its id, or None for one that the store no longer has."""
        return self._artifacts.get(id_)

    def latest_blessing(self) -> Artifact | None:
        """Return the newest blessing that this pipeline gave, or None before the first."""
        made = (a for e in self.executions for artifacts in e.outputs.values() for a in artifacts)
        given = (a for a in made if a.type == "ModelBlessing" and a.properties.get("blessed") == 1)
        return max(given, key=lambda a: a.id, default=None)


def read_history(config: Config) -> History:
    """Return the pipeline's history; empty before its first run, without creating the store."""
    sqlite = config.env.metadata.sqlite
    assert sqlite is not None
    if not sqlite.exists():
        return _Empty()
    with open_store(config) as store:
        return History(store, config.name)


def read_run(config: Config, run: str) -> dict[str, Execution]:
    """Return the executions of one run by node, without reading the others'."""
    with open_store(config) as store:
        return History(store, config.name, run).of_run(run)


class _Empty(History):
    def __init__(self) -> None:
        self._artifacts = {}
        self.executions = []


def set_cache_key(store: MetadataStore, execution_id: int, key: str, parts: str) -> None:
    """Note on an execution the key under which later runs may reuse it."""
    [execution] = store.get_executions_by_id([execution_id])
    execution.custom_properties[CACHE_KEY].string_value = key
    execution.custom_properties[CACHE_PARTS].string_value = parts
    store.put_executions([execution])


def publish_cached(store: MetadataStore, source_id: int, pipeline: str, run: str) -> int:
    """Register in `run` an execution in state CACHED with the inputs and outputs of `source_id`; return its id.

    The same record that TFX 1.21's publish_cached_executions leaves, so that TFX's input resolution and any other
    reader of the store sees an ordinary cached node.
    """
    from ml_metadata.proto import metadata_store_pb2 as pb

    [source] = store.get_executions_by_id([source_id])
    execution = pb.Execution(type_id=source.type_id, last_known_state=pb.Execution.CACHED)
    for name, value in source.custom_properties.items():
        execution.custom_properties[name].CopyFrom(value)
    contexts = [c for c in store.get_contexts_by_execution(source_id) if c.type not in ("pipeline_run", "execution_cache")]
    contexts.append(_run_context(store, pipeline, run))
    events = store.get_events_by_execution_ids([source_id])
    artifacts = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])}
    pairs = []
    for event in events:
        copied = pb.Event(type=event.type, path=event.path, artifact_id=event.artifact_id)
        pairs.append((artifacts[event.artifact_id], copied))
    execution_id, _, _ = store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
    return execution_id


def _run_context(store: MetadataStore, pipeline: str, run: str) -> metadata_store_pb2.Context:
    from ml_metadata.proto import metadata_store_pb2 as pb

    found = store.get_context_by_type_and_name("pipeline_run", run)
    if found is not None:
        return found
    context_type = store.get_context_type("pipeline_run")
    [context_id] = store.put_contexts([pb.Context(type_id=context_type.id, name=run)])
    parent = store.get_context_by_type_and_name("pipeline", pipeline)
    if parent is not None:
        store.put_parent_contexts([pb.ParentContext(parent_id=parent.id, child_id=context_id)])
    [context] = store.get_contexts_by_id([context_id])
    return context


def _artifact(artifact: metadata_store_pb2.Artifact) -> Artifact:
    properties = {}
    for group in (artifact.properties, artifact.custom_properties):
        for name, value in group.items():
            properties[name] = getattr(value, value.WhichOneof("value")) if value.WhichOneof("value") else None
    return Artifact(artifact.id, artifact.type, artifact.uri, properties)


def _context_names(store: MetadataStore, type_name: str) -> dict[int, str]:
    """Return execution id -> name of its context of this type."""
    return {
        execution.id: context.name
        for context in store.get_contexts_by_type(type_name)
        for execution in store.get_executions_by_context(context.id)
    }


def _node_of(store: MetadataStore, execution_id: int) -> str:
    return next((c.name for c in store.get_contexts_by_execution(execution_id) if c.type == "node"), "")


Events = dict[int, dict[str, list[int]]]


def _events(store: MetadataStore, execution_ids: list[int]) -> tuple[Events, Events]:
    inputs: Events = {}
    outputs: Events = {}
    for event in store.get_events_by_execution_ids(execution_ids) if execution_ids else []:
        key = next((step.key for step in event.path.steps if step.WhichOneof("value") == "key"), "")
        side = outputs if event.type in (event.OUTPUT, event.DECLARED_OUTPUT, event.INTERNAL_OUTPUT) else inputs
        ids = side.setdefault(event.execution_id, {}).setdefault(key, [])
        ids.append(event.artifact_id)
    return inputs, outputs
