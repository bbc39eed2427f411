"""Sums per day: by hand, whatever the batches, in Beam, and on disk."""

import numpy as np
import pytest

from waze_data_tfx.bandits.decisions import Batch
from waze_data_tfx.bandits.linear.design import Design
from waze_data_tfx.bandits.linear.log import LinearLog
from waze_data_tfx.bandits.linear.statistics import BLOCK_ROWS, DailyStatistics, Sums
from waze_data_tfx.errors import DataError, UserError

ARMS = ("a", "b", "c")


def decisions(n, *, seed=0, context_dim=4, n_arms=3, n_days=5):
    random = np.random.default_rng(seed)
    return Batch(
        context=random.normal(size=(n, context_dim)).astype(np.float32),
        action=random.integers(0, n_arms, n).astype(np.int32),
        reward=random.integers(-1, 2, n).astype(np.float32),
        propensity=random.uniform(0.02, 1, n).astype(np.float32),
        eligible=np.ones((n, n_arms), bool),
        weight=random.uniform(0, 2, n).astype(np.float32),
        day=(19000 + random.integers(0, n_days, n)).astype(np.int32),
    )


def cut(batch, size):
    return [Batch(*(column[i : i + size] for column in batch)) for i in range(0, len(batch.action), size)]


def summed(log, batches):
    statistics = log.statistics()
    for batch in batches:
        log.add(batch, statistics)
    return statistics


def equal(a, b):
    return a.models == b.models and all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ("moments", "rows", "weight"))


def by_hand(**changed):
    columns = {
        "context": np.array([[1, 2], [3, 0], [1, 2]], np.float32),
        "action": np.array([0, 1, 0], np.int32),
        "reward": np.array([1, -1, 0], np.float32),
        "propensity": np.array([0.5, 0.01, 0.25], np.float32),
        "eligible": np.ones((3, 2), bool),
        "weight": np.array([1, 1, 2], np.float32),
        "day": np.array([7, 7, 8], np.int32),
    }
    return Batch(**(columns | changed))


def test_sums_by_hand():
    statistics = summed(LinearLog(Design(("a", "b"), 2)), [by_hand()])
    # a: x = (1, 2) twice, w = 1 with r = 1 on day 7 and w = 2 with r = 0 on day 8: A = 3 [[1, 2], [2, 4]], b = 1 (1, 2).
    total = statistics.total()
    np.testing.assert_allclose(total.gram[0], [[3, 6], [6, 12]])
    np.testing.assert_allclose(total.target, [[1, 2], [-3, 0]])
    np.testing.assert_allclose(total.square, [1, 1])
    np.testing.assert_array_equal(total.rows, [2, 1])
    np.testing.assert_allclose(total.weight, [3, 1])
    np.testing.assert_allclose(statistics.window(8, 8).gram[0], [[2, 4], [4, 8]])


def test_importance_weights_are_one_over_propensity_up_to_a_limit():
    total = summed(LinearLog(Design(("a", "b"), 2), "ips", max_weight=10), [by_hand()]).total()
    np.testing.assert_allclose(total.weight, [1 / 0.5 + 2 / 0.25, 10])  # 1 / 0.01 = 100 counts 10


def test_a_shared_model_knows_context_constant_arm_and_products():
    arms = np.array([[5, 6], [7, 8]], np.float32)
    design = Design(("a", "b"), 2, add_bias=True, arm_features=arms, interactions=True)
    rows = design.rows(np.array([[1, 2]], np.float32), np.array([1]))
    np.testing.assert_array_equal(rows, [[1, 2, 1, 7, 8, 7, 8, 14, 16]])
    products = np.outer([1, 2, 1], design.arm_terms()[1])
    np.testing.assert_array_equal(rows[0][design.grid()], products)
    without = Design(("a", "b"), 2, arm_features=arms)
    np.testing.assert_array_equal(without.grid(), [[0, 4, 4], [1, 4, 4], [4, 2, 3]])  # 4: no such product in a row of 4


def test_sums_do_not_depend_on_the_batches_to_the_last_bit():
    batch, log = decisions(BLOCK_ROWS + 1000), LinearLog(Design(ARMS, 4, add_bias=True))
    whole, pieces = summed(log, [batch]), summed(log, cut(batch, 61))
    assert list(whole.days) == [19000, 19001, 19002, 19003, 19004]
    assert equal(whole.total(), pieces.total())
    rows = np.c_[batch.context, np.ones(len(batch.action)), batch.reward].astype(float)[batch.action == 1]
    weight = batch.weight[batch.action == 1].astype(float)
    np.testing.assert_allclose(whole.total().moments[1], (rows * weight[:, None]).T @ rows, rtol=1e-10, atol=1e-9)


def test_a_window_is_the_sum_of_its_days_and_the_difference_of_all_and_the_others():
    statistics = summed(LinearLog(Design(ARMS, 4)), [decisions(2000)])
    kept = statistics.window(19001, 19003)
    rest = statistics.window(19000, 19000) + statistics.window(19004, 19010)
    again = statistics.total() - rest
    np.testing.assert_array_equal(again.rows, kept.rows)
    np.testing.assert_allclose(again.moments, kept.moments, rtol=1e-12, atol=1e-9)
    with pytest.raises(DataError, match="no decisions between day 1 and day 2; known days: 19000 to 19004"):
        statistics.window(1, 2)


def test_merging_adds_days_and_arms_by_name():
    left, right = DailyStatistics(("a", "b"), 1), DailyStatistics(("c", "a"), 1)
    one = {"reward": np.array([1.0, 1.0]), "model": np.array([0, 1]), "weight": np.ones(2)}
    left.add(np.array([[1.0], [2.0]]), day=np.array([1, 1]), **one)
    right.add(np.array([[3.0], [4.0]]), day=np.array([1, 2]), **one)
    left.merge(right)
    total = left.total()
    assert total.models == ("a", "b", "c")
    np.testing.assert_allclose(total.gram[:, 0, 0], [1 + 16, 4, 9])
    np.testing.assert_array_equal(total.of(("c", "new", "a")).rows, [1, 0, 2])
    with pytest.raises(UserError, match="rows of 1 and of 3 numbers"):
        total + Sums.zeros(("a",), 3)


def test_save_and_load_are_equal(tmp_path):
    statistics = summed(LinearLog(Design(ARMS, 4)), [decisions(300)])
    statistics.save(tmp_path / "daily.npz")
    loaded = DailyStatistics.load(tmp_path / "daily.npz")
    assert list(loaded.days) == list(statistics.days)
    assert equal(loaded.total(), statistics.total())


def test_beam_sums_the_same():
    beam = pytest.importorskip("apache_beam")
    from apache_beam.testing.util import assert_that

    from waze_data_tfx.bandits.linear.combiner import SumDecisions

    log, batch = LinearLog(Design(ARMS, 4), "ips"), decisions(5000)
    expected = summed(log, [batch]).days

    def same(found):
        assert list(found[0].days) == list(expected)
        for day, sums in found[0].days.items():
            np.testing.assert_allclose(sums.moments, expected[day].moments, rtol=1e-10, atol=1e-9)
            np.testing.assert_array_equal(sums.rows, expected[day].rows)

    with beam.Pipeline("FnApiRunner") as pipeline:
        assert_that(pipeline | beam.Create(cut(batch, 100)) | beam.CombineGlobally(SumDecisions(log)), same)


@pytest.mark.parametrize(
    ("changed", "off_policy", "message"),
    [
        ({"action": np.array([0, 2, 0])}, "none", r"1 rows outside the set of 2 actions; received number 2; expected 0\.\.1"),
        ({"action": np.array([0, -1, 0])}, "none", "received number -1"),
        ({"context": np.array([[1, 2], [np.nan, 0], [1, 2]])}, "none", "1 rows of 'b' on day 7 hold a number that is not finite"),
        ({"reward": np.array([1, 1, np.inf])}, "none", "1 rows of 'a' on day 8"),
        ({"weight": np.array([1, -1, 1])}, "none", "weight: must be 0 or more"),
        ({"propensity": np.array([1, 0, 1])}, "ips", r"propensity: 1 rows are not in \(0, 1\]; received 0"),
        ({"propensity": np.array([1, np.nan, 1.5])}, "ips", "propensity: 2 rows"),
    ],
)
def test_impossible_rows_are_an_error(changed, off_policy, message):
    with pytest.raises(DataError, match=message):
        summed(LinearLog(Design(("a", "b"), 2), off_policy), [by_hand(**changed)]).total()
