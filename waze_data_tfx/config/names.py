"""What the config's columns are called in what a run makes: transformed outputs, vocabulary files, arguments of a signature.

Called by `consistency`, which refuses two of a name, and by whatever makes them or reads them back: features, training,
evaluation and predict. Pure text; imports nothing heavy and never reads a file.
"""

import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

from .features import Dense, Features, Geo, Sequence, Text

RAW = "raw"
"""The signature that takes one typed tensor per column of the model."""


def outputs(features: Features) -> Iterator[tuple[str, str]]:
    """Yield (output, dotted key of its feature) of everything that `features_transform` returns."""
    for group, members in features.groups().items():
        for name, settings in members.items():
            yield from ((name + ending, f"features.{group}.{name}") for ending in _endings(group, settings))


def sequences(features: Features) -> dict[str, Sequence]:
    """Return the outputs that are sequences, [n, max_length], with their settings."""
    return {f"{name}_sequence": settings for name, settings in features.sequence.items()}


def vocabulary_files(features: Features) -> Iterator[tuple[str, str]]:
    """Yield (file, dotted key of its feature) of every vocabulary that `features_transform` makes."""
    yield from ((vocabulary_file(name), f"features.vocabulary.{name}") for name in features.vocabulary)
    yield from ((vocabulary_file(f"{name}_text"), f"features.text.{name}") for name in features.text)
    for name, sequence in features.sequence.items():
        if sequence.of == "ids":
            yield vocabulary_file(f"{name}_sequence"), f"features.sequence.{name}"
    yield from ((vocabulary_file(f"{name}_cell"), f"features.geo.{name}") for name, geo in features.geo.items() if geo.at)


def vocabulary_file(column: str) -> str:
    """Return the name of a column's vocabulary file: the column's, `_` for every character that is odd in a file name."""
    return "".join(c if c.isalnum() or c in "_-." else "_" for c in column)


def argument_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the name of each column in the signature `raw`: its own, made a Python identifier where it is none.

    `trip miles` becomes `trip_miles` and `class` becomes `class_`; a name that is then taken gets another underscore. One that
    does not begin with a letter gets `arg_` before it, since TensorFlow (2.21) renames it so by itself: `arg__id`.
    """
    names: dict[str, str] = {}
    for column in sorted(columns, key=lambda c: (not c.isidentifier() or keyword.iskeyword(c), c)):
        name = re.sub(r"[^0-9A-Za-z_]", "_", column)
        name = name if name[0].isalpha() else f"arg_{name}"
        while keyword.iskeyword(name) or name in names.values():
            name += "_"
        names[column] = name
    return names


def _endings(group: str, settings: Any) -> tuple[str, ...]:
    """Return what is added to a feature's name to name its outputs."""
    match settings:
        case Dense():
            return ("", "_missing") if settings.indicator else ("",)
        case Text():
            return ("_text", "_length") if settings.length else ("_text",)
        case Geo():
            return ("_cell",) if settings.at else ("_distance", "_bearing")
    return (f"_{group}",)
