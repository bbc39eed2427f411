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

    def maps(self) -> np.ndarray:
        """Return, of a shared model, the matrix per arm that makes its row of [context, 1]: [n_actions, dim, context_dim + 1]."""
        assert self.arm_features is not None
        n, m, bias = self.context_dim, self.arm_dim, int(self.add_bias)
        made = np.zeros((len(self.actions), self.dim, n + 1))
        made[:, :n, :n] = np.eye(n)
        made[:, n : n + bias, n] = 1.0
        made[:, n + bias : n + bias + m, n] = self.arm_features
        if self.interactions:
            products = np.einsum("ij,km->kimj", np.eye(n), self.arm_features)
            made[:, n + bias + m :, :n] = products.reshape(len(self.actions), n * m, n)
        return made


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
