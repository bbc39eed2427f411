"""What a query reads at BigQuery, and what changes with the content of each: tables, wildcards, views and what they read.

Called by the engine, with a dry run's statistics. Reads tables' metadata, which costs nothing; never rows.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from waze_data_tfx.data.sql import references
from waze_data_tfx.errors import ConfigError, did_you_mean

UNREADABLE = "a part that sqlglot cannot read"
LOOKUPS = 8
"""Tables of a wildcard that are asked for at a time."""


@dataclass(frozen=True)
class Catalog:
    """Tables' metadata, asked of BigQuery anew at every call.

    Attributes:
        client: a `bigquery.Client`.
        default_dataset: project.dataset of names without one; None if the config names none.
        retry: of the requests.
        timeout_s: of one request.
    """

    client: Any
    default_dataset: str | None
    retry: Any
    timeout_s: float

    def read_by(self, text: str, referenced: Iterable[Any]) -> dict[str, Any]:
        """Return the `Table`s behind a query by name: those that BigQuery lists, and the views that it looks through.

        BigQuery lists the tables that are read, at most 50, and not the views that lead to them; so the names in the text are
        looked up too, and those in the views' texts. What cannot be looked up has None: its version is never the same.
        """
        found: dict[str, Any] = {str(table): self._get(str(table)) for table in referenced}
        texts = [text, *(query for table in found.values() for query in _queries_of(table))]
        while texts:
            for name in self._names_in(texts.pop()):
                if name in found:
                    continue
                table = self._get(name)
                if table is not None or _has_no_entry(name):
                    found[name] = table
                    texts += _queries_of(table)
        return found

    def version(self, name: str, table: Any) -> str:
        """Return a text that changes with the table's content; where nothing tells, one that is new at every call."""
        if "*" in name:
            return self._version_of_all(name)
        if table is None:
            return f"unknown {uuid4().hex}: its metadata cannot be read"
        if table.table_type == "VIEW":
            return f"view {hashlib.sha256(table.view_query.encode()).hexdigest()[:16]}"
        if table.table_type == "EXTERNAL":
            return f"unknown {uuid4().hex}: external, its files may change unnoticed"
        return _of_table(table)

    def near(self, kind: str, name: str) -> str:
        """Return `; did you mean 'x'?` among the dataset's tables or the project's datasets; nothing if they cannot be listed."""
        from google.api_core.exceptions import GoogleAPIError

        project, _, rest = name.replace(":", ".", 1).partition(".")
        dataset, _, table = rest.partition(".")
        try:
            if kind == "Table":
                listed = self.client.list_tables(f"{project}.{dataset}", retry=self.retry, timeout=self.timeout_s)
                return did_you_mean(table, [t.table_id for t in listed])
            if kind == "Dataset":
                listed = self.client.list_datasets(project, retry=self.retry, timeout=self.timeout_s)
                return did_you_mean(dataset, [d.dataset_id for d in listed])
        except GoogleAPIError:
            return ""  # the message stands without it
        return ""

    def _names_in(self, text: str) -> Iterator[str]:
        """Yield the project.dataset.table texts of the tables that a query names."""
        names = _table_names(text)
        if names is None:
            yield UNREADABLE
        for parts in names or ():
            dataset = self.default_dataset.split(".") if self.default_dataset else []
            whole = [*dataset, *parts] if len(parts) == 1 else [self.client.project, *parts] if len(parts) == 2 else parts
            if len(whole) >= 3:
                yield ".".join(whole)

    def _get(self, name: str) -> Any:
        from google.api_core.exceptions import BadRequest, Forbidden, NotFound

        if _has_no_entry(name):
            return None
        try:
            return self.client.get_table(name, retry=self.retry, timeout=self.timeout_s)
        except (NotFound, Forbidden, BadRequest):  # an alias, an array column, INFORMATION_SCHEMA, what an authorized view reads
            return None

    def _version_of_all(self, name: str) -> str:
        """Return the version of a wildcard: which tables there are, and the version of each."""
        dataset, _, pattern = name.rpartition(".")
        start = pattern.partition("*")[0]
        listed = self.client.list_tables(dataset, retry=self.retry, timeout=self.timeout_s)
        names = sorted(t.table_id for t in listed if t.table_id.startswith(start))
        with ThreadPoolExecutor(LOOKUPS) as pool:
            tables = list(pool.map(lambda n: self._get(f"{dataset}.{n}"), names))
        versions = "\n".join(f"{n}: {self.version(n, table)}" for n, table in zip(names, tables, strict=True))
        return f"{len(names)} tables {hashlib.sha256(versions.encode()).hexdigest()[:16]}"


def _of_table(table: Any) -> str:
    """Return creation, last change, rows and bytes, and what has been streamed in and is not counted yet."""
    buffer = table.streaming_buffer
    streamed = f" streamed={buffer.estimated_rows}@{buffer.oldest_entry_time:%Y-%m-%dT%H:%M:%S}" if buffer else ""
    moments = f"created={table.created.isoformat()} modified={table.modified.isoformat()}"
    return f"{moments} rows={table.num_rows} bytes={table.num_bytes}{streamed}"


def _has_no_entry(name: str) -> bool:
    """Whether BigQuery has no table of that name to be looked up: a wildcard, a table about tables, a name nobody could read."""
    return "*" in name or "INFORMATION_SCHEMA" in name or name == UNREADABLE


def _queries_of(table: Any) -> list[str]:
    """Return the text of a view, or nothing."""
    return [query for query in (table.view_query, table.mview_query) if query] if table is not None else []


def _table_names(text: str) -> list[list[str]] | None:
    """Return the parts of each table's name in a query, without those that it defines itself; None if it cannot be parsed."""
    try:
        return [name.split(".") for name in references(text, file=Path("query")).tables]
    except ConfigError:
        return None


def versions(catalog: Catalog, text: str, referenced: Iterable[Any]) -> Mapping[str, str]:
    """Return the version of everything that a query reads, by name."""
    return {name: catalog.version(name, table) for name, table in sorted(catalog.read_by(text, referenced).items())}
