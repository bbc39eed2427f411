"""What FileExampleGen does with one input file, and how it judges the counts of all of them.

Called by component.py: `make_plan` and `summarise` in the pipeline's process, `write_shard` on Beam's workers. Knows
nothing of TFX; imports TensorFlow inside functions. Never changes an input file.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from waze_data_tfx.config.data import Rule
from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.section import ColumnType
from waze_data_tfx.data.encode import encode
from waze_data_tfx.data.rows import RECORD, infer_types, parse, read_batches, split_ids
from waze_data_tfx.data.rules import Rules
from waze_data_tfx.data.sources import Format, columns, file_format, input_files
from waze_data_tfx.errors import DataError, did_you_mean

ROWS_FILE = "rows.json"
SHARD = "data_tfrecord-{:05d}-of-{:05d}.gz"
COMPRESSION_LEVEL = 1  # a third of the default level's time for a third more bytes (taxi: 0.04 s against 0.12 s)


@dataclass(frozen=True)
class Plan:
    """Everything that a worker needs to turn one file into its shards."""

    files: tuple[Path, ...]
    kind: Format
    types: dict[str, ColumnType]  # columns of the examples
    rule_types: dict[str, ColumnType]  # columns that only rules read
    known: tuple[str, ...]  # all columns of the file; empty for TFRecord
    names: tuple[str, ...]  # the columns that are read
    by: tuple[str, ...]
    rules: tuple[Rule, ...]
    buckets: dict[str, int]
    label: str
    folders: dict[str, str]  # split: folder of its shards

    @property
    def first_row(self) -> int:
        """Return the number of the first row of data, as a person counts."""
        return 2 if self.kind == "csv" else 1


@dataclass
class Counts:
    """What became of the rows."""

    rows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    label_missing: int = 0
    present: dict[str, int] = field(default_factory=dict)  # column: values in the rows that are kept

    def add(self, other: "Counts") -> None:
        """Add another file's counts."""
        self.rows += other.rows
        self.label_missing += other.label_missing
        for mine, theirs in ((self.dropped, other.dropped), (self.splits, other.splits), (self.present, other.present)):
            for name, n in theirs.items():
                mine[name] = mine.get(name, 0) + n


def make_plan(config: Config, folders: dict[str, str]) -> Plan:
    """Decide what is read from which file; columns that only rules name get the narrowest type of all their values.

    Raises:
        DataError: no file, an unknown format, a missing column, or a rule that is not SQL.
    """
    files = input_files(config)
    kind = file_format(config, files[0])
    types, known = config.column_types(), columns(files[0], kind)
    by = config.data.split.by or (tuple(known) if known is not None else (RECORD,))  # so that no feature moves a row
    rule_columns = _rule_columns(config, known)
    names = tuple(dict.fromkeys((*types, *rule_columns, *by)))
    for name in names:
        if known is not None and name not in known:
            raise DataError(f"{files[0]}: column '{name}' is missing; known: {', '.join(known)}{did_you_mean(name, known)}")
    return Plan(
        files=tuple(files),
        kind=kind,
        types=types,
        rule_types=infer_types(files, kind, rule_columns) if kind == "csv" else {},
        known=tuple(known or ()),
        names=names,
        by=by,
        rules=config.data.rules,
        buckets=dict(config.data.split.buckets),
        label=config.label,
        folders=folders,
    )


def write_shard(plan: Plan, number: int) -> Counts:
    """Read file `number`, drop, split and encode its rows, and write one gzip TFRecord per split.

    A shard appears under its final name only when it is complete, so that a worker may run it twice.

    Raises:
        DataError: a value, a rule or the file cannot be read.
    """
    import tensorflow as tf

    counts = Counts(dropped={r.name: 0 for r in plan.rules}, splits=dict.fromkeys(plan.buckets, 0))
    finals = [os.path.join(plan.folders[s], SHARD.format(number, len(plan.files))) for s in plan.buckets]
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=COMPRESSION_LEVEL)
    writers = [tf.io.TFRecordWriter(f"{final}.part", options) for final in finals]
    for split, examples in _split_examples(plan, plan.files[number], counts):
        write = writers[split].write
        for example in examples:
            write(example)
    for writer, final in zip(writers, finals, strict=True):
        writer.close()
        tf.io.gfile.rename(f"{final}.part", final, overwrite=True)
    return counts


def summarise(config: Config, counts: Sequence[Counts]) -> dict[str, Any]:
    """Add the counts up and return what goes into rows.json.

    Raises:
        DataError: no row, too many rows dropped, a label missing in a kept row, a feature without any value, or an empty split.
    """
    total = Counts(dropped={r.name: 0 for r in config.data.rules}, splits=dict.fromkeys(config.data.split.buckets, 0))
    for part in counts:
        total.add(part)
    where = config.data.input
    n_dropped = sum(total.dropped.values())
    by_rule = ", ".join(f"{name}: {n}" for name, n in total.dropped.items()) or "no rules"
    if not total.rows:
        raise DataError(f"{where}: no rows; expected at least one row per split", hint="look how the file was written")
    if n_dropped > config.data.max_dropped * total.rows:
        raise DataError(
            f"{where}: rules dropped {n_dropped} of {total.rows} rows ({by_rule}); expected at most a share of "
            f"{config.data.max_dropped:g} (data.max_dropped)",
            hint="look at the rules' conditions, or raise data.max_dropped",
        )
    _check_label(config, total, total.rows - n_dropped)
    empty = [name for name, n in total.splits.items() if not n]
    if empty:
        raise DataError(
            f"{where}: split '{empty[0]}' is empty; rows read {total.rows}, dropped {n_dropped} ({by_rule}), "
            f"splits {', '.join(f'{s}: {n}' for s, n in total.splits.items())}; expected at least one row per split",
            hint=f"give more rows, a larger share to data.split.buckets.{empty[0]}, or more columns to data.split.by",
        )
    _check_features(config, total, total.rows - n_dropped)
    return {"rows_read": total.rows, **{k: v for k, v in asdict(total).items() if k not in ("rows", "present")}}


def counts_to_json(counts: Counts) -> str:
    """Return the counts as one line of JSON."""
    return json.dumps(asdict(counts))


def counts_from_json(text: str) -> Counts:
    """Read what `counts_to_json` wrote."""
    values = json.loads(text)
    return Counts(**{f.name: values[f.name] for f in fields(Counts)})


def _split_examples(plan: Plan, file: Path, counts: Counts) -> Iterator[tuple[int, Any]]:
    """Yield (split position, serialized examples) batch by batch, and count."""
    import pyarrow as pa

    rules, row = Rules(plan.rules, known=plan.known), plan.first_row
    for raw in read_batches(file, plan.kind, plan.names):
        columns = raw.select([name for name in plan.names if name != RECORD])
        typed = parse(columns, {**plan.rule_types, **plan.types}, file=file, first_row=row)
        row += raw.num_rows
        counts.rows += raw.num_rows
        first = rules.dropped_by(typed)
        for i, rule in enumerate(plan.rules):
            counts.dropped[rule.name] += int((first == i).sum())
        kept = pa.array(first < 0)
        raw, typed = raw.filter(kept), typed.filter(kept)
        counts.label_missing += typed.column(plan.label).null_count
        for name in plan.types:
            column = typed.column(name)
            counts.present[name] = counts.present.get(name, 0) + len(column) - column.null_count
        ids = split_ids(raw, plan.by, plan.buckets)
        examples = encode(typed, list(plan.types))
        for i, name in enumerate(plan.buckets):
            mine = examples[ids == i]
            counts.splits[name] += len(mine)
            yield i, mine


def _rule_columns(config: Config, known: Sequence[str] | None) -> list[str]:
    """Return the columns that rules read and no example holds."""
    types = config.column_types()
    if known is None:
        return []
    return [name for name in Rules(config.data.rules).columns(known) if name not in types]


def _check_label(config: Config, total: Counts, n_kept: int) -> None:
    if not total.label_missing:
        return
    n, rule = total.label_missing, f"{{name: no {config.label}, drop: '\"{config.label}\" IS NULL'}}"
    if n == n_kept:
        raise DataError(
            f"{config.data.input}: label '{config.label}' has no value in any of the {n_kept} rows that are kept",
            hint="check the column named by `label`",
        )
    raise DataError(
        f"{config.data.input}: label '{config.label}' is missing in {n} of {n_kept} kept rows; expected a value in every row",
        hint=f"if these rows may go, say so by a rule under data.rules: {rule}",
    )


def _check_features(config: Config, total: Counts, n_kept: int) -> None:
    empty = [name for name in config.features.column_types() if n_kept and not total.present.get(name)]
    if not empty:
        return
    groups = (*config.features.groups().items(), ("custom", config.features.custom))
    keys = [f"features.{group}.{name}" for name in empty for group, members in groups if name in members]
    columns = f"column '{empty[0]}' has" if len(empty) == 1 else f"columns {', '.join(repr(name) for name in empty)} have"
    raise DataError(
        f"{config.data.input}: {columns} no value in any of the {n_kept} rows that are kept; expected at least one",
        hint=f"mend the data or the name, or take out {', '.join(keys)}",
    )
