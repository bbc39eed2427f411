"""Decisions with what every policy would have done and what every action would have earned: the rows that estimates add up.

Made by `metrics` from TFMA's extracts; read by `evidence`. Imports nothing heavy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from waze_data_tfx.evaluation.spec import BASELINE, CANDIDATE


@dataclass(frozen=True)
class Rows:
    """n logged decisions.

    Attributes:
        action: number of the action taken, [n] int64.
        propensity: of the logging policy, [n].
        reward: [n].
        group: hash group of the user, [n] int64.
        eligible: [n, n_actions] bool.
        q_hat: cross-fitted expected reward of every action, [n, n_actions].
        unsubscribed: [n], or None.
        q_unsubscribed: cross-fitted expected unsubscribes, [n, n_actions], or None.
        probabilities: of the saved policies by name, each [n, n_actions].
        scores: of the action taken by model name, each [n].
    """

    action: np.ndarray
    propensity: np.ndarray
    reward: np.ndarray
    group: np.ndarray
    eligible: np.ndarray
    q_hat: np.ndarray
    unsubscribed: np.ndarray | None
    q_unsubscribed: np.ndarray | None
    probabilities: Mapping[str, np.ndarray]
    scores: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.action)

    def take(self, places: np.ndarray) -> "Rows":
        """Return the rows at these places."""

        def taken(values: Any) -> Any:
            if isinstance(values, Mapping):
                return {name: v[places] for name, v in values.items()}
            return None if values is None else values[places]

        return Rows(**{f.name: taken(getattr(self, f.name)) for f in fields(self)})

    @classmethod
    def of(cls, columns: Mapping[str, np.ndarray], models: Mapping[str, Mapping[str, Any]], *, n_actions: int) -> "Rows":
        """Return the rows of columns and of the models' outputs, both of one row or of many.

        Args:
            columns: by the attributes' names.
            models: outputs by model name: probabilities, scores and of the candidate eval_probabilities.
            n_actions: width of the matrices.
        """
        action = columns["action"].reshape(-1).astype(np.int64)

        def matrix(values: Any) -> np.ndarray:
            return np.asarray(values, np.float64).reshape(len(action), n_actions)

        def taken(values: Any) -> np.ndarray:
            return matrix(values)[np.arange(len(action)), action]

        probabilities = {name: matrix(models[name]["probabilities"]) for name in (CANDIDATE, BASELINE) if name in models}
        if "eval_probabilities" in models[CANDIDATE]:
            probabilities["candidate_eval"] = matrix(models[CANDIDATE]["eval_probabilities"])
        lost, q_lost = columns.get("unsubscribed"), columns.get("q_unsubscribed")
        return cls(
            action=action,
            propensity=columns["propensity"].reshape(-1),
            reward=columns["reward"].reshape(-1),
            group=columns["group"].reshape(-1).astype(np.int64),
            eligible=matrix(columns["eligible"]) > 0,
            q_hat=matrix(columns["q_hat"]),
            unsubscribed=None if lost is None else lost.reshape(-1),
            q_unsubscribed=None if q_lost is None else matrix(q_lost),
            probabilities=probabilities,
            scores={name: taken(outputs["scores"]) for name, outputs in models.items()},
        )

    @classmethod
    def concatenate(cls, parts: "Sequence[Rows]") -> "Rows":
        """Return the rows of all parts, which hold the same policies."""
        if len(parts) == 1:
            return parts[0]

        def joined(values: Sequence[Any]) -> Any:
            if values[0] is None:
                return None
            if isinstance(values[0], dict):
                return {name: np.concatenate([v[name] for v in values]) for name in values[0]}
            return np.concatenate(values)

        return cls(**{f.name: joined([getattr(p, f.name) for p in parts]) for f in fields(cls)})
