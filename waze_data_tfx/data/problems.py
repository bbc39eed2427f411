"""What does not fit between a config and the rows it names, each with file and line.

Called by `waze-tfx check` before anything runs. Reads what `sources` and the engines read for it: headers, and as much of a CSV
as tells its types. Never changes anything.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from waze_data_tfx.config.load import Loaded
from waze_data_tfx.config.monitoring import for_serving
from waze_data_tfx.config.problems import Key
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.encodings import unreadable
from waze_data_tfx.data.engines import engine_of, sql_type
from waze_data_tfx.data.sources import SQL_TYPES, columns, file_format, input_files, parquet_types, sql_types
from waze_data_tfx.data.splits import type_problems
from waze_data_tfx.data.structs import flat_types
from waze_data_tfx.errors import ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa


def check_columns(loaded: Loaded) -> list[str]:
    """Return what does not fit between the config and the first input file's columns, each with file and line.

    Covers features, label, key, weight, split and slices by name, that each rule's SQL parses and binds, and serving rows.
    """
    found = _query_problems(loaded) if loaded.config.data.query else _file_problems(loaded)
    return [*found, *_schema_problems(loaded), *_serving_problems(loaded)]


def _schema_problems(loaded: Loaded) -> list[str]:
    """Return the columns that a curated schema lacks, where a run would stop for them."""
    config = loaded.config
    if config.schema_.file is None or config.anomalies.policy != "stop":
        return []
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    where = loaded.where("schema", "file")
    try:
        schema = text_format.Parse(config.schema_.file.read_text("utf-8"), schema_pb2.Schema())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        return [f"{where}: {config.schema_.file.name} is no schema; {error}"]
    known = {feature.name for feature in schema.feature}
    missing = ", ".join(f"'{name}'" for name in config.column_types() if name not in known)
    lacks = f"{where}: {config.schema_.file.name} has no feature {missing}; a run would stop (anomalies.policy)"
    return [f"{lacks}; add each, or drop `schema:` to have it inferred"] if missing else []


def _file_problems(loaded: Loaded) -> list[str]:
    config = loaded.config
    try:
        file = input_files(config)[0]
        kind = file_format(config, file)
        known = columns(file, kind)
    except DataError as error:
        return [f"{loaded.where('data', 'input')}: {error.message.removeprefix('data.input: ')}"]
    if known is None:
        return []
    declared = config.file_types()
    types = sql_types(file, kind, [n for n in known if n not in declared]) if config.data.rules else {}
    stored = parquet_types(file) if kind == "parquet" else {}
    return [*_missing(loaded, file, known), *_unreadable(loaded, file, stored), *_rule_problems(loaded, known, types)]


def _query_problems(loaded: Loaded) -> list[str]:
    """Return what keeps the query from being run, or its columns from being used; nothing is read or billed."""
    config = loaded.config
    assert config.data.query is not None
    try:
        found = flat_types(engine_of(config).columns())
    except ConfigError as error:
        return list(error.problems)
    except DataError as error:
        name = next((n for n in config.data.tables if error.message.startswith(f"data.tables.{n}: ")), None)
        at = f"{loaded.where('data', 'tables', name)}: " if name else ""
        hint = f"\n  next: {error.hint}" if error.hint else ""
        return [f"{at}{error.message.removeprefix(f'data.tables.{name}: ')}{hint}"]
    types = {name: sql_type(kind) for name, kind in found.items()} if config.data.rules else {}
    undecided = [f"{loaded.where(*key)}: {what}" for key, what in type_problems(config.data.split, found)]
    file, known = config.data.query, list(found)
    problems = [*_missing(loaded, file, known), *_unreadable(loaded, file, found), *undecided]
    return [*problems, *_rule_problems(loaded, known, types)]


def _missing(loaded: Loaded, file: Path, known: list[str]) -> list[str]:
    return [
        f"{loaded.where(*key)}: column '{name}' is not in {file.name}; known: {', '.join(known)}{did_you_mean(name, known)}"
        for key, name in _named_columns(loaded.config)
        if name not in known
    ]


def _unreadable(loaded: Loaded, file: Path, stored: "Mapping[str, pa.DataType]") -> list[str]:
    """Return the columns that cannot be read as they are declared, each where it is first named."""
    config = loaded.config
    places = {name: key for key, name in reversed(list(_named_columns(config)))}
    problems = unreadable(config, config.file_types(), stored) if stored else {}
    return [f"{loaded.where(*places[name])}: column '{name}' of {file.name} {said}" for name, said in problems.items()]


def _named_columns(config: Config) -> Iterator[tuple[Key, str]]:
    yield ("label",), config.label
    if config.key:
        yield ("key",), config.key
    if config.weight:
        yield ("weight",), config.weight
    for keys, name in config.features.columns():
        yield ("features", *keys), name
    split = config.data.split
    for i, name in enumerate(split.by):
        yield ("data", "split", "by", i), name
    if split.time:
        yield ("data", "split", "time", "column"), split.time.column
    if split.column:
        yield ("data", "split", "column"), split.column
    for i, name in enumerate(split.disjoint):
        yield ("data", "split", "disjoint", i), name
    for i, slicing in enumerate(config.evaluation.slices):
        for name in slicing.columns:
            yield ("evaluation", "slices", i), name
    for field, name in config.bandit.columns if config.bandit else ():
        if name is not None:
            yield ("bandit", "columns", field), name


def _serving_problems(loaded: Loaded) -> list[str]:
    """Return what keeps the rows of `monitoring.skew.input` from being compared: the file, or a feature that they lack."""
    if loaded.config.monitoring.skew is None:
        return []
    where = loaded.where("monitoring", "skew", "input")
    config = for_serving(loaded.config)
    try:
        file = input_files(config, where)[0]
        known = columns(file, file_format(config, file))
    except DataError as error:
        return [error.message if error.message.startswith(where) else f"{where}: {error.message}"]
    missing = [] if known is None else [n for n in config.features.column_types() if n not in known]
    return [
        f"{where}: feature '{name}' is not in {file.name}; known: {', '.join(known or ())}{did_you_mean(name, known or ())}"
        for name in missing
    ]


def _rule_problems(loaded: Loaded, known: list[str], others: Mapping[str, str]) -> Iterator[str]:
    """Yield what does not parse or bind; `others` are the SQL types of columns that the config gives none."""
    config = loaded.config
    if not config.data.rules:
        return
    from .rules import Rules  # duckdb costs a tenth of a second; only configs with rules pay it

    declared = config.file_types()
    types = {name: SQL_TYPES[declared[name]] if name in declared else others[name] for name in known}
    for i, rule in enumerate(config.data.rules):
        try:
            Rules((rule,), known=known).check(types)
        except DataError as error:
            yield f"{loaded.where('data', 'rules', i, 'drop')}: {error.message}"
