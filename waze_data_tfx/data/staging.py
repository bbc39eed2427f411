"""Rows kept as one Arrow IPC file until workers read them, in any parts: a query's, and those of a file that cannot be split.

Written once by a plan, read by its workers. Batches are read one by one, not mapped, so that what a process holds does not grow
with the file. Imports pyarrow inside its functions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import places

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class StagedRows:
    """Neighbouring record batches of an Arrow IPC file.

    Attributes:
        file: its path.
        start: place of the first batch in the file.
        lengths: rows of each batch.
        first_row: place of the first row among those of the file, from 0.
    """

    file: str
    start: int
    lengths: tuple[int, ...]
    first_row: int

    @property
    def n_rows(self) -> int:
        """Return how many rows these are."""
        return sum(self.lengths)

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Yield the batches, one in memory at a time."""
        import pyarrow as pa

        with pa.OSFile(places.local(self.file)) as opened, pa.ipc.open_file(opened) as reader:
            for i in range(self.start, self.start + len(self.lengths)):
                yield reader.get_batch(i)

    def in_parts(self, part_rows: int) -> "list[StagedRows]":
        """Return the rows in parts of `part_rows` rows, and as many more as fill the last batch, in their order."""
        parts: list[StagedRows] = []
        begin, first_row, n_rows = 0, self.first_row, 0
        for i, length in enumerate(self.lengths, 1):
            n_rows += length
            if n_rows >= part_rows or i == len(self.lengths):
                parts.append(StagedRows(self.file, self.start + begin, self.lengths[begin:i], first_row))
                begin, first_row, n_rows = i, first_row + n_rows, 0
        return parts


def stage(file: str, schema: "pa.Schema", batches: "Iterable[pa.RecordBatch]") -> StagedRows:
    """Write the batches that have rows; holds one at a time."""
    import pyarrow as pa

    lengths = []
    with places.written(file) as part, pa.OSFile(part, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            if batch.num_rows:
                writer.write_batch(batch)
                lengths.append(batch.num_rows)
    return StagedRows(file, 0, tuple(lengths), 0)
