"""A query run by DuckDB in this process, over files and DuckDB databases in the place of BigQuery's tables.

Made by `engines.engine_of`. The rows are kept as one Arrow IPC file until they are read, so that the query runs once, whoever
reads how often. Imports duckdb and pyarrow inside its functions; never writes to a table.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.data import QueryParameter, Table
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.fingerprint import MEMO, fingerprint
from waze_data_tfx.data.query import Query
from waze_data_tfx.data.sources import matching_files
from waze_data_tfx.data.sql import Translated, prepare, read_override, translate
from waze_data_tfx.data.staging import stage
from waze_data_tfx.errors import DataError, did_you_mean

from . import Cost, Staged, csv_types

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 8192
ROWS_FILE = "rows.arrow"
DATABASES = (".duckdb", ".db")
READERS = {".csv": "read_csv", ".parquet": "read_parquet"}
PARSERS: Mapping[str, Any] = {
    "DATE": date.fromisoformat,
    "DATETIME": datetime.fromisoformat,
    "TIMESTAMP": datetime.fromisoformat,
    "NUMERIC": Decimal,
}
CSV_TYPES = {
    "BOOL": "BOOLEAN",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "NUMERIC": "DECIMAL(38, 9)",
    "BIGNUMERIC": "DECIMAL(38, 18)",
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "DATE": "DATE",
    "DATETIME": "TIMESTAMP",
    "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMPTZ",
}
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", "UHUGEINT"}
TEXTS = {"ENUM", "UUID", "JSON", "INTERVAL", "BIT"}


class DuckDB:
    """Runs the query's translation, or its override; see `engines.Engine`."""

    def __init__(self, query: Query, config: Config) -> None:
        """Hold the query; nothing is opened."""
        self._query = query
        self._root = config.root
        self._csv_types: dict[str, dict[str, str]] = {}

    def check_login(self) -> None:
        """Do nothing: this machine's files need no login."""

    def columns(self) -> "Mapping[str, pa.DataType]":
        """Return the columns' names and types; reads as much of a CSV as tells its types.

        Raises:
            DataError: a table has no file, or DuckDB refuses the query.
            ConfigError: the query cannot be translated.
        """
        with self._relation() as relation:
            return dict(_schema(relation))

    def versions(self) -> Mapping[str, str]:
        """Return a digest of the files of each table that the query reads."""
        assert self._root is not None
        memo = self._root / MEMO
        return {name: fingerprint(self._files(name), memo) for name in self._translated().tables}

    def costs(self) -> list[Cost]:
        """Return each table's rows, which for a CSV means reading it, and the bytes of its files."""
        with self._database() as (database, translated):
            return [Cost(name, _count(database, name), _size(self._files(name))) for name in translated.tables]

    def stage(self, folder: str, n_shards: int) -> Staged:
        """Run the query and write its rows below the folder; see `engines.Engine`."""
        file = str(Path(folder) / ROWS_FILE)
        with self._relation() as relation:
            reader = relation.to_arrow_reader(BATCH_ROWS)
            rows = stage(file, reader.schema, reader)
        return Staged(rows.in_parts(-(-rows.n_rows // n_shards)), rows.n_rows, {"engine": "duckdb"})

    def _translated(self) -> Translated:
        query = self._query
        if query.override is not None:
            return read_override(query.override, file=query.override_file)
        return translate(query.text, file=query.file)

    def _files(self, name: str) -> list[Path]:
        return matching_files(self._table(name).file, f"data.tables.{name}")

    def _table(self, name: str) -> Table:
        known = self._query.tables
        if name not in known:
            raise DataError(
                f"{self._query.file}: table {name} has no entry under data.tables; known: {', '.join(known) or 'none'}"
                f"{did_you_mean(name, known)}",
                hint=f"say where its rows are on this machine: data.tables: {{{name}: FILE}}",
            )
        return known[name]

    @contextmanager
    def _database(self) -> Iterator[tuple[Any, Translated]]:
        """Open a database of views on the tables that the query reads."""
        import duckdb

        translated = self._translated()
        with duckdb.connect() as database:
            prepare(database)
            with self._explained():
                for i, name in enumerate(translated.tables):
                    database.execute(f"CREATE VIEW {_quoted(name)} AS {self._view(database, name, i)}")
                yield database, translated

    @contextmanager
    def _relation(self) -> Iterator[Any]:
        """Yield the query's relation in the types that BigQuery gives."""
        with self._database() as (database, translated):
            parameters = {name: _value(self._parameter(name)) for name in translated.parameters}
            relation = database.sql(translated.sql, params=parameters)
            columns = zip(relation.columns, relation.types, strict=True)
            yield relation.project(", ".join(f"{_cast(_quoted(name), kind)} AS {_quoted(name)}" for name, kind in columns))

    def _view(self, database: Any, name: str, number: int) -> str:
        table, files = self._table(name), self._files(name)
        ending = next((s.lower() for s in reversed(files[0].suffixes) if s.lower() not in (".gz", ".zst")), "")
        if ending in DATABASES:
            database.execute(f"ATTACH {_text(str(files[0]))} AS db{number} (READ_ONLY)")
            inner = ".".join(_quoted(part) for part in (table.table or name.rpartition(".")[2]).split("."))
            return f"SELECT * FROM db{number}.{inner}"
        if ending not in READERS:
            raise DataError(
                f"data.tables.{name}: {files[0]}: unknown ending; expected one of {', '.join((*READERS, *DATABASES))}"
            )
        listed = ", ".join(_text(str(file)) for file in files)
        if ending == ".csv":
            types = self._types_of_csv(database, name, listed)
            return f"SELECT * FROM read_csv([{listed}], header = true, columns = {_map(types)})"
        return f"SELECT * FROM {READERS[ending]}([{listed}])"

    def _types_of_csv(self, database: Any, name: str, listed: str) -> dict[str, str]:
        """Return the type of each column, for which DuckDB reads every row: once per content, whoever asks in which process.

        A sample, and a look whether all values can be read as its types, would be wrong without a word: 1.5 can be read as 2.
        """
        if name not in self._csv_types:
            given = {column: CSV_TYPES[kind] for column, kind in self._table(name).types.items()}
            with self._explained():
                described = partial(_described, database, listed, given)
                self._csv_types[name] = csv_types.remembered(self._root, name, self._files(name), given, described)
        return self._csv_types[name]

    def _parameter(self, name: str) -> QueryParameter:
        known = self._query.parameters
        if name not in known:
            raise DataError(
                f"{self._query.file}: @{name} has no value; known: {', '.join(known) or 'none'}{did_you_mean(name, known)}",
                hint=f"give it one under data.parameters.{name}",
            )
        return known[name]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in the query's terms what DuckDB refuses."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            said = " ".join(re.split(r"\n\nLINE|\n\s*Possible solutions", str(error))[0].split())
            raise DataError(f"{self._query.file}: DuckDB cannot run the query; {said}") from error


def _described(database: Any, listed: str, given: Mapping[str, str]) -> dict[str, str]:
    types = f", types = {_map(given)}" if given else ""
    found = database.execute(f"DESCRIBE SELECT * FROM read_csv([{listed}], header = true, sample_size = -1{types})")
    return {column: kind for column, kind, *_ in found.fetchall()}


def _count(database: Any, name: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0])


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _schema(relation: Any) -> "list[tuple[str, pa.DataType]]":
    reader = relation.limit(0).to_arrow_reader(1)
    return [(field.name, field.type) for field in reader.schema]


def _cast(expression: str, kind: Any) -> str:
    """Return the expression in the type that BigQuery has in the place of DuckDB's."""
    wanted = _bigquery_type(kind)
    return expression if wanted == str(kind) else f"CAST({expression} AS {wanted})"


def _bigquery_type(kind: Any) -> str:
    name = str(kind)
    if kind.id == "list":
        return f"{_bigquery_type(kind.children[0][1])}[]"
    if kind.id == "struct":
        fields = ", ".join(f"{_quoted(n)} {_bigquery_type(k)}" for n, k in kind.children)
        return f"STRUCT({fields})"
    if kind.id == "decimal":
        return "BIGINT" if name.endswith(",0)") else "DECIMAL(38,9)"
    if name in INTEGERS:
        return "BIGINT"
    if name in ("FLOAT", "REAL"):
        return "DOUBLE"
    if name.startswith("TIMESTAMP") and "ZONE" not in name:
        return "TIMESTAMP"
    return "VARCHAR" if kind.id in ("enum",) or name in TEXTS else name


def _value(parameter: QueryParameter) -> Any:
    parse = PARSERS.get(parameter.type, lambda value: value)
    value = parameter.value
    return (
        [parse(str(v)) if parameter.type in PARSERS else v for v in value] if isinstance(value, tuple) else _one(parse, parameter)
    )


def _one(parse: Any, parameter: QueryParameter) -> Any:
    return parse(str(parameter.value)) if parameter.type in PARSERS else parameter.value


def _map(types: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{_text(column)}: {_text(kind)}" for column, kind in types.items()) + "}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
