"""Classification data as a bandit: a row's features are the context, its classes the actions, the right one earns 1, others 0.

The data is a CSV file with a header and a label column. Numbers become z-scores, texts one column per value. Imports TensorFlow.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.environments.table import Table
from waze_data_tfx.errors import DataError, UserError, unknown_name

MAX_VALUES = 100
"""Of a text column; one with more is no category."""


def classification(*, file: str, label: str, columns: Sequence[str] | None = None) -> Table:
    """Return the environment of a file.

    A column whose values all read as numbers becomes its z-score, and 0 where missing, with a column that says so if any is;
    another one column of 0 or 1 per value, the empty one too. A constant comes in front, for agents without an intercept.

    Args:
        file: CSV with a header.
        label: column with the class.
        columns: which columns are the context; default: all others.

    Raises:
        DataError: the file cannot be read, or a row has no label or another length.
        UserError: a column that is not there.
    """
    header, rows = _rows(Path(file))
    for name in (label, *(columns or ())):
        if name not in header:
            raise UserError(f"{'label' if name == label else 'columns'}: {file}: {unknown_name('column', name, header)}")
    values = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    classes = sorted(set(values[label]), key=lambda c: (not c.isdigit(), int(c) if c.isdigit() else 0, c))
    if "" in classes:
        raise DataError(f"{file}: {values[label].count('')} rows have no {label}; expected a class in every row")
    if len(classes) < 2:
        raise DataError(f"{file}: column {label} has one class, {classes[0]!r}; expected two or more")
    used = list(columns) if columns else [name for name in header if name != label]
    context = np.concatenate([np.ones((len(rows), 1)), *(_encoded(file, name, values[name]) for name in used)], axis=1)
    expected = np.array([[value == c for c in classes] for value in values[label]], float)
    note = f"{len(rows):,} rows of {file}, {len(classes)} classes of {label}, {context.shape[1]} numbers per row"
    return Table(Problem(tuple(classes), context.shape[1]), context, expected, notes=(note,))


def _rows(file: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            header, *rows = list(csv.reader(opened)) or [[]]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"file: {file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    rows = [row for row in rows if row]
    odd = next((i for i, row in enumerate(rows) if len(row) != len(header)), None)
    if odd is not None:
        raise DataError(f"{file}: row {odd + 1} has {len(rows[odd])} values; expected {len(header)}, as many as the header")
    if not rows:
        raise DataError(f"{file}: holds no row below its header; expected one or more")
    return header, rows


def _encoded(file: str, name: str, values: list[str]) -> np.ndarray:
    """Return a column as numbers, [n_rows, m]."""
    missing = np.array([value.strip() == "" for value in values])
    try:
        numbers = np.array([float(v) for v, m in zip(values, missing, strict=True) if not m])
    except ValueError:
        found = sorted(set(values))
        if len(found) > MAX_VALUES:
            raise DataError(
                f"{file}: column {name} has {len(found)} texts; expected at most {MAX_VALUES}",
                hint="leave it out: environment.columns",
            ) from None
        return np.array([[value == f for f in found] for value in values], float)
    if not np.isfinite(numbers).all():
        raise DataError(f"{file}: column {name} holds a number that is not finite")
    scaled = np.zeros(len(values))
    if len(numbers):
        scaled[~missing] = (numbers - numbers.mean()) / (numbers.std() or 1.0)
    return np.stack([scaled, missing] if missing.any() else [scaled], axis=1)
