"""What is wrong with a config, in a person's words: where, what, what was received, what is known, did you mean.

Called by `load` for YAML and by `section` for configs written in Python. Knows pydantic's errors and the fields of the
sections; never reads a file.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..errors import ConfigError, did_you_mean

Key = tuple[str | int, ...]
EXPECTED = {
    "model_type": "expected keys and values",
    "dict_type": "expected keys and values",
    "tuple_type": "expected a list",
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "path_type": "expected a path",
}
"""A person's words for what pydantic calls by Python's names."""
HERE = Path(__file__).resolve().parent


def problems(error: ValidationError, positions: Mapping[Key, str], section: type[BaseModel]) -> Iterator[str]:
    """Yield `where: dotted.key: what` of every problem of a section.

    Args:
        error: what pydantic found.
        positions: where each key was written; `()` stands for all that have no place of their own.
        section: what was validated.
    """
    for key, what in described(error, section):
        yield f"{position(positions, key)}: {dotted(key) or 'config'}: {what}"


def described(error: ValidationError, section: type[BaseModel]) -> Iterator[tuple[Key, str]]:
    """Yield (key, what is wrong with it, in a person's words) of everything that pydantic or `consistency` found."""
    from .schema import Inconsistent  # it is a section itself

    for detail in error.errors():
        inner = detail.get("ctx", {}).get("error")
        if isinstance(inner, Inconsistent):
            yield from ((_parts(key) if isinstance(key, str) else key, what) for key, what in inner.problems)
            continue
        key = tuple(part for part in detail["loc"] if part != "[key]")
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # pydantic counts only the items without a problem, and those are named
        yield key, _describe(detail, key, section)


def in_python(error: ValidationError, section: type[BaseModel]) -> ConfigError:
    """Return the error for a section that was made in Python: its place is the line that called the section."""
    place = _caller()
    named = place if section.__name__ == "Config" else f"{place}: {section.__name__}"
    return ConfigError(list(dict.fromkeys(problems(error, {(): named}, section))))


def position(positions: Mapping[Key, str], key: Key) -> str:
    """Return where the key, or its nearest parent that was written, stands."""
    for length in range(len(key), -1, -1):
        if key[:length] in positions:
            return positions[key[:length]]
    return "config"


def dotted(key: Iterable[str | int]) -> str:
    """Return the key as a person writes it: `training.epochs`."""
    return ".".join(str(k) for k in key)


def shown(path: Path) -> str:
    """Return the path as a person in the current folder would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _parts(dotted_key: str) -> Key:
    return tuple(int(part) if part.isdigit() else part for part in dotted_key.split("."))


def _caller() -> str:
    """Return `file:line` of the innermost frame outside the config; of a notebook's cell, which is no file, the line."""
    frame = sys._getframe(1)
    while frame.f_back is not None and Path(frame.f_code.co_filename).parent == HERE:
        frame = frame.f_back
    file = Path(frame.f_code.co_filename)
    return f"{shown(file)}:{frame.f_lineno}" if file.is_file() else f"line {frame.f_lineno}"


def _describe(detail: Any, key: Key, section: type[BaseModel]) -> str:
    kind, received = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        known = _fields_at(key[:-1], section)
        return f"unknown key; known: {', '.join(known)}{did_you_mean(str(key[-1]), known)}"
    if kind == "missing":
        return "is required and missing"
    message = detail["msg"].removeprefix("Value error, ")
    guess = ""
    if kind == "too_short":
        least, given = detail["ctx"]["min_length"], len(detail["input"])
        return (
            "expected at least one entry; received none" if least == 1 else f"expected at least {least} entries; received {given}"
        )
    if kind in EXPECTED:
        known = _fields_at(key, section)
        message = EXPECTED[kind] + (f" with any of {', '.join(known)}" if kind == "model_type" else "")
    if kind == "literal_error":
        choices = [c.strip("' ") for c in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
        guess = did_you_mean(str(received), choices)
    return f"{message[:1].lower()}{message[1:]}; received {_received(received)}{guess}"


def _received(value: Any) -> str:
    """Return the value as a person would name it."""
    if isinstance(value, BaseModel):
        return f"a {type(value).__name__}"
    if isinstance(value, dict | list | tuple):
        return "keys and values" if isinstance(value, dict) else "a list"
    if callable(value):
        return f"function {value.__name__}" if hasattr(value, "__name__") else f"a {type(value).__name__}"
    return "nothing" if value is None else repr(value)


def _fields_at(key: Key, section: type[BaseModel]) -> list[str]:
    """Return the known keys of the section at `key` below `section`."""
    here: Any = section
    for part in key:
        here = inside(here, part)
    return sorted(f.alias or n for n, f in here.model_fields.items()) if _is_section(here) else []


def inside(annotation: Any, part: str | int) -> Any:
    """Return the type under `part` of a Section, a `dict[str, Section]` or a `tuple[Section, ...]`; None where there is none."""
    if _is_section(annotation):
        found = next((f.annotation for n, f in annotation.model_fields.items() if (f.alias or n) == part), None)
        optional = [arg for arg in get_args(found) if _is_section(arg)] if type(None) in get_args(found) else []
        return optional[0] if optional else found
    return next((arg for arg in get_args(annotation) if _is_section(arg)), None)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
