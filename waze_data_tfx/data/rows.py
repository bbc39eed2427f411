"""Rows of a file as Arrow batches, parsed by declared type.

Called by QueryExampleGen. Streams: one batch at a time is in memory. Everything is vectorised (Arrow, TensorFlow); pyarrow and
TensorFlow are imported inside the functions. Never decides which rows count (that is for `rules`) or which split they are of
(that is for `splits`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.section import ColumnType
from waze_data_tfx.errors import DataError, did_you_mean

from .sources import Format, csv_fault

if TYPE_CHECKING:
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
    import pyarrow as pa

    try:
        for batch in reader(file, names):
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
    import pyarrow as pa

    arrays = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in types:
            arrays.append(column)
            continue
        try:
            arrays.append(_cast(column, types[name]))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            message = _bad_value(column, types[name], f"{file}:row", first_row, name)
            hint = (hints or {}).get(name) or BAD_VALUE_HINTS.get(types[name], "")
            raise DataError(message, hint=hint) from None
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


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
                        _cast(batch.column(name), left[0])
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


def _read_parquet(file: Path, names: Sequence[str]) -> Iterator["pa.RecordBatch"]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        if set(names) - set(opened.schema_arrow.names):
            raise _missing_column(file, names, "parquet")
        for batch in opened.iter_batches(batch_size=BATCH_ROWS, columns=list(names)):
            yield batch.select(list(names))


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


def _cast(column: "pa.Array", kind: ColumnType) -> "pa.Array":
    """Parse one column; raises ArrowInvalid where a value does not fit."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if kind == "string":
        return pc.cast(column, pa.large_string())
    text = pt.is_string(column.type) or pt.is_large_string(column.type)
    array = pc.utf8_trim_whitespace(column) if text else column
    if kind == "float":
        return _finite(pc.cast(array, pa.float64()))
    try:
        return pc.cast(array, pa.int64())
    except pa.ArrowInvalid:
        return pc.cast(_finite(pc.cast(array, pa.float64())), pa.int64())  # "1.0"; refuses 1.5


def _finite(array: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    finite = pc.is_finite(array)
    return array if pc.all(finite).as_py() is not False else pc.if_else(finite, array, pa.scalar(None, array.type))


def _bad_value(column: "pa.Array", kind: ColumnType, where: str, first_row: int, name: str) -> str:
    """Return the message for the first value that does not parse, found by halving."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if not _parses(column.slice(low, middle - low), kind) else (middle, high)
    value: Any = column[low].as_py()
    return f"{where} {first_row + low}: {name}: expected {kind}; received {value!r}"


def _parses(column: "pa.Array", kind: ColumnType) -> bool:
    import pyarrow as pa

    try:
        _cast(column, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True
