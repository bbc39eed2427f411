"""A bandit that is easy to learn: the reward of action k is the context's k-th number."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np

from waze_data_tfx.bandits.decisions import Batch, Problem

ACTIONS = ("news", "sport", "food")
N_CONTEXT = 5
PROBLEM = Problem(ACTIONS, N_CONTEXT, np.eye(3, 4, dtype=np.float32))
QUICK = {"hidden_units": (16, 8), "learning_rate": 0.02, "batch_size": 64, "epochs": 8}


def decisions(n: int, seed: int = 0) -> Batch:
    """Return logged decisions with uneven propensities, weights and eligible actions."""
    random = np.random.default_rng(seed)
    context = random.normal(size=(n, N_CONTEXT)).astype(np.float32)
    shares = np.array([0.5, 0.3, 0.2], np.float32)
    action = random.choice(3, n, p=shares.astype(float) / shares.sum()).astype(np.int32)
    eligible = random.random((n, 3)) < 0.7
    eligible[np.arange(n), action] = True
    return Batch(
        context,
        action,
        reward=context[np.arange(n), action],
        propensity=shares[action],
        eligible=eligible,
        weight=random.uniform(0.5, 2, n).astype(np.float32),
        day=np.zeros(n, np.int32),
    )


def tensors(batch: Batch) -> Batch:
    """Return the batch as tensors."""
    import tensorflow as tf

    return Batch(*map(tf.constant, batch))


def rows(batch: Batch, which: object) -> Batch:
    """Return some of the rows."""
    return Batch(*(column[which] for column in batch))
