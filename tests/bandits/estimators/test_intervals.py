import math

import numpy as np
import pytest
from rounds_for_test import CANDIDATE, CLICK, ELIGIBLE, LOGGING, MODEL, OTHER, ROUNDS, SHARE, simulated_kinds, true_value

from waze_data_tfx.bandits.estimators.intervals import Bootstrap, bernstein
from waze_data_tfx.bandits.estimators.plan import Grid, Plan
from waze_data_tfx.bandits.estimators.sums import Sums
from waze_data_tfx.bandits.estimators.terms import ESTIMATORS
from waze_data_tfx.errors import DataError, UserError

TAU, LAMBDA = 2.0, 3.0
GRID = Grid((math.inf,), (TAU,), (LAMBDA,))
PLAN = Plan({"reward": (-1, 1)}, {"candidate": GRID}, ("reward",))
N_LOGS, N_ROWS, CONFIDENCE = 200, 1500, 0.95


@pytest.fixture(scope="module")
def four():
    return Sums.of(PLAN.columns("candidate", "reward", ROUNDS), np.arange(4), n_groups=4)


def test_bernstein_of_a_mean_by_hand(four):
    # ips: terms 0.5, 0, 1, 0; mean 0.375; squares of what is off it 0.6875, / 3; range of w r: 4 * (1 - -1) = 8
    variance = 0.6875 / 3
    for side, ln in (("two-sided", math.log(80)), ("lower", math.log(40)), ("upper", math.log(40))):
        width = math.sqrt(2 * variance * ln / 4) + 7 * 8 * ln / (3 * 3)
        found = bernstein(four, PLAN.value("candidate", "ips"), PLAN.bounds(four), side=side)
        assert found.lower == (-math.inf if side == "upper" else pytest.approx(0.375 - width))
        assert found.upper == (math.inf if side == "lower" else pytest.approx(0.375 + width))


def test_bernstein_of_a_ratio_is_that_of_its_linearisation(four):
    # snips 1.5 / 5.5; influence (w r - value w) / mean w; ranges 8 / 1.375 of w r and value * 4 / 1.375 of w
    w, r, value, mean = np.array([0.5, 4, 1, 0]), ROUNDS.reward, 1.5 / 5.5, 5.5 / 4
    variance = (((w * r - value * w) / mean) ** 2).sum() / 3
    width = math.sqrt(2 * variance * math.log(80) / 4) + 7 * (8 + value * 4) / mean * math.log(80) / 9
    found = bernstein(four, PLAN.value("candidate", "snips"), PLAN.bounds(four))
    assert (found.lower, found.upper) == (pytest.approx(value - width), pytest.approx(value + width))


def test_stated_propensities_bound_the_range(four):
    assert PLAN.bounds(four)["candidate.weight"] == (0, 4)
    assert PLAN.bounds(four, min_propensity=0.05)["candidate.weight"] == (0, 20)
    assert PLAN.bounds(four, min_propensity=0.05)["candidate.reward.switched@2"] == (-4, 4)
    assert PLAN.bounds(four, min_propensity=0.05)["candidate.reward.shrunk@3"] == pytest.approx((-math.sqrt(3), math.sqrt(3)))


def test_users_with_several_rows_widen_both_intervals():
    rounds, _ = simulated_kinds(n=300, seed=4)
    columns = PLAN.columns("candidate", "reward", rounds)
    sums = Sums.of(columns, np.arange(300))
    again = Sums.of({name: np.tile(c, 4) for name, c in columns.items()}, np.tile(np.arange(300), 4))
    value, bounds = PLAN.value("candidate", "dr"), PLAN.bounds(sums)
    assert again.n_rows == 4 * sums.n_rows
    assert Bootstrap(again).interval(value).lower == pytest.approx(Bootstrap(sums).interval(value).lower)
    one, four = bernstein(sums, value, bounds), bernstein(again, value, bounds, rows_per_user=4)
    assert four.upper - four.lower == pytest.approx(one.upper - one.lower, rel=1e-2)


def test_bootstrap_draws_groups_and_is_seeded(four):
    value = PLAN.value("candidate", "ips")
    found = Bootstrap(four, 2000, seed=5).interval(value)
    # means of four draws of 0.5, 0, 1, 0: below 0 never, above 0.875 by 4 draws of 1 or 3 of 1 and one 0.5: (1 + 4) / 256 < 2.5 %
    assert (found.lower, found.upper) == (0.0, 0.875 - 0.125)
    assert found == Bootstrap(four, 2000, seed=5).interval(value)
    assert Bootstrap(four, 2000, seed=5).interval(value, confidence=0.5, side="lower").upper == math.inf


def test_a_policy_minus_itself_is_zero_for_sure():
    sums = Sums.of(PLAN.columns("candidate", "reward", simulated_kinds(n=200, seed=0)[0]), np.arange(200))
    nothing = PLAN.value("candidate", "sndr") - PLAN.value("candidate", "sndr")
    for found in (Bootstrap(sums).interval(nothing), bernstein(sums, nothing, PLAN.bounds(sums))):
        assert (found.lower, found.upper) == pytest.approx((0, 0), abs=1e-12)


def test_a_resample_without_overlap_is_an_error(four):
    with pytest.raises(DataError, match="all weights are 0"):  # four draws of the row with weight 0
        Bootstrap(four).interval(PLAN.value("candidate", "snips"))


def test_what_cannot_be_told_is_an_error():
    one = Sums.of(PLAN.columns("candidate", "reward", ROUNDS), np.zeros(4, int))
    with pytest.raises(DataError, match="1 group of users with rows; expected at least 2"):
        Bootstrap(one).interval(PLAN.value("candidate", "ips"))
    assert bernstein(one, PLAN.value("candidate", "ips"), PLAN.bounds(one)).lower < 0.375
    zero = Sums.of(PLAN.columns("candidate", "reward", ROUNDS.with_outcome(np.zeros(4), ROUNDS.q_hat)), np.arange(4))
    with pytest.raises(DataError, match="reward: is 0 in all 4 rows; expected at least two values"):
        Bootstrap(zero).interval(PLAN.value("candidate", "ips"))
    assert bernstein(zero, PLAN.value("candidate", "ips"), PLAN.bounds(zero)).upper > 1
    with pytest.raises(UserError, match="confidence: received 95"):
        Bootstrap(zero).interval(PLAN.mean_weight("candidate"), confidence=95)
    with pytest.raises(DataError, match="reward of candidate by ips: 0 rows"):
        bernstein(Sums.empty(PLAN.names), PLAN.value("candidate", "ips"), PLAN.bounds(one))


def expectation(estimator, policy):
    """Return what an estimator is right about in expectation: the value, or what its model and dampened weights make of it."""
    w = policy / np.where(ELIGIBLE, LOGGING, 1)
    dampened = {"dm": 0 * w, "switch_dr": np.where(w <= TAU, w, 0), "dros": LAMBDA * w / (w**2 + LAMBDA)}
    if estimator not in dampened:
        return true_value(policy)
    correction = (LOGGING * dampened[estimator] * (CLICK - MODEL)).sum(axis=1)
    return float((SHARE * ((policy * MODEL).sum(axis=1) + correction)).sum())


@pytest.fixture(scope="module")
def covered():
    """Return (estimator, of a difference) -> share of logs whose interval holds the truth: by bootstrap, by Bernstein."""
    plan = Plan({"reward": (0, 1)}, {"candidate": GRID, "other": GRID}, ("reward",))
    hits = {}
    for seed in range(N_LOGS):
        rounds, kind = simulated_kinds(n=N_ROWS, seed=seed)
        columns = plan.columns("candidate", "reward", rounds) | plan.columns("other", "reward", rounds.under(OTHER[kind]))
        sums = Sums.of(columns, np.random.default_rng(seed).integers(1000, size=N_ROWS))
        bootstrap, bounds = Bootstrap(sums, 500, seed), plan.bounds(sums)
        for name in ESTIMATORS:
            candidate, other = plan.value("candidate", name), plan.value("other", name)
            truth = expectation(name, CANDIDATE)
            for paired, quantity, true in (
                (False, candidate, truth),
                (True, candidate - other, truth - expectation(name, OTHER)),
            ):
                found = (
                    bootstrap.interval(quantity, confidence=CONFIDENCE),
                    bernstein(sums, quantity, bounds, confidence=CONFIDENCE),
                )
                hits.setdefault((name, paired), []).append([i.lower <= true <= i.upper for i in found])
    return {key: np.mean(h, axis=0) for key, h in hits.items()}


@pytest.mark.parametrize("paired", [False, True], ids=["value", "difference"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_intervals_cover_the_truth(covered, estimator, paired):
    bootstrap, bernstein_ = covered[estimator, paired]
    assert abs(bootstrap - CONFIDENCE) <= 0.04
    assert bernstein_ >= CONFIDENCE
