"""Which numbers a decision enters a linear model with: the context, a constant, the taken arm's features, their products.

Used by `log` (rows in NumPy), `model` (rows in a graph) and `solve` (what a shared model is to one arm). Imports nothing heavy.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.errors import UserError

SHARED = "all arms"
"""Name of the one model that all arms share."""


@dataclass(frozen=True, eq=False)
class Design:
    """What a row of a linear model is.

    Without `arm_features` every arm has a model of its own on [context, 1]. With them all arms share one model on
    [context, 1, arm features, context x arm features], in the order of TF-Agents' per-arm agents, which know no products. The
    1 is there with `add_bias` only, the products with `interactions` only.

    Attributes:
        actions: the arms' names.
        context_dim: numbers per context.
        add_bias: whether a constant 1 stands behind the context, which is an intercept that the ridge shrinks like the rest.
        arm_features: [n_actions, arm_dim] float32, or None.
        interactions: whether each product of a context's and an arm's number is a feature too; without them a shared model
            ranks the arms alike for everybody.
    """

    actions: tuple[str, ...]
    context_dim: int
    add_bias: bool = False
    arm_features: np.ndarray | None = None
    interactions: bool = False

    @property
    def models(self) -> tuple[str, ...]:
        """Return the names of the models: the arms', or the one that is shared."""
        return self.actions if self.arm_features is None else (SHARED,)

    @property
    def arm_dim(self) -> int:
        """Return the numbers per arm, 0 without arm features."""
        return 0 if self.arm_features is None else int(self.arm_features.shape[1])

    @property
    def dim(self) -> int:
        """Return the numbers per row."""
        products = self.context_dim * self.arm_dim if self.interactions else 0
        return self.context_dim + int(self.add_bias) + self.arm_dim + products

    def model_of(self, action: Any) -> Any:
        """Return which model each action belongs to; [n] as they come, NumPy's or TensorFlow's."""
        return action if self.arm_features is None else action * 0

    def rows(self, context: np.ndarray, action: np.ndarray) -> np.ndarray:
        """Return the rows [n, dim] of contexts [n, context_dim] and the numbers of the actions taken [n]."""
        parts = [context]
        if self.add_bias:
            parts.append(np.ones((len(context), 1), context.dtype))
        if self.arm_features is not None:
            arms = self.arm_features[action].astype(np.float64 if self.interactions else context.dtype)
            parts.append(arms)
            if self.interactions:
                parts.append((context[:, :, None] * arms[:, None, :]).reshape(len(context), -1))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def arm_terms(self) -> np.ndarray:
        """Return [1, arm features] of every arm, [n_actions, 1 + arm_dim]."""
        assert self.arm_features is not None
        return np.concatenate([np.ones((len(self.actions), 1)), self.arm_features], axis=1)

    def grid(self) -> np.ndarray:
        """Return where each product of [context, 1] and [1, arm features] stands in a row: [context_dim + 1, 1 + arm_dim] int32.

        A row is nothing but some of these products; one that is not in it is said to stand at `dim`.
        """
        n, m, bias = self.context_dim, self.arm_dim, int(self.add_bias)
        places = np.full((n + 1, 1 + m), self.dim, np.int32)
        places[:n, 0] = np.arange(n)
        places[n, :1] = n if self.add_bias else self.dim
        places[n, 1:] = n + bias + np.arange(m)
        if self.interactions:
            places[:n, 1:] = n + bias + m + np.arange(n * m).reshape(n, m)
        return places


def design(problem: Problem, *, where: str, add_bias: bool, per_arm: bool, interactions: bool) -> Design:
    """Return what the settings of an agent ask for.

    Raises:
        UserError: arm features are asked for and there are none, or products without them; `where` names the agent.
    """
    if per_arm and problem.arm_features is None:
        raise UserError(
            f"{where}.per_arm: needs features of the arms; the problem has none", hint="give them, or set per_arm: false"
        )
    if interactions and not per_arm:
        raise UserError(
            f"{where}.interactions: are products with the arms' features; received per_arm: false", hint="set per_arm: true"
        )
    features = np.asarray(problem.arm_features, np.float32) if per_arm else None
    if features is not None and (features.ndim != 2 or len(features) != problem.n_actions or not np.isfinite(features).all()):
        raise UserError(
            f"{where}: arm features must be finite numbers [{problem.n_actions} arms, n]; received {features.shape}"
            + ("" if np.isfinite(features).all() else " with values that are not finite")
        )
    return Design(problem.actions, problem.context_dim, add_bias, features, interactions)
