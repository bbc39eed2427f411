"""The compiled loop: regret by hand, the same as a plain loop, only eligible actions, the same again with the same seed."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from agents_for_test import Fixed, Ridge, TwoArms

from waze_data_tfx.bandits.decisions import Batch
from waze_data_tfx.bandits.environments import make_environment
from waze_data_tfx.errors import UserError
from waze_data_tfx.lab.loop import DECIDE, EARN, N_STREAMS, OBSERVE, draw, judged, play


def played(agent: Any, environment: Any, **settings: Any) -> list[Any]:
    return list(play(agent, environment, **{"seed": 1, "steps": 60, "batch_size": 8, "points": 3, **settings}))


def test_regret_and_suboptimal_by_hand() -> None:
    expected = tf.constant([[1.0, 0.25, 9.0], [1.0, 1.0 + 1e-7, 9.0], [2.0, -1.0, 9.0]])
    eligible = tf.constant([[True, True, False]] * 3)
    regret, suboptimal = judged(expected, eligible, tf.constant([1, 0, 0]))
    assert regret.numpy() == pytest.approx([0.75, 0.0, 0.0], abs=1e-6)  # the 9 cannot be had; row 2 is a tie, row 3 the best
    assert suboptimal.numpy().tolist() == [True, False, False]


def test_two_arms_by_hand() -> None:
    always_second = Fixed(TwoArms().problem, probabilities=[0.0, 1.0])
    windows = played(always_second, TwoArms(), steps=10, batch_size=4, points=4)
    assert [w.step for w in windows] == [2, 5, 8, 10]  # 10 steps in 4 windows: ends at 2.5, 5, 7.5 and 10, rounded to even
    assert all(w[1:] == (0.75, 1.0, 0.25, 1.0) for w in windows)  # 1 - 0.25 lost, always suboptimal, 0.25 earned, propensity 1
    assert always_second.seen.numpy().tolist() == [40.0, 10.0]  # 10 steps of 4 decisions, a quarter each


def test_a_share_of_the_choices_is_averaged_over_every_decision() -> None:
    windows = played(Fixed(TwoArms().problem, probabilities=[0.8, 0.2]), TwoArms(), steps=500, batch_size=20, points=1)
    assert windows[0].suboptimal == pytest.approx(0.2, abs=0.016)  # 10,000 draws: four standard errors
    assert windows[0].regret == pytest.approx(0.75 * windows[0].suboptimal)


def test_the_compiled_loop_is_a_plain_loop() -> None:
    environment = make_environment("low_rank", {"n_users": 50, "n_arms": 6, "rank": 3, "noise": 0.5, "n_eligible": 4})
    compiled = played(Ridge(environment.problem), environment, seed=7, steps=20, batch_size=5, points=2)
    agent = Ridge(environment.problem)
    measured = []
    for step in range(20):
        seeds = [tf.constant([7 * N_STREAMS + stream, step]) for stream in (OBSERVE, DECIDE, EARN)]
        context, eligible, handle = environment.observe(seeds[0], 5)
        probabilities = agent.policy(context, eligible).probabilities
        u = tf.random.stateless_uniform([5, 1], seeds[1]).numpy()[:, 0]
        totals = np.cumsum(probabilities.numpy(), axis=1, dtype=np.float32)
        action = np.array(
            [next(i for i, t in enumerate(row) if t > v * row[-1]) for row, v in zip(totals, u, strict=True)], np.int32
        )
        reward = environment.reward(handle, action, seeds[2])
        possible = np.where(eligible, environment.expected(handle), -np.inf)
        assert np.isfinite(possible[np.arange(5), action]).all()
        regret = possible.max(1) - possible[np.arange(5), action]
        propensity = probabilities.numpy()[np.arange(5), action]
        ones, days = np.ones(5, np.float32), np.zeros(5, np.int32)
        loss = agent.train_step(Batch(context, action, reward, propensity, eligible, ones, days))
        measured.append((regret.mean(), (regret > 1e-4).mean(), reward.numpy().mean(), float(loss)))
    halves = [np.mean(measured[:10], axis=0), np.mean(measured[10:], axis=0)]
    np.testing.assert_allclose([w[1:] for w in compiled], halves, rtol=1e-4)


def test_an_agent_that_learns_gets_better_and_runs_can_be_repeated() -> None:
    environment = make_environment("low_rank", {"n_users": 200, "n_arms": 5, "rank": 3})
    settings = {"steps": 300, "batch_size": 8, "points": 3}
    first = played(Ridge(environment.problem, epsilon=0.05), environment, **settings)
    assert first[-1].regret < 0.5 * first[0].regret
    assert played(Ridge(environment.problem, epsilon=0.05), environment, **settings) == first
    assert played(Ridge(environment.problem, epsilon=0.05), environment, seed=2, **settings) != first


def test_what_is_not_eligible_is_never_chosen() -> None:
    windows = played(Ridge(TwoArms(forbidden=True).problem, epsilon=0.5), TwoArms(forbidden=True))
    assert all(0.0 <= w.regret <= 0.75 for w in windows)  # the third arm would have a regret of -8
    with pytest.raises(UserError, match="Fixed in TwoArms, steps 0 to 20: the policy chose an action that was not eligible"):
        played(Fixed(TwoArms(forbidden=True).problem, probabilities=[0.0, 0.5, 0.5]), TwoArms(forbidden=True))


@pytest.mark.parametrize("wrong", [[0.5, 0.2], [1.2, -0.2], [float("nan"), 1.0]])
def test_what_is_no_distribution_is_refused(wrong: list[float]) -> None:
    with pytest.raises(UserError, match="negative, or do not sum to 1 in every row"):
        played(Fixed(TwoArms().problem, probabilities=wrong), TwoArms())


def test_actions_are_drawn_with_their_probabilities() -> None:
    rows = tf.tile([[0.0, 0.1, 0.0, 0.9, 0.0]], [20_000, 1])
    counts = np.bincount(draw(rows, tf.constant([3, 4])).numpy(), minlength=5)
    assert counts[[0, 2, 4]].tolist() == [0, 0, 0]
    assert counts[1] == pytest.approx(2000, abs=170)  # four standard deviations of sqrt(20000 * 0.1 * 0.9)
