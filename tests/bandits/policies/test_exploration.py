"""Probabilities from scores, against values worked by hand; the rules that hold for all of them."""

import math

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx.bandits.policies import exploration as explore

NAN, INF = float("nan"), float("inf")


def scores(*rows):
    return tf.constant(rows, tf.float32)


def mask(*rows):
    return tf.constant([[c == "1" for c in row] for row in rows])


def near(tensor, *rows):
    np.testing.assert_allclose(tensor.numpy(), rows, atol=1e-6)


def test_greedy_takes_the_best_eligible_and_of_equals_the_first():
    found = explore.greedy(scores([1, 3, 2], [1, 3, 2], [5, 5, 5]), mask("111", "101", "011"))
    near(found, [0, 1, 0], [0, 0, 1], [0, 1, 0])


def test_epsilon_greedy_gives_marginal_probabilities():
    # 0.9 + 0.1 / 4 for the best, 0.1 / 4 for the others; among two 0.95 and 0.05
    found = explore.epsilon_greedy(scores([0, 9, 1, 2], [0, 9, 1, 2]), mask("1111", "1010"), 0.1)
    near(found, [0.025, 0.925, 0.025, 0.025], [0.05, 0, 0.95, 0])


def test_softmax_by_hand():
    # exp(log 3 - log 1) = 3 to 1; at temperature 2, sqrt(3) to 1; far scores do not overflow
    two = [math.log(3.0), 0.0, 100.0]
    near(explore.softmax(scores(two), mask("110"), 1.0), [0.75, 0.25, 0])
    near(explore.softmax(scores(two), mask("110"), 2.0), [3**0.5 / (1 + 3**0.5), 1 / (1 + 3**0.5), 0])
    near(explore.softmax(scores([1e30, -1e30, 0]), mask("111"), 0.01), [1, 0, 0])


def test_inverse_gap_by_hand():
    # gaps 0, 0.5, 1 with gamma 4: 1 / (3 + 2) = 0.2, 1 / (3 + 4) = 1 / 7, and the rest
    found = explore.inverse_gap(scores([1, 0.5, 0], [1, 0.5, 0], [1, 0.5, 0]), mask("111", "011", "111"), [[4.0], [4.0], [0.0]])
    near(found, [1 - 0.2 - 1 / 7, 0.2, 1 / 7], [0, 0.75, 0.25], [1 / 3, 1 / 3, 1 / 3])


def test_thompson_counts_the_draws_that_an_action_wins():
    draws = tf.constant([[0, 0], [0, 2], [3, 0], [-2, -3]], tf.float32)
    # samples 1 + draw against 0 + 2 draw: 1:0, 1:4, 4:0, -1:-6
    near(explore.thompson(scores([1, 0]), scores([1, 2]), mask("11"), draws), [0.75, 0.25])
    near(explore.thompson(scores([1, 0]), scores([1, 2]), mask("01"), draws), [0, 1])


def test_thompson_of_two_arms_is_phi_of_their_distance():
    # P(N(0.3, 0.5^2) > N(0, 1.2^2)) = Phi(0.3 / 1.3) = Phi(0.230769) = 0.591253
    draws = tf.constant(np.random.default_rng(0).standard_normal((40000, 2)), tf.float32)
    found = tf.function(explore.thompson, autograph=False)(scores([0.3, 0]), scores([0.5, 1.2]), mask("11"), draws)
    exact = 0.5 * (1 + math.erf(0.3 / 1.3 / 2**0.5))
    assert found.numpy()[0, 0] == pytest.approx(exact, abs=4 * 0.5 / 200)  # four standard errors
    assert exact == pytest.approx(0.591253, abs=1e-5)


def test_thompson_counts_what_argmax_over_all_samples_counts():
    random = np.random.default_rng(0)
    mean, deviation = random.standard_normal((2, 60, 4)).astype(np.float32)
    deviation, draws = np.abs(deviation), random.standard_normal((30, 4)).astype(np.float32)
    mean[::3], deviation[::3] = 0, 0  # every draw is a tie: the first eligible one
    mean[1::5, 3], deviation[1::5, 3] = mean[1::5, 1] + 1, 0  # above the other's mean, without doubt
    mean[7, 1], deviation[13, 2], deviation[16, 0] = NAN, INF, 3e38  # the last one's samples overflow
    eligible = random.random((60, 4)) < 0.8
    samples = np.float32(mean[:, None, :] + deviation[:, None, :] * draws)
    here = eligible & np.isfinite(samples).all(axis=1)
    best = np.where(here[:, None, :], samples, -INF).argmax(axis=2)
    expected = np.where(here, (best[:, :, None] == np.arange(4)).sum(axis=1) / np.float32(30), 0)
    found = explore.thompson(scores(*mean), scores(*deviation), tf.constant(eligible), tf.constant(draws))
    np.testing.assert_array_equal(found.numpy(), np.float32(expected))


def test_samples_with_equal_values_go_to_the_first():
    samples = tf.constant([[[1, 1, 0], [0, 2, 2]]], tf.float32)
    near(explore.best_of_samples(samples, mask("111")), [0.5, 0.5, 0])
    near(explore.best_of_samples(samples, mask("101")), [0.5, 0, 0.5])


def test_the_floor_is_shared_by_the_eligible():
    near(explore.with_floor(scores([1, 0, 0]), mask("101"), 0.2), [0.9, 0, 0.1])


EVERY = {
    "greedy": explore.greedy,
    "epsilon": lambda s, e: explore.epsilon_greedy(s, e, 0.2),
    "softmax": lambda s, e: explore.softmax(s, e, 0.5),
    "inverse_gap": lambda s, e: explore.inverse_gap(s, e, 3.0),
    "thompson": lambda s, e: explore.thompson(s, tf.ones_like(s), e, tf.constant([[0, 1, 2.0], [2, 0, 1]])),
    "samples": lambda s, e: explore.best_of_samples(tf.stack([s, -s], axis=1), e),
    "floor": lambda s, e: explore.with_floor(explore.greedy(s, e), explore.usable(s, e), 0.3),
}


@pytest.mark.parametrize("name", EVERY)
def test_whatever_the_row_the_eligible_share_one_and_nothing_else_has_any(name):
    rows = [[0.1, 0.2, 0.3], [0.1, NAN, 0.3], [INF, 0.1, -INF], [0.1, 0.2, 0.3], [NAN, NAN, NAN], [0.5, NAN, 0.5]]
    eligible = mask("111", "111", "111", "000", "111", "010")
    found = EVERY[name](scores(*rows), eligible).numpy()
    np.testing.assert_allclose(found.sum(axis=1), [1, 1, 1, 0, 0, 0], atol=1e-6)
    assert (found >= 0).all()
    assert not found[~(eligible.numpy() & np.isfinite(rows))].any()
    alone = np.concatenate([EVERY[name](scores(r), eligible[i : i + 1]).numpy() for i, r in enumerate(rows)])
    np.testing.assert_allclose(found, alone, rtol=0, atol=2**-23)  # exp is rounded otherwise in a batch of one
