"""Rows of a file as Arrow batches, parsed by declared type.

Called by QueryExampleGen. Streams: one batch at a time is in memory. Everything is vectorised (Arrow, TensorFlow); pyarrow and
TensorFlow are imported inside the functions. Never decides which rows count (that is for `rules`) or which split they are of
(that is for `splits`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.section import ColumnType
from waze_data_tfx.errors import DataError, did_you_mean

from .sources import Format, csv_fault
from .structs import flat, flat_types
from .values import cast, misfits

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BATCH_ROWS = 8192
BLOCK_BYTES = 4 << 20
RECORD = "\x1drecord"
"""Among the names of a TFRecord's columns: the whole record as bytes. No column of a person's has this name."""
BAD_VALUE_HINTS: dict[ColumnType, str] = {
    "float": "mend the row; an empty field counts as missing; a column of text belongs under features.vocabulary",
    "int": "mend the row; an empty field counts as missing; a column of fractions belongs under features.dense or bucket",
}


def read_batches(file: Path, kind: Format, names: Sequence[str]) -> Iterator["pa.RecordBatch"]:
    """Yield the file's rows with the named columns only, as the file holds them, null where a field is empty.

    A CSV's values come as text; a Parquet file's in their stored types; a TFRecord's (tf.train.Example, plain or gzip) by
    the kind of their list, one value per feature, and `RECORD` as the bytes of the whole record.

    Raises:
        DataError: a column is missing, or the file is damaged or not UTF-8.
    """
    reader = {"csv": _read_csv, "parquet": _read_parquet, "tfrecord": _read_tfrecord}[kind]
    return _explained(file, kind, reader(file, names))


def read_parquet(file: Path, names: Sequence[str], *, start: int, stop: int) -> Iterator["pa.RecordBatch"]:
    """Yield rows `start` to `stop` of a Parquet file as `read_batches` does; other row groups are not read."""
    return _explained(file, "parquet", _read_parquet(file, names, start, stop))


def _explained(file: Path, kind: Format, batches: Iterator["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
    """Yield the batches that have rows, null where a field is empty, and say what is wrong with the file."""
    import pyarrow as pa

    try:
        for batch in batches:
            if batch.num_rows:
                yield empty_to_null(batch)
    except (pa.ArrowInvalid, OSError) as error:
        if kind == "csv" and isinstance(error, pa.ArrowInvalid) and (fault := csv_fault(file)):
            raise fault from error
        said = " ".join(str(error).split())[:300]
        raise DataError(f"{file}: cannot be read as {kind}; {said}", hint="look whether the file is complete") from error


def parse(
    batch: "pa.RecordBatch",
    types: Mapping[str, ColumnType],
    *,
    file: Path,
    first_row: int,
    hints: Mapping[str, str] | None = None,
) -> "pa.RecordBatch":
    """Return the batch with each column of `types` parsed: float to double, int to int64, string to large_string.

    An int may be written as `1.0`. NaN and infinities count as missing. Columns outside `types` stay as they are.

    Args:
        batch: rows as `read_batches` yields them.
        types: type by column.
        file: named in messages.
        first_row: row number of the batch's first row, as a person counts (the header of a CSV is row 1).
        hints: the next step by column where the usual one for its type does not serve.

    Raises:
        DataError: `file:row N: column: expected float; received 'abc'`.
    """
    typed, wrong = parse_or_say(batch, types)
    if wrong:
        raise bad_value(wrong[0], f"{file}:row {first_row + wrong[0].rows[0]}", hints or {})
    return typed


@dataclass(frozen=True)
class Misfits:
    """The values of one column that cannot be read as its declared type.

    Attributes:
        column: its name.
        kind: its declared type.
        rows: positions in the batch, in order.
        first: the value of the first of them.
    """

    column: str
    kind: ColumnType
    rows: list[int]
    first: Any

    def __str__(self) -> str:
        """Return what is wrong with the first."""
        return f"{self.column}: {self.reason}; received {self.first!r}"

    @property
    def reason(self) -> str:
        """Return what was expected of all of them."""
        return f"expected {self.kind}"


def bad_value(wrong: Misfits, place: str, hints: Mapping[str, str]) -> DataError:
    """Return the error for the first of these values; `hints` are as in `parse`."""
    return DataError(f"{place}: {wrong}", hint=hints.get(wrong.column) or BAD_VALUE_HINTS.get(wrong.kind, ""))


def parse_or_say(batch: "pa.RecordBatch", types: Mapping[str, ColumnType]) -> "tuple[pa.RecordBatch, list[Misfits]]":
    """Return the batch parsed as `parse` does, null where a value cannot be read, and which ones those are, by column."""
    import pyarrow as pa

    arrays, wrong = [], []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in types:
            arrays.append(column)
            continue
        try:
            arrays.append(cast(column, types[name]))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            bad = misfits(column, types[name])
            rows = bad.nonzero()[0].tolist()
            wrong.append(Misfits(name, types[name], rows, column[rows[0]].as_py()))
            arrays.append(cast(_without(column, bad), types[name]))
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names), wrong


def _without(column: "pa.Array", bad: "np.ndarray") -> "pa.Array":
    """Return the column with null in the place of the bad values; lists too, which if_else does not know."""
    import numpy as np
    import pyarrow as pa

    places = np.arange(len(column))
    return column.take(pa.array(places, mask=bad))


def infer_types(files: Sequence[Path], kind: Format, names: Sequence[str]) -> dict[str, ColumnType]:
    """Return for each named column the narrowest type that all its values have: int, float, else string."""
    import pyarrow as pa

    if not names:
        return {}
    candidates: dict[str, list[ColumnType]] = {name: ["int", "float", "string"] for name in names}
    for file in files:
        for batch in read_batches(file, kind, names):
            for name, left in candidates.items():
                while left[0] != "string":
                    try:
                        cast(batch.column(name), left[0])
                        break
                    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                        left.pop(0)
    return {name: left[0] for name, left in candidates.items()}


def _read_csv(file: Path, names: Sequence[str]) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa
    from pyarrow import csv

    try:
        reader = csv.open_csv(
            str(file),
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                include_columns=list(names),
                column_types=dict.fromkeys(names, pa.large_string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except KeyError as error:
        raise _missing_column(file, names, "csv") from error
    yield from reader


def _read_parquet(file: Path, names: Sequence[str], start: int = 0, stop: int | None = None) -> Iterator["pa.RecordBatch"]:
    """Yield rows `start` to `stop`; of the row groups only those that hold any of them are read."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        if set(names) - set(flat_types({field.name: field.type for field in opened.schema_arrow})):
            raise _missing_column(file, names, "parquet")
        groups, first, end = _row_groups(opened.metadata, start, stop)
        top = [name for name in opened.schema_arrow.names if any(name == n or n.startswith(f"{name}.") for n in names)]
        for batch in opened.iter_batches(batch_size=BATCH_ROWS, columns=top, row_groups=groups):
            wanted = batch.slice(max(0, start - first), max(0, end - max(start, first)))
            first += batch.num_rows
            yield flat(wanted).select(list(names))


def _row_groups(metadata: Any, start: int, stop: int | None) -> tuple[list[int], int, int]:
    """Return the row groups that hold rows `start` to `stop`, the place of their first row, and where to end."""
    groups: list[int] = []
    first = begin = 0
    end = metadata.num_rows if stop is None else stop
    for i in range(metadata.num_row_groups):
        n = metadata.row_group(i).num_rows
        if first < end and first + n > start:
            begin = begin if groups else first
            groups.append(i)
        first += n
    return groups, begin, end


def _read_tfrecord(file: Path, names: Sequence[str]) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa
    import tensorflow as tf
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    with file.open("rb") as opened:
        compression = "GZIP" if opened.read(2) == b"\x1f\x8b" else ""
    decoder = ExamplesToRecordBatchDecoder()
    try:
        for records in tf.data.TFRecordDataset(str(file), compression).batch(BATCH_ROWS).as_numpy_iterator():
            batch = decoder.DecodeBatch(records.tolist())
            record = pa.array(records, pa.large_binary())
            arrays = [record if name == RECORD else _one_value(batch, name, file) for name in names]
            yield pa.RecordBatch.from_arrays(arrays, names=list(names))
    except (tf.errors.DataLossError, RuntimeError) as error:
        damage = re.search(r"(corrupted|truncated) record at \d+", str(error))
        received = f"{damage[0]} bytes from its start" if damage else str(error)[:300]
        raise DataError(
            f"{file}: not a TFRecord of tf.train.Example; received {received}", hint="write the file again"
        ) from error


def _one_value(batch: "pa.RecordBatch", name: str, file: Path) -> "pa.Array":
    """Return a decoded feature, a list per row, as one value or null per row."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if name not in batch.schema.names or pt.is_null(batch.column(name).type):
        return pa.nulls(batch.num_rows)
    column = batch.column(name)
    longest = pc.max(pc.list_value_length(column)).as_py() or 0
    if longest > 1:
        raise DataError(f"{file}: feature '{name}' holds {longest} values in one example; expected at most one")
    rows = pa.array(range(batch.num_rows), pa.int64())
    values = pa.array([None] * batch.num_rows, column.type.value_type) if not longest else None
    if values is not None:
        return values
    places = pc.index_in(rows, value_set=pc.cast(pc.list_parent_indices(column), pa.int64()))
    taken = column.flatten().take(places)
    return pc.cast(taken, pa.large_string()) if pt.is_binary(taken.type) or pt.is_large_binary(taken.type) else taken


def _missing_column(file: Path, names: Sequence[str], kind: Format) -> DataError:
    from .sources import columns

    known = columns(file, kind) or []
    name = next((n for n in names if n not in known), names[0] if names else "")
    return DataError(f"{file}: column '{name}' is missing; known: {', '.join(known)}{did_you_mean(name, known)}")


def empty_to_null(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Return the batch with dictionaries decoded and empty text as null."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    arrays = []
    for column in batch.columns:
        array = column.dictionary_decode() if pt.is_dictionary(column.type) else column
        if pt.is_string(array.type) or pt.is_large_string(array.type):
            empty = pc.equal(pc.binary_length(array), 0)
            array = pc.if_else(empty, pa.scalar(None, array.type), array) if pc.any(empty).as_py() else array
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
