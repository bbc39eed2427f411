import dataclasses

import numpy as np
import pytest
from rounds_for_test import LOGGING, N_ACTIONS, simulated_kinds

from waze_data_tfx.bandits.estimators.calibration import ArmCounts, BinCounts
from waze_data_tfx.bandits.estimators.rounds import Rounds
from waze_data_tfx.errors import DataError


def coins(heads, tails):
    """Return rounds in which two actions had propensity one half."""
    n = heads + tails
    half, both = np.full((n, 2), 0.5), np.ones((n, 2), bool)
    return Rounds(np.repeat([0, 1], [heads, tails]), np.zeros(n), np.full(n, 0.5), half, both)


def test_arms_by_hand():
    # 1 / 0.5 each: 24 and 16 rows expected of 20; deviation sqrt(sum 1/p^2 - sum 1/p) = sqrt(48 - 24), sqrt(32 - 16);
    # two simultaneous intervals at 95 %: 2.2414 deviations; Pearson: (12 - 10)^2 / 10 + (8 - 10)^2 / 10 = 0.8, p = 0.371
    found = ArmCounts.of(coins(12, 8)).calibration()
    np.testing.assert_allclose(found.ratio, [1.2, 0.8])
    np.testing.assert_allclose(found.lower, [1.2 - 2.2414 * np.sqrt(24) / 20, 0.8 - 2.2414 * 4 / 20], atol=1e-4)
    assert found.statistic == pytest.approx(0.8)
    assert (found.degrees_of_freedom, found.p_value) == (1, pytest.approx(0.371, abs=1e-3))
    assert found.expected_calibration_error == pytest.approx(0.2)
    assert found.calibrated
    # ten times the rows: chi-square 8, p = 0.0047; the mean error is 0.2
    more = ArmCounts.of(coins(120, 80))
    assert more.calibration().p_value == pytest.approx(0.00468, abs=1e-5)
    assert not more.calibration().calibrated
    assert more.calibration(tolerance=0.2).calibrated
    assert not more.calibration(tolerance=0.1).calibrated


def test_bins_by_hand():
    # told 0.8 and 0.2: bins 8 and 2, with 16 and 4 expected of 20, where 12 and 8 were taken
    rounds = coins(12, 8)
    told = np.tile([0.8, 0.2], (20, 1))
    found = BinCounts.of(rounds, told).calibration()
    assert np.flatnonzero(found.expected).tolist() == [2, 8]
    np.testing.assert_allclose(found.observed[[2, 8]], [8, 12])
    assert found.judged.tolist() == [False] * 8 + [True, False]  # 4 expected are too few
    assert found.statistic == pytest.approx((12 - 16) ** 2 / (20 * 0.16))
    assert not found.calibrated
    assert BinCounts.of(rounds, rounds.probabilities).calibration().calibrated


def test_counts_add_up():
    rounds, kind = simulated_kinds(n=400, seed=2)
    parts = [
        Rounds(*(getattr(rounds, f.name)[rows] for f in dataclasses.fields(rounds))) for rows in (slice(0, 150), slice(150, 400))
    ]
    for whole, merged in (
        (ArmCounts.of(rounds), ArmCounts.of(parts[0]) + ArmCounts.of(parts[1])),
        (
            BinCounts.of(rounds, LOGGING[kind]),
            BinCounts.of(parts[0], LOGGING[kind[:150]]) + BinCounts.of(parts[1], LOGGING[kind[150:]]),
        ),
    ):
        for field in dataclasses.fields(whole):
            np.testing.assert_allclose(getattr(merged, field.name), getattr(whole, field.name), rtol=1e-12)


def test_right_propensities_are_called_calibrated_and_wrong_ones_are_not():
    alarms = {"arms": 0, "bins": 0}
    for seed in range(200):
        rounds, kind = simulated_kinds(n=1500, seed=seed)
        alarms["arms"] += not ArmCounts.of(rounds).calibration(confidence=0.99).calibrated
        alarms["bins"] += not BinCounts.of(rounds, LOGGING[kind]).calibration(confidence=0.99).calibrated
    assert max(alarms.values()) <= 8  # two tests at 1 % each expect up to 4
    rounds, kind = simulated_kinds(n=20000, seed=0)
    wrong = np.where(rounds.action == 2, np.minimum(1.0, 1.3 * rounds.propensity), rounds.propensity)
    found = ArmCounts.of(dataclasses.replace(rounds, propensity=wrong)).calibration(confidence=0.99)
    assert not found.calibrated
    assert found.passed.tolist() == [True, True, False, True, True]
    assert found.ratio[2] == pytest.approx(1 / 1.3, abs=0.05)
    sharper = LOGGING**2 / (LOGGING**2).sum(axis=1, keepdims=True)
    assert not BinCounts.of(rounds, sharper[kind]).calibration(confidence=0.99).calibrated


def test_actions_that_are_hardly_taken_are_not_judged():
    rounds, _ = simulated_kinds(n=1500, seed=0)
    never = Rounds(*(getattr(rounds, f.name)[rounds.action != 4] for f in dataclasses.fields(rounds)))
    found = ArmCounts.of(never).calibration()
    assert found.judged.tolist() == [True] * (N_ACTIONS - 1) + [False]
    assert np.isnan(found.ratio[4])
    assert found.passed[4]
    with pytest.raises(DataError, match="nothing was taken 5 times"):
        ArmCounts.of(coins(2, 2)).calibration()
