"""The cross-fitted reward model: what every action would have earned each user, by a model that never saw that user.

Ridge regression per action on the context, for the reward and for the unsubscribe at once. The sums that it needs are additive,
so that one pass over the log gives the models of all folds: the sums of the other folds are the total less the fold's. Called by
`measure`. Imports nothing heavy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from waze_data_tfx.errors import DataError

L2 = (1.0, 10.0, 100.0, 1000.0)
"""Ridges, in rows, of which each fold's model takes the one that errs least across the other folds; the first if these are one.
An action that they do not hold gets the mean of all actions, one with few rows comes near it."""
N_OUTCOMES = 2
"""Reward and unsubscribe; the latter is 0 throughout where the log has no such column."""


class Moments:
    """Sums of z z' per fold and action with z = [1, context, reward, unsubscribe]: [n_folds, n_actions, dim, dim] float64."""

    def __init__(self, n_folds: int, n_actions: int) -> None:
        """Hold no rows; the width is that of the first batch."""
        self.n_folds, self.n_actions = n_folds, n_actions
        self.sums: np.ndarray | None = None

    def add(self, context: np.ndarray, outcomes: np.ndarray, *, action: np.ndarray, fold: np.ndarray) -> "Moments":
        """Add decisions and return itself.

        Args:
            context: [n, context_dim].
            outcomes: reward and unsubscribe, [n, 2].
            action: numbers of the actions taken, [n].
            fold: of the users, [n] in 0..n_folds-1.

        Raises:
            DataError: a context is not finite.
        """
        if not np.isfinite(context).all():
            n_bad = int((~np.isfinite(context)).any(axis=1).sum())
            raise DataError(
                f"evaluation: split 'eval': the context of {n_bad} rows holds a number that is not finite",
                hint="fill missing values in preprocessing_fn",
            )
        z = np.concatenate([np.ones((len(context), 1)), context, outcomes], axis=1, dtype=np.float64)
        if self.sums is None:
            self.sums = np.zeros((self.n_folds, self.n_actions, z.shape[1], z.shape[1]))
        cell = fold * self.n_actions + action
        order = np.argsort(cell, kind="stable")
        ends = np.searchsorted(cell[order], np.arange(self.n_folds * self.n_actions + 1))
        for i in np.flatnonzero(np.diff(ends)):
            part = z[order[ends[i] : ends[i + 1]]]
            self.sums[divmod(int(i), self.n_actions)] += part.T @ part
        return self

    def merge(self, others: "Iterable[Moments]") -> "Moments":
        """Add other workers' sums and return itself."""
        for other in others:
            if other.sums is not None:
                if self.sums is None:
                    self.sums = other.sums.copy()
                else:
                    self.sums += other.sums  # in place: a wide context's sums are hundreds of megabytes
        return self


@dataclass(frozen=True)
class RewardModel:
    """Coefficients for the rows of each fold, learnt from the other folds.

    Attributes:
        coefficients: of [1, context], [n_folds, n_actions, 1 + context_dim, 2] float64.
        lower: least values of reward and unsubscribe, [2]; predictions are kept within, so that contributions are bounded.
        upper: largest values, [2].
        record: n_folds, l2, n_rows, and out of fold mse against mse_of_mean, which the mean alone would have.
    """

    coefficients: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    record: dict[str, Any]

    def predict(self, context: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """Return the expected reward and unsubscribe of every action, [n, n_actions, 2] float64."""
        x = np.concatenate([np.ones((len(context), 1)), context], axis=1, dtype=np.float64)
        n_folds, n_actions, dim, _ = self.coefficients.shape
        predicted = np.empty((len(x), n_actions, N_OUTCOMES))
        for f in range(n_folds):
            rows = fold == f
            flat = self.coefficients[f].transpose(1, 0, 2).reshape(dim, n_actions * N_OUTCOMES)
            predicted[rows] = (x[rows] @ flat).reshape(-1, n_actions, N_OUTCOMES)
        return predicted.clip(self.lower, self.upper)


def fit(moments: Moments, *, rewards: tuple[float, float]) -> RewardModel:
    """Return the model of every fold from the sums of the others.

    Args:
        moments: of the whole log.
        rewards: least and largest reward.

    Raises:
        DataError: fewer than two folds hold rows.
    """
    sums = moments.sums
    if sums is None or (sums[:, :, 0, 0].sum(axis=1) > 0).sum() < 2:
        raise DataError(
            "evaluation: split 'eval' holds users of fewer than two folds: no reward model can be cross-fitted",
            hint="raise the share of eval in data.split.buckets",
        )
    l2 = np.array([_best_ridge(np.delete(sums, f, axis=0)) for f in range(moments.n_folds)])
    coefficients, mean = _coefficients(sums, l2)
    record = {"source": "cross_fitted", "n_folds": moments.n_folds, "l2": l2.tolist(), **_out_of_fold(sums, coefficients, mean)}
    return RewardModel(coefficients, np.array([rewards[0], 0.0]), np.array([rewards[1], 1.0]), record)


def _best_ridge(sums: np.ndarray) -> float:
    """Return the ridge with the least error of the reward across these folds."""
    if (sums[:, :, 0, 0].sum(axis=1) > 0).sum() < 2:
        return L2[0]
    return min(L2, key=lambda l2: _out_of_fold(sums, *_coefficients(sums, np.full(len(sums), l2)))["mse"])


def _coefficients(sums: np.ndarray, l2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each fold's coefficients from the others' sums with its ridge [n_folds], and their mean outcomes [n_folds, 2]."""
    others = sums.sum(axis=0) - sums
    gram, target = others[:, :, :-N_OUTCOMES, :-N_OUTCOMES], others[:, :, :-N_OUTCOMES, -N_OUTCOMES:]
    mean = target[:, :, 0].sum(axis=1) / gram[:, :, 0, 0].sum(axis=1)[:, None]
    centred = target - gram[:, :, :, :1] * mean[:, None, None, :]
    coefficients = np.linalg.solve(gram + l2[:, None, None, None] * np.eye(gram.shape[-1]), centred)
    coefficients[:, :, 0] += mean[:, None]
    return coefficients, mean


def _out_of_fold(sums: np.ndarray, coefficients: np.ndarray, mean: np.ndarray) -> dict[str, float]:
    """Return the number of rows and the mean squared errors of the reward, each fold by the model that did not see it."""
    n = sums[:, :, 0, 0].sum()
    reward = sums.shape[-1] - N_OUTCOMES
    gram, target, square = sums[:, :, :reward, :reward], sums[:, :, :reward, reward], sums[:, :, reward, reward]
    theta = coefficients[..., 0]
    explained = np.einsum("fkd,fkd->fk", theta, (gram @ theta[..., None])[..., 0])
    error = square - 2 * np.einsum("fkd,fkd->fk", theta, target) + explained
    by_mean = square - 2 * mean[:, None, 0] * target[..., 0] + mean[:, None, 0] ** 2 * gram[:, :, 0, 0]
    return {"n_rows": int(n), "mse": float(error.sum() / n), "mse_of_mean": float(by_mean.sum() / n)}
