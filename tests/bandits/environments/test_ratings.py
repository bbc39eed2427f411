"""Ratings as bandits: generated ones, and a small file in GroupLens' format; against a factorization by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx.bandits.environments import make_environment
from waze_data_tfx.bandits.environments.low_rank import factors, generated
from waze_data_tfx.errors import DataError, UserError

SEED = tf.constant([1, 2])
RATINGS = """\
1	10	4	881250949
1	20	2	881250949
2	10	2	881250949
2	20	1	881250949
3	10	4	881250949
3	20	2	881250949
4	30	5	881250949
"""
"""Films 10 and 20 have three ratings each, film 30 one; user 4 rated neither of the two. [[4, 2], [2, 1], [4, 2]] has rank 1."""


def movielens(folder: Path, text: str = RATINGS, **settings: int) -> Any:
    (folder / "u.data").write_text(text)
    return make_environment("movielens", {"directory": str(folder), "n_arms": 2, "rank": 2, **settings})


def test_factors_by_hand() -> None:
    users, arms = factors(np.array([[4.0, 2.0], [2.0, 1.0], [4.0, 2.0]]), 2)
    # u = (2, 1, 2)/3, v = (2, 1)/sqrt 5, s = 3 sqrt 5: u sqrt s = (2, 1, 2) * 5^(1/4)/sqrt 3, v sqrt s = (2, 1) * sqrt 3/5^(1/4)
    assert np.abs(users[:, 0]) == pytest.approx(np.array([2, 1, 2]) * 5**0.25 / 3**0.5)
    assert np.abs(arms[:, 0]) == pytest.approx(np.array([2, 1]) * 3**0.5 / 5**0.25)
    assert np.abs(users[:, 1:2] @ arms[:, 1:2].T) == pytest.approx(np.zeros((3, 2)), abs=1e-7)


def test_movielens_is_read_in_grouplens_format(tmp_path: Path) -> None:
    (tmp_path / "u.item").write_text("10|Toy Story (1995)|01-Jan-1995\n20|Amélie (2001)|\n", "latin-1")
    environment = movielens(tmp_path)
    assert environment.problem.actions == ("Toy Story (1995) [10]", "Amélie (2001) [20]")
    assert environment.problem.arm_features.shape == (2, 2)
    context, eligible, user = environment.observe(SEED, 64)
    assert set(user.numpy().tolist()) == {0, 1, 2}  # user 4 is none of them
    ratings = np.array([[4.0, 2.0], [2.0, 1.0], [4.0, 2.0]])[user.numpy()]
    np.testing.assert_allclose(environment.expected(user), ratings, atol=1e-5)
    np.testing.assert_allclose(context @ environment.problem.arm_features.T, ratings, atol=1e-5)
    assert environment.reward(user, tf.ones([64], tf.int32), SEED).numpy() == pytest.approx(ratings[:, 1], abs=1e-5)
    assert eligible.numpy().all()


def test_a_file_that_is_not_grouplens_is_said_so(tmp_path: Path) -> None:
    note = movielens(tmp_path).notes[0]
    assert "NOT GroupLens' original: 7 ratings" in note
    assert "the original has 100,000" in note


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("1,10,4,8\n", {}, r"u.data:1: expected user, item, rating and time with tabs between; received '1,10,4,8'"),
        ("1\t10\t7\t8\n", {}, r"u.data:1: received rating 7; expected 1 to 5"),
        (RATINGS + "1\t10\t4\t8\n", {}, r"user 1 has rated item 10 2 times; expected once"),
        ("", {}, "holds no rating"),
        (RATINGS, {"n_arms": 4}, r"n_arms: received 4; .* has 3 movies"),
        (RATINGS, {"rank": 3}, "rank: received 3; expected 2 to 2, for 3 users and 2 arms"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, settings: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        movielens(tmp_path, text, **settings)


def test_a_missing_directory_or_file_is_said_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"directory: no such folder; received .*nowhere") as caught:
        make_environment("movielens", {"directory": str(tmp_path / "nowhere")})
    assert "grouplens.org" in caught.value.hint
    (tmp_path / "u_data").write_text("")
    with pytest.raises(DataError, match=r"no u.data in it; did you mean 'u_data'"):
        make_environment("movielens", {"directory": str(tmp_path)})


def test_generated_ratings_have_their_rank_and_come_back_as_products() -> None:
    ratings = generated(n_users=60, n_arms=30, rank=4, seed=3)
    assert np.linalg.matrix_rank(ratings) == 4
    assert ratings.mean() == pytest.approx(1.2, abs=0.3)
    environment = make_environment("low_rank", {"n_users": 60, "n_arms": 30, "rank": 4, "seed": 3})
    arms = environment.problem.arm_features
    assert arms is not None
    context, _, user = environment.observe(SEED, 20)
    np.testing.assert_allclose(environment.expected(user), ratings[user.numpy()], atol=1e-4)
    np.testing.assert_allclose(context @ arms.T, ratings[user.numpy()], atol=1e-4)
    other = make_environment("low_rank", {"n_users": 60, "n_arms": 30, "rank": 4, "seed": 4})
    assert not np.allclose(other.problem.arm_features, arms)


def test_noise_is_around_the_expectation_and_changes_by_seed() -> None:
    environment = make_environment("low_rank", {"n_users": 60, "n_arms": 30, "rank": 4, "noise": 2.0})
    _, _, user = environment.observe(SEED, 5000)
    error = environment.reward(user, tf.zeros([5000], tf.int32), SEED) - environment.expected(user)[:, 0]
    assert float(tf.reduce_mean(error)) == pytest.approx(0, abs=0.12)  # four standard errors of 2 / sqrt(5000)
    assert np.std(error) == pytest.approx(2.0, abs=0.09)
    again = environment.reward(user, tf.zeros([5000], tf.int32), SEED + 1) - environment.expected(user)[:, 0]
    assert np.corrcoef(error, again)[0, 1] == pytest.approx(0, abs=0.06)


def test_so_many_arms_are_eligible_each_as_often() -> None:
    environment = make_environment("low_rank", {"n_users": 60, "n_arms": 10, "rank": 4, "n_eligible": 3})
    _, eligible, _ = environment.observe(SEED, 6000)
    assert set(eligible.numpy().sum(1).tolist()) == {3}
    assert eligible.numpy().mean(0) == pytest.approx(np.full(10, 0.3), abs=0.025)  # four standard errors
    with pytest.raises(UserError, match="n_eligible: received 11; expected 2 to 10"):
        make_environment("low_rank", {"n_users": 60, "n_arms": 10, "rank": 4, "n_eligible": 11})
