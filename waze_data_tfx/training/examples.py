"""Transformed examples as batches: read into memory once where they fit, streamed from disk where they do not.

Called by `run`. In memory, an epoch shuffles row numbers and gathers rows: no file is read or parsed twice. Imports
TensorFlow at the top.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError

IN_MEMORY_BYTES = 2**30
_EXPANSION = 8
_PARSE_BATCH = 4096
SINGLE_CLASS = ("binary_classification", "multiclass_classification")
_SHUFFLE_BUFFER = 100_000
_NUMBERS = {
    "mean": "a finite number",
    "quantile": "a finite number",
    "poisson": "a finite number of 0 or more, as head poisson needs",
}

Arrange = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Split:
    """The transformed examples of one split.

    Attributes:
        name: "train" or "eval".
        files: TFRecord files.
        spec: how an example is parsed.
        columns: the parsed columns, if they fit in memory.
        n_rows: number of examples.
        n_per_class: rows of each class, [n_classes] int; None where a row has no single class.
    """

    name: str
    files: tuple[str, ...]
    spec: Mapping[str, Any]
    columns: Mapping[str, np.ndarray] | None
    n_rows: int
    n_per_class: np.ndarray | None = None


def read_split(
    name: str, patterns: Iterable[str], spec: Mapping[str, Any], config: Config, *, in_memory_bytes: int = IN_MEMORY_BYTES
) -> Split:
    """Read a split: its columns if they fit into `in_memory_bytes` (estimated from the files' size), else its labels only.

    Raises:
        DataError: no file, no example, or a label that cannot be learnt from.
    """
    files = tuple(sorted(f for p in patterns for f in tf.io.gfile.glob(p)))
    size_bytes = sum(tf.io.gfile.stat(f).length for f in files)
    columns = None
    if files and size_bytes * _EXPANSION <= in_memory_bytes:
        columns = _read_columns(files, spec)
        labels: Iterable[np.ndarray] = [columns[config.label]] if columns else []
    else:
        labels = _label_batches(files, spec, config.label) if files else []
    n_rows, n_per_class = check_labels(name, labels, config)
    if not n_rows:
        raise DataError(
            f"split '{name}': no example to learn from; received {len(files)} files, 0 rows",
            hint="loosen data.rules, or give the split a larger share in data.split.buckets",
        )
    return Split(name, files, spec, columns, n_rows, n_per_class)


def sample(split: Split, n_rows: int, config: Config) -> Split:
    """Return `n_rows` rows of the split, drawn at random with the config's seed, in memory."""
    if split.columns is not None:
        rows = np.random.default_rng(config.training.seed).choice(split.n_rows, n_rows, replace=False)
        columns = {name: values[rows] for name, values in split.columns.items()}
    else:
        columns = _columns_of(_records(split.files).shuffle(_SHUFFLE_BUFFER, seed=config.training.seed).take(n_rows), split.spec)
    n_rows, n_per_class = check_labels(split.name, [columns[config.label]], config)
    return replace(split, columns=columns, n_rows=n_rows, n_per_class=n_per_class)


def check_labels(name: str, parts: Iterable[np.ndarray], config: Config) -> tuple[int, np.ndarray | None]:
    """Check the labels of split `name`, given in parts, and return how many rows there are, and how many of each class.

    Args:
        name: named in messages.
        parts: [n] or [n, 1]; multi-label: [n, n_classes] of 0 and 1.
        config: task and classes.

    Raises:
        DataError: a label is missing or, in classification, outside 0..n_classes-1.
    """
    n_classes = len(config.class_names)
    counts = np.zeros(n_classes, np.int64) if config.task in SINGLE_CLASS else None
    n_rows, n_wrong, first = 0, 0, None
    for part in parts:
        rows = part.reshape(len(part), -1)
        bad = _not_a_number(rows, config) if not config.class_names else (rows < 0) | (rows >= _n_values(config))
        n_rows, n_wrong = n_rows + len(rows), n_wrong + int(bad.any(axis=1).sum())
        first = rows[bad][0] if first is None and bad.any() else first
        if counts is not None:
            counts += np.bincount(rows[~bad].astype(np.int64), minlength=n_classes)
    if first is None:
        return n_rows, counts
    raise DataError(
        f"split '{name}': label '{config.label}': {n_wrong} of {n_rows} rows cannot be learnt from; "
        f"received {_shown(first, config)}; "
        f"expected {_NUMBERS[config.model.head] if not config.class_names else f'an integer in 0..{_n_values(config) - 1}'}",
        hint=f"drop such rows with a rule, such as `{config.label} IS NULL`",
    )


def _not_a_number(labels: np.ndarray, config: Config) -> np.ndarray:
    """Return where a regression's label cannot be learnt from, bool: not finite, or for the rate of a count negative."""
    return ~np.isfinite(labels) | (labels < (0 if config.model.head == "poisson" else -np.inf))


def _shown(label: Any, config: Config) -> Any:
    missing = label == -1 if config.class_names else np.isnan(label)
    return "a missing value" if missing else label


def _n_values(config: Config) -> int:
    """Return how many values a label of a classification can have."""
    return 2 if config.task == "multilabel_classification" else len(config.class_names)


def class_weights(train: Split, config: Config) -> np.ndarray | None:
    """Return what each class weighs in the loss, [n_classes] float32, or None where all weigh the same.

    balanced: n / (n_classes * n_c) for the n_c of the split's n rows that have class c (King and Zeng 2001; scikit-learn's
    `compute_class_weight`). Rows are counted, whatever they weigh.

    Raises:
        DataError: no row of the split has some class.
    """
    given, counts = config.training.class_weights, train.n_per_class
    if given is None or counts is None:
        return None
    if given != "balanced":
        return np.array([given.get(name, 1.0) for name in config.class_names], np.float32)
    lacking = [name for name, n in zip(config.class_names, counts, strict=True) if not n]
    if lacking:
        raise DataError(
            f"training.class_weights: balanced: no row of split '{train.name}' is of class '{lacking[0]}'; expected one",
            hint="give weights by class instead, or take the class out",
        )
    return (counts.sum() / (len(counts) * counts)).astype(np.float32)


def batches(
    split: Split,
    config: Config,
    arrange: Arrange,
    *,
    label_rank: int,
    batch_size: int,
    seed: int | None,
    by_class: np.ndarray | None = None,
) -> Any:
    """Return a tf.data.Dataset of (model inputs, label), `n_steps` batches: one pass over the split.

    With a weight column or `by_class` there is a third part, the weight of each row [n] float32: the column's value times that of
    the row's class. (Keras takes class weights or row weights, not both.)

    Args:
        split: rows.
        config: `label`, `label_scale` and `task` are read.
        arrange: from features by name to what the model takes.
        label_rank: 1 for labels [n], 2 for [n, 1]; a multi-label label is [n, n_classes] in any case.
        batch_size: rows per batch.
        seed: shuffles anew on every pass; None: keeps the order.
        by_class: what each class weighs, [n_classes].
    """
    scale = config.model.label_scale if config.task == "regression" else 1.0

    beside = (config.label, config.weight, config.key)

    def example(columns: Mapping[str, Any]) -> tuple[Any, ...]:
        features = {name: value for name, value in columns.items() if name not in beside}
        label = columns[config.label]
        if config.task != "multilabel_classification":
            label = tf.reshape(label, [-1] + [1] * (label_rank - 1))
        weights = _row_weights(columns, config, by_class)
        return arrange(features), label / scale if scale != 1.0 else label, *([] if weights is None else [weights])

    columns = _in_memory(split, config, batch_size, seed) if split.columns is not None else _streamed(split, batch_size, seed)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    options.experimental_optimization.apply_default_optimizations = False
    return columns.map(tf.autograph.experimental.do_not_convert(example)).prefetch(2).with_options(options)


def _row_weights(columns: Mapping[str, Any], config: Config, by_class: np.ndarray | None) -> Any:
    own = tf.reshape(columns[config.weight], [-1]) if config.weight else None
    if by_class is None:
        return own
    weights = tf.gather(tf.constant(by_class), tf.reshape(columns[config.label], [-1]))
    return weights if own is None else own * weights


def column_batches(split: Split, n_rows: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield the split's columns in its order, `n_rows` rows at a time."""
    if split.columns is None:
        yield from _records(split.files).batch(n_rows).map(_parser(split.spec), num_parallel_calls=2).as_numpy_iterator()
        return
    for start in range(0, split.n_rows, n_rows):
        yield {name: values[start : start + n_rows] for name, values in split.columns.items()}


def n_steps(split: Split, batch_size: int) -> int:
    """Return how many batches one pass over the split takes."""
    return math.ceil(split.n_rows / batch_size)


def _in_memory(split: Split, config: Config, batch_size: int, seed: int | None) -> Any:
    assert split.columns is not None
    held = {name: tf.constant(value) for name, value in split.columns.items() if name != config.key}
    rows = tf.data.Dataset.range(split.n_rows)
    if seed is not None:
        rows = rows.shuffle(split.n_rows, seed=seed, reshuffle_each_iteration=True)

    def gather(index: Any) -> dict[str, Any]:
        return {name: tf.gather(value, index) for name, value in held.items()}

    return rows.batch(batch_size).map(tf.autograph.experimental.do_not_convert(gather))


def _streamed(split: Split, batch_size: int, seed: int | None) -> Any:
    records = _records(split.files)
    if seed is not None:
        records = records.shuffle(_SHUFFLE_BUFFER, seed=seed, reshuffle_each_iteration=True)
    return records.batch(batch_size).map(_parser(split.spec), num_parallel_calls=2)


def _records(files: Iterable[str]) -> Any:
    names = list(files)
    compression = "GZIP" if names and names[0].endswith(".gz") else ""
    return tf.data.TFRecordDataset(names, compression_type=compression)


def _parser(spec: Mapping[str, Any]) -> Callable[[Any], Any]:
    def parse(records: Any) -> Any:
        return tf.io.parse_example(records, dict(spec))

    return tf.autograph.experimental.do_not_convert(parse)


def _label_batches(files: Iterable[str], spec: Mapping[str, Any], label: str) -> Iterator[np.ndarray]:
    for part in _records(files).batch(_PARSE_BATCH).map(_parser({label: spec[label]})).as_numpy_iterator():
        yield part[label]


def _read_columns(files: Iterable[str], spec: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return _columns_of(_records(files), spec)


def _columns_of(records: Any, spec: Mapping[str, Any]) -> dict[str, np.ndarray]:
    parts = list(records.batch(_PARSE_BATCH).map(_parser(spec)).as_numpy_iterator())
    return {name: np.concatenate([part[name] for part in parts]) for name in spec} if parts else {}
