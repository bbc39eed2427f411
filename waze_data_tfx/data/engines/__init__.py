"""What runs a query and hands out its rows as Arrow: one module per engine, all alike to whoever asks.

Called by ExampleGen, by `check` and `plan`, and by the cache. The table below names the engines; each is imported when it is
asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.query import Query, read_query

if TYPE_CHECKING:
    import pyarrow as pa

ENGINES = {
    "duckdb": "waze_data_tfx.data.engines.duckdb:DuckDB",
    "bigquery": "waze_data_tfx.data.engines.bigquery:BigQuery",
}

SQL_TYPES = {
    "int64": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "string": "VARCHAR",
    "binary": "BLOB",
    "date32[day]": "DATE",
    "timestamp[us]": "TIMESTAMP",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
    "time64[us]": "TIME",
}


@dataclass(frozen=True)
class Cost:
    """What reading a table costs, as far as it can be known without reading it.

    Attributes:
        what: the table, or the whole query.
        n_rows: rows of the table; None if unknown.
        n_bytes: that are read (BigQuery: billed, before the minimum and rounding of the price list).
        note: anything else worth a word.
    """

    what: str
    n_rows: int | None
    n_bytes: int | None
    note: str = ""


class Shard(Protocol):
    """A part of a query's rows; can be pickled, and read again and again with the same result."""

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Yield the rows, all columns, in the types of `Engine.columns`."""


@dataclass(frozen=True)
class Staged:
    """A query that was run.

    Attributes:
        shards: parts that together hold every row once.
        n_rows: rows in all.
        facts: what is worth knowing of the run, for the lineage: job, bytes, seconds.
    """

    shards: Sequence[Shard]
    n_rows: int
    facts: Mapping[str, Any]


class Engine(Protocol):
    """Runs one query. Column types are those that BigQuery gives as Arrow, whatever the engine.

    int64, double, bool, string, binary, date32, timestamp[us] (DATETIME), timestamp[us, UTC] (TIMESTAMP), time64[us],
    decimal128(38, 9) (NUMERIC), decimal256(76, 38) (BIGNUMERIC), list and struct of these.
    """

    def check_login(self) -> None:
        """Find out whether there are credentials, where the engine needs any.

        Raises:
            NoCredentials: there are none.
        """

    def columns(self) -> "Mapping[str, pa.DataType]":
        """Return the names and types of the query's columns, in their order, without reading rows.

        Raises:
            DataError: with the query's file and line: it cannot be run.
        """

    def versions(self) -> Mapping[str, str]:
        """Return for each table that the query reads what changes with its content."""

    def costs(self) -> list[Cost]:
        """Return what running the query reads; nothing is read and nothing billed.

        Raises:
            DataError: as `columns`.
        """

    def stage(self, folder: str, n_shards: int) -> Staged:
        """Run the query once and return its rows in about `n_shards` parts.

        Args:
            folder: exists and is empty; what has to be kept on a disk until the rows are read goes here.
            n_shards: parts that can be read side by side; an engine may make fewer or more.

        Raises:
            DataError: with the query's file and line: it cannot be run.
        """


def engine_of(config: Config) -> Engine:
    """Return the engine that the config's environment names, with the config's query."""
    return engine_for(read_query(config), config)


def engine_for(query: Query, config: Config) -> Engine:
    """Return the engine that the config's environment names, with this query."""
    module, name = ENGINES[config.env.query.engine].split(":")
    made: Engine = getattr(import_module(module), name)(query, config)
    return made


def sql_type(kind: "pa.DataType") -> str:
    """Return DuckDB's SQL type of a column that an engine gives; duckdb itself would import pandas to look at an Arrow table."""
    import pyarrow.types as pt

    if pt.is_list(kind) or pt.is_large_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pt.is_struct(kind):
        fields = (f'"{field.name.replace(chr(34), chr(34) * 2)}" {sql_type(field.type)}' for field in kind)
        return f"STRUCT({', '.join(fields)})"
    if pt.is_decimal(kind):
        return f"DECIMAL(38, {min(kind.scale, 38)})"
    return SQL_TYPES[str(kind)]
