"""Asks the saved policies for what an estimate needs of them: probabilities, the score of the logged action, the context.

Called by `measure` on Beam's workers. Imports TensorFlow through `evaluation.measure`.
"""

import functools
import json
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from waze_data_tfx.evaluation.measure import SignatureUnfit, ask, signatures

SERVING, EVAL, CONTEXT = "serving_default", "eval", "context"
POLICY_FILE = "assets.extra/policy.json"
_TOLERANCE = 1e-3


class Answer(NamedTuple):
    """What one signature of one policy says, in the order of the candidate's actions.

    Attributes:
        probabilities: [n, n_actions] float64.
        scores: [n, n_actions] float64.
    """

    probabilities: np.ndarray
    scores: np.ndarray


def choices(model_path: str, serialized: Sequence[bytes], *, actions: tuple[str, ...], signature: str = SERVING) -> Answer:
    """Return a policy's probabilities and scores; an action that it does not know has probability 0 and score 0.

    Raises:
        SignatureUnfit: it has no such signature, it has an action that `actions` lacks, or its probabilities are none.
    """
    answer = ask(model_path, serialized, ["probabilities", "scores"], signature)
    known = _actions(model_path) or actions
    made = []
    for name in ("probabilities", "scores"):
        values = answer[name].astype(np.float64)
        if values.ndim != 2 or values.shape[1] != len(known):
            raise SignatureUnfit(
                f"{model_path}: {signature}: {name}: expected shape [n, {len(known)}], one per action; received {values.shape}"
            )
        made.append(values)
    probabilities, scores = made
    sums = probabilities.sum(axis=1)
    bad = ~np.isfinite(probabilities).all(axis=1) | (probabilities < 0).any(axis=1)
    bad |= (np.abs(sums - 1) > _TOLERANCE) & (sums != 0)
    if bad.any():
        raise SignatureUnfit(
            f"{model_path}: {signature}: probabilities: expected numbers from 0 that sum to 1; {int(bad.sum())} rows do not, "
            f"the first: {np.round(probabilities[np.argmax(bad)], 4).tolist()}"
        )
    return Answer(*(_in_order(v, known, actions, model_path) for v in (probabilities, scores)))


def acting(probabilities: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    """Return an older policy's probabilities, also of rows in which it knows none of the eligible actions: there any, evenly.

    It would take its fallback there or nothing, and neither is among what could be taken.

    Args:
        probabilities: [n, n_actions].
        eligible: [n, n_actions] bool.
    """
    lost = eligible.any(axis=1) & (np.where(eligible, probabilities, 0.0).sum(axis=1) == 0)
    return np.where(lost[:, None], eligible / np.maximum(eligible.sum(axis=1, keepdims=True), 1), probabilities)


def context(model_path: str, serialized: Sequence[bytes]) -> np.ndarray:
    """Return the contexts that the policy's agent learns from, [n, context_dim] float64."""
    return ask(model_path, serialized, ["context"], CONTEXT)["context"].astype(np.float64)


def has(model_path: str, signature: str) -> bool:
    """Whether the policy has a signature."""
    return signature in signatures(model_path)


@functools.lru_cache(maxsize=4)
def _actions(model_path: str) -> tuple[str, ...]:
    """Return the policy's own actions as it was saved with; none if it does not say."""
    path = os.path.join(model_path, POLICY_FILE)
    if not tf.io.gfile.exists(path):
        return ()
    with tf.io.gfile.GFile(path) as file:
        return tuple(json.loads(file.read())["actions"])


def _in_order(values: np.ndarray, known: tuple[str, ...], actions: tuple[str, ...], model_path: str) -> np.ndarray:
    if known == actions:
        return values
    if gone := [a for a in known if a not in actions]:
        raise SignatureUnfit(f"{model_path}: it chooses actions that bandit.actions no longer names: {', '.join(gone)}")
    made = np.zeros((len(values), len(actions)))
    made[:, [actions.index(a) for a in known]] = values
    return made
