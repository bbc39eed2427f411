"""Ratings as a bandit: a matrix of users by items is factorized, rows of U are contexts, rows of V arms, their products rewards.

After TF-Agents' MovieLens environment (`environments/movielens_py_environment.py`): A ~ U V' by SVD, the singular values shared
evenly. `low_rank` generates the matrix, `movielens` reads it. Imports TensorFlow at the top.
"""

from collections.abc import Sequence

import numpy as np

from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.environments.table import Table
from waze_data_tfx.errors import UserError

MEAN, DEVIATION = 1.2, 1.4
"""Of the generated ratings: about what a matrix gives of which a third is rated, 3.8 on average, and what is not counts as 0."""


def low_rank(
    *,
    n_users: int = 943,
    n_arms: int = 100,
    rank: int = 20,
    noise: float = 0.0,
    n_eligible: int | None = None,
    seed: int = 0,
) -> Table:
    """Return an environment of generated ratings.

    Args:
        n_users: rows of the matrix; each is a context.
        n_arms: columns of the matrix; each is an action.
        rank: of the matrix, and so numbers per context and per arm.
        noise: standard deviation of a normal error on every reward.
        n_eligible: so many arms, drawn anew for every decision, can be taken; default: all.
        seed: of the ratings; the same for every run over them.

    Raises:
        UserError: sizes that do not fit.
    """
    ratings = generated(n_users=n_users, n_arms=n_arms, rank=rank, seed=seed)
    names = [f"arm_{i}" for i in range(n_arms)]
    note = f"generated ratings of {n_users} users for {n_arms} arms, of rank {rank}, seed {seed}"
    return factorized(ratings, names, rank=rank, noise=noise, n_eligible=n_eligible, notes=(note,))


def generated(*, n_users: int, n_arms: int, rank: int, seed: int) -> np.ndarray:
    """Return ratings [n_users, n_arms] of exactly this rank: MEAN, and tastes that matter the less the later they come.

    rating = MEAN + DEVIATION * sum_k w_k user_k item_k with user, item ~ N(0, 1) and w_k ~ 1/sqrt(k), sum w_k^2 = 1, k < rank:
    like MovieLens's, whose first singular vector is the mean and whose spectrum falls slowly.

    Raises:
        UserError: the rank is less than 2 or more than there are users or arms.
    """
    _check_rank(rank, n_users, n_arms)
    rng = np.random.default_rng(seed)
    weight = 1 / np.sqrt(np.arange(1, rank))
    weight /= np.sqrt((weight**2).sum())
    users, items = rng.standard_normal((n_users, rank - 1)), rng.standard_normal((n_arms, rank - 1))
    return MEAN + DEVIATION * (users * weight) @ items.T


def factorized(
    ratings: np.ndarray,
    names: Sequence[str],
    *,
    rank: int,
    noise: float = 0.0,
    n_eligible: int | None = None,
    notes: tuple[str, ...] = (),
) -> Table:
    """Return the environment of a matrix of ratings [n_users, n_arms]; arms are also known by their rows of V.

    Raises:
        UserError: the rank is less than 2 or more than there are users or arms.
    """
    users, arms = factors(ratings, rank)
    problem = Problem(tuple(names), rank, arms.astype(np.float32))
    return Table(problem, users, users @ arms.T, noise=noise, n_eligible=n_eligible, notes=notes)


def factors(ratings: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Return U sqrt(S) [n_users, rank] and V sqrt(S) [n_arms, rank] of the largest singular values: A ~ U S V'.

    Raises:
        UserError: the rank is less than 2 or more than there are users or arms.
    """
    _check_rank(rank, *ratings.shape)
    u, s, vt = np.linalg.svd(ratings, full_matrices=False)
    root = np.sqrt(s[:rank])
    return u[:, :rank] * root, vt[:rank].T * root


def _check_rank(rank: int, n_users: int, n_arms: int) -> None:
    if not 2 <= rank <= min(n_users, n_arms):
        raise UserError(f"rank: received {rank}; expected 2 to {min(n_users, n_arms)}, for {n_users} users and {n_arms} arms")
