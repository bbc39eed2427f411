"""The dead letters: rows that hold a value that cannot be read as its column is declared, each as a line of JSON.

Written by `logic` on workers, one file per part, and put together by component.py. Knows nothing of TFX but its file systems'
interface; never decides how many are too many (that is for `counts`).
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.components.query_example_gen.counts import Counts
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.rows import Misfits

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "rejected"


def letters_of(config: Config, rows: str) -> Path:
    """Return the file of rejected rows, training or serving, which outlives a failed run and is replaced by the next."""
    assert config.root is not None
    return config.root / FOLDER / f"{rows}.jsonl"


class Letters:
    """The rejected rows of one part; the file is made with the first."""

    def __init__(self, file: str | None) -> None:
        """Hold the file's path; None where no row may be rejected."""
        self._file = file
        self._opened: Any = None

    def __enter__(self) -> "Letters":
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file, if there is one."""
        if self._opened:
            self._opened.close()

    def add(self, batch: "pa.RecordBatch", wrong: Sequence[Misfits], place: Callable[[int], str], counts: Counts) -> list[int]:
        """Write the rows that hold any of these values, count them by their first column's reason, and return their positions.

        Args:
            batch: the rows as they were read.
            wrong: what cannot be read, by column.
            place: what names a row, by its position in the batch.
            counts: are added to.
        """
        reasons: dict[int, Misfits] = {}
        for column in wrong:
            for i in column.rows:
                reasons.setdefault(i, column)
        positions = sorted(reasons)
        for i, values in zip(positions, batch.take(positions).to_pylist(), strict=True):
            column = reasons[i]
            reason = f"{column.column}: {column.reason}"
            said = f"{place(i)}: {reason}; received {values[column.column]!r}"
            counts.rejected[reason] = counts.rejected.get(reason, 0) + 1
            counts.first_rejected = counts.first_rejected or said
            self._write({"reason": said, "column": column.column, "values": values})
        return positions

    def _write(self, letter: dict[str, Any]) -> None:
        if self._opened is None:
            assert self._file is not None
            self._opened = _file_system().GFile(self._file, "w")
        self._opened.write(json.dumps(letter, default=_as_text, ensure_ascii=False) + "\n")


def put_together(parts: Iterable[str], file: Path) -> Path | None:
    """Write the parts' letters to one file, in their order, and return it; None, and no file, if there are none."""
    file.unlink(missing_ok=True)
    found = [part for part in parts if _file_system().exists(part)]
    if not found:
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        for part in found:
            with _file_system().GFile(part, "rb") as letters:
                while chunk := letters.read(1 << 20):
                    opened.write(chunk)
    return file


def _file_system() -> Any:
    """Return TensorFlow's file systems: workers on other machines write to where the examples go, a bucket or a disk."""
    import tensorflow as tf

    return tf.io.gfile


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
