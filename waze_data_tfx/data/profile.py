"""What a file's columns hold: type, missing and distinct values, range, and how well a constant would predict a label.

Called by `proposal`, which makes a config of it, and by `tables`. Reads the first rows only, in memory; DuckDB is imported inside
the functions. Never changes a file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.section import ColumnType
from waze_data_tfx.errors import DataError

from .engines import engine_of
from .query import read_query
from .rows import infer_types, parse, read_batches
from .sources import Format, columns
from .values import cast, refusal

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 200_000
N_SHOWN = 30
_MOMENT = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?( ?(UTC|Z|[-+]\d{2}:?\d{2}))?"


@dataclass(frozen=True)
class Column:
    """One column of the rows that were read.

    Attributes:
        name: the column's.
        type: the narrowest that all its values have.
        n_rows: rows that were read.
        n_missing: of them without a value.
        n_distinct: different values.
        least: smallest number; None of a text.
        greatest: largest number; None of a text.
        frequent: the most frequent values and how many rows have each, at most N_SHOWN; ties in the order of the values.
        n_words: words per text, on average; 0 of a number.
        moments: whether every value is a date or a time as ISO 8601 writes it.
        correlation: with the label, of two numbers; None where it is not defined.
        median_error: mean absolute distance to the median, of a number.
        n_no_number: of a text: rows whose value is no number.
        no_number: of a text: the least of those values; None if there is none.
    """

    name: str
    type: ColumnType
    n_rows: int
    n_missing: int
    n_distinct: int
    least: float | None
    greatest: float | None
    frequent: tuple[tuple[Any, int], ...]
    n_words: float
    moments: bool
    correlation: float | None
    median_error: float | None
    n_no_number: int = 0
    no_number: str | None = None


@dataclass(frozen=True)
class FirstRows:
    """The first rows of a file or query, and the narrowest type of each column."""

    table: "pa.Table"
    types: dict[str, ColumnType]


def of_file(file: Path, kind: Format, n_rows: int = MAX_ROWS) -> FirstRows:
    """Return the file's first rows, by the narrowest type that all values of the whole file have.

    Raises:
        DataError: the file cannot be read, or has no rows.
    """
    import pyarrow as pa

    types = infer_types([file], kind, columns(file, kind) or [])
    parts: list[pa.RecordBatch] = []
    for batch in _first(read_batches(file, kind, list(types)), n_rows):
        parts.append(parse(batch, types, file=file, first_row=1 + sum(map(len, parts))))
    if not parts:
        raise DataError(f"{file}: no rows; expected at least one below the header")
    return FirstRows(pa.Table.from_batches(parts), types)


def of_query(config: Config, n_rows: int = MAX_ROWS) -> FirstRows:
    """Run the config's query and return its first rows, each value as an example would hold it (docs/values.md).

    Raises:
        DataError: the query cannot be run, or has no rows.
    """
    import pyarrow as pa

    engine = engine_of(config)
    types = {name: _column_type(kind) for name, kind in engine.columns().items()}
    with TemporaryDirectory() as folder:
        shards = engine.stage(folder, 1).shards
        parts = list(_first((batch for shard in shards for batch in shard.batches()), n_rows))
        if not parts:
            given = ", ".join(f"@{name}={p.value}" for name, p in read_query(config).parameters.items())
            raise DataError(
                f"{config.data.query}: no rows; expected at least one; the query was given {given or 'no parameters'}"
            )
        read = {name: [_read(batch.column(name), kind) for batch in parts] for name, kind in types.items()}
        return FirstRows(pa.table({name: pa.chunked_array(arrays) for name, arrays in read.items()}), types)


def _read(column: "pa.Array", kind: ColumnType) -> "pa.Array":
    import pyarrow.types as pt

    if pt.is_list(column.type) and refusal(column.type, "string") is None:
        return cast(column, _column_type(column.type.value_type))
    return cast(column, kind) if refusal(column.type, kind) is None else _written(column)


def _written(column: Any) -> "pa.Array":
    import pyarrow as pa

    return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.large_string())


def profile(rows: FirstRows, label: str) -> list[Column]:
    """Return what each column holds, in the order of the file or query."""
    import duckdb
    import pyarrow.types as pt

    table = rows.table
    for i, field in enumerate(table.schema):
        table = table.set_column(i, field.name, _written(table.column(i))) if pt.is_large_list(field.type) else table
    with duckdb.connect(config={"threads": "2"}) as database:
        database.register("rows", table)
        return [_column(database, name, rows.types, label) for name in rows.types]


def _first(batches: "Iterable[pa.RecordBatch]", n_rows: int) -> "Iterator[pa.RecordBatch]":
    left = n_rows
    for batch in batches:
        yield batch.slice(0, left)
        left -= batch.num_rows
        if left <= 0:
            return


def _column_type(kind: "pa.DataType") -> ColumnType:
    import pyarrow.types as pt

    if pt.is_integer(kind) or pt.is_boolean(kind):
        return "int"
    return "float" if pt.is_floating(kind) or pt.is_decimal(kind) else "string"


def _column(database: Any, name: str, types: dict[str, ColumnType], label: str) -> Column:
    column, of_label = _quoted(name), _quoted(label)
    text = types[name] == "string"
    numbers = f"min({column})::DOUBLE, max({column})::DOUBLE, 0.0, false"
    texts = (
        f"NULL, NULL, avg(len(string_split_regex(trim({column}), '\\s+'))), bool_and(regexp_full_match({column}, '{_MOMENT}'))"
    )
    correlation = "NULL" if "string" in (types[name], types[label]) or name == label else f"corr({column}, {of_label})"
    n_rows, present, distinct, least, greatest, n_words, moments, correlated = database.execute(
        f"SELECT count(*), count({column}), count(DISTINCT {column}), {texts if text else numbers}, {correlation} FROM rows"
    ).fetchone()
    frequent = database.execute(
        f"SELECT {column}, count(*) n FROM rows WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT {N_SHOWN}"
    ).fetchall()
    distance = f"SELECT avg(abs({column} - (SELECT median({column}) FROM rows))) FROM rows"
    error = None if text else database.execute(distance).fetchone()[0]
    odd = f"SELECT count({column}), min({column}) FROM rows WHERE TRY_CAST(trim({column}) AS DOUBLE) IS NULL"
    n_no_number, no_number = database.execute(odd).fetchone() if text else (0, None)
    finite = correlated is not None and correlated == correlated
    return Column(
        name=name,
        type=types[name],
        n_rows=n_rows,
        n_missing=n_rows - present,
        n_distinct=distinct,
        least=least,
        greatest=greatest,
        frequent=tuple(frequent),
        n_words=n_words or 0.0,
        moments=bool(moments),
        correlation=correlated if finite else None,
        median_error=error,
        n_no_number=n_no_number,
        no_number=no_number,
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
