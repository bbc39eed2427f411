import dataclasses
import math

import numpy as np
import pytest

from waze_data_tfx.bandits.estimators.rounds import Rounds, single_arm
from waze_data_tfx.errors import DataError

GOOD = {
    "action": np.array([0, 1, 2]),
    "reward": np.array([1.0, 0.0, -1.0]),
    "propensity": np.array([0.5, 1.0, 0.25], np.float32),
    "probabilities": np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]], np.float32),
    "eligible": np.array([[True, True, False], [True, True, True], [True, False, True]]),
    "q_hat": np.zeros((3, 3)),
}


def changed(name, place, value):
    array = GOOD[name].copy()
    array[place] = value
    return {**GOOD, name: array}


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("propensity", 1, 0.0, "propensity: 1 of 3 rows cannot be used; received 0.0 in row 1; expected above 0 and at most 1"),
        ("propensity", 2, -0.5, "propensity: 1 of 3 .* received -0.5 in row 2"),
        ("propensity", 0, 1.5, "propensity: 1 of 3 .* received 1.5 in row 0"),
        ("propensity", 0, math.nan, "propensity: 1 of 3 .* received nan in row 0"),
        ("action", 0, 2, "action: 1 of 3 rows cannot be used; received 2 in row 0; expected one of the row's eligible actions"),
        ("action", 1, 3, r"action: 1 of 3 rows cannot be used; received 3 in row 1; expected 0\.\.2"),
        ("action", 1, -1, r"action: 1 of 3 .* received -1 in row 1; expected 0\.\.2, rows without an action left out"),
        ("reward", 1, math.inf, "reward: 1 of 3 .* received inf in row 1"),
        ("q_hat", (2, 1), math.nan, "q_hat: 1 of 3 .* in row 2; expected finite numbers"),
        ("probabilities", (0, 0), 0.7, "probabilities: 1 of 3 .* in row 0; expected a sum of 1"),
        ("probabilities", (0, 0), math.nan, "probabilities: 1 of 3 .* in row 0; expected each in 0..1"),
        ("probabilities", (0,), [0.5, 0.0, 0.5], "probabilities: 1 of 3 .* in row 0; expected 0 where not eligible"),
    ],
)
def test_what_cannot_be_used_is_named_counted_and_shown(name, place, value, message):
    with pytest.raises(DataError, match=message):
        Rounds(**changed(name, place, value))


def test_no_rows_is_an_error():
    with pytest.raises(DataError, match="none; expected at least one"):
        Rounds(**{name: array[:0] for name, array in GOOD.items()})


@pytest.mark.parametrize("name", ["reward", "eligible", "q_hat"])
def test_columns_of_other_lengths_are_an_error(name):
    with pytest.raises(DataError, match=f"{name}: wrong shape"):
        Rounds(**{**GOOD, name: GOOD[name][:2]})


def test_a_fallback_where_nothing_is_eligible_is_a_round():
    eligible = GOOD["eligible"].copy()
    eligible[1] = False
    rounds = Rounds(**{**GOOD, "eligible": eligible})
    np.testing.assert_allclose(rounds.weight, [1.0, 0.3, 4.0], rtol=1e-6)
    nothing = GOOD["probabilities"].copy()
    nothing[1] = 0.0
    assert dataclasses.replace(rounds, probabilities=nothing).weight[1] == 0
    with pytest.raises(DataError, match="a sum of 1"):
        dataclasses.replace(rounds, eligible=GOOD["eligible"], probabilities=nothing)


def test_single_arm_does_something_else_where_it_is_not_eligible():
    np.testing.assert_allclose(single_arm(GOOD["eligible"], 1), [[0, 1, 0], [0, 1, 0], [0.5, 0, 0.5]])
    np.testing.assert_allclose(single_arm(GOOD["eligible"], 1, otherwise=GOOD["probabilities"])[2], [0, 0, 1])
    assert single_arm(np.zeros((1, 3), bool), 1).sum() == 0
