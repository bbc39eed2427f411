"""How well each column and each transformed feature predicts the label alone, and whether the label moves a feature.

Called by `jobs` for the leak check. Imports TensorFlow at the top, scikit-learn inside its functions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.records import parse
from waze_data_tfx.errors import UserError

from . import data, fitting
from .comparison import differences
from .fitting import Rows

MIN_ROWS = 40
DEPTH = 8
MIN_LEAF = 2


def measure(config: Config, rows: Rows | None, n_rows: int, folder: Path) -> dict[str, Any]:
    """Return {"differences": what the labels move, "scores": {name: score}, "columns": input columns, "n_rows", "metric"}.

    Raises:
        UserError: too few rows, a label of one value, or scikit-learn is not installed.
        DataError: the config's data cannot be read.
    """
    examples = fitting.encoded(config, rows) if rows is not None else data.examples(config, n_rows)
    if len(examples) < MIN_ROWS:
        raise UserError(f"check_no_leak: received {len(examples)} rows; expected at least {MIN_ROWS}", hint="give more rows")
    fit = fitting.fit(config, examples, folder / "as_is")
    outputs = fit.apply(examples)
    labels = np.asarray(outputs[config.label].numpy(), np.float64).reshape(len(examples), -1)
    features = fitting.listed(outputs, config)
    raw = [parse(example) for example in examples]
    scores = {name: score(labels, [row.get(name, []) for row in raw], config.task) for name in config.features.column_types()}
    scores |= {name: score(labels, [row[name] for row in features], config.task) for name in features[0]}
    return {
        "differences": _moved(config, examples, features, folder),
        "scores": scores,
        "n_rows": len(examples),
        "metric": "R2" if not config.class_names else "area under the ROC curve",
    }


def score(labels: np.ndarray, values: Sequence[Any], task: str) -> float:
    """Return the held-out score of a tree on one feature: R2 or the largest one-against-the-rest area under the ROC curve.

    Args:
        labels: [n, n_labels]; numbers, classes, or one column of 0 and 1 per label.
        values: the feature, [n]: numbers, texts or lists; an empty list or NaN is missing.
        task: the config's.

    Raises:
        UserError: scikit-learn is not installed.
    """
    try:
        from sklearn.metrics import r2_score, roc_auc_score
        from sklearn.tree import DecisionTreeRegressor
    except ImportError as error:
        raise UserError("check_no_leak needs scikit-learn", hint="pip install scikit-learn") from error
    train = np.arange(len(labels)) % 2 == 0
    best = 0.0
    for target in _targets(labels, task):
        if len(set(target[train])) < 2 or len(set(target[~train])) < 2:
            continue
        matrix = _matrix(values, target, train)
        tree = DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=MIN_LEAF, random_state=0)
        predicted = tree.fit(matrix[train], target[train]).predict(matrix[~train])
        judge = r2_score if task in ("regression", "bandit") else roc_auc_score
        best = max(best, float(judge(target[~train], predicted)))
    return best


def _targets(labels: np.ndarray, task: str) -> list[np.ndarray]:
    """Return what is predicted: the label itself, or 0 and 1 for each class."""
    if task != "multiclass_classification":
        return list(labels.T)
    classes = np.unique(labels)
    return [(labels[:, 0] == one).astype(np.float64) for one in classes]


def _matrix(values: Sequence[Any], target: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return [n, width] numbers: ragged rows are padded; a text becomes the mean target of its training rows."""
    rows = [value if isinstance(value, list) else [value] for value in values]
    rows = [list(np.ravel(np.asarray(row, object))) for row in rows]
    width = max(max(len(row) for row in rows), 1)
    columns = []
    for i in range(width):
        column = [row[i] if i < len(row) else None for row in rows]
        texts = any(isinstance(value, str | bytes) for value in column)
        columns.append(_means(column, target, train) if texts else _numbers(column))
    return np.stack(columns, axis=1)


def _numbers(column: Sequence[Any]) -> np.ndarray:
    numbers = np.array([np.nan if value is None else float(value) for value in column])
    finite = np.isfinite(numbers)
    return np.where(finite, numbers, (numbers[finite].min() - 1) if finite.any() else 0.0)


def _means(column: Sequence[Any], target: np.ndarray, train: np.ndarray) -> np.ndarray:
    groups: dict[Any, list[float]] = {}
    for value, y, is_train in zip(column, target, train, strict=True):
        if is_train:
            groups.setdefault(value, []).append(y)
    overall = float(target[train].mean())
    return np.array([float(np.mean(groups[value])) if value in groups else overall for value in column])


def _moved(
    config: Config, examples: Sequence[bytes], features: Sequence[Mapping[str, Any]], folder: Path
) -> list[dict[str, Any]]:
    """Return which features differ when the labels stand in another order, and when there are none."""
    found = []
    for how, changed in (
        ("reversed", data.labels_reversed(config, examples)),
        ("removed", data.labels_removed(config, examples)),
    ):
        again = fitting.fit(config, changed, folder / how)
        received = fitting.listed(again.apply(changed), config)
        found += differences(features, received, names=("with its labels", f"with labels {how}"))
    return found
