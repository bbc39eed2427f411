"""The fake's query jobs: what BigQuery would refuse, what a query reads, its result, and what becomes of a job in time.

Called by `rest`. Keeps results in the shared state, where `storage` finds them.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from . import wire
from .answers import Analysis, analyze, rows_of
from .state import Refused, State

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


@dataclass
class Job:
    """A query job; times are seconds since 1970."""

    resource: dict[str, Any]
    n_rows: int
    started: float
    ends: float
    error: dict[str, Any] | None = None
    cancelled: bool = False

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self.cancelled or time.time() >= self.ends

    def now(self) -> dict[str, Any]:
        """Return its resource as it is now."""
        state: dict[str, Any] = {"state": "DONE" if self.is_done else "RUNNING"}
        cancelled = {"reason": "stopped", "message": "Job execution was cancelled: User requested cancellation"}
        error = cancelled if self.cancelled else self.error if self.is_done else None
        if error:
            state |= {"errorResult": error, "errors": [error]}
        times = {"startTime": wire.millis(self.started)} | ({"endTime": wire.millis(self.ends)} if self.is_done else {})
        return {**self.resource, "status": state, "statistics": {**self.resource["statistics"], **times}}


class Jobs:
    """All jobs of a fake, and BigQuery's cache of results."""

    def __init__(self, state: State) -> None:
        """Begin with none."""
        self._state = state
        self._jobs: dict[str, Job] = {}
        self._cache: dict[str, str] = {}

    def insert(self, project: str, resource: dict[str, Any]) -> dict[str, Any]:
        """Check a query job, run it unless it is a dry run, and return it.

        Raises:
            Refused: as BigQuery refuses.
        """
        configuration, reference = resource["configuration"], resource["jobReference"]
        _check(configuration)
        is_dry = configuration.get("dryRun", False)
        self._state.fail_if_ordered("jobs.dryRun" if is_dry else "jobs.insert")
        if reference.get("location", self._state.location) != self._state.location:
            raise Refused(404, "notFound", f"Not found: Dataset was not found in location {reference['location']}")
        query = configuration["query"]
        parameters = wire.parameters_of(query.get("queryParameters", []))
        default = wire.dataset(query.get("defaultDataset"))
        found = analyze(self._state, query["query"], parameters, project, default)
        if found.undeclared and not is_dry:
            raise Refused(400, "invalidQuery", f"Query parameter '{found.undeclared[0]}' not found at [1:1]")
        readable = found.statement == "SELECT" and not found.undeclared
        rows = rows_of(self._state, query["query"], parameters, found) if readable else None
        made = {
            "kind": "bigquery#job",
            "jobReference": {**reference, "projectId": project, "location": self._state.location},
            "configuration": configuration,
            "statistics": {"creationTime": wire.millis(time.time()), "query": self._statistics(found, rows)},
        }
        return {**made, "status": {"state": "DONE"}} if rows is None or is_dry else self._begin(made, rows, found)

    def get(self, job_id: str, location: str | None) -> dict[str, Any]:
        """Return a job as it is now.

        Raises:
            Refused: there is none in that location.
        """
        return self._job(job_id, location).now()

    def cancel(self, job_id: str, location: str | None) -> dict[str, Any]:
        """Cancel a job.

        Raises:
            Refused: there is none in that location.
        """
        job = self._job(job_id, location)
        job.cancelled = not job.is_done
        return {"kind": "bigquery#jobCancelResponse", "job": job.now()}

    def query_results(self, job_id: str, location: str | None, timeout_s: float) -> dict[str, Any]:
        """Return whether a job is done, and how many rows it has; no rows: they are read through the Storage API.

        Raises:
            Refused: the job failed.
        """
        job = self._job(job_id, location)
        deadline = time.time() + timeout_s
        while not job.is_done and time.time() < deadline:
            time.sleep(0.01)
        answer = {"kind": "bigquery#getQueryResultsResponse", "jobReference": job.resource["jobReference"]}
        if not job.is_done:
            return {**answer, "jobComplete": False}
        if error := job.now()["status"].get("errorResult"):
            raise Refused(400, error["reason"], error["message"])
        schema = job.resource["statistics"]["query"]["schema"]
        return {**answer, "jobComplete": True, "totalRows": str(job.n_rows), "schema": schema}

    def _job(self, job_id: str, location: str | None) -> Job:
        if job_id not in self._jobs or location != self._state.location:
            raise Refused(404, "notFound", f"Not found: Job {job_id} in location {location}")
        return self._jobs[job_id]

    def _statistics(self, found: Analysis, rows: "pa.Table | None") -> dict[str, Any]:
        return {
            "statementType": found.statement,
            "schema": {"fields": wire.fields_of(rows.schema) if rows is not None else []},
            "totalBytesProcessed": str(self._n_bytes(found)),
            "referencedTables": [wire.reference(name) for name in found.read],
            "undeclaredQueryParameters": [{"name": n, "parameterType": {"type": "STRING"}} for n in found.undeclared],
        }

    def _n_bytes(self, found: Analysis) -> int:
        return sum(self._state.tables[name].nbytes for full in found.read for name in self._state.meant_by(full))

    def _begin(self, resource: dict[str, Any], rows: "pa.Table", found: Analysis) -> dict[str, Any]:
        job_id, query = resource["jobReference"]["jobId"], resource["configuration"]["query"]
        if job_id in self._jobs:
            raise Refused(409, "duplicate", f"Already Exists: Job {job_id}")
        versions = [(name, self._state.changed[name]) for full in found.read for name in self._state.meant_by(full)]
        key = repr((query["query"], query.get("queryParameters"), versions))
        is_cached = query.get("useQueryCache", True) and "destinationTable" not in query and key in self._cache
        n_billed = 0 if is_cached else self._n_bytes(found)
        error = self._error(query.get("maximumBytesBilled"), n_billed)
        project = resource["jobReference"]["projectId"]
        given = query.get("destinationTable") or wire.reference(f"{project}._anonymous.anon{uuid4().hex}")
        query["destinationTable"] = wire.reference(self._cache[key]) if is_cached else given
        statistics = resource["statistics"]["query"]
        statistics |= {"cacheHit": is_cached, "totalBytesBilled": str(n_billed), "totalSlotMs": "0" if is_cached else "120"}
        now = time.time()
        self._jobs[job_id] = Job(resource, rows.num_rows, now, now + self._state.job_s, error)
        if error is None:
            self._cache[key] = wire.name_of(query["destinationTable"])
            self._state.results[self._cache[key]] = rows
        return self._jobs[job_id].now()

    def _error(self, limit: str | None, n_billed: int) -> dict[str, Any] | None:
        if limit is not None and n_billed > int(limit):
            said = f"Query exceeded limit for bytes billed: {limit}. {n_billed} or higher required."
            return {"reason": "bytesBilledLimitExceeded", "message": said}
        try:
            self._state.fail_if_ordered("job")
        except Refused as refused:
            return {"reason": refused.reason, "message": refused.message}
        return None


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
