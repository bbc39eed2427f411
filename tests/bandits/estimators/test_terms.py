import math

import numpy as np
import pytest
from rounds_for_test import LOGGING, ROUNDS, simulated_kinds

from waze_data_tfx.bandits.estimators import terms
from waze_data_tfx.bandits.estimators.rounds import Rounds
from waze_data_tfx.errors import DataError, UserError

DM = (0.125 + 0.5 + 0.75 + 0.25) / 4


@pytest.mark.parametrize(
    ("estimate", "value"),
    [
        (terms.ips(ROUNDS), (0.5 + 0 + 1 + 0) / 4),
        (terms.ips(ROUNDS, clip=0.75), (0.5 + 0 + 0.75 + 0) / 4),
        (terms.snips(ROUNDS), 1.5 / 5.5),
        (terms.snips(ROUNDS, clip=2), 1.5 / 3.5),
        (terms.dm(ROUNDS), DM),
        (terms.dr(ROUNDS), DM + (0.25 - 2 + 0.5 + 0) / 4),
        (terms.dr(ROUNDS, clip=2), DM + (0.25 - 1 + 0.5 + 0) / 4),
        (terms.sndr(ROUNDS), DM + (0.25 - 2 + 0.5 + 0) / 5.5),
        (terms.switch_dr(ROUNDS, tau=1), DM + (0.25 + 0 + 0.5 + 0) / 4),
        (terms.switch_dr(ROUNDS, tau=0), DM),
        (terms.dros(ROUNDS, lambda_=1), DM + (0.4 * 0.5 - 4 / 17 * 0.5 + 0.5 * 0.5 + 0) / 4),
        (terms.dros(ROUNDS, lambda_=math.inf), DM + (0.25 - 2 + 0.5 + 0) / 4),
        (terms.dros(ROUNDS, lambda_=0), DM),
    ],
)
def test_values_by_hand(estimate, value):
    assert terms.value(estimate) == pytest.approx(value, rel=1e-14)


def test_rows_add_up_over_slices():
    rows = terms.sndr(ROUNDS)
    np.testing.assert_allclose(rows.direct, [0.125, 0.5, 0.75, 0.25])
    np.testing.assert_allclose(rows.correction, [0.25, -2.0, 0.5, 0.0])
    np.testing.assert_allclose(rows.normaliser, [0.5, 4.0, 1.0, 0.0])


def test_weights_of_mrdr_by_hand():
    # pi (1 - p) / p^2: 0.25 * 0.5 / 0.25, 1 * 0.75 / 0.0625, 0.5 * 0.5 / 0.25, 0
    np.testing.assert_allclose(terms.mrdr_weight(ROUNDS), [0.5, 12.0, 1.0, 0.0])


def test_ips_of_the_logging_policy_is_its_mean_reward_exactly():
    rounds, kind = simulated_kinds(n=999, seed=3)
    logging = rounds.under(LOGGING[kind])
    assert terms.value(terms.ips(logging)) == terms.value(terms.snips(logging)) == rounds.reward.mean()


def test_all_values_of_q_hat_give_the_same_expectation_where_the_log_is_exhaustive():
    # two actions, each taken once with propensity 0.5 in the same context: DR is exact for any model
    rounds = Rounds(
        action=np.array([0, 1]),
        reward=np.array([1.0, -1.0]),
        propensity=np.array([0.5, 0.5]),
        probabilities=np.array([[0.8, 0.2], [0.8, 0.2]]),
        eligible=np.ones((2, 2), bool),
        q_hat=np.array([[7.0, -3.0], [7.0, -3.0]]),
    )
    assert terms.value(terms.dr(rounds)) == pytest.approx(0.8 - 0.2)


def test_no_overlap_is_an_error_and_not_a_zero():
    never = ROUNDS.under(np.eye(2)[1 - ROUNDS.action])
    with pytest.raises(DataError, match="takes none of the logged actions"):
        terms.value(terms.snips(never))


def test_what_needs_a_model_says_so():
    with pytest.raises(UserError, match="needs a reward model"):
        terms.dr(ROUNDS.with_outcome(ROUNDS.reward))


@pytest.mark.parametrize("clip", [0, -1, math.nan])
def test_impossible_settings_are_refused(clip):
    with pytest.raises(UserError, match="clip"):
        terms.ips(ROUNDS, clip=clip)
