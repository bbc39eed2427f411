"""The estimators, round by round: what each row adds, so that rows can be sliced and summed in any order.

A value is sum(direct) / n + sum(correction) / sum(normaliser). With w = pi(a|x) / propensity, q = q_hat(x, a) of the taken action
and q_pi = sum_a pi(a|x) q_hat(x, a):

    ips        w r                              Horvitz and Thompson 1952; Strehl et al. 2010, with w clipped: Ionides 2008
    snips      w r over w                       Swaminathan and Joachims 2015
    dm         q_pi                             Beygelzimer and Langford 2009
    dr         q_pi + w (r - q)                 Dudik et al. 2014
    sndr       q_pi and w (r - q) over w        Thomas and Brunskill 2016 (their weighted DR, for one step)
    switch_dr  q_pi + w 1[w <= tau] (r - q)     Wang, Agarwal and Dudik 2017
    dros       q_pi + w_s (r - q),  w_s = lambda w / (w^2 + lambda)    Su et al. 2020 (optimistic shrinkage)

Called by `plan`, notebooks and tests. Pure functions of arrays.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from waze_data_tfx.bandits.estimators.rounds import Rounds, at
from waze_data_tfx.errors import DataError, UserError


class Terms(NamedTuple):
    """What every row adds.

    Attributes:
        direct: the reward model's part, [n] float.
        correction: the weighted part, [n] float.
        normaliser: what the correction is divided by, [n] float: 1, or the weight in a self-normalized estimator.
    """

    direct: np.ndarray
    correction: np.ndarray
    normaliser: np.ndarray


def value(terms: Terms) -> float:
    """Return the policy's value.

    Raises:
        DataError: every weight is zero, so that a self-normalized estimate is 0/0.
    """
    normaliser = terms.normaliser.sum()
    if normaliser <= 0:
        raise no_overlap("the policy's value")
    return float(terms.direct.mean() + terms.correction.sum() / normaliser)


def ips(rounds: Rounds, *, clip: float = math.inf) -> Terms:
    """Return inverse propensity scoring, weights clipped at `clip`."""
    w = clipped(rounds.weight, clip)
    return Terms(np.zeros(rounds.n_rows), w * rounds.reward, np.ones(rounds.n_rows))


def snips(rounds: Rounds, *, clip: float = math.inf) -> Terms:
    """Return self-normalized inverse propensity scoring, weights clipped at `clip`."""
    w = clipped(rounds.weight, clip)
    return Terms(np.zeros(rounds.n_rows), w * rounds.reward, w)


def dm(rounds: Rounds) -> Terms:
    """Return the direct method: the reward model's word alone."""
    return Terms(expected_reward(rounds), np.zeros(rounds.n_rows), np.ones(rounds.n_rows))


def dr(rounds: Rounds, *, clip: float = math.inf) -> Terms:
    """Return the doubly robust estimator, weights clipped at `clip`."""
    return Terms(expected_reward(rounds), clipped(rounds.weight, clip) * residual(rounds), np.ones(rounds.n_rows))


def sndr(rounds: Rounds, *, clip: float = math.inf) -> Terms:
    """Return the self-normalized doubly robust estimator, weights clipped at `clip`."""
    w = clipped(rounds.weight, clip)
    return Terms(expected_reward(rounds), w * residual(rounds), w)


def switch_dr(rounds: Rounds, *, tau: float) -> Terms:
    """Return Switch-DR: no correction where the weight is above `tau`."""
    w = switched(rounds.weight, tau)
    return Terms(expected_reward(rounds), w * residual(rounds), np.ones(rounds.n_rows))


def dros(rounds: Rounds, *, lambda_: float) -> Terms:
    """Return DR with optimistic shrinkage: weights lambda w / (w^2 + lambda); 0 is the direct method, infinity DR."""
    w = shrunk(rounds.weight, lambda_)
    return Terms(expected_reward(rounds), w * residual(rounds), np.ones(rounds.n_rows))


ESTIMATORS: dict[str, Callable[..., Terms]] = {
    "ips": ips,
    "snips": snips,
    "dm": dm,
    "dr": dr,
    "sndr": sndr,
    "switch_dr": switch_dr,
    "dros": dros,
}


def clipped(weight: np.ndarray, clip: float) -> np.ndarray:
    """Return min(w, clip), [n]."""
    return np.minimum(weight, _positive("clip", clip))


def switched(weight: np.ndarray, tau: float) -> np.ndarray:
    """Return w where it is at most tau, else 0, [n]."""
    return np.where(weight <= _not_negative("tau", tau), weight, 0.0)


def shrunk(weight: np.ndarray, lambda_: float) -> np.ndarray:
    """Return lambda w / (w^2 + lambda), [n]; at most sqrt(lambda) / 2."""
    if math.isinf(_not_negative("lambda", lambda_)):
        return weight
    return np.divide(lambda_ * weight, weight**2 + lambda_, out=np.zeros_like(weight), where=weight > 0)


def mrdr_weight(rounds: Rounds) -> np.ndarray:
    """Return the weights that the reward model of MRDR, more robust doubly robust, is fitted with, [n].

    pi(a|x) (1 - p) / p^2 with p the propensity: Farajtabar, Chow and Ghavamzadeh 2018. The squared error, so weighted, is the
    variance of DR: the model errs least where errors would be weighted most. All 0 where the log knew one action only (p = 1).
    """
    p = np.asarray(rounds.propensity, np.float64)
    return at(rounds.probabilities, rounds.action) * (1 - p) / p**2


def expected_reward(rounds: Rounds) -> np.ndarray:
    """Return sum_a pi(a|x) q_hat(x, a), [n]."""
    return np.einsum("nk,nk->n", np.asarray(rounds.probabilities, np.float64), _model(rounds))


def residual(rounds: Rounds) -> np.ndarray:
    """Return r - q_hat(x, a) of the taken action, [n]."""
    return np.asarray(rounds.reward, np.float64) - at(_model(rounds), rounds.action)


def no_overlap(what: str) -> DataError:
    """Return the error of a policy that never takes a logged action."""
    return DataError(
        f"{what}: the policy takes none of the logged actions, all weights are 0 (of all rows or of a resample); "
        "expected some overlap",
        hint="log with a policy that explores, or judge by an estimator with a reward model (dm, dr).",
    )


def _model(rounds: Rounds) -> np.ndarray:
    if rounds.q_hat is None:
        raise UserError("this estimator needs a reward model; received q_hat None; expected [n, n_actions]")
    return np.asarray(rounds.q_hat, np.float64)


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise UserError(f"{name}: received {value}; expected above 0")
    return value


def _not_negative(name: str, value: float) -> float:
    if not value >= 0:
        raise UserError(f"{name}: received {value}; expected at least 0")
    return value
