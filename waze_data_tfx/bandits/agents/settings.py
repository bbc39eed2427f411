"""Checks of agents' settings: each raises UserError with agent and setting, what came and what is expected."""

import math
from collections.abc import Sequence

from waze_data_tfx.errors import UserError, did_you_mean


def positive(where: str, **settings: float) -> None:
    """Check that every setting is a finite number above 0."""
    for name, value in settings.items():
        if not _is_number(value) or value <= 0:
            raise UserError(f"{where}.{name}: received {value!r}; expected a number above 0")


def at_least_zero(where: str, **settings: float) -> None:
    """Check that every setting is a finite number of 0 or more."""
    for name, value in settings.items():
        if not _is_number(value) or value < 0:
            raise UserError(f"{where}.{name}: received {value!r}; expected 0 or a number above")


def at_least_one(where: str, **settings: float) -> None:
    """Check that every setting is a finite number of 1 or more."""
    for name, value in settings.items():
        if not _is_number(value) or value < 1:
            raise UserError(f"{where}.{name}: received {value!r}; expected 1 or a number above")


def counts(where: str, **settings: int) -> None:
    """Check that every setting is a whole number of 1 or more."""
    for name, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UserError(f"{where}.{name}: received {value!r}; expected a whole number of 1 or more")


def shares(where: str, **settings: float) -> None:
    """Check that every setting is a probability, 0 and 1 included."""
    for name, value in settings.items():
        if not _is_number(value) or not 0 <= value <= 1:
            raise UserError(f"{where}.{name}: received {value!r}; expected a probability from 0 to 1")


def units(where: str, **settings: Sequence[int]) -> None:
    """Check that every setting is a list of one or more layer sizes."""
    for name, value in settings.items():
        if isinstance(value, str) or not isinstance(value, Sequence) or not value:
            raise UserError(f"{where}.{name}: received {value!r}; expected a list of layer sizes, such as [64, 32]")
        for i, size in enumerate(value):
            counts(where, **{f"{name}[{i}]": size})


def one_of(where: str, known: Sequence[str], **settings: str) -> None:
    """Check that every setting is one of the known names."""
    for name, value in settings.items():
        if value not in known:
            raise UserError(f"{where}.{name}: received {value!r}; known: {', '.join(known)}{did_you_mean(str(value), known)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
