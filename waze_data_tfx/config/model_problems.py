"""Which settings under `model`, each valid, do not fit each other or the rest of the config.

Called by `consistency` for a whole config, and by `waze_data_tfx.models` for settings given in Python. Never reads a file.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import get_args

from ..errors import unknown_name
from . import names
from .model import READS, Model, ModelType
from .schema import Config

Problem = tuple[str, str]
ONE_SCORE = ("regression", "binary_classification")
"""The tasks that two_tower serves: a pair has one score."""


def problems_in_config(config: Config) -> Iterator[Problem]:
    """Yield (dotted key, what is wrong) of the model section in its config."""
    model = config.model
    if model.head != "mean" and config.task != "regression":
        yield "model.head", f"{model.head} is for task regression; received task {config.task}"
    yield from ((f"model.{key}", what) for key, what in head_problems(model))
    if config.code.model:
        return  # a build_model of one's own reads what it likes
    yield from ((f"model.{key}", what) for key, what in type_problems(model))
    if model.type == "two_tower" and config.task not in ONE_SCORE:
        yield "model.type", f"two_tower gives one score per pair; expected task {' or '.join(ONE_SCORE)}; received {config.task}"
    if not config.code.features:
        yield from _column_problems(config)


def head_problems(model: Model) -> Iterator[Problem]:
    """Yield (field, what is wrong) of what the head reads."""
    asked = model.quantiles
    if any(not 0 < q < 1 for q in asked) or any(a >= b for a, b in pairwise(asked)) or 0.5 not in asked:
        yield "quantiles", f"expected ascending numbers between 0 and 1 with 0.5 among them; received {list(asked)}"
    if model.head != "quantile":
        if asked != default("quantiles"):
            yield "quantiles", f"only head quantile reads it; received head {model.head}"
        return
    if model.loss is not None:
        yield "loss", f"head quantile is trained on the pinball loss; received '{model.loss}'; leave it out"
    if model.metrics:
        yield "metrics", "Keras metrics compare one prediction with the label, and head quantile gives several; leave it out"


def type_problems(model: Model) -> Iterator[Problem]:
    """Yield (field, what is wrong) of the settings that depend on the type; one that still has its default is not noticed."""
    own = READS[model.type]
    for key in dict.fromkeys(key for keys in READS.values() for key in keys):
        if key not in own and getattr(model, key) != default(key):
            readers = [kind for kind in get_args(ModelType) if key in READS[kind]]
            yield key, f"type {model.type} does not read it, only {', '.join(readers)}; leave it out"
    if model.type == "two_tower" and model.towers is None:
        yield "towers", "is required for type two_tower: {query: [outputs], candidate: [outputs]}"


def default(key: str) -> object:
    """Return the default of a setting of the model."""
    return Model.model_fields[key].default


def _column_problems(config: Config) -> Iterator[Problem]:
    """Outputs that no ready-made feature makes; those of a preprocessing_fn are known only when the model is built."""
    model = config.model
    known = [name for name, _ in names.outputs(config.features)]
    sequences = names.sequences(config.features)
    for key in ("wide_columns", "deep_columns"):
        yield from _unknown(f"model.{key}", getattr(model, key) or (), known)
    yield from _unknown("model.sequence_columns", model.sequence_columns or (), sequences)
    if model.towers:
        yield from _unknown("model.towers.query", model.towers.query, known)
        yield from _unknown("model.towers.candidate", model.towers.candidate, known)
    if model.type in ("rnn", "cnn"):
        if not sequences:
            yield "model.type", f"{model.type} reads sequences; name one under features.sequence"
        chosen = [name for name in model.sequence_columns or sequences if name in sequences]
        if len({sequences[name].max_length for name in chosen}) > 1:
            yield "model.sequence_columns", unequal({name: sequences[name].max_length for name in chosen})


def unequal(lengths: dict[str, int]) -> str:
    """Return the message for sequences that cannot be read side by side."""
    received = ", ".join(f"{name} {n}" for name, n in lengths.items())
    return f"step i of all sequences is read together, so they need one length; received {received}; give them one max_length"


def _unknown(key: str, chosen: tuple[str, ...], known: object) -> Iterator[Problem]:
    assert isinstance(known, list | dict)
    yield from ((f"{key}.{i}", unknown_name("output", name, known)) for i, name in enumerate(chosen) if name not in known)
