"""How variables begin from a stored state: by name, the ones with an entry per action by the actions' names.

Called by the neural agents' `warm_start`. Imports TensorFlow for types only.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from waze_data_tfx.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf


def load_named(
    variables: Mapping[str, "tf.Variable"],
    state: Mapping[str, np.ndarray],
    *,
    axes: Mapping[str, int],
    actions: tuple[tuple[str, ...], tuple[str, ...]],
    prior: float | None,
    where: str,
) -> None:
    """Assign every variable that the state holds; none is assigned if one does not fit.

    Args:
        variables: by name.
        state: arrays by name; those of a reward model may be missing, which then begins anew.
        axes: of each variable with an entry per action, the actions' axis.
        actions: the state's, and those of the variables.
        prior: expected reward of an action that the state does not know; None: its entries are the mean of the known ones.
        where: the agent, for messages.

    Raises:
        UserError: a variable is missing or has another size.
    """
    made = {}
    for name, variable in variables.items():
        if name not in state:
            if name.startswith("reward_model/"):
                continue
            raise UserError(
                f"{where}: the state to start from has no {name}; it has {', '.join(sorted(state))}",
                hint="it is another agent's or another network's: start without it",
            )
        values = np.asarray(state[name])
        if name in axes:
            values = by_action(values, axes[name], *actions, new=_prior(name, prior))
        if values.shape != tuple(variable.shape):
            raise UserError(
                f"{where}: {name} of the state to start from has the size {list(values.shape)}; expected {list(variable.shape)}",
                hint="the features or the layers' sizes changed: start without it, or restore them",
            )
        made[name] = values
    for name, values in made.items():
        variables[name].assign(values)


def by_action(
    values: np.ndarray, axis: int, known: tuple[str, ...], actions: tuple[str, ...], *, new: np.ndarray | float | None
) -> np.ndarray:
    """Return values with an entry per known action along `axis`, for `actions` in their order.

    An action that is not known gets `new`, or the mean of those of its companions that are (of all, if none of them is).
    """
    if values.ndim <= axis or values.shape[axis] != len(known):
        return values
    if new is None:
        kept = [known.index(action) for action in actions if action in known] or list(range(len(known)))
        new = values.take(kept, axis).mean(axis)
    entry = np.broadcast_to(new, values.take(0, axis).shape)
    return np.stack([values.take(known.index(a), axis) if a in known else entry for a in actions], axis).astype(values.dtype)


def _prior(name: str, prior: float | None) -> float | None:
    # A new action expects the prior of everybody: its kernel is 0 and its bias the prior.
    return prior if prior is None or name.endswith("bias") else 0.0
