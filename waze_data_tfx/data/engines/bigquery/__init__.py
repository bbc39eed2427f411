"""A query run by BigQuery as it is written, its rows read through the Storage Read API.

Made by `engines.engine_of`. The parts: `clients` (who asks), `types` (Arrow), `problems` (errors in a person's words), `jobs`
(while they run), `tables` (versions), `streams` (rows). Imports google.cloud inside its functions; writes to no table but those
that it makes in env.query.results_dataset.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.query import Query
from waze_data_tfx.data.sql import check_repeatable
from waze_data_tfx.errors import DataError, RunFailed, did_you_mean

from .. import Cost, Staged
from .clients import rest_client
from .jobs import cancelled_if_left, ended_by_sigterm, facts_of
from .problems import Asked, explained
from .streams import open_streams
from .tables import Catalog, versions
from .types import arrow_schema, parameters_of

if TYPE_CHECKING:
    import pyarrow as pa

LOOK_S = 20.0
"""For what a person waits for: a dry run, tables' metadata; shorter than `retry_s`, which is for the run itself."""
REQUEST_S = 60.0
PIPELINE_LABEL = "waze_tfx_pipeline"


class BigQuery:
    """Runs the query in Google's cloud; see `engines.Engine`.

    BigQuery's own cache of results makes the second of two equal queries free for a day, where no table has changed since and the
    query is deterministic: a run that was killed after its query finds the rows there.
    """

    def __init__(self, query: Query, config: Config) -> None:
        """Hold the query; nobody is asked yet."""
        self._query, self._settings, self._name = query, config.env.query, config.name

    def check_login(self) -> None:
        """Find credentials; nobody is asked whether they may do anything."""
        _ = self._client

    def columns(self) -> "Mapping[str, pa.DataType]":
        """Return the columns' names and types, by a dry run, which is free; see `engines.Engine`."""
        schema = self._schema()
        return dict(zip(schema.names, schema.types, strict=True))

    def versions(self) -> Mapping[str, str]:
        """Return for each table and view that the query reads what changes with its content; see `tables`."""
        dry = self._dry
        with explained(self._asked):
            return versions(self._catalog, self._query.text, dry.referenced_tables)

    def costs(self) -> list[Cost]:
        """Return the bytes that BigQuery would bill, by a dry run, and rows and bytes of each table."""
        dry, limit = self._dry, self._settings.maximum_bytes_billed
        n_bytes = dry.total_bytes_processed
        note = f"above env.query.maximum_bytes_billed, {limit:,}" if limit and n_bytes and n_bytes > limit else ""
        with explained(self._asked):
            tables = self._catalog.read_by(self._query.text, dry.referenced_tables)
        return [Cost("query", None, n_bytes, note), *(_cost(name, table) for name, table in sorted(tables.items()))]

    def stage(self, folder: str, n_shards: int) -> Staged:
        """Run the query and open a session on its result; see `engines.Engine`. Nothing is kept in the folder.

        Raises:
            DataError: the query cannot be run.
            UserError: a permission is missing, or it would bill more than maximum_bytes_billed.
            RunFailed: BigQuery did not answer for `retry_s`, or the query took longer than `timeout_s`.
        """
        schema = self._schema()  # first of all: nothing but a SELECT is run
        with explained(self._asked):
            job, n_rows = self._run()
        streams = open_streams(job.destination, schema, n_shards, project=job.project, asked=self._asked) if n_rows else []
        return Staged(streams, n_rows, facts_of(job, len(streams)))

    @cached_property
    def _client(self) -> Any:
        return rest_client(self._settings)

    @property
    def _catalog(self) -> Catalog:
        return Catalog(self._client, self._default_dataset, self._retry(LOOK_S), REQUEST_S)

    @property
    def _asked(self) -> Asked:
        def near(kind: str, name: str) -> str:
            return self._catalog.near(kind, name)

        return Asked(self._query.file, self._query.text, self._settings, near)

    @property
    def _default_dataset(self) -> str | None:
        return self._with_project(self._settings.default_dataset)

    def _with_project(self, dataset: str | None) -> str | None:
        return dataset if dataset is None or "." in dataset else f"{self._client.project}.{dataset}"

    @cached_property
    def _dry(self) -> Any:
        """The query's dry run: BigQuery checks it and says what it would read, for nothing."""
        check_repeatable(self._query.text, file=self._query.file)
        client = self._client
        with explained(self._asked):
            job = client.query(
                self._query.text,
                job_config=self._job_config(dry_run=True, use_query_cache=False),
                retry=self._retry(LOOK_S),
                job_retry=None,
                timeout=REQUEST_S,
            )
        self._check_statement(job)
        return job

    def _check_statement(self, job: Any) -> None:
        if job.statement_type != "SELECT":
            raise DataError(f"{self._query.file}: received a statement of the kind {job.statement_type}; expected one SELECT")
        known = self._query.parameters
        for parameter in job.undeclared_query_parameters:
            raise DataError(
                f"{self._query.file}: @{parameter.name} has no value; known: {', '.join(known) or 'none'}"
                f"{did_you_mean(parameter.name, known)}",
                hint=f"give it one under data.parameters.{parameter.name}",
            )

    def _schema(self) -> "pa.Schema":
        fields = self._dry.schema
        try:
            return arrow_schema(fields)
        except DataError as error:
            raise DataError(f"{self._query.file}: {error.message}", hint=error.hint) from None

    def _job_config(self, **more: Any) -> Any:
        from google.cloud.bigquery import QueryJobConfig

        more = {**more, "default_dataset": self._default_dataset} if self._default_dataset else more
        return QueryJobConfig(
            use_legacy_sql=False,
            query_parameters=parameters_of(self._query.parameters),
            labels={PIPELINE_LABEL: self._name[:63], **self._settings.labels},
            **more,
        )

    def _run(self) -> tuple[Any, int]:
        """Run the query and return its job, done, and how many rows it has."""
        job = self._client.query(
            self._query.text,
            job_config=self._job_config(**self._limits(), **self._destination()),
            job_id_prefix="waze_tfx_",
            retry=self._retry(self._settings.retry_s),
            job_retry=None,
            timeout=REQUEST_S,
        )
        with cancelled_if_left(job), ended_by_sigterm():
            n_rows = self._wait(job)
        if self._settings.results_dataset:
            self._let_expire(job.destination)
        return job, n_rows

    def _limits(self) -> dict[str, Any]:
        settings, limits = self._settings, dict[str, Any]()
        if settings.maximum_bytes_billed:
            limits["maximum_bytes_billed"] = settings.maximum_bytes_billed
        if settings.timeout_s:
            limits["job_timeout_ms"] = round(settings.timeout_s * 1000)
        return limits

    def _destination(self) -> dict[str, Any]:
        """Return where the result is kept: with BigQuery, for a day and for an equal query to find; or in a table made for it."""
        dataset = self._with_project(self._settings.results_dataset)
        if dataset is None:
            return {"use_query_cache": True}
        return {"destination": f"{dataset}.waze_tfx_{uuid4().hex}", "write_disposition": "WRITE_EMPTY", "use_query_cache": False}

    def _let_expire(self, destination: Any) -> None:
        from google.cloud.bigquery import Table

        table = Table(destination)
        table.expires = datetime.now(UTC) + timedelta(days=1)
        self._client.update_table(table, ["expires"], retry=self._retry(self._settings.retry_s), timeout=REQUEST_S)

    def _wait(self, job: Any) -> int:
        from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY

        seconds = self._settings.retry_s
        try:
            rows = job.result(
                retry=self._retry(seconds),
                job_retry=DEFAULT_JOB_RETRY.with_timeout(seconds),
                timeout=self._settings.timeout_s,
            )
        except TimeoutError as error:
            raise RunFailed(
                f"{self._query.file}: the query took longer than {self._settings.timeout_s:g} s and was cancelled",
                hint="raise env.query.timeout_s, or read less",
            ) from error
        return int(rows.total_rows)

    def _retry(self, seconds: float) -> Any:
        from google.cloud.bigquery import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(min(seconds, self._settings.retry_s))


def _cost(name: str, table: Any) -> Cost:
    if table is None:
        return Cost(name, None, None, "several tables" if "*" in name else "its metadata cannot be read")
    return Cost(name, table.num_rows, table.num_bytes, "" if table.table_type == "TABLE" else table.table_type.lower())
