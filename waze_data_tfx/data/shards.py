"""The pieces in which rows are read, and the parts that they are put together to: a part is one task of a Beam pipeline.

Made by ExampleGen's plan, read on its workers; picklable. Wherever rows come from, a part holds about `PART_ROWS` of them: small
files are read together, a large one in pieces. Reads rows and decides nothing about them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from waze_data_tfx.data import engines
from waze_data_tfx.data.rows import empty_to_null, read_batches, read_parquet
from waze_data_tfx.data.sources import COMPRESSED, Format
from waze_data_tfx.data.staging import StagedRows, stage
from waze_data_tfx.data.structs import flat

if TYPE_CHECKING:
    import pyarrow as pa

PART_ROWS = 1 << 17
"""Rows of a part: half a second's work, so that a fork per core pays and the cores end together."""
PART_BYTES = 16 << 20
"""Bytes of a part where rows are not counted beforehand: files of text, and records."""
N_SHARDS = 256
"""Shards that an engine is asked for; they are put together to parts."""


class Shard(Protocol):
    """A piece of the rows.

    Attributes:
        file: what a message names: the input file, or the query's.
        first_row: number of its first row, as a person counts (the header of a CSV is row 1).
    """

    @property
    def file(self) -> Path:
        """Return what a message names."""

    @property
    def first_row(self) -> int:
        """Return the number of the first row."""

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield the rows with the named columns, null where a field is empty."""


Part = tuple[Shard, ...]


@dataclass(frozen=True)
class FileShard:
    """A whole input file."""

    file: Path
    kind: Format

    @property
    def first_row(self) -> int:
        """Return 2 for a CSV, whose first row is the header."""
        return 2 if self.kind == "csv" else 1

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield the file's rows; see `rows.read_batches`."""
        return read_batches(self.file, self.kind, names)


@dataclass(frozen=True)
class ParquetShard:
    """Rows `start` to `stop` of a Parquet file, from 0; the row groups that hold none of them are not read."""

    file: Path
    start: int
    stop: int

    @property
    def first_row(self) -> int:
        """Return the number of its first row."""
        return self.start + 1

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield the piece's rows."""
        return read_parquet(self.file, names, start=self.start, stop=self.stop)


@dataclass(frozen=True)
class StagedShard:
    """Rows of a file that is read once, by the plan, and kept as Arrow: one that cannot be read from its middle."""

    file: Path
    rows: StagedRows

    @property
    def first_row(self) -> int:
        """Return the number of its first row; the header is row 1."""
        return self.rows.first_row + 2

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield the piece's rows."""
        for batch in self.rows.batches():
            yield batch.select(list(names))


@dataclass(frozen=True)
class QueryShard:
    """A piece of a query's rows."""

    file: Path
    part: "engines.Shard"
    first_row: int = 1

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield the piece's rows, fields of structs as columns, empty text as null as in files."""
        for batch in self.part.batches():
            yield empty_to_null(flat(batch).select(list(names)))


def parts_of_files(files: Sequence[Path], kind: Format, names: Sequence[str], staging: str | None) -> tuple[Part, ...]:
    """Return the parts in which files are read.

    Args:
        files: all of one kind.
        kind: CSV and TFRecord are read by file, Parquet by row groups.
        names: the columns that will be read.
        staging: folder in which a large CSV is kept as Arrow until it is read; None: it is read in one piece.
    """
    if kind == "parquet":
        pieces = [(p, p.stop - p.start) for file in files for p in _of_parquet(file)]
        return _together(pieces, PART_ROWS)
    if kind == "csv" and staging is not None:
        parts: list[Part] = []
        small: list[tuple[Shard, int]] = []
        for i, file in enumerate(files):
            if _text_bytes(file) <= PART_BYTES:
                small.append((FileShard(file, kind), _text_bytes(file)))
                continue
            parts += _together(small, PART_BYTES)
            small = []
            parts += [(piece,) for piece in _of_large_csv(file, names, f"{staging}/{i:05d}.arrow")]
        return (*parts, *_together(small, PART_BYTES))
    return _together([(FileShard(file, kind), _text_bytes(file)) for file in files], PART_BYTES)


def parts_of_query(file: Path, staged: "engines.Staged") -> tuple[Part, ...]:
    """Return the parts in which a query's rows are read; shards of an engine without an order are named by their place."""
    n_each = max(1, staged.n_rows // max(1, len(staged.shards)))
    pieces = []
    for i, shard in enumerate(staged.shards):
        if isinstance(shard, StagedRows):
            pieces.append((QueryShard(file, shard, shard.first_row + 1), shard.n_rows))
        else:
            pieces.append((QueryShard(file.with_name(f"{file.name} (stream {i + 1})"), shard), n_each))
    return _together(pieces, PART_ROWS)


def _together(pieces: Sequence[tuple[Shard, int]], limit: int) -> tuple[Part, ...]:
    """Return the pieces in their order, neighbours put together as far as their sizes stay within the limit."""
    parts: list[list[Shard]] = []
    size = 0
    for piece, n in pieces:
        if not parts or size + n > limit:
            parts, size = [*parts, []], 0
        parts[-1].append(piece)
        size += n
    return tuple(map(tuple, parts))


def _of_parquet(file: Path) -> list[ParquetShard]:
    """Return a file's row groups, neighbours together up to `PART_ROWS`, and larger ones in equal pieces."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(file)
    ranges: list[tuple[int, int]] = []
    first = 0
    for group in range(metadata.num_row_groups):
        n = metadata.row_group(group).num_rows
        n_pieces = max(1, -(-n // PART_ROWS))
        ends = [first + n * i // n_pieces for i in range(n_pieces + 1)]
        ranges += pairwise(ends)
        first += n
    merged: list[tuple[int, int]] = []
    for start, stop in ranges:
        if merged and stop - merged[-1][0] <= PART_ROWS:
            merged[-1] = (merged[-1][0], stop)
        elif stop > start:
            merged.append((start, stop))
    return [ParquetShard(file, start, stop) for start, stop in merged]


def _of_large_csv(file: Path, names: Sequence[str], staged: str) -> list[StagedShard]:
    """Read a CSV, in which a line break may stand within quotes, once and in order, and return it in pieces."""
    batches = read_batches(file, "csv", names)
    first = next(batches, None)
    if first is None:
        return []
    rows = stage(staged, first.schema, chain([first], batches))
    return [StagedShard(file, part) for part in rows.in_parts(PART_ROWS)]


def _text_bytes(file: Path) -> int:
    """Return about how long the file is when it is not compressed."""
    return file.stat().st_size * (4 if file.suffix.lower() in COMPRESSED else 1)
