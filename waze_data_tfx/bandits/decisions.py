"""What is learnt from: logged decisions in batches of columns, and what is fixed for all of them.

Made by whoever reads a log (`training.bandits`) or plays an environment (`lab`); read by every agent. Arrays are NumPy's or
TensorFlow's alike. Imports nothing heavy.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Batch(NamedTuple):
    """Decisions, one per row.

    Attributes:
        context: what was known of the user, [n, context_dim] float32.
        action: number of the action taken, [n] int32, 0..n_actions-1.
        reward: [n] float32.
        propensity: probability that the logging policy took this action, [n] float32 in (0, 1].
        eligible: actions that could be taken, [n, n_actions] bool.
        weight: importance of the row in the fit, [n] float32; 1 where nothing else is asked for.
        day: day of the decision as days since 1970-01-01, [n] int32; 0 where there is none.
    """

    context: Any
    action: Any
    reward: Any
    propensity: Any
    eligible: Any
    weight: Any
    day: Any


@dataclass(frozen=True)
class Problem:
    """What is fixed for all decisions.

    Attributes:
        actions: the actions' names, in the order of their numbers.
        context_dim: numbers per context.
        arm_features: what is known of each action, [n_actions, arm_dim] float32; None where an action is only a number.
    """

    actions: tuple[str, ...]
    context_dim: int
    arm_features: np.ndarray | None = None

    @property
    def n_actions(self) -> int:
        """Return the number of actions."""
        return len(self.actions)
