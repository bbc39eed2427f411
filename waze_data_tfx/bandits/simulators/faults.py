"""What goes wrong with logs in practice, planted in a sound one, for tests and for trying out what a run says of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from waze_data_tfx.errors import unknown_name

from .newsletter import Log, only
from .readers import Array
from .world import ACTIONS

EVERY = 50
"""A fault of single rows is planted in each row whose number is a multiple of this."""
NEVER_TAKEN = "top_rated"
EMPTY_WEEK = 1
"""Counted from 0."""


def plant(log: Log, fault: str) -> Log:
    """Return the log with one of FAULTS.

    Raises:
        ValueError: no such fault.
    """
    if fault not in FAULTS:
        raise ValueError(unknown_name("fault", fault, FAULTS))
    return FAULTS[fault](log)


def _in_some(log: Log, values: Array, other: float) -> Array:
    return np.where(np.arange(len(log)) % EVERY == 0, other, values)


def _joint(log: Log) -> Log:
    """As a policy logs that multiplies with the probability of the branch that it took, exploring or not."""
    return replace(log, propensity=log.propensity * 0.5)


def _uniform(log: Log) -> Log:
    return replace(log, propensity=1.0 / log.contexts.eligible.sum(1))


def _ineligible(log: Log) -> Log:
    eligible = log.contexts.eligible.copy()
    some = np.flatnonzero(np.arange(len(log)) % EVERY == 0)
    eligible[some, log.action[some]] = False
    return replace(log, contexts=replace(log.contexts, eligible=eligible))


def _no_clicks(log: Log) -> Log:
    nothing, never = np.zeros(len(log), bool), np.full(len(log), np.nan)
    return replace(log, clicked=nothing, unsubscribed=nothing, delay_hours=never, again_hours=never)


FAULTS: Mapping[str, Callable[[Log], Log]] = {
    "joint_propensities": _joint,
    "uniform_propensities": _uniform,
    "missing_propensities": lambda log: replace(log, propensity=_in_some(log, log.propensity, np.nan)),
    "zero_propensities": lambda log: replace(log, propensity=_in_some(log, log.propensity, 0.0)),
    "propensities_above_1": lambda log: replace(log, propensity=_in_some(log, log.propensity, 1.5)),
    "ineligible_action": _ineligible,
    "arm_never_taken": lambda log: only(log, log.action != ACTIONS.index(NEVER_TAKEN)),
    "empty_week": lambda log: only(log, np.floor(log.contexts.day / 7) != EMPTY_WEEK),
    "zero_rewards": _no_clicks,
}
