"""What the leak check makes of the worker's measurements. Pure Python."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UserError, unknown_name
from .comparison import told


def judged(answer: Mapping[str, Any], *, threshold: float, allow: Sequence[str]) -> None:
    """Raise if a label moves a feature, or if one predicts the label nearly alone.

    Raises:
        AssertionError: naming each, with its score and the threshold.
        UserError: a name in `allow` that is neither a column nor a feature.
    """
    scores = answer["scores"]
    for name in allow:
        if name not in scores:
            raise UserError(f"allow: {unknown_name('column or feature', name, scores)}")
    if answer["differences"]:
        hint = "a feature that moves with the label knows it: look at what your preprocessing_fn reads"
        raise AssertionError(told("the label moves features", answer["differences"], hint))
    found = {name: score for name, score in scores.items() if score >= threshold and name not in allow}
    if found:
        lines = [f"  '{name}': {score:.4f}" for name, score in sorted(found.items(), key=lambda item: -item[1])]
        raise AssertionError(
            f"these predict the label nearly alone ({answer['metric']} on held-out rows, threshold {threshold:g}):\n"
            + "\n".join(lines)
            + "\nnext: leave out what is known only after the label, or name it in allow=[...] if it is known before"
        )
