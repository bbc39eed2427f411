"""What is served of a policy's choice: floor, criteria and traffic share in its probabilities, then the draw and the ranking.

An action is usable where it is eligible and its score and probability are finite numbers: nothing is ever taken because of a NaN;
it stays visible in `scores`, which are given out as they are. A row without a usable action takes the fallback. A row's answer
does not depend on the others. Called by `bandits.export`; tensors are [n_actions, n] inside (see `sampling`). Imports TensorFlow
at the top.
"""

from typing import Any

import tensorflow as tf

from waze_data_tfx.bandits.agents.base import Choice

from .criteria import EXPLORE_CODE
from .sampling import drawn, ranked

RANKED, SCORES, PROBABILITIES, ACTION, PROPENSITY = "ranked_actions", "scores", "probabilities", "action", "propensity"
_TOLERANCE = 1e-4
"""How far a float32 sum of probabilities may be from 1 before they are divided by it."""


def serve(
    choice: Choice, eligible: Any, *, draw: Any, code: Any, eval_share: Any, floor: float, fallback: int | None
) -> dict[str, Any]:
    """Return the outputs of the serving policy.

    Args:
        choice: scores and probabilities of the exploring policy.
        eligible: [n, n_actions] bool.
        draw: in [0, 1), [n] float32.
        code: of the decision criteria, int64, [n] or [] for all rows.
        eval_share: [] float32 in [0, 1].
        floor: share of each distribution, but not of the eval policy's, that the usable actions have evenly.
        fallback: number of the action where none is usable; None for -1.
    """
    here, scores, explore = _usable(choice, eligible)

    def floored(probabilities: Any) -> Any:
        share = floor / tf.maximum(tf.reduce_sum(tf.cast(here, tf.float32), axis=0), 1.0)
        return (1 - floor) * probabilities + tf.cast(here, tf.float32) * share if floor else probabilities

    def ruled() -> Any:
        best = _best(scores, here)
        asked = tf.one_hot(code, here.shape[0], axis=0) if code.shape.rank else tf.one_hot(code, here.shape[0])[:, None]
        fixed = tf.where(here, asked, 0.0)
        certain = fixed + best * (1.0 - tf.reduce_sum(fixed, axis=0))
        policy = floored(tf.where(code == EXPLORE_CODE, explore, certain))
        return (1.0 - eval_share) * policy + eval_share * best

    plain = tf.logical_and(tf.reduce_all(code == EXPLORE_CODE), eval_share <= 0)
    # Only a matter of speed: `ruled` gives the same where nothing is ruled.
    probabilities = tf.cond(plain, lambda: floored(explore), ruled)
    return _answer(choice, scores, probabilities, draw, fallback)


def evaluate(choice: Choice, eligible: Any, *, fallback: int | None) -> dict[str, Any]:
    """Return the outputs of the eval policy: the best usable action, always; arguments as of `serve`."""
    here, scores, _ = _usable(choice, eligible)
    best = _best(scores, here)
    return _answer(choice, scores, best, tf.zeros_like(best[0]), fallback)


def _usable(choice: Choice, eligible: Any) -> tuple[Any, Any, Any]:
    """Return which actions are usable, their scores (-inf for the others) and probabilities (0), [n_actions, n] each."""
    scores, probabilities = tf.transpose(choice.scores), tf.transpose(choice.probabilities)
    here = tf.logical_and(tf.transpose(eligible), tf.math.is_finite(scores + probabilities))
    scores = tf.where(here, scores, tf.fill(tf.shape(scores), -float("inf")))
    return here, scores, _whole(tf.where(here, probabilities, tf.zeros_like(probabilities)), scores, here)


def _whole(probabilities: Any, scores: Any, here: Any) -> tf.Tensor:
    """Return probabilities that sum to 1 where something is usable: a policy may have given some to what is not.

    They keep their proportions; where nothing is left, the best usable action has it all.
    """
    total = tf.reduce_sum(probabilities, axis=0)

    def repaired() -> Any:
        none = tf.cast(tf.equal(total, 0.0), tf.float32)
        return tf.math.divide_no_nan(probabilities, total) + _best(scores, here) * none

    return tf.cond(tf.reduce_all(tf.abs(total - 1.0) < _TOLERANCE), lambda: probabilities, repaired)


def _best(scores: Any, here: Any) -> tf.Tensor:
    """Return 1 for the usable action with the highest score (of equals the first), [n_actions, n]."""
    best = tf.one_hot(tf.argmax(scores, axis=0), here.shape[0], axis=0)
    return best * tf.cast(here, tf.float32)


def _answer(choice: Choice, scores: Any, probabilities: Any, draw: Any, fallback: int | None) -> dict[str, Any]:
    """Draw, rank and lay out what `bandits.export` describes."""
    n_actions = probabilities.shape[0]
    if fallback is not None:
        none = tf.cast(tf.equal(tf.reduce_max(probabilities, axis=0), 0.0), tf.float32)
        probabilities += tf.one_hot(fallback, n_actions)[:, None] * none
    number = drawn(probabilities, draw)
    first = tf.one_hot(number, n_actions, axis=0, on_value=float("inf"), off_value=-float("inf"))
    propensity = tf.reduce_max(tf.minimum(probabilities, first), axis=0)
    return {
        RANKED: ranked(tf.maximum(scores, first)),
        SCORES: tf.identity(choice.scores),
        PROBABILITIES: tf.transpose(probabilities),
        ACTION: tf.where(number < n_actions, number, tf.constant(-1, tf.int64)),
        PROPENSITY: tf.maximum(propensity, 0.0),
    }
