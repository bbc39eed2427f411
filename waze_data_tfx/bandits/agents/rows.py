"""How a log's batches, of whatever sizes, become pieces of one size, checked. Called by `learner`. Imports nothing heavy."""

from collections.abc import Iterator, Sequence

import numpy as np

from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.errors import DataError


def chunks(batches: Iterator[Batch], n_rows: int) -> Iterator[Batch]:
    """Yield the rows in their order, `n_rows` at a time and the rest at the end."""
    held: list[Batch] = []
    n_held = 0
    for batch in batches:
        start, n = 0, len(batch.action)
        while start < n:
            end = min(start + n_rows - n_held, n)
            held.append(Batch(*(np.asarray(column)[start:end] for column in batch)))
            n_held, start = n_held + end - start, end
            if n_held == n_rows:
                yield _joined(held)
                held, n_held = [], 0
    if n_held:
        yield _joined(held)


def check_rows(rows: Batch, problem: Problem) -> None:
    """Check what would be learnt from without an error and wrongly.

    Raises:
        DataError: an action is outside the set, a propensity outside (0, 1], a weight negative, a number not finite (ReLU makes
            0 of NaN, so that a loss may not show it).
    """
    possible = {
        "action": (rows.action >= 0) & (rows.action < problem.n_actions),
        "propensity": (rows.propensity > 0) & (rows.propensity <= 1),
        "weight": (rows.weight >= 0) & np.isfinite(rows.weight),
        "reward": np.isfinite(rows.reward),
        "context": np.isfinite(rows.context).all(axis=1),
    }
    expected = {"action": f"0..{problem.n_actions - 1}", "propensity": "more than 0 and at most 1", "weight": "0 or more"}
    for name, fine in possible.items():
        if not np.all(fine):
            first = np.asarray(getattr(rows, name))[~fine][0]
            what = f"{name}: {int((~fine).sum())} rows are impossible; received {first}"
            raise DataError(f"{what}; expected {expected.get(name, 'finite numbers')}")


def _joined(batches: Sequence[Batch]) -> Batch:
    return Batch(*(np.concatenate(columns) for columns in zip(*batches, strict=True)))
