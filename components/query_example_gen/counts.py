"""What became of the rows: counts of one file or of all, and whether they can train a model.

Called by `logic`, which counts, and by component.py, which adds up and judges. Knows nothing of TFX and reads no file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from waze_data_tfx.bandits.log_checks import LogCounts, from_json, to_json
from waze_data_tfx.components.query_example_gen.decisions import judged
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.query import check_window
from waze_data_tfx.errors import DataError, did_you_mean

N_UNKNOWN = 100
"""Texts that are no class, and values that are no split, of which the rows are counted one by one."""
N_SHOWN = 3


@dataclass
class Counts:
    """What became of the rows."""

    rows: int = 0
    rejected: dict[str, int] = field(default_factory=dict)  # reason: rows with a value that cannot be read
    first_rejected: str = ""
    dropped: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    split_missing: int = 0  # rows without a value in the column that decides
    split_unknown: dict[str, int] = field(default_factory=dict)  # value that names no split: its rows, of the first N_UNKNOWN
    split_unknown_more: int = 0  # rows with other such values
    label_missing: int = 0
    label_unknown: dict[str, int] = field(default_factory=dict)  # text that is no class: its rows, of the first N_UNKNOWN texts
    label_unknown_more: int = 0  # rows with other such texts
    label_classes: dict[str, dict[str, int]] = field(default_factory=dict)  # split: {class: rows}
    weight_missing: int = 0
    weight_negative: int = 0
    weights: dict[str, float] = field(default_factory=dict)  # split: sum of the weights
    present: dict[str, int] = field(default_factory=dict)  # column: values in the rows that are kept
    log: dict[str, Any] = field(default_factory=dict)  # of a bandit: LogCounts as plain values

    def add(self, other: "Counts") -> None:
        """Add another file's counts."""
        for name in (
            "rows",
            "split_missing",
            "split_unknown_more",
            "label_missing",
            "label_unknown_more",
            "weight_missing",
            "weight_negative",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first_rejected = self.first_rejected or other.first_rejected
        for name in ("rejected", "dropped", "splits", "present", "weights"):
            add(getattr(self, name), getattr(other, name))
        self._add_log(other.log)
        self.add_unknown(other.label_unknown)
        self.add_unplaced(0, other.split_unknown)
        for split, classes in other.label_classes.items():
            add(self.label_classes.setdefault(split, {}), classes)

    def _add_log(self, other: dict[str, Any]) -> None:
        if other:
            mine = from_json(self.log) if self.log else LogCounts()
            mine.add(from_json(other))
            self.log = to_json(mine)

    def add_unplaced(self, n_missing: int, values: Mapping[str, int]) -> None:
        """Add rows of no split: without a value, and by value."""
        self.split_missing += n_missing
        for value, n in values.items():
            if value in self.split_unknown or len(self.split_unknown) < N_UNKNOWN:
                self.split_unknown[value] = self.split_unknown.get(value, 0) + n
            else:
                self.split_unknown_more += n

    def add_unknown(self, texts: Mapping[str, int]) -> None:
        """Add rows by texts that are no class."""
        for text, n in texts.items():
            if text in self.label_unknown or len(self.label_unknown) < N_UNKNOWN:
                self.label_unknown[text] = self.label_unknown.get(text, 0) + n
            else:
                self.label_unknown_more += n


def summarise(
    config: Config, counts: Sequence[Counts], letters: Path | None = None, staging: str | None = None
) -> dict[str, Any]:
    """Add the counts up and return what goes into rows.json.

    Args:
        config: says what is too much.
        counts: of each part.
        letters: where the rejected rows are.
        staging: where the parts left the decisions' ids, of a bandit's log.

    Raises:
        DataError: no row, too few in the window, too many rejected or dropped, rows of no split, a label or weight that cannot be
            used in a kept row, a feature without any value, an empty split, or a log that nothing can be learnt from.
    """
    total = Counts(dropped={r.name: 0 for r in config.data.rules}, splits=dict.fromkeys(config.data.split.names, 0))
    for part in counts:
        total.add(part)
    where = config.data.named
    n_dropped = sum(total.dropped.values())
    rejected = f" rejected {sum(total.rejected.values())}," if total.rejected else ""
    by_rule = ", ".join(f"{name}: {n}" for name, n in total.dropped.items()) or "no rules"
    check_window(config, total.rows)
    if not total.rows:
        raise DataError(f"{where}: no rows; expected at least one row per split", hint="look how the file was written")
    _check_rejected(config, total, letters)
    n_kept = total.rows - n_dropped - sum(total.rejected.values())
    if n_dropped > config.data.max_dropped * total.rows:
        raise DataError(
            f"{where}: rules dropped {n_dropped} of {total.rows} rows ({by_rule}); expected at most a share of "
            f"{config.data.max_dropped:g} (data.max_dropped)",
            hint="look at the rules' conditions, or raise data.max_dropped",
        )
    _check_placed(config, total, n_kept)
    _check_label(config, total, n_kept)
    _check_weight(config, total, n_kept)
    empty = [name for name, n in total.splits.items() if not n]
    if empty:
        raise DataError(
            f"{where}: split '{empty[0]}' is empty; rows read {total.rows},{rejected} dropped {n_dropped} ({by_rule}), "
            f"splits {', '.join(f'{s}: {n}' for s, n in total.splits.items())}; expected at least one row per split",
            hint=_more_rows(config, empty[0]),
        )
    _check_features(config, total, n_kept)
    return {
        "rows_read": total.rows,
        "rejected": total.rejected,
        "dropped": total.dropped,
        "splits": total.splits,
        "label_missing": total.label_missing,
        **({"label_classes": total.label_classes} if config.class_names else {}),
        **({"weights": total.weights} if config.weight else {}),
        **({"log": judged(config, total.log, staging)} if config.bandit else {}),
    }


def summarise_serving(config: Config, counts: Sequence[Counts], letters: Path | None = None) -> dict[str, Any]:
    """Add up the counts of serving rows; a feature that none of them has is no error here: SkewValidator says so.

    Raises:
        DataError: no row, or too many rejected.
    """
    total = Counts(splits=dict.fromkeys(config.data.split.names, 0))
    for part in counts:
        total.add(part)
    if not total.rows:
        raise DataError(
            f"monitoring.skew.input: {config.data.named}: no rows; expected at least one", hint="look how the file was written"
        )
    _check_rejected(config, total, letters)
    return {"rows_read": total.rows, "rejected": total.rejected, "dropped": total.dropped, "splits": total.splits}


def add(mine: dict[str, Any], theirs: Mapping[str, Any]) -> None:
    """Add counts by name to `mine`."""
    for name, n in theirs.items():
        mine[name] = mine.get(name, 0) + n


def counts_to_json(counts: Counts) -> str:
    """Return the counts as one line of JSON."""
    return json.dumps(asdict(counts))


def counts_from_json(text: str) -> Counts:
    """Read what `counts_to_json` wrote."""
    values = json.loads(text)
    return Counts(**{f.name: values[f.name] for f in fields(Counts)})


def _more_rows(config: Config, split: str) -> str:
    ways = {
        "hash": f"give more rows, a larger share to data.split.buckets.{split}, or more columns to data.split.by",
        "time": "look at data.split.time.starts and at the times of the rows",
        "column": f"look at data.split.values.{split} and at the values of {config.data.split.column}",
    }
    return ways[config.data.split.kind]


def _check_placed(config: Config, total: Counts, n_kept: int) -> None:
    split = config.data.split
    n_unknown = sum(total.split_unknown.values()) + total.split_unknown_more
    if not total.split_missing + n_unknown:
        return
    column = split.time.column if split.time else split.column
    key = "time.column" if split.time else "column"
    rule = f"{{name: no {column}, drop: '\"{column}\" IS NULL'}}"
    if not n_unknown:
        raise DataError(
            f"{config.data.named}: data.split.{key}: '{column}' has no value in {total.split_missing} of {n_kept} kept rows; "
            "expected one in every row, which says its split",
            hint=f"mend the rows, or drop them by a rule under data.rules: {rule}",
        )
    worst = sorted(total.split_unknown.items(), key=lambda item: (-item[1], item[0]))
    known = [text for texts in split.texts.values() for text in texts]
    shown = ", ".join(f"'{value}' in {n}" for value, n in worst[:N_SHOWN])
    more = f", other values in {n_unknown - sum(n for _, n in worst[:N_SHOWN])}" if len(worst) > N_SHOWN else ""
    missing = f", none in {total.split_missing}" if total.split_missing else ""
    raise DataError(
        f"{config.data.named}: data.split.column: '{column}' names no split in {n_unknown + total.split_missing} of {n_kept} "
        f"kept rows: received {shown}{more}{missing}; known: {', '.join(known)}{did_you_mean(worst[0][0], known)}",
        hint="mend the rows, name the value under data.split.values, or leave such rows out with data.split.others: drop",
    )


def _check_rejected(config: Config, total: Counts, letters: Path | None) -> None:
    n, share = sum(total.rejected.values()), config.data.max_rejected
    if n <= share * total.rows:
        return
    reasons = ", ".join(f"{reason}: {m}" for reason, m in sorted(total.rejected.items(), key=lambda item: -item[1]))
    raise DataError(
        f"{config.data.named}: {n} of {total.rows} rows hold a value that cannot be read ({reasons}), the first: "
        f"{total.first_rejected}; expected at most a share of {share:g} (data.max_rejected)",
        hint=f"look at the rejected rows in {letters}; mend them, or raise data.max_rejected",
    )


def _check_label(config: Config, total: Counts, n_kept: int) -> None:
    _check_classes(config, total, n_kept)
    if not total.label_missing:
        return
    n, rule = total.label_missing, f"{{name: no {config.label}, drop: '\"{config.label}\" IS NULL'}}"
    several = config.task == "multilabel_classification"
    no_class = "; if an empty field means a row without any class, set label_empty: no_class" if several else ""
    if n == n_kept:
        raise DataError(
            f"{config.data.named}: label '{config.label}' has no value in any of the {n_kept} rows that are kept",
            hint="check the column named by `label`",
        )
    raise DataError(
        f"{config.data.named}: label '{config.label}' is missing in {n} of {n_kept} kept rows; expected a value in every row",
        hint=f"if these rows may go, say so by a rule under data.rules: {rule}{no_class}",
    )


def _check_classes(config: Config, total: Counts, n_kept: int) -> None:
    if not total.label_unknown:
        return
    worst = sorted(total.label_unknown.items(), key=lambda item: (-item[1], item[0]))
    (value, n), n_more = worst[0], sum(n for _, n in worst[1:]) + total.label_unknown_more
    others = f", and other texts in {n_more}" if n_more else ""
    raise DataError(
        f"{config.data.named}: label '{config.label}': received '{value}' in {n} of {n_kept} kept rows{others}; "
        f"expected one of the classes {', '.join(config.class_names)}{did_you_mean(value, config.class_names)}",
        hint="mend the rows, name the class under `classes`, or drop the rows by a rule under data.rules",
    )


def _check_weight(config: Config, total: Counts, n_kept: int) -> None:
    if config.weight is None or not n_kept:
        return
    where, rule = f"{config.data.named}: weight '{config.weight}'", f"drop: '\"{config.weight}\" IS NULL'"
    if total.weight_missing:
        raise DataError(
            f"{where} is missing or not finite in {total.weight_missing} of {n_kept} kept rows; expected a number in every row",
            hint=f"write 1 where a row counts once, or drop such rows by a rule under data.rules: {{name: no weight, {rule}}}",
        )
    if total.weight_negative:
        raise DataError(
            f"{where} is negative in {total.weight_negative} of {n_kept} kept rows; expected 0 or more",
            hint="mend the rows, or drop them by a rule under data.rules",
        )
    empty = [split for split, weight in total.weights.items() if total.splits[split] and not weight]
    if empty:
        raise DataError(f"{where} is 0 in every row of split '{empty[0]}'; expected a row that counts", hint="look at the column")


def _check_features(config: Config, total: Counts, n_kept: int) -> None:
    empty = [name for name in config.features.column_types() if n_kept and not total.present.get(name)]
    if not empty:
        return
    groups = (*config.features.groups().items(), ("custom", config.features.custom))
    keys = [f"features.{group}.{name}" for name in empty for group, members in groups if name in members]
    columns = f"column '{empty[0]}' has" if len(empty) == 1 else f"columns {', '.join(repr(name) for name in empty)} have"
    raise DataError(
        f"{config.data.named}: {columns} no value in any of the {n_kept} rows that are kept; expected at least one",
        hint=f"mend the data or the name, or take out {', '.join(keys)}",
    )
