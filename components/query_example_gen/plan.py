"""What QueryExampleGen decides before it reads rows: which, in which parts, as what.

Called by component.py in the pipeline's process. Runs the query, if the rows come from one. Knows nothing of TFX; never writes
but into the staging folder that it is given.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from waze_data_tfx.components.query_example_gen.decisions import LogPlan, log_plan
from waze_data_tfx.config.data import Rule
from waze_data_tfx.config.monitoring import for_serving
from waze_data_tfx.config.problems import dotted
from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.section import ColumnType
from waze_data_tfx.data.encodings import unreadable
from waze_data_tfx.data.engines import engine_for
from waze_data_tfx.data.labels import LabelEncoder
from waze_data_tfx.data.query import read_query
from waze_data_tfx.data.rows import RECORD, infer_types
from waze_data_tfx.data.rules import Rules
from waze_data_tfx.data.shards import N_SHARDS, Part, parts_of_files, parts_of_query
from waze_data_tfx.data.sources import columns, file_format, input_files, parquet_types
from waze_data_tfx.data.splits import Splitter, splitter_of, type_problems
from waze_data_tfx.data.structs import flat_types
from waze_data_tfx.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Literal["training", "serving"]
KEYS: dict[Rows, str] = {"training": "data.input", "serving": "monitoring.skew.input"}


@dataclass(frozen=True)
class Plan:
    """Everything that a worker needs to turn one part of the rows into its examples.

    Attributes:
        parts: in which the rows are read.
        types: columns of the examples, and what their values in the file are read as.
        rule_types: columns that only rules read.
        known: all columns of the file or query; empty for TFRecord.
        names: the columns that are read.
        rules: which rows to leave out.
        splitter: says which split a row belongs to.
        others: what a row of no split is.
        disjoint: columns of the key that is looked for in two splits; none where that cannot be.
        label: None for serving rows, of which none is read.
        weight: None for serving rows.
        log: how a bandit's log is counted; None for serving rows and where there is none.
        key: named in messages about a row of a query, which has no place that a person could look up.
        max_rejected: 0: the first value that cannot be read ends the part.
        folders: split: folder of its shards.
        staging: folder of what is there only until all rows are read.
        facts: where the rows came from, for the lineage.
        may_fork: whether a process with this plan's past may be forked; a gRPC client's may not.
    """

    parts: tuple[Part, ...]
    types: dict[str, ColumnType]
    rule_types: dict[str, ColumnType]
    known: tuple[str, ...]
    names: tuple[str, ...]
    rules: tuple[Rule, ...]
    splitter: Splitter
    others: Literal["error", "drop"]
    disjoint: tuple[str, ...]
    label: LabelEncoder | None
    weight: str | None
    log: LogPlan | None
    key: str | None
    max_rejected: float
    folders: dict[str, str]
    staging: str | None
    facts: dict[str, str]
    may_fork: bool


def settings_for(config: Config, rows: Rows) -> Config:
    """Return the config that says which rows are read: those to learn from, or those of `monitoring.skew.input`."""
    return for_serving(config) if rows == "serving" else config


def make_plan(config: Config, folders: dict[str, str], *, rows: Rows = "training", staging: str | None = None) -> Plan:
    """Decide what is read in which parts; run the query, if the rows come from one.

    Columns of a CSV that only rules name get the narrowest type of all their values.

    Of serving rows, neither label nor weight is read, and the key and slice columns where the file has them.

    Args:
        config: what `settings_for` returned.
        folders: split -> folder of its shards.
        rows: to learn from, or those that a model was asked about.
        staging: an empty folder for rows that are kept until they are read: a query's, and a large CSV's.

    Raises:
        DataError: no file, an unknown format, a missing column or one that cannot be read as it is declared, a rule that is
            not SQL, or a query that cannot be run.
    """
    source: _Source = _Query(config) if config.data.query else _Files(config, KEYS[rows])
    types, known = config.file_types(), source.columns
    split, every = config.data.split, source.all_columns  # so that no feature moves a row
    if rows == "serving":
        types = _serving_types(config, known)
        every = [next(iter(types))]  # all go into one split
    splitter = splitter_of(split, every)
    disjoint = split.disjoint if split.kind != "hash" else ()  # a hash of these columns cannot part them
    rule_columns = _rule_columns(config, known)
    names = tuple(dict.fromkeys((*types, *rule_columns, *splitter.columns, *disjoint)))
    for name in names:
        if known is not None and name not in known:
            raise DataError(f"{source.name}: column '{name}' is missing; known: {', '.join(known)}{did_you_mean(name, known)}")
    for name, problem in unreadable(config, types, source.stored).items():
        raise DataError(f"{source.name}: column '{name}': {problem}")
    parts, facts = source.parts(staging, names)
    return Plan(
        parts=parts,
        types=types,
        rule_types=source.rule_types(rule_columns),
        known=tuple(known or ()),
        names=names,
        rules=config.data.rules,
        splitter=splitter,
        others=split.others,
        disjoint=disjoint,
        label=LabelEncoder(config) if rows == "training" else None,
        weight=config.weight if rows == "training" else None,
        log=log_plan(config) if rows == "training" else None,
        key=config.key if config.data.query and config.key in names else None,
        max_rejected=config.data.max_rejected,
        folders=folders,
        staging=staging,
        facts=facts,
        may_fork=config.data.query is None or config.env.query.engine == "duckdb",
    )


class _Source(Protocol):
    """Where rows come from, before they are read."""

    name: str
    columns: list[str] | None
    all_columns: list[str]
    stored: "Mapping[str, pa.DataType]"

    def parts(self, staging: str | None, names: Sequence[str]) -> tuple[tuple[Part, ...], dict[str, str]]: ...

    def rule_types(self, names: Sequence[str]) -> dict[str, ColumnType]: ...


class _Files:
    """The files of `data.input`."""

    def __init__(self, config: Config, key: str) -> None:
        self._files = input_files(config, key)
        self._kind = file_format(config, self._files[0])
        self._pattern = config.data.named
        self.name = str(self._files[0])
        self.columns = columns(self._files[0], self._kind)
        self.all_columns = self.columns if self.columns is not None else [RECORD]
        self.stored: Mapping[str, pa.DataType] = parquet_types(self._files[0]) if self._kind == "parquet" else {}

    def parts(self, staging: str | None, names: Sequence[str]) -> tuple[tuple[Part, ...], dict[str, str]]:
        facts = {"input": self._pattern, "files": str(len(self._files))}
        return parts_of_files(self._files, self._kind, names, staging), facts

    def rule_types(self, names: Sequence[str]) -> dict[str, ColumnType]:
        return infer_types(self._files, self._kind, names) if self._kind == "csv" else {}


class _Query:
    """The rows of `data.query`, in the types that the engine gives."""

    def __init__(self, config: Config) -> None:
        self._query = read_query(config)
        self._engine = engine_for(self._query, config)
        self.name = str(self._query.file)
        self.stored: Mapping[str, pa.DataType] = flat_types(self._engine.columns())
        self.columns: list[str] | None = list(self.stored)
        self.all_columns = sorted(self.stored)  # engines differ in the order of what JOIN ... USING gives
        for key, what in type_problems(config.data.split, self.stored):
            raise DataError(f"{self.name}: {dotted(key)}: {what}")

    def parts(self, staging: str | None, names: Sequence[str]) -> tuple[tuple[Part, ...], dict[str, str]]:
        assert staging is not None
        staged = self._engine.stage(staging, N_SHARDS)
        return parts_of_query(self._query.file, staged), self._facts(staged.facts)

    def rule_types(self, names: Sequence[str]) -> dict[str, ColumnType]:
        return {}

    def _facts(self, facts: Mapping[str, Any]) -> dict[str, str]:
        """Return where the rows came from: the query, its literal values, the state of its tables, and what the engine says."""
        query = self._query
        values = {name: parameter.value for name, parameter in query.parameters.items()}
        return {
            "query": query.file.name,
            "query_sha256": hashlib.sha256(query.text.encode()).hexdigest(),
            "parameters": json.dumps(values, default=str),
            "tables": json.dumps(dict(self._engine.versions())),
            "engine": str(facts.get("engine", "")),
            "engine_facts": json.dumps({name: value for name, value in facts.items() if name != "engine"}, default=str),
        }


def _serving_types(config: Config, known: Sequence[str] | None) -> dict[str, ColumnType]:
    features = config.features.column_types()
    aside = {config.label, config.weight}
    types = {name: type_ for name, type_ in config.column_types().items() if name in features or name not in aside}
    return {name: type_ for name, type_ in types.items() if name in features or known is None or name in known}


def _rule_columns(config: Config, known: Sequence[str] | None) -> list[str]:
    """Return the columns that rules read and no example holds."""
    types = config.column_types()
    if known is None:
        return []
    return [name for name in Rules(config.data.rules).columns(known) if name not in types]
