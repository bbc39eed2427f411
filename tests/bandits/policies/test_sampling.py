"""The draw and the ranking, against NumPy's own sorting and values worked by hand."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx.bandits.policies.sampling import comparators, drawn, ranked, uniform_draw

INF = float("inf")


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 12])
def test_the_comparators_sort_every_row_of_zeros_and_ones(n):
    # which is enough for all rows (Knuth's zero-one principle)
    for row in itertools.product([0, 1], repeat=n):
        values = list(row)
        for i, j in comparators(n):
            values[i], values[j] = max(values[i], values[j]), min(values[i], values[j])
        assert values == sorted(row, reverse=True)


def test_ranked_by_hand():
    # -0.0 equals 0.0; equal scores stand in the order of their numbers; -inf is not ranked
    scores = np.float32([[0.0, -1, 5], [-0.0, -1, -INF], [-2, 3, -INF], [1e-45, 3, -3.4e38], [-1e-45, -INF, INF]])
    expected = [[3, 0, 1, 4, 2], [2, 3, 0, 1, -1], [4, 0, 3, -1, -1]]
    np.testing.assert_array_equal(ranked(tf.constant(scores)).numpy(), expected)


@pytest.mark.parametrize("n_actions", [1, 2, 12, 32, 33, 100])
def test_ranked_is_a_stable_sort_for_any_number_of_actions(n_actions):
    random = np.random.default_rng(n_actions)
    scores = random.integers(-4, 4, (n_actions, 300)).astype(np.float32) * random.choice([1, 1e-6, 1e30], 300).astype(np.float32)
    scores[random.random(scores.shape) < 0.2] = -INF
    order = np.argsort(-scores, axis=0, kind="stable").T
    expected = np.where(np.take_along_axis(scores.T, order, axis=1) == -INF, -1, order)
    np.testing.assert_array_equal(ranked(tf.constant(scores)).numpy(), expected)


def test_drawn_by_hand():
    # sums 0.25, 0.25, 0.75, 1, 1: what has no probability is never drawn, whatever the draw
    column = np.float32([0.25, 0, 0.5, 0.25, 0])
    draws = np.float32([0, 0.2499, 0.25, 0.74, 0.75, 1 - 2**-23])
    found = drawn(tf.constant(np.tile(column[:, None], 6)), tf.constant(draws))
    np.testing.assert_array_equal(found.numpy(), [0, 0, 2, 2, 3, 3])
    np.testing.assert_array_equal(drawn(tf.zeros([5, 1]), tf.zeros([1])).numpy(), [5])


def test_the_last_draw_stays_within_a_sum_that_was_rounded():
    random = np.random.default_rng(0)
    columns = random.dirichlet(np.ones(7), 5000).T.astype(np.float32)
    columns[-1] = 0
    found = drawn(tf.constant(columns), tf.fill([5000], np.float32(1 - 2**-23)))
    assert found.numpy().max() == 5


def test_draws_are_even_and_depend_on_text_and_seed_alone():
    keys = tf.constant([f"user{i}" for i in range(20000)])
    one, other = uniform_draw(keys, "policy a").numpy(), uniform_draw(keys, "policy b").numpy()
    counts = np.bincount((one * 20).astype(int), minlength=20)
    chi_square = ((counts - 1000) ** 2 / 1000).sum()
    assert chi_square < 43.8  # 0.999 quantile at 19 degrees of freedom
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / 20000**0.5
    np.testing.assert_array_equal(uniform_draw(keys[::-1][:7], "policy a").numpy(), one[::-1][:7])
    assert (one >= 0).all()
    assert (one < 1).all()
