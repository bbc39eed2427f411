"""A BigQuery of one's own on this machine, for tests: the REST API of jobs and tables, and the Storage Read API.

    with FakeBigQuery({"shop.sales.orders": table}) as fake:
        loaded = load("orders.yaml", env="bigquery", sets=fake.sets)

Google's own clients talk to it. It listens on loopback only, holds what it is given and answers queries by the project's DuckDB,
or by a function of yours. It refuses what BigQuery would refuse, remembers what came, and fails on demand. Parts: `state`
(tables), `jobs` and `answers` (queries), `rest` and `storage` (the two servers), `wire` (types in JSON).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from .state import Refused, Request, State

if TYPE_CHECKING:
    import pyarrow as pa

    from .rest import RestServer
    from .storage import StorageServer

__all__ = ["FakeBigQuery", "Refused", "Request"]

Answer = Callable[[str, Mapping[str, Any]], "pa.Table"]
"""(query, parameters by name) -> its rows; raises Refused."""


class FakeBigQuery:
    """Two servers on loopback, between `with` and its end."""

    def __init__(
        self,
        tables: "Mapping[str, pa.Table]",
        *,
        views: Mapping[str, str] | None = None,
        answer: Answer | None = None,
        location: str = "US",
    ) -> None:
        """Hold tables and views (their query) by project.dataset.table; `answer` is asked in place of DuckDB."""
        self._state = State(dict(tables), dict(views or {}), answer, location)
        self._rest: RestServer | None = None
        self._storage: StorageServer | None = None

    def __enter__(self) -> Self:
        from .rest import RestServer
        from .storage import StorageServer

        self._rest = RestServer(self._state)
        self._storage = StorageServer(self._state)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._rest
        assert self._storage
        self._rest.close()
        self._storage.close()

    @property
    def settings(self) -> dict[str, str]:
        """What env.query needs to talk to this and to nobody else."""
        assert self._rest
        assert self._storage
        return {
            "engine": "bigquery",
            "project": "test-project",
            "api_endpoint": self._rest.address,
            "storage_endpoint": self._storage.address,
        }

    @property
    def sets(self) -> list[str]:
        """The same for `load(..., sets=...)` and, each after a --set, for the command line."""
        return [f"env.query.{key}={value}" for key, value in self.settings.items()]

    @property
    def requests(self) -> list[Request]:
        """What the REST API was asked."""
        return self._state.requests

    @property
    def sessions(self) -> list[Any]:
        """The CreateReadSessionRequests that came."""
        return self._state.sessions

    @property
    def reads(self) -> list[tuple[str, int]]:
        """(stream, offset) of every ReadRows."""
        return self._state.reads

    def set(self, *, job_s: float | None = None, batch_rows: int | None = None) -> None:
        """Set how many seconds jobs take from now on, and how many rows a stream's record batches have."""
        if job_s is not None:
            self._state.job_s = job_s
        if batch_rows is not None:
            self._state.batch_rows = batch_rows

    def table(self, name: str) -> "pa.Table":
        """Return a table."""
        return self._state.tables[name]

    def put(self, name: str, table: "pa.Table") -> None:
        """Replace a table, or make it; its time of change moves on."""
        self._state.put(name, table)

    def put_view(self, name: str, query: str) -> None:
        """Replace a view, or make it."""
        self._state.put_view(name, query)

    def put_external(self, name: str, table: "pa.Table") -> None:
        """Replace a table whose rows are in files outside BigQuery, or make it."""
        self._state.put(name, table)
        self._state.externals.add(name)

    def stream_in(self, name: str, n_rows: int) -> None:
        """Say that rows have been streamed into a table and are not counted in it yet."""
        self._state.streamed[name] = n_rows

    def fail(self, method: str, *, status: int, reason: str, message: str, times: int = 1) -> None:
        """Let the next calls fail.

        Args:
            method: `jobs.insert`, `jobs.dryRun`, `jobs.get`, `jobs.cancel`, `jobs.getQueryResults`, `tables.get`, `tables.list`,
                `tables.patch`, `datasets.list`; or `job`, for a job that is accepted and then fails.
            status: HTTP's.
            reason: BigQuery's, such as accessDenied or backendError.
            message: in BigQuery's words.
            times: how many calls.
        """
        self._state.failures.setdefault(method, []).extend([Refused(status, reason, message)] * times)

    def fail_storage(self, method: str, *, code: str, message: str, after_batches: int = 0, times: int = 1) -> None:
        """Let the next calls of the Storage API fail.

        Args:
            method: `CreateReadSession` or `ReadRows`.
            code: gRPC's, such as UNAVAILABLE.
            message: its details.
            after_batches: record batches that a stream gives before it breaks.
            times: how many calls.
        """
        broken = (code, message, after_batches)
        self._state.broken.setdefault(method, []).extend([broken] * times)
