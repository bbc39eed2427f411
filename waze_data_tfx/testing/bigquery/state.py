"""What the fake holds: tables, views, jobs and their results, what it was asked, and what is to fail.

Called by the two servers, from several threads. Decides what BigQuery would refuse. Knows nothing of HTTP or gRPC.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from . import wire

if TYPE_CHECKING:
    import pyarrow as pa

CONFIGURATION = {"dryRun", "labels", "query", "jobTimeoutMs", "jobType"}
QUERY = {
    "query",
    "useLegacySql",
    "useQueryCache",
    "queryParameters",
    "parameterMode",
    "maximumBytesBilled",
    "defaultDataset",
    "destinationTable",
    "writeDisposition",
}
_LABEL = re.compile(r"^[a-z0-9_-]{0,63}$")


class Refused(Exception):
    """What BigQuery answers in place of a result."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Hold HTTP's status, BigQuery's reason and its words."""
        self.status, self.reason, self.message = status, reason, message
        super().__init__(message)


@dataclass(frozen=True)
class Failure:
    """A failure that was ordered."""

    status: int
    reason: str
    message: str


@dataclass(frozen=True)
class Request:
    """A request of the REST API: its method's name, path, parameters of the address, and body."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any


@dataclass
class Job:
    """A query job."""

    resource: dict[str, Any]
    rows: "pa.Table"
    started: float
    ends: float
    error: dict[str, Any] | None = None
    cancelled: bool = False

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self.cancelled or time.time() >= self.ends


@dataclass
class State:
    """Everything that a fake knows."""

    tables: "dict[str, pa.Table]"
    views: dict[str, str]
    answer: "Callable[[str, Mapping[str, Any]], pa.Table] | None"
    location: str
    job_s: float = 0.0
    batch_rows: int = 1000
    requests: list[Request] = field(default_factory=list)
    sessions: list[Any] = field(default_factory=list)
    reads: list[tuple[str, int]] = field(default_factory=list)
    failures: dict[str, list[Failure]] = field(default_factory=dict)
    broken: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    streamed: dict[str, int] = field(default_factory=dict)
    results: "dict[str, pa.Table]" = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    expires: dict[str, str] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _cache: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let every table have changed an hour ago."""
        self.changed = {name: time.time() - 3600 for name in (*self.tables, *self.views)}

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
        if waiting := self.failures.get(method):
            failure = waiting.pop(0)
            raise Refused(failure.status, failure.reason, failure.message)

    def insert(self, project: str, resource: dict[str, Any]) -> dict[str, Any]:
        """Check a query job, run it and return it.

        Raises:
            Refused: as BigQuery refuses.
        """
        configuration = resource["configuration"]
        _check(configuration)
        query, reference = configuration["query"], resource["jobReference"]
        dry = configuration.get("dryRun", False)
        self.fail_if_ordered("jobs.dryRun" if dry else "jobs.insert")
        if reference.get("location", self.location) != self.location:
            raise Refused(404, "notFound", f"Not found: Dataset was not found in location {reference['location']}")
        parameters = wire.parameters_of(query.get("queryParameters", []))
        text, default = query["query"], _dataset(query.get("defaultDataset"))
        statement, names, undeclared = self._analyze(text, parameters, project, default)
        if undeclared and not dry:
            raise Refused(400, "invalidQuery", f"Query parameter '{undeclared[0]}' not found at [1:1]")
        rows = self._rows(text, parameters, names) if statement == "SELECT" and not undeclared else None
        n_bytes = sum(self.tables[name].nbytes for name in names.values())
        statistics = {
            "statementType": statement,
            "schema": {"fields": wire.fields_of(rows.schema) if rows is not None else []},
            "totalBytesProcessed": str(n_bytes),
            "referencedTables": [_reference(name) for name in dict.fromkeys(names.values())],
            "undeclaredQueryParameters": [{"name": n, "parameterType": {"type": "STRING"}} for n in undeclared],
        }
        made: dict[str, Any] = {
            "kind": "bigquery#job",
            "jobReference": {**reference, "projectId": project, "location": self.location},
            "configuration": configuration,
            "statistics": {"creationTime": _millis(time.time()), "query": statistics},
            "status": {"state": "DONE"},
        }
        if dry:
            return made
        assert rows is not None
        return self._begin(made, rows, n_bytes, names)

    def job(self, job_id: str, location: str | None) -> dict[str, Any]:
        """Return a job as it is now.

        Raises:
            Refused: there is none in that location.
        """
        job = self.jobs.get(job_id)
        if job is None or location != self.location:
            raise Refused(404, "notFound", f"Not found: Job {job_id} in location {location}")
        state = {"state": "DONE" if job.is_done else "RUNNING"}
        if job.cancelled:
            stopped = {"reason": "stopped", "message": "Job execution was cancelled: User requested cancellation"}
            state |= {"errorResult": stopped, "errors": [stopped]}  # type: ignore[dict-item]
        elif job.is_done and job.error:
            state |= {"errorResult": job.error, "errors": [job.error]}  # type: ignore[dict-item]
        times = {"startTime": _millis(job.started)} | ({"endTime": _millis(job.ends)} if job.is_done else {})
        return {**job.resource, "status": state, "statistics": {**job.resource["statistics"], **times}}

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Cancel a job."""
        self.jobs[job_id].cancelled = not self.jobs[job_id].is_done
        return {"kind": "bigquery#jobCancelResponse", "job": self.job(job_id, self.location)}

    def query_results(self, job_id: str, location: str | None, timeout_s: float) -> dict[str, Any]:
        """Return whether a job is done, and how many rows it has; no rows: they are read through the Storage API.

        Raises:
            Refused: the job failed.
        """
        resource = self.job(job_id, location)
        job = self.jobs[job_id]
        deadline = time.time() + timeout_s
        while not job.is_done and time.time() < deadline:
            time.sleep(0.01)
        reference = resource["jobReference"]
        if not job.is_done:
            return {"kind": "bigquery#getQueryResultsResponse", "jobComplete": False, "jobReference": reference}
        error = self.job(job_id, location)["status"].get("errorResult")
        if error:
            raise Refused(400, error["reason"], error["message"])
        schema = resource["statistics"]["query"]["schema"]
        rows = {"totalRows": str(job.rows.num_rows), "schema": schema, "jobReference": reference, "jobComplete": True}
        return {"kind": "bigquery#getQueryResultsResponse", **rows}

    def table(self, project: str, dataset: str, name: str) -> dict[str, Any]:
        """Return a table's metadata.

        Raises:
            Refused: there is none.
        """
        full = f"{project}.{dataset}.{name}"
        if full not in self.tables and full not in self.views:
            raise Refused(404, "notFound", f"Not found: Table {project}:{dataset}.{name}")
        changed = _millis(self.changed[full])
        common = {
            "kind": "bigquery#table",
            "tableReference": _reference(full),
            "creationTime": changed,
            "lastModifiedTime": changed,
        }
        if full in self.views:
            return {**common, "type": "VIEW", "view": {"query": self.views[full], "useLegacySql": False}}
        table = self.tables[full]
        counted = {
            "numRows": str(table.num_rows),
            "numBytes": str(table.nbytes),
            "schema": {"fields": wire.fields_of(table.schema)},
        }
        oldest = {"estimatedRows": str(self.streamed.get(full, 0)), "estimatedBytes": "0", "oldestEntryTime": changed}
        buffer = {"streamingBuffer": oldest} if full in self.streamed else {}
        return {**common, **counted, **buffer, "type": "TABLE", "etag": changed}

    def patch(self, project: str, dataset: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Set when a result expires."""
        full = f"{project}.{dataset}.{name}"
        if full not in self.results:
            raise Refused(404, "notFound", f"Not found: Table {project}:{dataset}.{name}")
        self.expires[full] = body["expirationTime"]
        return {"kind": "bigquery#table", "tableReference": _reference(full), "type": "TABLE", **body}

    def tables_of(self, project: str, dataset: str) -> list[str]:
        """Return the names of a dataset's tables and views.

        Raises:
            Refused: there is no such dataset.
        """
        start = f"{project}.{dataset}."
        names = [name.removeprefix(start) for name in (*self.tables, *self.views) if name.startswith(start)]
        if not names:
            raise Refused(404, "notFound", f"Not found: Dataset {project}:{dataset}")
        return sorted(names)

    def datasets_of(self, project: str) -> list[str]:
        """Return the names of a project's datasets."""
        return sorted({name.split(".")[1] for name in (*self.tables, *self.views) if name.startswith(f"{project}.")})

    def _analyze(
        self, text: str, parameters: Mapping[str, Any], project: str, default: str | None
    ) -> tuple[str, dict[str, str], list[str]]:
        """Return the kind of statement, the tables that are read (as written -> full name) and the parameters without value."""
        from .answers import tables_and_parameters

        first = re.sub(r"^(\s|--.*|#.*|/\*(.|\n)*?\*/|\()*", "", text)
        if not re.match(r"(select|with)\b", first, re.IGNORECASE):
            return "_".join(first.upper().split()[:2]), {}, []
        written, wanted = tables_and_parameters(text)
        names = {name: self._full_name(name, project, default) for name in written}
        return "SELECT", self._through_views(names, project), [name for name in wanted if name not in parameters]

    def _through_views(self, names: dict[str, str], project: str) -> dict[str, str]:
        """BigQuery names the tables behind a view, and not the view."""
        from .answers import tables_and_parameters

        through: dict[str, str] = {}
        for written, full in names.items():
            if full in self.views:
                inner = {n: self._full_name(n, project, None) for n in tables_and_parameters(self.views[full])[0]}
                through |= {f"{written}>{n}": f for n, f in self._through_views(inner, project).items()}
            else:
                through[written] = full
        return through

    def _full_name(self, name: str, project: str, default: str | None) -> str:
        parts = name.split(".")
        if len(parts) == 1:
            if default is None:
                message = f'Table "{name}" must be qualified with a dataset (e.g. dataset.table).'
                raise Refused(400, "invalid", message)
            name = f"{default}.{name}"
        elif len(parts) == 2:
            name = f"{project}.{name}"
        if name not in self.tables and name not in self.views:
            [owner, dataset, table] = name.split(".", 2)
            known = any(n.startswith(f"{owner}.{dataset}.") for n in (*self.tables, *self.views))
            what = f"Table {owner}:{dataset}.{table}" if known else f"Dataset {owner}:{dataset}"
            raise Refused(404, "notFound", f"Not found: {what} was not found in location {self.location}")
        return name

    def _rows(self, text: str, parameters: Mapping[str, Any], names: Mapping[str, str]) -> "pa.Table":
        from .answers import by_duckdb, tables_and_parameters

        if self.answer is not None:
            return self.answer(text, parameters)
        tables = {written: self.tables[full] for written, full in names.items() if ">" not in written}
        for written in tables_and_parameters(text)[0]:
            if written not in tables:
                inner = {n.split(">", 1)[1]: f for n, f in names.items() if n.startswith(f"{written}>")}
                full = next(full for full in self.views if full.endswith(written))
                tables[written] = self._rows(self.views[full], {}, inner)
        return by_duckdb(text, parameters, tables)

    def _begin(self, resource: dict[str, Any], rows: "pa.Table", n_bytes: int, names: Mapping[str, str]) -> dict[str, Any]:
        query, statistics = resource["configuration"]["query"], resource["statistics"]["query"]
        key = repr((query["query"], query.get("queryParameters"), [(n, self.changed[n]) for n in sorted(names.values())]))
        cached = self._cache.get(key) if query.get("useQueryCache", True) and "destinationTable" not in query else None
        limit, error = query.get("maximumBytesBilled"), None
        if limit is not None and n_bytes > int(limit) and not cached:
            said = f"Query exceeded limit for bytes billed: {limit}. {n_bytes} or higher required."
            error = {"reason": "bytesBilledLimitExceeded", "message": said}
        try:
            self.fail_if_ordered("job")
        except Refused as refused:
            error = {"reason": refused.reason, "message": refused.message}
        given = query.get("destinationTable")
        anonymous = f"{resource['jobReference']['projectId']}._anonymous.anon{uuid4().hex}"
        destination = cached or (".".join((given["projectId"], given["datasetId"], given["tableId"])) if given else anonymous)
        query["destinationTable"] = _reference(destination)
        billed = "0" if cached else str(n_bytes)
        statistics |= {"cacheHit": bool(cached), "totalBytesBilled": billed, "totalSlotMs": "0" if cached else "120"}
        now = time.time()
        job_id = resource["jobReference"]["jobId"]
        if job_id in self.jobs:
            raise Refused(409, "duplicate", f"Already Exists: Job {job_id}")
        self.jobs[job_id] = Job(resource, rows, now, now + self.job_s, error)
        if error is None:
            self.results[destination] = rows
            self._cache[key] = destination
        return self.job(job_id, self.location)


def _check(configuration: Mapping[str, Any]) -> None:
    """Refuse what BigQuery would not understand, and what this project must never send."""
    query = configuration.get("query")
    if query is None:
        raise Refused(400, "invalid", "Required parameter is missing: configuration.query")
    for unknown in {*(set(configuration) - CONFIGURATION), *(set(query) - QUERY)}:
        raise Refused(400, "badRequest", f"Invalid JSON payload received. Unknown name \"{unknown}\" at 'job.configuration'")
    if query.get("useLegacySql") is not False:
        raise Refused(400, "invalid", "useLegacySql must be false: the query is in GoogleSQL")
    for key, value in configuration.get("labels", {}).items():
        if not (_LABEL.match(key) and _LABEL.match(value)):
            raise Refused(400, "invalid", f'Invalid value for label "{key}": "{value}"')
    if bool(query.get("queryParameters")) != (query.get("parameterMode") == "NAMED"):
        raise Refused(400, "invalid", "parameterMode must be NAMED exactly where there are named parameters")


def _dataset(reference: Mapping[str, str] | None) -> str | None:
    return f"{reference['projectId']}.{reference['datasetId']}" if reference else None


def _reference(name: str) -> dict[str, str]:
    project, dataset, table = name.split(".", 2)
    return {"projectId": project, "datasetId": dataset, "tableId": table}


def _millis(moment: float) -> str:
    return str(int(datetime.fromtimestamp(moment, UTC).timestamp() * 1000))
