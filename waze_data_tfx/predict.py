"""Rows of a file through a pushed model, for `waze-tfx predict`. Reads the same way as ExampleGen; writes nothing."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import versions
from .config import Config
from .errors import DataError, UserError


def predict_file(config: Config, file: Path, *, version: int | None, limit: int) -> list[dict[str, Any]]:
    """Return for each of the first `limit` rows its columns and every output of the model's `serving_default`.

    Raises:
        UserError: nothing pushed yet, no such version or file.
        DataError: there are no rows, or they do not have the columns or types that the model reads.
    """
    directory = config.push.directory
    assert directory is not None
    known = versions.versions(directory)
    number = versions.current(directory) if version is None else version
    if number is None:
        raise UserError(f"{directory}: nothing has been pushed yet", hint="run the pipeline first")
    if number not in known:
        raise UserError(f"--version {number}: no such version; known: {', '.join(map(str, known)) or 'none'}")
    if not file.is_file():
        raise UserError(f"--input {file}: no such file")
    names, columns, serialized = _rows(config, file, limit)
    outputs = _predict(directory / str(number), serialized)
    return [
        {**{n: columns[n][i] for n in names}, **{k: v[i] for k, v in outputs.items()}, "version": number}
        for i in range(len(serialized))
    ]


def _rows(config: Config, file: Path, limit: int) -> tuple[list[str], dict[str, list[Any]], Any]:
    import pyarrow as pa

    from .data.encode import encode
    from .data.rows import parse, read_batches
    from .data.sources import columns as columns_of
    from .data.sources import file_format

    kind = file_format(config, file)
    types = config.column_types()
    present = columns_of(file, kind)
    optional = {config.label} | {c for s in config.evaluation.slices for c in s.columns} - set(config.features.column_types())
    names = [n for n in types if present is None or n in present or n not in optional]
    if config.label in names:
        names.remove(config.label)
    batches: list[pa.RecordBatch] = []
    for part in read_batches(file, kind, names):
        batches.append(part.slice(0, limit - sum(b.num_rows for b in batches)))
        if sum(b.num_rows for b in batches) == limit:
            break
    if not batches:
        raise DataError(f"{file}: no rows; expected at least one below the header")
    [batch] = pa.Table.from_batches(batches).combine_chunks().to_batches()
    batch = parse(batch, {n: types[n] for n in names}, file=file, first_row=2 if kind == "csv" else 1)
    return names, batch.to_pydict(), encode(batch, names)


def _predict(model: Path, serialized: Any) -> dict[str, list[Any]]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _native_logs_held():
        import tensorflow as tf

        loaded = tf.saved_model.load(str(model))
        outputs = loaded.signatures["serving_default"](examples=tf.constant(list(serialized)))
    return {name: [_plain(v) for v in values.numpy().tolist()] for name, values in outputs.items()}


@contextmanager
def _native_logs_held() -> Iterator[None]:
    """Keep what TensorFlow's C++ prints at import off the terminal, which no log level does; show it if something fails."""
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
