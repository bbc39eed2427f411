"""A first config for a file of one's own: what is learnt, which columns are features and how, and what a model must beat.

Called by `waze-tfx new --data`. Every choice stands in the config with its reason, for a person to change. Reads the file's
first rows through `data.profile`; writes one file and never overwrites one.
"""

import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from .config.section import Task
from .data.profile import MAX_ROWS, Column, of_file, profile
from .data.sources import columns, format_of
from .errors import DataError, UserError, did_you_mean

LABEL_NAMES = ("label", "target", "y", "class", "outcome")
MAX_CLASSES = 20
MAX_CATEGORIES = 32
MAX_VOCABULARY = 1000
TEXT_WORDS = 4
NEARLY_ALL = 0.9
SAME = 0.999
"""A feature whose correlation with the label is beyond this is the label again."""
STEPS = 1500
FEW_ROWS = 5_000
MIN_ROWS = 40
"""With fewer, that every value is another one says little."""
LEAST_ROWS = 10
"""With fewer there is nothing to learn, and a split may be empty."""
NEARLY_NUMBERS = 0.05
"""A text with at most this share of values that are no numbers is told apart: are they mistakes?"""
Group = Literal["dense", "category", "vocabulary", "hash", "text", "time"]


@dataclass
class Proposal:
    """What the config will say, and why."""

    label: str
    task: Task
    label_note: str
    classes: list[Any] = field(default_factory=list)
    features: list[tuple[Group, str, Any, str]] = field(default_factory=list)
    """(group, column, settings, note); settings None for none."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    metrics: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    n_rows: int = 0
    n_unlabelled: int = 0
    scale: float = 1.0


def create(target: Path, data: Path, label: str | None = None) -> tuple[Path, Proposal]:
    """Write `target`/config.yaml for the file and return its path and what was decided.

    Raises:
        UserError: a name that cannot be one, a folder that is not empty, or a label that is not in the file.
        DataError: the file cannot be read, or no column of it can be learnt from.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", target.name):
        raise UserError(f"new {target.name}: expected lower-case letters, digits, - and _, beginning with a letter")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: is not empty; nothing was written", hint="choose another name, or remove it")
    if not data.is_file():
        raise UserError(f"--data {data}: no such file; expected a CSV or Parquet file")
    proposal = propose(data, label)
    try:
        target.mkdir(parents=True, exist_ok=True)
        path = target / "config.yaml"
        with path.open("x", encoding="utf-8") as file:
            file.write(_text(target, data, proposal))
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}", hint="choose another place") from error
    return path, proposal


def propose(data: Path, label: str | None = None) -> Proposal:
    """Return what the file's first rows suggest.

    Raises:
        UserError: no such label.
        DataError: the file cannot be read, or no column of it can be learnt from.
    """
    kind = format_of(data)
    known = columns(data, kind)
    if known is None:
        raise UserError(f"--data {data}: a TFRecord does not say what it holds; expected a CSV or Parquet file")
    chosen = label or next((name for name in LABEL_NAMES if name in known), known[-1])
    if chosen not in known:
        raise UserError(f"--label {chosen}: column is not in {data.name}; known: {', '.join(known)}{did_you_mean(chosen, known)}")
    found = {column.name: column for column in profile(of_file(data, kind), chosen)}
    if found[chosen].n_rows < LEAST_ROWS:
        raise DataError(
            f"{data}: received {found[chosen].n_rows} rows; expected {LEAST_ROWS} or more",
            hint="give a file with some hundreds of rows",
        )
    proposal = _of_label(found[chosen], data, guessed=label is None)
    for column in found.values():
        if column.name != chosen:
            _add_feature(proposal, column)
    if not proposal.features:
        raise DataError(f"{data}: no column is left to learn from: {'; '.join(f'{n}: {why}' for n, why in proposal.left_out)}")
    return proposal


def _of_label(label: Column, data: Path, *, guessed: bool) -> Proposal:
    """Decide what is learnt, and what a constant prediction would reach."""
    present = label.n_rows - label.n_missing
    by_hand = " (guessed; another: --label COLUMN)" if guessed else ""
    if label.n_distinct < 2:
        raise DataError(f"{data}: label '{label.name}' has {label.n_distinct} different values; expected 2 or more")
    few = label.n_distinct <= MAX_CLASSES and label.n_distinct * 10 <= present
    if label.type == "string" and label.n_distinct > MAX_CLASSES:
        raise DataError(
            f"{data}: label '{label.name}' holds text of {label.n_distinct} different values{_nearly_numbers(label)}; "
            f"expected a number, or at most {MAX_CLASSES} classes",
            hint="name another column with --label",
        )
    if label.type == "float" or (label.type == "int" and not few):
        note = f"numbers from {label.least:g} to {label.greatest:g}{by_hand}"
        proposal = Proposal(label.name, "regression", note)
        error = label.median_error or 0.0
        proposal.scale = float(f"{max(error, 1e-6):.1g}")
        bound = float(f"{error:.4g}")
        proposal.metrics = [
            ({"name": "mae", "upper_bound": bound}, "predicting the median of all rows: this"),
            ({"name": "rmse"}, ""),
        ]
    else:
        proposal = _classification(label, by_hand)
    proposal.n_rows, proposal.n_unlabelled = label.n_rows, label.n_missing
    return proposal


def _classification(label: Column, by_hand: str) -> Proposal:
    binary = label.n_distinct == 2
    task: Task = "binary_classification" if binary else "multiclass_classification"
    proposal = Proposal(label.name, task, f"{label.n_distinct} different values{by_hand}")
    proposal.classes = sorted(value for value, _ in label.frequent)
    value, count = label.frequent[0]
    share = count / (label.n_rows - label.n_missing)
    always = ({"name": "accuracy", "lower_bound": float(f"{share:.3g}")}, f"always saying {value}: this")
    if not binary:
        proposal.metrics = [always, ({"name": "categorical_crossentropy"}, "")]
    elif share <= 0.8:
        proposal.metrics = [({"name": "auc", "lower_bound": 0.6}, "guessing: 0.5"), always]
    else:
        proposal.metrics = [
            ({"name": "auc", "lower_bound": 0.6}, "guessing: 0.5"),
            ({"name": "accuracy"}, f"always saying {value}: {share:.3g}; too near to 1 to be a bound"),
        ]
    return proposal


def _add_feature(proposal: Proposal, column: Column) -> None:
    """Put the column into a group of features, or say why it is left out."""
    reason = _no_feature(column)
    if reason:
        proposal.left_out.append((column.name, reason))
        return
    missing = f"; {column.n_missing / column.n_rows:.1%} missing" if column.n_missing else ""
    if column.type == "string":
        group, settings, note = _text_feature(column)
    elif (
        column.type == "int"
        and column.n_distinct <= MAX_CATEGORIES
        and (column.least or 0) >= 0
        and (column.greatest or 0) <= 100
    ):
        group, settings, note = "category", max(int(column.greatest or 0) + 1, 2), f"{column.least:g} to {column.greatest:g}"
    else:
        group, settings = "dense", {"indicator": True} if column.n_missing else None
        note = f"{column.least:g} to {column.greatest:g}"
    proposal.features.append((group, column.name, settings, note + missing))


def _text_feature(column: Column) -> tuple[Group, Any, str]:
    group: Group
    if column.moments:
        return "time", {}, "dates or times"
    if column.n_words >= TEXT_WORDS and column.n_distinct > MAX_CATEGORIES:
        return "text", 1000, f"free text of {column.n_words:.0f} words"
    if column.n_distinct <= MAX_VOCABULARY:
        group, size = "vocabulary", min(column.n_distinct, 100)
    else:
        group, size = "hash", 1000
    return group, size, f"{column.n_distinct} different texts{_nearly_numbers(column)}"


def _nearly_numbers(column: Column) -> str:
    """Say which values keep a column from being numbers, if they are few."""
    present = column.n_rows - column.n_missing
    if not 0 < column.n_no_number <= NEARLY_NUMBERS * present:
        return ""
    return f"; numbers but for {column.n_no_number} of {present} rows, such as {column.no_number!r:.40}"


def _no_feature(column: Column) -> str:
    """Return why the column is none, or nothing."""
    present = column.n_rows - column.n_missing
    if column.n_distinct < 2:
        return "no value" if not present else "the same value in every row"
    if column.correlation is not None and abs(column.correlation) > SAME:
        return f"the label again: correlation {column.correlation:.4f}"
    alone = present >= MIN_ROWS and column.n_distinct > NEARLY_ALL * present
    if alone and column.type == "string" and not column.moments and column.n_words < TEXT_WORDS:
        return _nearly_numbers(column).removeprefix("; ") or "another text in nearly every row: an id?"
    counted = column.n_distinct == present and (column.greatest or 0) - (column.least or 0) == present - 1
    named = re.search(r"(^|[_ ])id$", column.name, re.IGNORECASE) is not None
    if alone and column.type == "int" and (counted or named):
        return "another number in every row: an id?" if named else "counts the rows"
    return ""


def _text(target: Path, data: Path, proposal: Proposal) -> str:
    """Return the config with a comment for each choice."""
    head = CommentedMap()
    head["name"] = target.name
    head["task"] = proposal.task
    head["label"] = proposal.label
    head.yaml_add_eol_comment(proposal.label_note, "label")
    for key, value in _class_keys(proposal).items():
        head[key] = value
        if key == "classes" and len(value) == 2:
            head.yaml_add_eol_comment("the second is the positive one", key)
    head["data"] = _data(target, data, proposal)
    head["features"] = _features(proposal)
    head["model"], head["training"] = _model(proposal)
    head["evaluation"] = CommentedMap(metrics=_metrics(proposal))
    head["evaluation"].yaml_set_comment_before_after_key(
        "metrics", before="a model must beat these to be pushed; when one has been, add absolute_change", indent=2
    )
    if proposal.left_out:
        said = "\n".join(f"{name}: {why}" for name, why in proposal.left_out)
        head.yaml_set_comment_before_after_key("model", before=f"left out of the features:\n{said}", indent=0)
    rows = f"the first {MAX_ROWS:,}" if proposal.n_rows == MAX_ROWS else f"{proposal.n_rows:,}"
    return (
        f"# A first config for {data.name}, made from {rows} rows by `waze-tfx new --data`: look at every choice, then\n"
        f"#\n#   waze-tfx run {target.name}/config.yaml\n#\n"
        f"# Every key, its meaning and default: docs/config.md, or `waze-tfx schema --markdown`.\n{_dumped(head)}"
    )


def _class_keys(proposal: Proposal) -> dict[str, Any]:
    """Return the keys that say which classes there are; 0, 1, ... need no names."""
    classes = proposal.classes
    if not classes or classes == [0, 1]:
        return {}
    return {"n_classes": len(classes)} if classes == list(range(len(classes))) else {"classes": _flow(classes)}


def _data(target: Path, data: Path, proposal: Proposal) -> CommentedMap:
    near = data.resolve().is_relative_to(target.resolve().parent)
    node = CommentedMap(input=os.path.relpath(data.resolve(), target.resolve()) if near else str(data.resolve()))
    if proposal.n_unlabelled:
        name = '"' + proposal.label.replace('"', '""') + '"'
        node["rules"] = [_flow({"name": "missing label", "drop": f"{name} IS NULL"})]
        share = proposal.n_unlabelled / proposal.n_rows
        if share > 0.4:
            node["max_dropped"] = min(1.0, round(share + 0.1, 2))
    return node


def _features(proposal: Proposal) -> CommentedMap:
    node = CommentedMap()
    for group in dict.fromkeys(group for group, *_ in proposal.features):
        members = [(name, settings, note) for g, name, settings, note in proposal.features if g == group]
        if all(settings is None for _, settings, _ in members):
            names = CommentedSeq([name for name, _, _ in members])
            for i, (_, _, note) in enumerate(members):
                names.yaml_add_eol_comment(note, i)
            node[group] = names
        else:
            node[group] = CommentedMap({name: _flow(settings or {}) for name, settings, _ in members})
            for name, _, note in members:
                node[group].yaml_add_eol_comment(note, name)
    return node


def _model(proposal: Proposal) -> tuple[CommentedMap, CommentedMap]:
    """Return a model and a training of about STEPS steps, fewer where the rows are few."""
    batch_size = 32 if proposal.n_rows < FEW_ROWS else 128 if proposal.n_rows < 100_000 else 1024
    epochs = min(30, max(3, round(STEPS * batch_size / (proposal.n_rows * 2 / 3))))
    model = CommentedMap(hidden_units=_flow([64, 32]))
    if proposal.n_rows < FEW_ROWS:
        model["dropout"] = 0.2
    if proposal.task == "regression":
        model["loss"] = "mae"
        if proposal.scale != 1.0:
            model["label_scale"] = proposal.scale
            model.yaml_add_eol_comment("trained on the label divided by this; predictions are not", "label_scale")
    model["optimizer"] = _flow({"name": "adam", "learning_rate": 0.003, "schedule": "cosine", "warmup": 0.1})
    return model, CommentedMap(epochs=epochs, batch_size=batch_size)


def _metrics(proposal: Proposal) -> CommentedSeq:
    items = CommentedSeq([_flow(metric) for metric, _ in proposal.metrics])
    for i, (_, note) in enumerate(proposal.metrics):
        if note:
            items.yaml_add_eol_comment(note, i)
    return items


def _flow(value: Any) -> Any:
    if not isinstance(value, dict | list):
        return value
    node = CommentedMap(value) if isinstance(value, dict) else CommentedSeq(value)
    node.fa.set_flow_style()
    return node


def _dumped(node: CommentedMap) -> str:
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(node, stream)
    return stream.getvalue()
