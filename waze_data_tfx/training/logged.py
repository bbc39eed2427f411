"""A bandit's transformed log as batches that agents learn from: contexts, actions, rewards, propensities.

Called by `bandits`. One pass, which is all that linear agents and a measurement need, holds one batch. From the second pass on
contexts are kept if they fit into IN_MEMORY_BYTES; else the log is read anew on every pass. Imports TensorFlow at the top.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.decisions import Batch
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError

from .contexts import Encode
from .examples import Split, column_batches, read_split

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


def read_log(
    name: str,
    patterns: Iterable[str],
    spec: Mapping[str, Any],
    config: Config,
    *,
    encode: Encode,
    context_dim: int,
    in_memory_bytes: int = IN_MEMORY_BYTES,
) -> Log:
    """Return a split's decisions, of which at most `in_memory_bytes` are held: rows x (context_dim + n_actions) x 4 bytes.

    Raises:
        DataError: no file, no example, or a reward that cannot be learnt from.
    """
    assert config.bandit is not None
    split = read_split(name, patterns, spec, config, in_memory_bytes=0)
    fits = split.n_rows * (context_dim + config.bandit.n_actions) * 4 <= in_memory_bytes
    run = tf.function(encode, autograph=False, reduce_retracing=True)
    return Log(split, _Passes(lambda: (_batch(columns, config, run) for columns in column_batches(split, ROWS)), fits))


class _Passes:
    """Gives the batches of one pass after another."""

    def __init__(self, read: Callable[[], Iterator[Batch]], fits: bool) -> None:
        self._read, self._fits = read, fits
        self._begun = False
        self._kept: list[Batch] | None = None

    def __call__(self) -> Iterator[Batch]:
        if self._kept is None and self._begun and self._fits:
            self._kept = list(self._read())
        self._begun = True
        return self._read() if self._kept is None else iter(self._kept)


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
