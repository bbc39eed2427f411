"""The newsletter's environment: the simulator's truth, rewards that average to it, days that pass, nothing hidden in sight."""

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx.bandits.environments.newsletter import Newsletter, encoded
from waze_data_tfx.bandits.simulators.newsletter import draw_contexts_at_random, expected
from waze_data_tfx.errors import UserError


@pytest.fixture(scope="module")
def environment() -> Newsletter:
    return Newsletter(n_users=3000, weeks=2, steps_per_day=10)


def test_expectations_are_the_simulator_s_and_rewards_average_to_them(environment: Newsletter) -> None:
    contexts = draw_contexts_at_random(3000, seed=0, weeks=2)
    rows = tf.range(3000)
    np.testing.assert_allclose(environment.expected(rows), expected(contexts).reward, atol=1e-6)
    mystery = tf.fill([3000], 11)
    rewards = np.stack([environment.reward(rows, mystery, tf.constant([5, step])) for step in range(100)])
    assert set(np.unique(rewards)) == {-1.0, 0.0, 1.0}
    assert rewards.mean() == pytest.approx(expected(contexts).reward[:, 11].mean(), abs=0.005)  # 300,000 draws: 4 standard errors
    assert (rewards == -1).mean() == pytest.approx(expected(contexts).unsubscribe[:, 11].mean(), abs=0.003)


def test_a_day_passes_every_ten_steps_and_comes_again(environment: Newsletter) -> None:
    day = draw_contexts_at_random(3000, seed=0, weeks=2).day
    for step, expected_day in ((0, 0), (9, 0), (10, 1), (139, 13), (140, 0)):
        context, eligible, row = environment.observe(tf.constant([1, step]), 64)
        assert set(np.floor(day[row.numpy()]).tolist()) == {expected_day}
        assert context.numpy()[:, 1 + expected_day % 7].all()  # behind the constant: the weekday
        assert eligible.numpy()[:, 0].all()  # the fallback is always there


def test_the_context_is_finite_and_without_what_is_hidden() -> None:
    contexts = draw_contexts_at_random(500, seed=3)
    other = type(contexts)(**{**vars(contexts), "segment": contexts.segment * 0, "intent": contexts.intent * 0})
    np.testing.assert_array_equal(encoded(contexts), encoded(other))
    assert np.isfinite(encoded(contexts)).all()


def test_a_day_without_readers_is_refused() -> None:
    with pytest.raises(UserError, match="n_users: received 10; expected many more than the 112 days"):
        Newsletter(n_users=10)
