"""Four rounds for sums by hand, and simulated logs with a known truth: for the tests of off-policy estimators.

Simulated are six kinds of users and five actions; all that an estimator sees of a row depends on kind, action and reward alone,
so that every expectation is a finite sum.
"""

import numpy as np

from waze_data_tfx.bandits.estimators.rounds import Rounds

# Worked by hand in the tests:
# w = pi / p: 0.25 / 0.5 = 0.5, 1 / 0.25 = 4, 0.5 / 0.5 = 1, 0 / 0.5 = 0
# q_pi = 0.25 * 0.5 + 0, 0.5, 0.5 * 1 + 0.5 * 0.5, 0.25; r - q = 1 - 0.5, 0 - 0.5, 1 - 0.5, -1 - 0
ROUNDS = Rounds(
    action=np.array([0, 1, 1, 0]),
    reward=np.array([1.0, 0.0, 1.0, -1.0]),
    propensity=np.array([0.5, 0.25, 0.5, 0.5]),
    probabilities=np.array([[0.25, 0.75], [0.0, 1.0], [0.5, 0.5], [0.0, 1.0]]),
    eligible=np.ones((4, 2), bool),
    q_hat=np.array([[0.5, 0.0], [0.0, 0.5], [1.0, 0.5], [0.0, 0.25]]),
)

N_KINDS, N_ACTIONS = 6, 5
_RNG = np.random.default_rng(2025)
ELIGIBLE = np.ones((N_KINDS, N_ACTIONS), bool)
ELIGIBLE[0, 1] = ELIGIBLE[3, 4] = ELIGIBLE[3, 0] = False
SHARE = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.1])


def _policy(sharpness, floor):
    scores = np.exp(sharpness * _RNG.normal(size=ELIGIBLE.shape)) * ELIGIBLE
    spread = ELIGIBLE / ELIGIBLE.sum(axis=1, keepdims=True)
    return (1 - floor) * scores / scores.sum(axis=1, keepdims=True) + floor * spread


LOGGING = _policy(1.0, 0.2)
CANDIDATE = _policy(1.5, 0.02)
OTHER = _policy(0.7, 0.1)
CLICK = _RNG.uniform(0.02, 0.3, ELIGIBLE.shape)
MODEL = np.clip(CLICK + _RNG.normal(scale=0.05, size=CLICK.shape), 0, 1)
"""A reward model that is wrong."""


def simulated(*, n, seed, candidate=CANDIDATE):
    """Return n rounds of 0/1 rewards; the logging policy's vectors are LOGGING[kind]."""
    return simulated_kinds(n=n, seed=seed, candidate=candidate)[0]


def simulated_kinds(*, n, seed, candidate=CANDIDATE):
    """Return rounds and the kind of every row's user, [n]."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(N_KINDS, size=n, p=SHARE)
    action = (LOGGING[kind].cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    reward = (rng.random(n) < CLICK[kind, action]).astype(np.float64)
    return Rounds(action, reward, LOGGING[kind, action], candidate[kind], ELIGIBLE[kind], MODEL[kind]), kind


def true_value(policy=CANDIDATE):
    """Return the expected reward of a policy, [N_KINDS, N_ACTIONS]."""
    return float((SHARE[:, None] * policy * CLICK).sum())
