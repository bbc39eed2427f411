"""What is believed of an arm before its first row, and how the settings say it. Called by `model`; imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from waze_data_tfx.bandits.linear.design import Design
from waze_data_tfx.errors import UserError, unknown_name


@dataclass(frozen=True)
class Prior:
    """The belief about one arm.

    Attributes:
        mean: its parameters, as many as a row has numbers; or one number, which is the intercept and needs `add_bias`.
        strength: how much that weighs, > 0: as much as so many rows of a feature of size 1.
    """

    mean: float | tuple[float, ...]
    strength: float


def prior_arrays(
    design: Design, priors: Mapping[str, Prior | Mapping[str, Any]], *, tikhonov: float, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the means [n_models, dim] and strengths [n_models]; a model that is not named has mean 0 and strength `tikhonov`.

    Raises:
        UserError: a name, a mean or a strength is none; `where` names the agent.
    """
    n_models = len(design.models)
    mean, strength = np.zeros((n_models, design.dim)), np.full(n_models, float(tikhonov))
    for name, given in priors.items():
        if name not in design.models:
            raise UserError(f"{where}.priors: {unknown_name('arm', name, design.models)}")
        k, prior = design.models.index(name), _prior(f"{where}.priors.{name}", given)
        mean[k], strength[k] = _mean(f"{where}.priors.{name}.mean", prior, design), prior.strength
    return mean, strength


def _prior(where: str, given: Prior | Mapping[str, Any]) -> Prior:
    if not isinstance(given, Prior):
        if set(given) != {"mean", "strength"}:
            raise UserError(f"{where}: received {', '.join(map(str, given))}; expected mean and strength")
        given = Prior(**given)
    if not given.strength > 0:
        raise UserError(f"{where}.strength: received {given.strength}; expected a number above 0")
    return given


def _mean(where: str, prior: Prior, design: Design) -> np.ndarray:
    mean, row = np.asarray(prior.mean, float), np.zeros(design.dim)
    if mean.ndim == 0:
        if not design.add_bias:
            raise UserError(f"{where}: one number is the intercept, and there is none", hint="set add_bias: true")
        row[design.context_dim] = mean
    elif mean.shape != (design.dim,):
        raise UserError(f"{where}: received {mean.size} numbers; expected {design.dim}, or one for the intercept")
    else:
        row[:] = mean
    return row
