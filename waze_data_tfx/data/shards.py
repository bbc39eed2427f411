"""The parts in which rows are read: one is one task of a Beam pipeline, wherever the rows come from.

Made by ExampleGen's plan, read on its workers; picklable. Reads rows and decides nothing about them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from waze_data_tfx.data import engines
from waze_data_tfx.data.rows import empty_to_null, read_batches
from waze_data_tfx.data.sources import Format

if TYPE_CHECKING:
    import pyarrow as pa


class Shard(Protocol):
    """A part of the rows.

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
class QueryShard:
    """A part of a query's rows."""

    file: Path
    part: "engines.Shard"
    first_row: int = 1

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield the part's rows, empty text as null as in files."""
        for batch in self.part.batches():
            yield empty_to_null(batch.select(list(names)))
