"""What QueryExampleGen does with one part of the rows: parse, drop, split, encode, write, count.

Called by component.py on Beam's workers; `plan` has decided what is read, `counts` judges what became of the rows. Knows nothing
of TFX; imports TensorFlow inside functions. Never changes what it reads.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from waze_data_tfx.bandits.log_checks import to_json
from waze_data_tfx.components.query_example_gen.counts import Counts, add
from waze_data_tfx.components.query_example_gen.decisions import Decisions
from waze_data_tfx.components.query_example_gen.plan import Plan
from waze_data_tfx.components.query_example_gen.rejected import Letters
from waze_data_tfx.data.disjoint import KeyFile
from waze_data_tfx.data.encode import as_features, serialize
from waze_data_tfx.data.labels import LabelEncoder
from waze_data_tfx.data.record_writer import RecordWriter
from waze_data_tfx.data.rows import RECORD, bad_value, parse_or_say
from waze_data_tfx.data.rules import Rules
from waze_data_tfx.data.shards import Shard
from waze_data_tfx.data.splits import NONE
from waze_data_tfx.data.statistics import SplitStatistics
from waze_data_tfx.monitoring.statistics import N_QUANTILES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ROWS_FILE = "rows.json"
OTHERS = "data.split.others"
"""Among the rules by which dropped rows are counted: rows whose column names no split."""
SHARD = "data_tfrecord-{:05d}-of-{:05d}.gz"


def write_shard(plan: Plan, number: int, beside: str | None = None) -> Counts:
    """Read part `number`, drop, split and encode its rows, and write one gzip TFRecord per split, and its statistics.

    A shard appears under its final name only when it is complete, so that a worker may run it twice.

    Args:
        plan: see `plan.make_plan`.
        number: the part's.
        beside: beginning of the paths of what is kept beside the examples until all parts are written (`letters_of_part`,
            `statistics_of_part`); needed where the plan allows rejected rows; None: no statistics.

    Raises:
        DataError: a rule or the file cannot be read, or a value where the plan allows no row to be rejected.
    """
    import pyarrow as pa
    import tensorflow as tf

    splits = plan.splitter.names
    counts = Counts(dropped={r.name: 0 for r in plan.rules}, splits=dict.fromkeys(splits, 0))
    finals = [os.path.join(plan.folders[s], SHARD.format(number, len(plan.parts))) for s in splits]
    writers = [RecordWriter(f"{final}.part") for final in finals]
    rules = Rules(plan.rules, known=plan.known)  # opens a database
    statistics = [SplitStatistics(N_QUANTILES) for _ in splits] if beside else []
    keys = KeyFile(plan.staging, number, plan.disjoint) if plan.disjoint and plan.staging else None
    decisions = Decisions(plan.log, plan.staging, number) if plan.log else None
    with Letters(beside and letters_of_part(beside)) as rejected:
        for shard in plan.parts[number]:
            for features, ids in _split_features(plan, shard, rules, _Besides(counts, rejected, keys, decisions)):
                for i, writer in enumerate(writers):
                    own = features if len(writers) == 1 else features.filter(pa.array(ids == i))
                    writer.write(serialize(own))
                    if statistics:
                        statistics[i].add(own)
    if keys:
        keys.close()
    if decisions:
        decisions.close()
        counts.log = to_json(decisions.counts)
    for writer, final in zip(writers, finals, strict=True):
        writer.close()
        tf.io.gfile.rename(f"{final}.part", final, overwrite=True)
    for split, counted in zip(splits, statistics, strict=False):
        with tf.io.gfile.GFile(statistics_of_part(beside or "", split), "wb") as file:
            file.write(counted.to_bytes())
    return counts


def letters_of_part(beside: str) -> str:
    """Return the file of a part's rejected rows; there is none without any."""
    return f"{beside}.rejected.jsonl"


def statistics_of_part(beside: str, split: str) -> str:
    """Return the file of a part's statistics of a split, for `statistics.merge`."""
    return f"{beside}.{split}.statistics"


class _Besides(NamedTuple):
    """What is made of the rows beside the examples."""

    counts: Counts
    rejected: Letters
    keys: KeyFile | None
    decisions: Decisions | None


def _split_features(plan: Plan, shard: Shard, rules: Rules, besides: _Besides) -> "Iterator[tuple[pa.RecordBatch, np.ndarray]]":
    """Yield, batch by batch, what the examples will hold and each row's place among the splits `[n_rows] int`, and count."""
    import pyarrow as pa

    counts, keys = besides.counts, besides.keys
    row = shard.first_row
    for batch in shard.batches(plan.names):
        counts.rows += batch.num_rows
        raw, typed = _parsed(plan, batch, shard, row, counts, besides.rejected)
        row += batch.num_rows
        first = rules.dropped_by(typed)
        for i, rule in enumerate(plan.rules):
            counts.dropped[rule.name] += int((first == i).sum())
        if (first >= 0).any():
            kept = pa.array(first < 0)
            raw, typed = raw.filter(kept), typed.filter(kept)
        raw, typed, ids = _placed(plan, raw, typed, counts)
        if keys:
            keys.add(raw, ids)
        for name in plan.types:
            column = typed.column(name)
            counts.present[name] = counts.present.get(name, 0) + len(column) - column.null_count
        if plan.label:
            typed = _with_label(plan, plan.label, typed, ids, counts)
        if besides.decisions:
            besides.decisions.add(typed, ids)
        _count_weights(plan, typed, ids, counts)
        for i, name in enumerate(plan.splitter.names):
            counts.splits[name] += int((ids == i).sum())
        yield as_features(typed, list(plan.types)), ids


def _parsed(
    plan: Plan, batch: "pa.RecordBatch", shard: Shard, row: int, counts: Counts, rejected: Letters
) -> "tuple[pa.RecordBatch, pa.RecordBatch]":
    """Return the rows as they are and parsed, without those that hold a value that cannot be read."""
    import numpy as np
    import pyarrow as pa

    columns = batch.select([name for name in plan.names if name != RECORD])
    typed, wrong = parse_or_say(columns, {**plan.rule_types, **plan.types})
    if not wrong:
        return batch, typed
    key = batch.column(plan.key) if plan.key else None

    def place(i: int) -> str:
        return f"{shard.file}:row {row + i}" + (f" ({plan.key} {key[i].as_py()!r})" if key is not None else "")

    if not plan.max_rejected:
        raise bad_value(wrong[0], place(wrong[0].rows[0]), {plan.label.column: plan.label.hint} if plan.label else {})
    bad = rejected.add(columns, wrong, place, counts)
    kept = pa.array(np.isin(np.arange(batch.num_rows), bad, invert=True))
    return batch.filter(kept), typed.filter(kept)


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
