"""What the fake holds: tables, views and results, what it was asked, and what is to fail.

Shared by the two servers, which ask it from several threads. Answers for tables; `jobs` answers for queries. Knows no HTTP and
no gRPC.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import wire

if TYPE_CHECKING:
    import pyarrow as pa


class Refused(Exception):
    """What BigQuery answers in place of a result."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Hold HTTP's status, BigQuery's reason and its words."""
        self.status, self.reason, self.message = status, reason, message
        super().__init__(message)


@dataclass(frozen=True)
class Request:
    """A request of the REST API: its method's name, path, parameters of the address, and body."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any


@dataclass
class State:
    """Everything that a fake knows; tables, views and results by project.dataset.table."""

    tables: "dict[str, pa.Table]"
    views: dict[str, str]
    answer: "Callable[[str, Mapping[str, Any]], pa.Table] | None"
    location: str
    job_s: float = 0.0
    batch_rows: int = 1000
    requests: list[Request] = field(default_factory=list)
    sessions: list[Any] = field(default_factory=list)
    reads: list[tuple[str, int]] = field(default_factory=list)
    failures: dict[str, list[Refused]] = field(default_factory=dict)
    broken: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    externals: set[str] = field(default_factory=set)
    streamed: dict[str, int] = field(default_factory=dict)
    results: "dict[str, pa.Table]" = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Let every table have changed an hour ago."""
        self.changed = dict.fromkeys((*self.tables, *self.views), time.time() - 3600)

    def put(self, name: str, table: "pa.Table") -> None:
        """Replace a table."""
        self.tables[name], self.changed[name] = table, time.time()

    def put_view(self, name: str, query: str) -> None:
        """Replace a view."""
        self.views[name], self.changed[name] = query, time.time()

    def fail_if_ordered(self, method: str) -> None:
        """Raise the next failure that was ordered for a method.

        Raises:
            Refused: it was ordered.
        """
        with self.lock:
            waiting = self.failures.get(method)
            refused = waiting.pop(0) if waiting else None
        if refused:
            raise Refused(refused.status, refused.reason, refused.message)

    def break_if_ordered(self, method: str) -> tuple[str, str, int] | None:
        """Return gRPC's code, details and the number of batches before them, if that was ordered for a method."""
        with self.lock:
            waiting = self.broken.get(method)
            return waiting.pop(0) if waiting else None

    def names(self) -> list[str]:
        """Return the names of all tables and views."""
        return sorted((*self.tables, *self.views))

    def full_name(self, name: str, project: str, default: str | None) -> str:
        """Return project.dataset.table of a name in a query.

        Raises:
            Refused: there is no such table.
        """
        parts = name.split(".")
        if len(parts) == 1 and default is None:
            raise Refused(400, "invalid", f'Table "{name}" must be qualified with a dataset (e.g. dataset.table).')
        full = f"{default}.{name}" if len(parts) == 1 else f"{project}.{name}" if len(parts) == 2 else name
        if full in self.views or self.meant_by(full):
            return full
        owner, dataset, table = full.split(".", 2)
        known = any(n.startswith(f"{owner}.{dataset}.") for n in self.names())
        what = f"Table {owner}:{dataset}.{table}" if known else f"Dataset {owner}:{dataset}"
        raise Refused(404, "notFound", f"Not found: {what} was not found in location {self.location}")

    def meant_by(self, full: str) -> list[str]:
        """Return the tables that a name in a query means: one, none, or all of a wildcard."""
        start, star, _ = full.partition("*")
        return [name for name in sorted(self.tables) if (name.startswith(start) if star else name == full)]

    def table(self, project: str, dataset: str, name: str) -> dict[str, Any]:
        """Return a table's metadata.

        Raises:
            Refused: there is none.
        """
        full = f"{project}.{dataset}.{name}"
        if full not in self.tables and full not in self.views:
            raise Refused(404, "notFound", f"Not found: Table {project}:{dataset}.{name}")
        changed = wire.millis(self.changed[full])
        common = {"kind": "bigquery#table", "tableReference": wire.reference(full), "creationTime": changed}
        if full in self.views:
            view = {"query": self.views[full], "useLegacySql": False}
            return {**common, "lastModifiedTime": changed, "type": "VIEW", "view": view}
        kind = "EXTERNAL" if full in self.externals else "TABLE"
        return {**common, "lastModifiedTime": changed, "type": kind, **self._content(full), **self._buffer(full, changed)}

    def patch(self, project: str, dataset: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change a result's metadata, which nothing reads again.

        Raises:
            Refused: there is none.
        """
        full = f"{project}.{dataset}.{name}"
        if full not in self.results:
            raise Refused(404, "notFound", f"Not found: Table {project}:{dataset}.{name}")
        return {"kind": "bigquery#table", "type": "TABLE", **body, "tableReference": wire.reference(full)}

    def tables_of(self, project: str, dataset: str) -> dict[str, Any]:
        """Return a dataset's tables and views.

        Raises:
            Refused: there is no such dataset.
        """
        inside = [name for name in self.names() if name.startswith(f"{project}.{dataset}.")]
        if not inside:
            raise Refused(404, "notFound", f"Not found: Dataset {project}:{dataset}")
        listed = [{"tableReference": wire.reference(name), "type": "TABLE"} for name in inside]
        return {"kind": "bigquery#tableList", "tables": listed}

    def datasets_of(self, project: str) -> dict[str, Any]:
        """Return a project's datasets."""
        names = sorted({name.split(".")[1] for name in self.names() if name.startswith(f"{project}.")})
        listed = [{"datasetReference": {"projectId": project, "datasetId": name}} for name in names]
        return {"kind": "bigquery#datasetList", "datasets": listed}

    def _content(self, name: str) -> dict[str, Any]:
        table = self.tables[name]
        fields = {"fields": wire.fields_of(table.schema)}
        return {"numRows": str(table.num_rows), "numBytes": str(table.nbytes), "schema": fields}

    def _buffer(self, name: str, changed: str) -> dict[str, Any]:
        if name not in self.streamed:
            return {}
        counted = {"estimatedRows": str(self.streamed[name]), "estimatedBytes": "0", "oldestEntryTime": changed}
        return {"streamingBuffer": counted}
