"""A query run by DuckDB in this process, over files and DuckDB databases in the place of BigQuery's tables.

Made by `engines.engine_of`. The rows are kept as one Arrow IPC file until they are read, so that the query runs once, whoever
reads how often. Imports duckdb and pyarrow inside its functions; never writes to a table.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.data import QueryParameter, Table
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.fingerprint import fingerprint
from waze_data_tfx.data.query import Query
from waze_data_tfx.data.sources import matching_files
from waze_data_tfx.data.sql import Translated, prepare, read_override, translate
from waze_data_tfx.data.staging import stage
from waze_data_tfx.errors import DataError, did_you_mean, disk_is_full

from . import Cost, Staged
from .duckdb_problems import refused

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
        memo = self._root / "fingerprints.json"
        return {name: fingerprint(self._files(name), memo) for name in self._translated().tables}

    def costs(self) -> list[Cost]:
        """Return each table's rows, which for a CSV means reading it, and the bytes of its files."""
        with self._database() as (database, translated):
            return [Cost(name, _count(database, name), _size(self._files(name))) for name in translated.tables]

    def stage(self, folder: str, n_shards: int) -> Staged:
        """Run the query and write its rows below the folder; see `engines.Engine`."""
        file = str(Path(folder) / ROWS_FILE)
        with self._relation(folder) as relation:
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
        """Open a database of views on the tables that the query reads, in the types that BigQuery has."""
        import duckdb

        translated = self._translated()
        known: list[str] = []
        with duckdb.connect() as database, self._explained(known):
            prepare(database)
            for i, name in enumerate(translated.tables):
                table = database.sql(self._view(database, name, i))
                known += table.columns
                database.execute(f"CREATE VIEW {_quoted(name)} AS {_in_bigquery_types(table).sql_query()}")
            yield database, translated

    @contextmanager
    def _relation(self, spill: str | None = None) -> Iterator[Any]:
        """Yield the query's relation in the types that BigQuery gives.

        Where the query leaves the order of its rows open, it is that of a hash of the row: the same in every run, whatever thread
        was faster, so that the same rows train the same model.

        Args:
            spill: folder for what does not fit into memory; None: the rows are not read.
        """
        with self._database() as (database, translated):
            if spill is not None:
                database.execute(f"SET temp_directory = {_text(spill)}")
            parameters = {name: _value(self._parameter(name)) for name in translated.parameters}
            relation = database.sql(translated.sql, params=parameters)
            self._check_names(relation.columns)
            ordered = translated.has_order or spill is None
            hashed = f"hash({', '.join(map(_quoted, relation.columns))})"
            yield _in_bigquery_types(relation if ordered else relation.order(hashed))

    def _check_names(self, names: Sequence[str]) -> None:
        folded = [name.lower() for name in names]
        twice = next((name for i, name in enumerate(names) if folded[i] in folded[:i]), None)
        if twice is not None:
            raise DataError(
                f"{self._query.file}: two columns of the result are named '{twice}'; received {', '.join(names)}; "
                "expected each name once",
                hint="name one of them otherwise with AS, or leave it out: SELECT * EXCEPT (...)",
            )

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
        """Return the type of each column, for which DuckDB reads every row: once, and not whenever the view is named."""
        if name not in self._csv_types:
            given = {column: CSV_TYPES[kind] for column, kind in self._table(name).types.items()}
            types = f", types = {_map(given)}" if given else ""
            with self._explained():
                found = database.execute(f"DESCRIBE SELECT * FROM read_csv([{listed}], header = true, sample_size = -1{types})")
                self._csv_types[name] = {column: kind for column, kind, *_ in found.fetchall()}
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
    def _explained(self, known: Sequence[str] = ()) -> Iterator[None]:
        """Say in the query's terms what DuckDB refuses, also while its rows are read as Arrow."""
        import duckdb
        import pyarrow as pa

        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            if disk_is_full(error):
                raise
            raise refused(str(error), self._query, known) from error


def _count(database: Any, name: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0])


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _schema(relation: Any) -> "list[tuple[str, pa.DataType]]":
    reader = relation.limit(0).to_arrow_reader(1)
    return [(field.name, field.type) for field in reader.schema]


def _in_bigquery_types(relation: Any) -> Any:
    columns = zip(relation.columns, relation.types, strict=True)
    return relation.project(", ".join(f"{_cast(_quoted(name), kind)} AS {_quoted(name)}" for name, kind in columns))


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
    if name.startswith("TIMESTAMP"):
        return "TIMESTAMPTZ" if "ZONE" in name or "TZ" in name else "TIMESTAMP"
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
