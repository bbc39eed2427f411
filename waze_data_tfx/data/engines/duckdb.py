"""A query run by DuckDB in this process, over files and DuckDB databases in the place of BigQuery's tables.

Made by `engines.engine_of`. The rows are kept as one Arrow IPC file until they are read, so that the query runs once, whoever
reads how often. Imports duckdb and pyarrow inside its functions; never writes to a table.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.data import QueryParameter, Table
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.fingerprint import MEMO, fingerprint
from waze_data_tfx.data.query import Query
from waze_data_tfx.data.sources import csv_fault, matching_files
from waze_data_tfx.data.sql import Translated, prepare, read_override, translate
from waze_data_tfx.data.staging import stage
from waze_data_tfx.errors import DataError, did_you_mean, disk_is_full

from . import Cost, Staged, csv_types
from .duckdb_problems import refused
from .duckdb_types import TYPES, in_bigquery_types, pairs, quoted, text, value

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 8192
ROWS_FILE = "rows.arrow"
DATABASES = (".duckdb", ".db")
READERS = {".csv": "read_csv", ".parquet": "read_parquet"}
CSV = """header = true, delim = ',', quote = '"', escape = '"', comment = '', skip = 0, dateformat = '%Y-%m-%d'"""
"""How a CSV is written, as for `data.input`. DuckDB would guess it, from another sample for the types than for the rows: a quote
below the sample would be a letter, lines above an odd one would be skipped, and 01/02/2025 would be a day of February."""


class DuckDB:
    """Runs the query's translation, or its override; see `engines.Engine`."""

    def __init__(self, query: Query, config: Config) -> None:
        """Hold the query; nothing is opened."""
        self._query = query
        self._root = config.root
        self._csv_types: dict[str, dict[str, str]] = {}
        self._known: list[str] = []

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
        """Return a digest of the files of each table that the query reads, and how the config reads them."""
        return {name: self._version(name) for name in self._translated.tables}

    def costs(self) -> list[Cost]:
        """Return each table's rows, which for a CSV means reading it, and the bytes of its files."""
        with self._database() as (database, translated):
            return [Cost(name, _count(database, name), _size(self._files(name))) for name in translated.tables]

    def stage(self, folder: str, n_shards: int) -> Staged:
        """Run the query and write its rows below the folder; see `engines.Engine`."""
        file = str(Path(folder) / ROWS_FILE)
        with self._relation(folder) as relation:
            reader = relation.to_arrow_reader(BATCH_ROWS)
            rows = stage(file, reader.schema, self._read(reader))
        return Staged(rows.in_parts(-(-rows.n_rows // n_shards)), rows.n_rows, {"engine": "duckdb"})

    @cached_property
    def _translated(self) -> Translated:
        query = self._query
        if query.override is not None:
            return read_override(query.override, file=query.override_file)
        return translate(query.text, file=query.file)

    def _version(self, name: str) -> str:
        assert self._root is not None
        table = self._table(name)
        read_as = {key: value for key, value in (("table", table.table), ("types", dict(table.types))) if value}
        digest = fingerprint(self._files(name), self._root / MEMO)
        return f"{digest} as {json.dumps(read_as, sort_keys=True)}" if read_as else digest

    def _read(self, reader: Any) -> "Iterator[pa.RecordBatch]":
        """Yield the batches; of what fails while they are made, pyarrow knows no more than the text."""
        import pyarrow as pa

        try:
            yield from reader
        except (pa.ArrowException, OSError) as error:
            if disk_is_full(error):
                raise
            raise self._error(error) from error

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
    def _database(self, folder: str | None = None) -> Iterator[tuple[Any, Translated]]:
        """Open a database of views on the tables that the query reads; what does not fit into memory goes to the folder."""
        import duckdb

        translated = self._translated
        self._known.clear()
        with duckdb.connect(config={"temp_directory": folder} if folder else {}) as database:
            prepare(database, translated.sql)
            with self._explained():
                for i, name in enumerate(translated.tables):
                    rows = self._view(database, name, i)
                    found = database.sql(rows)
                    self._known += found.columns
                    columns = in_bigquery_types(found, but=("decimal",))
                    database.execute(f"CREATE VIEW {quoted(name)} AS SELECT {columns} FROM ({rows})")
                yield database, translated

    @contextmanager
    def _relation(self, folder: str | None = None) -> Iterator[Any]:
        """Yield the query's relation in the types that BigQuery gives.

        Where the query leaves the order of its rows open, it is that of a hash of the row: the same in every run, whatever thread
        was faster, so that the same rows train the same model. Without a folder no row is read.
        """
        with self._database(folder) as (database, translated):
            parameters = {name: value(self._parameter(name)) for name in translated.parameters}
            relation = database.sql(translated.sql, params=parameters)
            self._check_names(relation.columns)
            if folder and not translated.has_order:
                relation = relation.order(f"hash({', '.join(map(quoted, relation.columns))})")
            yield relation.project(in_bigquery_types(relation))

    def _check_names(self, names: Sequence[str]) -> None:
        """Refuse what BigQuery refuses: DuckDB gives two columns of one name, of which one would be lost."""
        lower = [name.lower() for name in names]
        twice = next((name for name in names if lower.count(name.lower()) > 1), None)
        if twice is not None:
            raise DataError(
                f"{self._query.file}: {lower.count(twice.lower())} columns of the result are named '{twice}'; expected each once",
                hint="name the columns, or leave some out: SELECT a.*, b.* EXCEPT (id)",
            )

    def _view(self, database: Any, name: str, number: int) -> str:
        table, files = self._table(name), self._files(name)
        ending = next((s.lower() for s in reversed(files[0].suffixes) if s.lower() not in (".gz", ".zst")), "")
        if ending in DATABASES:
            database.execute(f"ATTACH {text(str(files[0]))} AS db{number} (READ_ONLY)")
            inner = ".".join(quoted(part) for part in (table.table or name.rpartition(".")[2]).split("."))
            return f"SELECT * FROM db{number}.{inner}"
        if ending not in READERS:
            raise DataError(
                f"data.tables.{name}: {files[0]}: unknown ending; expected one of {', '.join((*READERS, *DATABASES))}"
            )
        listed = ", ".join(text(str(file)) for file in files)
        if ending == ".csv":
            types = self._types_of_csv(database, name, files)
            return f"SELECT * FROM read_csv([{listed}], {CSV}, columns = {pairs(types)})"
        return f"SELECT * FROM {READERS[ending]}([{listed}])"

    def _types_of_csv(self, database: Any, name: str, files: Sequence[Path]) -> dict[str, str]:
        """Return the type of each column, for which DuckDB reads every row: once per content, whoever asks in which process.

        A sample, and a look whether all values can be read as its types, would be wrong without a word: 1.5 can be read as 2.
        """
        import duckdb

        if name not in self._csv_types:
            given = {column: TYPES[kind] for column, kind in self._table(name).types.items()}
            options = f"{CSV}, sample_size = -1{f', types = {pairs(given)}' if given else ''}"
            described = partial(_described, database, files, options)
            try:
                self._csv_types[name] = csv_types.remembered(self._root, name, files, options, described)
            except duckdb.Error as error:
                fault = next(filter(None, map(csv_fault, files)), None)
                raise fault or self._error(error) from error
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
            raise self._error(error) from error

    def _error(self, error: Exception) -> DataError:
        return refused(str(error), self._query, known=dict.fromkeys(self._known), csv=next(iter(self._csv_types), None))


def _described(database: Any, files: Sequence[Path], options: str) -> dict[str, str]:
    listed = ", ".join(text(str(file)) for file in files)
    found = database.execute(f"DESCRIBE SELECT * FROM read_csv([{listed}], {options})")
    return {column: kind for column, kind, *_ in found.fetchall()}


def _count(database: Any, name: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0])


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _schema(relation: Any) -> "list[tuple[str, pa.DataType]]":
    reader = relation.limit(0).to_arrow_reader(1)
    return [(field.name, field.type) for field in reader.schema]
