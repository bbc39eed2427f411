"""What QueryExampleGen does with one part of the rows.

Called by component.py: `make_plan` in the pipeline's process, `write_shard` on Beam's workers; what becomes of the rows is
counted in `counts`. Knows nothing of TFX; imports TensorFlow inside functions. Never changes what it reads.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from waze_data_tfx.components.query_example_gen.counts import Counts, add
from waze_data_tfx.config.data import Rule
from waze_data_tfx.config.monitoring import for_serving
from waze_data_tfx.config.problems import dotted
from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.section import ColumnType
from waze_data_tfx.data.disjoint import KeyFile
from waze_data_tfx.data.encode import encode
from waze_data_tfx.data.engines import engine_of
from waze_data_tfx.data.labels import LabelEncoder
from waze_data_tfx.data.rows import RECORD, infer_types, parse
from waze_data_tfx.data.rules import Rules
from waze_data_tfx.data.shards import FileShard, QueryShard, Shard
from waze_data_tfx.data.sources import columns, file_format, input_files
from waze_data_tfx.data.splits import NONE, Splitter, splitter_of, type_problems
from waze_data_tfx.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Rows = Literal["training", "serving"]
KEYS: dict[Rows, str] = {"training": "data.input", "serving": "monitoring.skew.input"}
ROWS_FILE = "rows.json"
SHARD = "data_tfrecord-{:05d}-of-{:05d}.gz"
OTHERS = "data.split.others"
"""Among the rules by which dropped rows are counted: rows whose column names no split."""
N_PARTS = 2
"""Parts of a query's rows; one worker reads one at a time."""
COMPRESSION_LEVEL = 1  # a third of the default level's time for a third more bytes (taxi: 0.04 s against 0.12 s)


@dataclass(frozen=True)
class Plan:
    """Everything that a worker needs to turn one part of the rows into its examples."""

    parts: tuple[Shard, ...]
    types: dict[str, ColumnType]  # columns of the examples, and what their values in the file are read as
    rule_types: dict[str, ColumnType]  # columns that only rules read
    known: tuple[str, ...]  # all columns of the file or query; empty for TFRecord
    names: tuple[str, ...]  # the columns that are read
    rules: tuple[Rule, ...]
    splitter: Splitter
    others: Literal["error", "drop"]  # what a row of no split is
    disjoint: tuple[str, ...]  # columns of the key that is looked for in two splits; none where that cannot be
    label: LabelEncoder | None  # None: serving rows, of which none is read
    weight: str | None
    folders: dict[str, str]  # split: folder of its shards
    staging: str | None  # folder of what is there only until all rows are read


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
        staging: an empty folder for the rows of a query, until they are read.

    Raises:
        DataError: no file, an unknown format, a missing column, a rule that is not SQL, or a query that cannot be run.
    """
    source: _Source = _Query(config) if config.data.query else _Files(config, KEYS[rows])
    types, known = config.file_types(), source.columns
    split, every = config.data.split, known if known is not None else [RECORD]  # all columns: so that no feature moves a row
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
    return Plan(
        parts=source.parts(staging),
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
        folders=folders,
        staging=staging,
    )


def write_shard(plan: Plan, number: int) -> Counts:
    """Read part `number`, drop, split and encode its rows, and write one gzip TFRecord per split.

    A shard appears under its final name only when it is complete, so that a worker may run it twice.

    Raises:
        DataError: a value, a rule or the file cannot be read.
    """
    import tensorflow as tf

    splits = plan.splitter.names
    counts = Counts(dropped={r.name: 0 for r in plan.rules}, splits=dict.fromkeys(splits, 0))
    finals = [os.path.join(plan.folders[s], SHARD.format(number, len(plan.parts))) for s in splits]
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=COMPRESSION_LEVEL)
    writers = [tf.io.TFRecordWriter(f"{final}.part", options) for final in finals]
    keys = KeyFile(plan.staging, number, plan.disjoint) if plan.disjoint and plan.staging else None
    for split, examples in _split_examples(plan, plan.parts[number], counts, keys):
        write = writers[split].write
        for example in examples:
            write(example)
    if keys:
        keys.close()
    for writer, final in zip(writers, finals, strict=True):
        writer.close()
        tf.io.gfile.rename(f"{final}.part", final, overwrite=True)
    return counts


def _split_examples(plan: Plan, part: Shard, counts: Counts, keys: KeyFile | None) -> Iterator[tuple[int, Any]]:
    """Yield (split position, serialized examples) batch by batch, and count."""
    import pyarrow as pa

    rules, row = Rules(plan.rules, known=plan.known), part.first_row
    for raw in part.batches(plan.names):
        columns = raw.select([name for name in plan.names if name != RECORD])
        hints = {plan.label.column: plan.label.hint} if plan.label else {}
        typed = parse(columns, {**plan.rule_types, **plan.types}, file=part.file, first_row=row, hints=hints)
        row += raw.num_rows
        counts.rows += raw.num_rows
        first = rules.dropped_by(typed)
        for i, rule in enumerate(plan.rules):
            counts.dropped[rule.name] += int((first == i).sum())
        kept = pa.array(first < 0)
        raw, typed, ids = _placed(plan, raw.filter(kept), typed.filter(kept), counts)
        if keys:
            keys.add(raw, ids)
        for name in plan.types:
            column = typed.column(name)
            counts.present[name] = counts.present.get(name, 0) + len(column) - column.null_count
        if plan.label:
            typed = _with_label(plan, plan.label, typed, ids, counts)
        _count_weights(plan, typed, ids, counts)
        examples = encode(typed, list(plan.types))
        for i, name in enumerate(plan.splitter.names):
            mine = examples[ids == i]
            counts.splits[name] += len(mine)
            yield i, mine


def _placed(
    plan: Plan, raw: "pa.RecordBatch", typed: "pa.RecordBatch", counts: Counts
) -> "tuple[pa.RecordBatch, pa.RecordBatch, np.ndarray]":
    """Return the rows that belong to a split, and its position; count the others."""
    import pyarrow as pa

    placed = plan.splitter.place(raw)
    ids = placed.ids
    if not (ids == NONE).any():
        return raw, typed, ids
    if plan.others == "drop":
        add(counts.dropped, {OTHERS: int((ids == NONE).sum())})
    else:
        counts.add_unplaced(placed.n_missing, placed.unknown)
    has_one = pa.array(ids != NONE)
    return raw.filter(has_one), typed.filter(has_one), ids[ids != NONE]


def _with_label(plan: Plan, label: LabelEncoder, batch: "pa.RecordBatch", ids: "np.ndarray", counts: Counts) -> "pa.RecordBatch":
    """Return the batch with the label as examples hold it, and count what it is."""
    import pyarrow as pa

    name = label.column
    labels = label.encode(batch.column(name))
    counts.label_missing += labels.n_missing
    counts.add_unknown(labels.unknown)
    for i, split in enumerate(plan.splitter.names):
        classes = counts.label_classes.setdefault(split, {})
        add(classes, label.count(labels.values.filter(pa.array(ids == i))))
    return batch.set_column(batch.schema.get_field_index(name), name, labels.values)


def _count_weights(plan: Plan, batch: "pa.RecordBatch", ids: "np.ndarray", counts: Counts) -> None:
    if plan.weight is None:
        return
    column = batch.column(plan.weight)
    weights = column.fill_null(0).to_numpy(zero_copy_only=False)
    counts.weight_missing += column.null_count
    counts.weight_negative += int((weights < 0).sum())
    add(counts.weights, {split: float(weights[ids == i].sum()) for i, split in enumerate(plan.splitter.names)})


class _Source(Protocol):
    """Where rows come from, before they are read."""

    name: str
    columns: list[str] | None

    def parts(self, staging: str | None) -> tuple[Shard, ...]: ...

    def rule_types(self, names: Sequence[str]) -> dict[str, ColumnType]: ...


class _Files:
    """The files of `data.input`, each a part."""

    def __init__(self, config: Config, key: str) -> None:
        self._files = input_files(config, key)
        self._kind = file_format(config, self._files[0])
        self.name = str(self._files[0])
        self.columns = columns(self._files[0], self._kind)

    def parts(self, staging: str | None) -> tuple[Shard, ...]:
        return tuple(FileShard(file, self._kind) for file in self._files)

    def rule_types(self, names: Sequence[str]) -> dict[str, ColumnType]:
        return infer_types(self._files, self._kind, names) if self._kind == "csv" else {}


class _Query:
    """The rows of `data.query`, in the types that the engine gives."""

    def __init__(self, config: Config) -> None:
        assert config.data.query is not None
        self._file = config.data.query
        self._engine = engine_of(config)
        self.name = str(self._file)
        types = self._engine.columns()
        self.columns: list[str] | None = list(types)
        for key, what in type_problems(config.data.split, types):
            raise DataError(f"{self.name}: {dotted(key)}: {what}")

    def parts(self, staging: str | None) -> tuple[Shard, ...]:
        assert staging is not None
        staged = self._engine.stage(staging, N_PARTS)
        return tuple(QueryShard(self._file, part) for part in staged.shards)

    def rule_types(self, names: Sequence[str]) -> dict[str, ColumnType]:
        return {}


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
