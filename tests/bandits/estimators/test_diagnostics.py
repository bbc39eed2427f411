import numpy as np
import pytest
from rounds_for_test import ROUNDS

from waze_data_tfx.bandits.estimators.diagnostics import Coverage, auc, best, overlap
from waze_data_tfx.bandits.estimators.plan import Grid, Plan
from waze_data_tfx.bandits.estimators.rounds import Rounds, single_arm
from waze_data_tfx.bandits.estimators.sums import Sums
from waze_data_tfx.errors import DataError


def test_overlap_by_hand():
    # weights 0.5, 4, 1, 0
    plan = Plan({"reward": (-1, 1)}, {"candidate": Grid(clip=(2.0, 0.75))})
    sums = Sums.of(plan.columns("candidate", "reward", ROUNDS), np.arange(4))
    found = overlap(sums, plan, "candidate")
    assert found.effective_sample_size == pytest.approx(5.5**2 / (0.25 + 16 + 1))
    assert (found.max_weight, found.clipped_share, found.mean_weight) == (4.0, 0.25, 5.5 / 4)
    assert overlap(sums, plan, "candidate", clip=0.75).clipped_share == 0.5


def test_no_overlap_is_zero_effective_rows():
    plan = Plan({"reward": (-1, 1)}, {"candidate": Grid()})
    never = ROUNDS.under(np.eye(2)[1 - ROUNDS.action])
    sums = Sums.of(plan.columns("candidate", "reward", never), np.arange(4))
    assert overlap(sums, plan, "candidate").effective_sample_size == 0.0


def test_support_is_what_lies_on_actions_that_were_ever_taken():
    both = np.ones((2, 3), bool)
    p = np.array([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]])
    log = Rounds(np.array([0, 1]), np.zeros(2), np.full(2, 0.5), p, both)
    one = Coverage.of({"candidate": log, "third": log.under(single_arm(both, 2))})
    np.testing.assert_allclose(one.shares("candidate"), [0.25, 0.375, 0.375])
    assert (one.support("candidate"), one.support("third")) == (0.625, 0.0)
    other = Rounds(np.array([2]), np.zeros(1), np.ones(1), p[1:], both[1:])
    both_parts = one + Coverage.of({"candidate": other, "third": other.under(single_arm(both[1:], 2))})
    assert both_parts.support("third") == 1.0
    np.testing.assert_allclose(both_parts.mass["candidate"], [0.5, 1.25, 1.25])


def test_best_single_arm_by_an_estimator():
    # action 0: rows 0 and 3 weigh 2 each: (2 * 1 + 2 * -1) / 4 = 0; action 1: 4 * 0 + 2 * 1 over 4: 0.5
    plan = Plan({"reward": (-1, 1)}, {"arm:a": Grid(), "arm:b": Grid()})
    columns = {}
    for number, name in enumerate(plan.policies):
        columns |= plan.columns(name, "reward", ROUNDS.under(single_arm(ROUNDS.eligible, number)))
    sums = Sums.of(columns, np.arange(4))
    arms = [plan.value(name, "ips") for name in plan.policies]
    assert [arm.value(sums) for arm in arms] == [0.0, 0.5]
    assert best(sums, arms).name == "reward of arm:b by ips"


def test_auc_by_hand():
    # of the four pairs (clicked, not) three are in order: 0.35 < 0.4 is not
    score, clicked = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert auc(score, clicked) == 0.75
    assert auc(score, clicked, weight=np.ones(4)) == 0.75
    assert auc(np.zeros(4), clicked) == auc(np.zeros(4), clicked, weight=np.ones(4)) == 0.5
    # row 1 thrice: 1 + 3 rows are not clicked; in order: 0.35 above 1 of 4, 0.8 above 4 of 4
    assert auc(score, clicked, weight=np.array([1.0, 3.0, 1.0, 1.0])) == pytest.approx(5 / 8)
    with pytest.raises(DataError, match="0 of 4 rows are clicked"):
        auc(score, np.zeros(4, bool))
    with pytest.raises(DataError, match="1 of 4 scores are not finite"):
        auc(np.array([0.1, np.nan, 0.2, 0.3]), clicked)
