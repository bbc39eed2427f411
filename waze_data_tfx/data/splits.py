"""Which split each row belongs to: by hash, by time or as a column says.

Called by ExampleGen for every batch of rows, and by whoever checks a config against the columns of its data. Everything is
vectorised (Arrow, NumPy, TensorFlow), imported inside the functions. Never drops a row: one without a split is said to have none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol

from waze_data_tfx.config.split import Split, TimeSplit
from waze_data_tfx.config.window import midnight
from waze_data_tfx.errors import DataError

from .hash_text import as_text, joined

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

NONE = -1
"""The position of a row that belongs to no split."""
UNIX_SECONDS, WITH_ZONE = r"^-?\d+$", r"\d\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY_S = 86400
MOMENTS = "expected DATE, DATETIME, TIMESTAMP, unix seconds as INT64, or ISO 8601 text"


@dataclass(frozen=True)
class Placed:
    """The split of each row of a batch.

    Attributes:
        ids: position among the splits, NONE where there is none: `[n_rows] int64`.
        n_missing: rows whose deciding column is null.
        unknown: value that names no split -> rows.
    """

    ids: "np.ndarray"
    n_missing: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)


class Splitter(Protocol):
    """Places rows; can be pickled.

    Attributes:
        names: the splits.
        columns: the columns that it reads.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Return the splits."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that decide."""

    def place(self, batch: "pa.RecordBatch") -> Placed:
        """Return the split of each row of a batch that is not parsed: what a column is declared as does not move a row."""


def splitter_of(split: Split, known: Sequence[str]) -> Splitter:
    """Return what places rows.

    Args:
        split: with literal dates; see `config.run_date`.
        known: all columns of the rows: what `by: []` stands for.
    """
    if split.time:
        return ByTime(split.names, split.time)
    if split.column:
        return ByColumn(split.column, split.texts)
    return ByHash(split.by or tuple(known), split.shares)


@dataclass(frozen=True)
class ByHash:
    r"""By BigQuery's FARM_FINGERPRINT of the columns.

    text = the columns' texts (see `hash_text`), in the order of `columns`, joined by the character U+001F, with U+001E standing
    for a null. bucket = ABS(MOD(FARM_FINGERPRINT(text), total)), total being the sum of the shares. The first split takes the
    first buckets and so on; `Split.shares` gives them in the order train, eval, then by name.
    """

    columns: tuple[str, ...]
    shares: Mapping[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the splits."""
        return tuple(self.shares)

    def place(self, batch: "pa.RecordBatch") -> Placed:
        """Return the split of each row; every row has one."""
        import numpy as np

        ends = np.cumsum(list(self.shares.values()))
        if len(ends) == 1:
            return Placed(np.zeros(batch.num_rows, np.int64))
        return Placed(np.searchsorted(ends, np.abs(np.fmod(fingerprints(batch, self.columns), ends[-1])), side="right"))


@dataclass(frozen=True)
class ByTime:
    """By the days on which the splits begin, in the time's own terms: half-open, what is before the first start is train."""

    names: tuple[str, ...]
    time: TimeSplit

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the column of the time."""
        return (self.time.column,)

    def place(self, batch: "pa.RecordBatch") -> Placed:
        """Return the split of each row, none where the time is null.

        Raises:
            DataError: a value is no time.
        """
        import numpy as np
        import pyarrow as pa

        from .rows import empty_to_null

        name = self.time.column
        column = empty_to_null(pa.RecordBatch.from_arrays([batch.column(name)], names=[name])).column(0)
        ids = np.full(len(column), NONE, np.int64)
        for mask, moments in _moments(column, name):
            ids[mask] = np.searchsorted(
                self._starts(moments.type), moments.to_numpy(zero_copy_only=False).view("i8"), side="right"
            )
        return Placed(ids, n_missing=column.null_count)

    def _starts(self, kind: "pa.DataType") -> list[int]:
        """Return where the splits after train begin, in the unit of the values: for a DATE or DATETIME without a time zone."""
        import pyarrow.types as pt

        days = [date.fromisoformat(self.time.starts[name]) for name in self.names[1:]]
        if pt.is_int64(kind) or (pt.is_timestamp(kind) and kind.tz):
            seconds = [int(midnight(day, self.time.timezone or "UTC").timestamp()) for day in days]
        else:
            seconds = [int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in days]
        return [second * PER_SECOND[kind.unit if pt.is_timestamp(kind) else "s"] for second in seconds]


@dataclass(frozen=True)
class ByColumn:
    """By a column that names the split, or a value of it."""

    column: str
    texts: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the splits."""
        return tuple(self.texts)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the column."""
        return (self.column,)

    def place(self, batch: "pa.RecordBatch") -> Placed:
        """Return the split of each row, none where the column is null or names none."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = as_text(batch.column(self.column), self.column)
        values = [(i, text) for i, given in enumerate(self.texts.values()) for text in given]
        known = pa.array([text.encode() for _, text in values], pa.large_binary())
        found = pc.index_in(texts, value_set=known, skip_nulls=True)
        splits = np.array([*(i for i, _ in values), NONE])
        ids = splits[found.fill_null(len(values)).to_numpy(zero_copy_only=False)]
        others = texts.filter(pc.and_(pc.is_null(found), pc.is_valid(texts))).value_counts().to_pylist()
        unknown = {one["values"].decode("utf-8", "backslashreplace"): one["counts"] for one in others}
        return Placed(ids, n_missing=texts.null_count, unknown=unknown)


def fingerprints(batch: "pa.RecordBatch", by: Sequence[str]) -> "np.ndarray":
    """Return BigQuery's FARM_FINGERPRINT of each row's text (see `ByHash`): `[n_rows] int64`.

    Raises:
        DataError: a column holds values that have no text.
    """
    return fingerprints_of(joined([as_text(batch.column(name), name) for name in by]))


def fingerprints_of(texts: "pa.Array") -> "np.ndarray":
    """Return the FARM_FINGERPRINT of each text: `[n] int64`."""
    import tensorflow as tf

    data = tf.constant(texts.to_numpy(zero_copy_only=False), dtype=tf.string)
    return tf.raw_ops.Fingerprint(data=data, method="farmhash64").numpy().view("<i8").reshape(-1)


def type_problems(split: Split, types: "Mapping[str, pa.DataType]") -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield (key of the config, what is wrong) of columns of a query whose type cannot decide; unknown columns are left out.

    `by: []`, all columns, takes floats too: whoever asks for it wants equal rows together, not a bucket that SQL knows.
    """
    import pyarrow.types as pt

    for i, name in enumerate(split.by):
        if name in types and pt.is_floating(types[name]):
            yield (
                ("data", "split", "by", i),
                f"'{name}' is FLOAT64, whose last digits depend on the order of a sum and whose text is not BigQuery's; "
                f"expected CAST({name} AS INT64) or ROUND and CAST AS STRING in the query, or another column",
            )
    keys = {f"disjoint.{i}": name for i, name in enumerate(split.disjoint)} | {f"by.{i}": name for i, name in enumerate(split.by)}
    for key, name in {**keys, **({"column": split.column} if split.column else {})}.items():
        if name in types and pt.is_nested(types[name]):
            yield ("data", "split", *key.split(".")), f"'{name}' is {types[name]}; expected a column of plain values"
    if split.time and split.time.column in types:
        kind = types[split.time.column]
        if not (_is_moment(kind) or pt.is_string(kind) or pt.is_large_string(kind)):
            yield ("data", "split", "time", "column"), f"'{split.time.column}' is {kind}; {MOMENTS}"


def _is_moment(kind: "pa.DataType") -> bool:
    import pyarrow.types as pt

    return pt.is_date(kind) or pt.is_timestamp(kind) or pt.is_integer(kind)


def _moments(column: "pa.Array", name: str) -> "Iterator[tuple[np.ndarray, pa.Array]]":
    """Yield (which rows, their times as timestamps, or as int64 of unix seconds) by kind of time; rows of a null are in none."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    kind, valid = column.type, pc.is_valid(column)
    if pt.is_null(kind):
        return
    if pt.is_timestamp(kind):
        yield _mask(valid), column.drop_null()
    elif pt.is_date(kind):
        yield _mask(valid), pc.cast(pc.cast(column, pa.timestamp("s")), pa.timestamp("s")).drop_null()
    elif pt.is_integer(kind):
        yield _mask(valid), pc.cast(column, pa.int64()).drop_null()
    elif pt.is_string(kind) or pt.is_large_string(kind):
        seconds = pc.fill_null(pc.match_substring_regex(column, UNIX_SECONDS), False)
        zoned = pc.fill_null(pc.match_substring_regex(column, WITH_ZONE), False)
        plain = pc.and_(valid, pc.invert(pc.or_(seconds, zoned)))
        for mask, wanted in ((seconds, pa.int64()), (zoned, pa.timestamp("us", "UTC")), (plain, pa.timestamp("us"))):
            if pc.any(mask).as_py():
                yield _mask(mask), _parsed(column.filter(mask), wanted, name)
    else:
        raise DataError(f"data.split.time.column: '{name}' is {kind}; {MOMENTS}", hint="convert it, in the query if there is one")


def _parsed(texts: "pa.Array", wanted: "pa.DataType", name: str) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(texts, wanted)
    except pa.ArrowInvalid as error:
        bad = next(text for text in texts.to_pylist() if not _parses(text, wanted))
        raise DataError(
            f"data.split.time.column: '{name}': received {bad!r}; {MOMENTS}, such as 2025-01-31 or 2025-01-31T08:15:00Z",
            hint="mend the rows, or convert the column in a query",
        ) from error


def _parses(text: str, wanted: "pa.DataType") -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.cast(pa.array([text], pa.large_string()), wanted)
    except pa.ArrowInvalid:
        return False
    return True


def _mask(mask: "pa.Array") -> "np.ndarray":
    return mask.to_numpy(zero_copy_only=False)
