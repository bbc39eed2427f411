"""Logged rounds beside what the evaluated policy would have done in them; checked when made.

Made by whoever reads a log; read by `terms`, `plan` and `diagnostics`. Never repairs a value: what cannot be used is a DataError.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from waze_data_tfx.errors import DataError

SUM_TOLERANCE = 1e-4
"""By how much a row's float32 probabilities may miss 1."""


@dataclass(frozen=True)
class Rounds:
    """n logged decisions among n_actions, and one policy that is evaluated on them.

    A row in which nothing is eligible holds the fallback action with propensity 1: there the action is not looked for among the
    eligible ones, and the evaluated policy's probabilities sum to 1 (its fallback) or 0 (no action, which earns nothing).

    Attributes:
        action: number of the action that was taken, [n] int.
        reward: what it earned, [n] float; any outcome will do, such as 1 for an unsubscription.
        propensity: probability with which the logging policy took that action, [n] float in (0, 1].
        probabilities: of the evaluated policy, [n, n_actions] float; 0 where not eligible, a row sums to 1.
        eligible: actions that could be taken, [n, n_actions] bool.
        q_hat: expected reward of every action by a model that was not fitted on the row, [n, n_actions] float; None: no model.

    Raises:
        DataError: a value cannot be used; says which, how many and the first row.
    """

    action: np.ndarray
    reward: np.ndarray
    propensity: np.ndarray
    probabilities: np.ndarray
    eligible: np.ndarray
    q_hat: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_log(self)
        _check_probabilities(self)
        if self.q_hat is not None:
            _refuse(~np.isfinite(self.q_hat).all(axis=1), "q_hat", self.q_hat, "finite numbers")

    @property
    def n_rows(self) -> int:
        """Return the number of rounds."""
        return len(self.action)

    @property
    def n_actions(self) -> int:
        """Return the number of actions."""
        return self.probabilities.shape[1]

    @property
    def weight(self) -> np.ndarray:
        """Return the importance weights pi(a|x) / propensity, [n]."""
        return at(self.probabilities, self.action) / np.asarray(self.propensity, np.float64)

    def under(self, probabilities: np.ndarray) -> "Rounds":
        """Return the same rounds for another policy, [n, n_actions]."""
        return dataclasses.replace(self, probabilities=probabilities)

    def with_outcome(self, reward: np.ndarray, q_hat: np.ndarray | None = None) -> "Rounds":
        """Return the same rounds with another outcome [n] as the reward, and the model of it [n, n_actions]."""
        return dataclasses.replace(self, reward=reward, q_hat=q_hat)


def at(table: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Return the taken action's entry of every row, [n, n_actions] and [n] -> [n] float64."""
    return np.take_along_axis(np.asarray(table), np.asarray(action, np.int64)[:, None], axis=1)[:, 0].astype(np.float64)


def single_arm(eligible: np.ndarray, arm: int, *, otherwise: np.ndarray | None = None) -> np.ndarray:
    """Return the policy that always takes one action, [n, n_actions] float64.

    Where the action is not eligible it does what `otherwise` [n, n_actions] does; without one, any eligible action with equal
    probability, and nothing where there is none.
    """
    if otherwise is None:
        otherwise = eligible / np.maximum(eligible.sum(axis=1, keepdims=True), 1)
    always = np.zeros(eligible.shape)
    always[:, arm] = 1.0
    return np.where(eligible[:, arm : arm + 1], always, otherwise)


def _check_shapes(rounds: Rounds) -> None:
    n = len(rounds.action)
    if n == 0:
        raise DataError("logged rounds: none; expected at least one", hint="widen the window or the slice, or look at the join.")
    table = (n, rounds.probabilities.shape[-1])
    expected: dict[str, tuple[int, ...]] = {"action": (n,), "reward": (n,), "propensity": (n,)}
    expected |= {"probabilities": table, "eligible": table} | ({} if rounds.q_hat is None else {"q_hat": table})
    for name, shape in expected.items():
        received = np.shape(getattr(rounds, name))
        if received != shape:
            raise DataError(f"logged rounds: {name}: wrong shape; received {list(received)}; expected {list(shape)}")


def _check_log(rounds: Rounds) -> None:
    action, n_actions = np.asarray(rounds.action), rounds.n_actions
    if not np.issubdtype(action.dtype, np.integer):
        raise DataError(f"logged rounds: action: wrong type; received {action.dtype}; expected numbers of actions")
    _refuse((action < 0) | (action >= n_actions), "action", action, f"0..{n_actions - 1}, rows without an action left out")
    _refuse(~np.isfinite(rounds.reward), "reward", rounds.reward, "finite numbers")
    p = np.asarray(rounds.propensity)
    _refuse(~((p > 0) & (p <= 1)), "propensity", p, "above 0 and at most 1, as logged by the policy that decided")
    eligible = np.asarray(rounds.eligible, bool)
    outside = eligible.any(axis=1) & ~(at(eligible, action) > 0)
    _refuse(outside, "action", action, "one of the row's eligible actions")


def _check_probabilities(rounds: Rounds) -> None:
    p, eligible = np.asarray(rounds.probabilities), np.asarray(rounds.eligible, bool)
    _refuse(np.any((p < 0) | (p > 1 + SUM_TOLERANCE) | np.isnan(p), axis=1), "probabilities", p, "each in 0..1")
    some, total = eligible.any(axis=1), p.sum(axis=1, dtype=np.float64)
    wrong = (np.abs(total - 1) > SUM_TOLERANCE) & (some | (total != 0))
    _refuse(wrong, "probabilities", p, "a sum of 1 in every row")
    _refuse(some & (np.where(eligible, 0, p).sum(axis=1) > SUM_TOLERANCE), "probabilities", p, "0 where not eligible")


def _refuse(wrong: Any, name: str, values: np.ndarray, expected: str) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        received = np.asarray(values)[first].tolist()
        raise DataError(
            f"logged rounds: {name}: {int(wrong.sum())} of {len(wrong)} rows cannot be used; "
            f"received {received} in row {first}; expected {expected}"
        )
