"""Which files hold the rows, what kind they are and which columns they have.

Called by `problems` before anything runs, and by QueryExampleGen. Reads headers and at most a few sample rows; pyarrow is
imported inside the functions that need it. Never reads a whole file, never changes one.
"""

import csv
import glob
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.section import ColumnType
from waze_data_tfx.errors import DataError, did_you_mean

from .structs import flat_types

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["csv", "parquet", "tfrecord"]
ENDINGS: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".tfrecord": "tfrecord", ".tfrecords": "tfrecord"}
COMPRESSED = (".gz", ".gzip")
SAMPLE_ROWS = 200
SQL_TYPES: dict[ColumnType, str] = {"float": "DOUBLE", "int": "BIGINT", "string": "VARCHAR"}


def input_files(config: Config, key: str = "data.input") -> list[Path]:
    """Return the files that `data.input` names, sorted; `key` is where a person wrote it, for the message.

    Raises:
        DataError: nothing matches, or it names a folder.
    """
    assert config.data.input is not None  # a query has tables, no input
    return matching_files(config.data.input, key)


def matching_files(pattern: str, key: str) -> list[Path]:
    """Return the files that a path or glob names, sorted; `key` is where a person wrote it, for the message.

    Raises:
        DataError: nothing matches, or it names a folder.
    """
    path = Path(pattern)
    if path.is_dir():
        raise DataError(f"{key}: is a folder; received '{pattern}'; expected a file or a glob, such as '{path / '*.csv'}'")
    files = [path] if path.is_file() else sorted(Path(p) for p in glob.glob(pattern, recursive=True) if Path(p).is_file())
    if files:
        return files
    siblings = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
    place = f"files in {path.parent}: {', '.join(sorted(siblings)[:10]) or 'none'}" if path.parent.is_dir() else "no such folder"
    raise DataError(f"{key}: no file matches; received '{pattern}'; {place}{did_you_mean(path.name, siblings)}")


def file_format(config: Config, file: Path) -> Format:
    """Return the kind of `file`: `data.format`, or else by its ending.

    Raises:
        DataError: the ending says nothing.
    """
    return config.data.format or format_of(file)


def format_of(file: Path) -> Format:
    """Return the kind of `file` by its ending.

    Raises:
        DataError: the ending says nothing.
    """
    endings = [s.lower() for s in file.suffixes if s.lower() not in COMPRESSED]
    if endings and endings[-1] in ENDINGS:
        return ENDINGS[endings[-1]]
    known = ", ".join(get_args(Format))
    raise DataError(
        f"{file}: the ending does not tell the format; expected one of {', '.join(ENDINGS)}; set format beside input to {known}"
    )


def columns(file: Path, kind: Format) -> list[str] | None:
    """Return the column names in file order; None for TFRecord, which is known only by reading it.

    Raises:
        DataError: the file has no header, or a column twice.
    """
    if kind == "tfrecord":
        return None
    names = _parquet_columns(file) if kind == "parquet" else next(_csv_rows(file), [])
    if not names:
        raise DataError(f"{file}: no header line; expected column names in the first row")
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise DataError(f"{file}: column '{twice[0]}' stands in the header {names.count(twice[0])} times; expected once")
    return names


def csv_fault(file: Path) -> DataError | None:
    """Return the first row of a CSV that is not UTF-8 or has another number of fields than the header; None if all fit.

    For the message of a reader that does not name the line: reads the file again, slowly.
    """
    with _open_text(file, errors="surrogateescape") as opened:
        rows, line = csv.reader(opened), 1
        header: list[str] = []
        try:
            for row in rows:
                header = header or row
                if (value := next((v for v in row if not _is_utf8(v)), None)) is not None:
                    received = value.encode("utf-8", "surrogateescape")
                    return DataError(
                        f"{file}:{line}: not UTF-8; received {received!r}",
                        hint=f"convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8 {file.name}",
                    )
                if row and len(row) != len(header):
                    return DataError(
                        f"{file}:{line}: received {len(row)} fields; expected {len(header)}, as in the header",
                        hint="mend the line; a comma inside a value needs quotes around the value, and a quote needs its end",
                    )
                line = rows.line_num + 1
        except csv.Error as error:
            return DataError(f"{file}:{line}: {error}", hint="mend the line; a quote may lack its end")
    return None


def sql_types(file: Path, kind: Format, names: list[str]) -> dict[str, str]:
    """Return the likely SQL type of each named column, from the first rows of a CSV or the schema of a Parquet file."""
    if kind == "parquet":
        return _parquet_types(file, names)
    rows = _csv_rows(file)
    header = next(rows, [])
    sample = [row for row, _ in zip(rows, range(SAMPLE_ROWS), strict=False) if len(row) == len(header)]
    return {name: SQL_TYPES[_narrowest({row[header.index(name)] for row in sample} - {""})] for name in names}


def _csv_rows(file: Path) -> Iterator[list[str]]:
    try:
        with _open_text(file) as opened:
            yield from csv.reader(opened)
    except UnicodeDecodeError as error:
        raise csv_fault(file) or DataError(f"{file}: not UTF-8; {error.reason}") from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as csv; {error}", hint="look whether the file is complete") from error


def _open_text(file: Path, errors: str = "strict") -> IO[str]:
    opener: Callable[..., IO[str]] = gzip.open if file.suffix.lower() in COMPRESSED else open
    return opener(file, "rt", encoding="utf-8-sig", errors=errors, newline="")


def _is_utf8(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _narrowest(values: set[str]) -> ColumnType:
    candidates: list[tuple[ColumnType, type]] = [("int", int), ("float", float)]
    for name, kind in candidates:
        try:
            for value in values:
                kind(value)
        except ValueError:
            continue
        return name
    return "string"


def _parquet_columns(file: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(flat_types({field.name: field.type for field in pq.read_schema(file)}))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{file}: not a Parquet file; {error}", hint="look whether the file is complete") from error


def parquet_types(file: Path) -> "dict[str, pa.DataType]":
    """Return the type of each column of a Parquet file, fields of structs as columns."""
    import pyarrow.parquet as pq

    return flat_types({field.name: field.type for field in pq.read_schema(file)})


def _parquet_types(file: Path, names: list[str]) -> dict[str, str]:
    import pyarrow.types as pt

    types = parquet_types(file)
    tests: list[tuple[Callable[[Any], bool], str]] = [
        (pt.is_boolean, "BOOLEAN"),
        (pt.is_integer, "BIGINT"),
        (pt.is_floating, "DOUBLE"),
        (pt.is_decimal, "DOUBLE"),
        (pt.is_date, "DATE"),
        (pt.is_timestamp, "TIMESTAMP"),
    ]
    return {name: next((sql for test, sql in tests if test(types[name])), "VARCHAR") for name in names}
