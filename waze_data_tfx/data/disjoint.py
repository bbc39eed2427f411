"""Whether a key is in two splits, or in two rows: fingerprints, written as the rows are read, compared when all have been.

Called by ExampleGen: a `KeyFile` per part of the rows, `check` or `repeated` at the end. Memory stays bounded: a part holds the
keys of about MAX_KEYS rows before it writes a run of sorted, unique keys, and DuckDB merges the runs out of core. A row with a
null in its key has no key, as in SQL. Never changes a row. Imports pyarrow and duckdb inside functions.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import reduce
from typing import TYPE_CHECKING, Any

from waze_data_tfx.errors import DataError

from . import places
from .hash_text import SEPARATOR, as_text, joined
from .splits import fingerprints_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FILE = "keys-{:05d}.parquet"
MAX_KEYS = 1 << 18
MEMORY = "512MB"
N_SHOWN = 3


class KeyFile:
    """The keys of one part of the rows: a Parquet file of (split, fingerprint, key, rows), each key of a run once."""

    def __init__(self, folder: str, number: int, columns: Sequence[str]) -> None:
        """Write the keys of part `number` below the folder; `columns` make the key."""
        self._columns = tuple(columns)
        self._path, self._place = os.path.join(folder, FILE.format(number)), ExitStack()
        self._writer: Any = None
        self._held: list[tuple[np.ndarray, pa.Array]] = []
        self._n_held = 0

    def add(self, batch: "pa.RecordBatch", ids: "np.ndarray") -> None:
        """Take a batch's keys; `ids` is the split of each row, `[n_rows] int`, none of them negative."""
        import pyarrow.compute as pc

        texts = [as_text(batch.column(name), name) for name in self._columns]
        valid = reduce(pc.and_, [pc.is_valid(text) for text in texts])
        keys = joined([text.filter(valid) for text in texts])
        self._held.append((ids[valid.to_numpy(zero_copy_only=False)].astype("int32"), keys))
        self._n_held += len(keys)
        if self._n_held >= MAX_KEYS:
            self._write()

    def close(self) -> None:
        """Write what is held and name the file as `check` looks for it: a part that a worker runs twice leaves it once."""
        self._write()
        if self._writer is not None:
            self._writer.close()
            self._place.close()

    def _write(self) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._n_held:
            return
        splits = np.concatenate([ids for ids, _ in self._held])
        keys = pa.concat_arrays([held for _, held in self._held])
        prints = fingerprints_of(keys)
        order = np.lexsort((prints, splits))
        sorted_prints, sorted_splits = prints[order], splits[order]
        new = np.append(True, (np.diff(sorted_prints) != 0) | (np.diff(sorted_splits) != 0))
        first = np.flatnonzero(new)
        n_rows = np.diff(np.append(first, len(order)))
        columns = (sorted_splits[first], sorted_prints[first], keys.take(pa.array(order[first])), n_rows)
        run = pa.table(dict(zip(("split", "fingerprint", "key", "n"), columns, strict=True)))
        self._writer = self._writer or pq.ParquetWriter(
            self._place.enter_context(places.written(self._path)), run.schema, compression="zstd"
        )
        self._writer.write_table(run)
        self._held, self._n_held = [], 0


def check(folder: str, *, names: Sequence[str], columns: Sequence[str], where: str) -> None:
    """Compare what the parts' KeyFiles wrote.

    Args:
        folder: where they are; DuckDB's own files go there too.
        names: the splits, by position.
        columns: that make the key.
        where: the rows' source, for the message.

    Raises:
        DataError: a key is in two splits; names some with their rows per split.
    """
    import duckdb

    files = places.matching(folder, FILE.replace("{:05d}", "*"))
    if not files:
        return
    beside = os.path.dirname(files[0])
    with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": beside, "preserve_insertion_order": False}) as database:
        database.execute(f"CREATE VIEW keys AS SELECT * FROM read_parquet({_listed(files)})")
        database.execute(
            "CREATE TABLE twice AS SELECT fingerprint FROM keys GROUP BY fingerprint HAVING min(split) <> max(split)"
        )
        database.execute(  # by the key itself: two keys may have one fingerprint
            "CREATE TABLE shared AS SELECT key FROM keys SEMI JOIN twice USING (fingerprint) "
            "GROUP BY key HAVING min(split) <> max(split)"
        )
        [(n_shared,)] = database.execute("SELECT count(*) FROM shared").fetchall()
        if not n_shared:
            return
        rows = database.execute(
            "SELECT key, split, CAST(sum(n) AS BIGINT) FROM keys "
            "SEMI JOIN (SELECT key FROM shared ORDER BY key LIMIT $1) AS first USING (key) "
            "GROUP BY key, split ORDER BY key, split",
            [N_SHOWN],
        ).fetchall()
        [(n_keys,)] = database.execute("SELECT count(DISTINCT fingerprint) FROM keys").fetchall()
    raise DataError(
        f"{where}: data.split.disjoint: {n_shared} of {n_keys} values of {', '.join(columns)} are in more than one split: "
        f"{_shown(rows, names, columns)}{'; ...' if n_shared > N_SHOWN else ''}; expected each in one",
        hint=f"split by a hash of the key (data.split.by: [{', '.join(columns)}]), or let the query keep each value in one split",
    )


def repeated(folder: str) -> tuple[int, str]:
    """Return in how many rows, beyond its first, a key of the KeyFiles below the folder stands, and one such key."""
    import duckdb

    files = places.matching(folder, FILE.replace("{:05d}", "*"))
    if not files:
        return 0, ""
    beside = os.path.dirname(files[0])
    with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": beside, "preserve_insertion_order": False}) as database:
        database.execute(
            "CREATE TABLE repeated AS SELECT key, sum(n) - 1 AS more FROM "
            f"read_parquet({_listed(files)}) GROUP BY key HAVING sum(n) > 1"
        )
        query = "SELECT CAST(coalesce(sum(more), 0) AS BIGINT), min(key) FROM repeated"
        [(n_rows, key)] = database.execute(query).fetchall()
    return int(n_rows), (key or b"").decode("utf-8", "backslashreplace").replace(SEPARATOR, ", ")


def _listed(files: Sequence[str]) -> str:
    return "[" + ", ".join("'" + file.replace("'", "''") + "'" for file in files) + "]"


def _shown(rows: Sequence[tuple[bytes, int, int]], names: Sequence[str], columns: Sequence[str]) -> str:
    """Return `user_id=7 (train 3 rows, eval 1)` of each key."""
    by_key: dict[bytes, list[str]] = {}
    for key, split, n in rows:
        by_key.setdefault(key, []).append(f"{names[split]}: {n}")
    shown = []
    for key, counts in by_key.items():
        values = key.decode("utf-8", "backslashreplace").split(SEPARATOR)
        named = ", ".join(f"{column}={value}" for column, value in zip(columns, values, strict=False))
        shown.append(f"{named} (rows in {', '.join(counts)})")
    return "; ".join(shown)
