"""A bandit's transformed log as batches that agents learn from: contexts, actions, rewards, propensities.

Called by `bandits`. Contexts are made once and kept while they fit into memory; else the log is read anew on every pass. Imports
TensorFlow at the top.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.decisions import Batch
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError

from .contexts import Encode
from .examples import Split, column_batches

IN_MEMORY_BYTES = 2**30
ROWS = 8192
"""Rows of a batch; an agent that learns in steps makes its own of them."""


@dataclass(frozen=True)
class Log:
    """The decisions of one split.

    Attributes:
        split: its transformed examples.
        batches: gives the batches of one pass, in an order that does not change.
    """

    split: Split
    batches: Callable[[], Iterator[Batch]]


def read_log(split: Split, config: Config, encode: Encode, context_dim: int, *, in_memory_bytes: int = IN_MEMORY_BYTES) -> Log:
    """Return the split's decisions; they are parsed once if their contexts fit into `in_memory_bytes`."""
    assert config.bandit is not None
    n_floats = split.n_rows * (context_dim + config.bandit.n_actions)

    def read() -> Iterator[Batch]:
        run = tf.function(encode, autograph=False, reduce_retracing=True)
        return (_batch(columns, config, run) for columns in column_batches(split, ROWS))

    if n_floats * 4 > in_memory_bytes:
        return Log(split, read)
    kept = list(read())
    return Log(split, lambda: iter(kept))


def _batch(columns: Mapping[str, np.ndarray], config: Config, encode: Callable[..., Any]) -> Batch:
    assert config.bandit is not None
    log, beside = config.bandit.columns, config.beside_features
    context = encode({name: values for name, values in columns.items() if name not in beside}).numpy()
    reward = columns[config.label].reshape(-1).astype(np.float32)
    if not np.isfinite(context).all():
        raise DataError(
            "a context holds a number that is not finite", hint="let preprocessing_fn fill in missing values: features.impute"
        )
    return Batch(
        context=context,
        action=columns[log.action].reshape(-1).astype(np.int32),
        reward=reward,
        propensity=columns[log.propensity].reshape(-1).astype(np.float32),
        eligible=columns[log.eligible].reshape(len(reward), -1) > 0,
        weight=np.ones_like(reward),
        day=columns[log.day].reshape(-1).astype(np.int32),
    )
