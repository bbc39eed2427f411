"""What the config's columns are called in what a run makes: transformed outputs, vocabulary files, arguments of a signature.

Called by `consistency`, which refuses two of a name, and by whatever makes them or reads them back: features, training,
evaluation and predict. Pure text; imports nothing heavy and never reads a file.
"""

import keyword
import re
from collections.abc import Iterable, Iterator

from .schema import Features

RAW = "raw"
"""The signature that takes one typed tensor per column of the model."""


def outputs(features: Features) -> Iterator[tuple[str, str]]:
    """Yield (output, dotted key of its feature) of everything that `features_transform` returns."""
    for column, dense in features.dense.items():
        yield column, f"features.dense.{column}"
        if dense.indicator:
            yield f"{column}_missing", f"features.dense.{column}"
    for group in ("bucket", "vocabulary", "category"):
        for column in getattr(features, group):
            yield f"{column}_{group}", f"features.{group}.{column}"


def vocabulary_file(column: str) -> str:
    """Return the name of a column's vocabulary file: the column's, `_` for every character that is odd in a file name."""
    return "".join(c if c.isalnum() or c in "_-." else "_" for c in column)


def argument_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the name of each column in the signature `raw`: its own, made a Python identifier where it is none.

    `trip miles` becomes `trip_miles` and `class` becomes `class_`; a name that is then taken gets another underscore.
    """
    names: dict[str, str] = {}
    for column in sorted(columns, key=lambda c: (not c.isidentifier() or keyword.iskeyword(c), c)):
        name = re.sub(r"[^0-9A-Za-z_]", "_", column)
        name = f"_{name}" if name[0].isdigit() else name
        while keyword.iskeyword(name) or name in names.values():
            name += "_"
        names[column] = name
    return names
