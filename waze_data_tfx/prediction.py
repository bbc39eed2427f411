"""Rows of a file through a pushed model, for `waze-tfx predict`. Reads the same way as ExampleGen; writes nothing.

The model says which columns it reads, by its signature `raw`; the config may have moved on since it was pushed.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import versions
from .config import Config
from .config.names import RAW, argument_names
from .config.section import ColumnType
from .data.encode import encode
from .data.sources import Format, columns, file_format
from .errors import DataError, RunFailed, UserError, did_you_mean, unknown_name

if TYPE_CHECKING:
    import pyarrow as pa

TYPES: dict[str, ColumnType] = {"float32": "float", "int64": "int", "string": "string", "bool": "string"}
"""By an argument's type the column's; a policy's mask of eligible actions is a list of names in a row."""
POLICY = Path("assets.extra") / "policy.json"
"""Beside a policy's graph: who it is, as `bandits.policies.identity` writes it."""


def predict_file(config: Config, file: Path, *, version: int | None, limit: int | None) -> list[dict[str, Any]]:
    """Return for each row every output of the model's `serving_default`, then the row's columns.

    Args:
        config: of the pipeline that pushed the model.
        file: CSV, Parquet or TFRecord.
        version: pushed version; None: the current one.
        limit: rows to predict, the first; None: all.

    Raises:
        UserError: nothing pushed yet, no such version or file.
        DataError: there are no rows, or they do not have the columns or types that the model reads.
        RunFailed: the model has no signature `raw`, so that its columns are not known.
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
    with _native_logs_held():
        model = _load(directory / str(number))
    kind = file_format(config, file)
    arguments, masks = _arguments(model, directory / str(number))
    wanted = _wanted(config, file, kind, arguments, number, optional=masks)
    batch = _rows(file, kind, {**wanted, **_shown(config, file, kind, wanted)}, limit)
    if kind == "tfrecord":
        _check_present(file, batch, {name: type_ for name, type_ in wanted.items() if name not in masks}, number)
    serialized = encode(batch, list(wanted))
    with _native_logs_held():
        outputs = _with_names(_predict(model, serialized), directory / str(number) / POLICY)
    columns = {**outputs, **{name: values for name, values in batch.to_pydict().items() if name not in outputs}}
    return [{**{name: values[i] for name, values in columns.items()}, "version": number} for i in range(len(serialized))]


def predict_rows(config: Config, rows: Any, *, version: int | None, limit: int | None) -> list[dict[str, Any]]:
    """Return what `predict_file` does for rows in memory.

    Args:
        config: of the pipeline that pushed the model.
        rows: a list of dicts, a dict of columns, or a pandas DataFrame.
        version: pushed version; None: the current one.
        limit: rows to predict; None: all.

    Raises:
        DataError: they are none of these, there are none, or they do not have the columns or types that the model reads.
    """
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rows")
        pq.write_table(_table(rows), file)
        plain = config.model_copy(update={"data": config.data.model_copy(update={"format": "parquet"})})
        try:
            return predict_file(plain, file, version=version, limit=limit)
        except DataError as error:
            raise DataError(error.message.replace(str(file), "rows"), hint=error.hint) from None


def _table(rows: Any) -> "pa.Table":
    import pyarrow as pa

    try:
        if isinstance(rows, list):
            table = pa.Table.from_pylist(rows)
        elif isinstance(rows, dict):
            table = pa.table({name: list(values) for name, values in rows.items()})
        else:
            table = pa.Table.from_pandas(rows, preserve_index=False)
    except (pa.ArrowException, AttributeError, TypeError, ValueError) as error:
        raise DataError(
            f"rows: expected a file, a list of dicts, a dict of columns or a DataFrame; received {type(rows).__name__} ({error})"
        ) from error
    if not table.num_rows:
        raise DataError("rows: received none; expected at least one")
    return table


def _load(path: Path) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    return tf.saved_model.load(str(path))


def _arguments(model: Any, path: Path) -> tuple[dict[str, ColumnType], set[str]]:
    """Return the type of each argument of the model's signature `raw`, and which of them are masks of actions."""
    if RAW not in model.signatures:
        raise RunFailed(f"{path}: {unknown_name('signature', RAW, model.signatures)}", hint="push a model of this pipeline")
    specs = model.signatures[RAW].structured_input_signature[1]
    masks = {name for name, spec in specs.items() if spec.dtype.name == "bool"}
    return {name: TYPES[spec.dtype.name] for name, spec in specs.items()}, masks


def _wanted(
    config: Config, file: Path, kind: Format, arguments: Mapping[str, ColumnType], number: int, *, optional: set[str]
) -> dict[str, ColumnType]:
    """Return the type of each column that the model reads: the config's by that argument's name, or else the file's.

    One of the `optional` arguments that the file does not have is left out: every action is eligible then.
    """
    present = columns(file, kind) or []
    own = [*config.features.column_types(), *([config.key] if config.key else [])]
    named = {argument: column for names in (present, own) for column, argument in argument_names(names).items()}
    wanted = {
        named.get(argument, argument): type_
        for argument, type_ in arguments.items()
        if argument not in optional or kind == "tfrecord" or named.get(argument, argument) in present
    }
    missing = [name for name in wanted if name not in present] if kind != "tfrecord" else []
    if missing:
        raise _missing(file, missing, present, number)
    order = present or own  # a loaded signature names its arguments in an order of chance
    return dict(sorted(wanted.items(), key=lambda w: (order.index(w[0]) if w[0] in order else len(order), w[0])))


def _shown(config: Config, file: Path, kind: Format, wanted: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
    """Return the type of each slice column that the file has and the model does not read."""
    present, types = columns(file, kind), config.column_types()
    names = {c for s in config.evaluation.slices for c in s.columns} - {config.label, *wanted}
    return {name: types[name] for name in sorted(names) if present is None or name in present}


def _rows(file: Path, kind: Format, types: Mapping[str, ColumnType], limit: int | None) -> "pa.RecordBatch":
    import pyarrow as pa

    from .data.rows import parse, read_batches

    batches: list[pa.RecordBatch] = []
    for part in read_batches(file, kind, list(types)):
        batches.append(part if limit is None else part.slice(0, limit - sum(b.num_rows for b in batches)))
        if sum(b.num_rows for b in batches) == limit:
            break
    if not batches:
        raise DataError(f"{file}: no rows; expected at least one below the header")
    [batch] = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return parse(batch, types, file=file, first_row=2 if kind == "csv" else 1)


def _check_present(file: Path, batch: "pa.RecordBatch", wanted: Mapping[str, ColumnType], number: int) -> None:
    """Check that every column has a value somewhere in a TFRecord, which does not say what columns it has."""
    from .data.rows import read_batches

    lacking = [name for name in wanted if batch.column(name).null_count == batch.num_rows]
    for part in read_batches(file, "tfrecord", lacking) if lacking else ():
        lacking = [name for name in lacking if part.column(name).null_count == part.num_rows]
        if not lacking:
            return
    if lacking:
        raise _missing(file, lacking, [name for name in wanted if name not in lacking], number)


def _missing(file: Path, names: Sequence[str], present: Sequence[str], number: int) -> DataError:
    quoted = ", ".join(f"'{name}'" for name in sorted(names))
    what, it = (f"column {quoted} is", "it") if len(names) == 1 else (f"columns {quoted} are", "them")
    return DataError(
        f"{file}: {what} missing, which version {number} of the model reads; "
        f"known: {', '.join(present)}{did_you_mean(names[0], present) if len(names) == 1 else ''}",
        hint=f"give a file that has {it}, or predict with a --version that does not read {it}",
    )


def _predict(model: Any, serialized: Any) -> dict[str, list[Any]]:
    import tensorflow as tf

    outputs = model.signatures["serving_default"](examples=tf.constant(list(serialized)))
    order = sorted(outputs, key=lambda name: (name != "key", name != "prediction", name))
    return {name: [_plain(v) for v in outputs[name].numpy().tolist()] for name in order}


def _with_names(outputs: dict[str, list[Any]], policy: Path) -> dict[str, list[Any]]:
    """Return a policy's outputs with its actions by name, None for no action; any other model's as they are."""
    if not policy.is_file():
        return outputs
    actions = [*json.loads(policy.read_text(encoding="utf-8"))["actions"], None]  # -1 is the last: none
    by_name = {
        "action": [actions[i] for i in outputs["action"]],
        "ranked_actions": [[actions[i] for i in row if i >= 0] for row in outputs["ranked_actions"]],
        **{n: [dict(zip(actions, row, strict=False)) for row in outputs[n]] for n in ("probabilities", "scores")},
    }
    first = ("key", "action", "propensity", "ranked_actions")
    named = {**outputs, **by_name}
    return {name: named[name] for name in sorted(named, key=lambda n: (first.index(n) if n in first else len(first), n))}


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
