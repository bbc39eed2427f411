"""Which settings of `data.split` and `data.window`, each valid, do not fit each other.

Called by `consistency`, which yields them with the rest. Never reads a file; what needs literal days is in `run_date`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .split import Split
from .window import PARAMETERS, Window, counted, is_duration

if TYPE_CHECKING:
    from .data import Data

Problem = tuple[str | tuple[str | int, ...], str]


def split_problems(data: "Data") -> Iterator[Problem]:
    """Yield (dotted key or its parts, what is wrong)."""
    split = data.split
    ways = {"by": split.by, "buckets": split.buckets, "time": split.time, "column": split.column}
    given = [name for name, value in ways.items() if value]
    if len({"hash" if name in ("by", "buckets") else name for name in given}) > 1:
        yield "data.split", f"received {' and '.join(given)}; expected by and buckets, or time, or column"
    if split.column is None:
        for name in ("values", "others"):
            if getattr(split, name) != Split.model_fields[name].default:
                yield f"data.split.{name}", "only a split by column uses it; received no data.split.column"
    yield from _values_twice(split)
    yield from _time_problems(data)
    if split.kind == "hash" and split.disjoint and not (split.by and set(split.by) <= set(split.disjoint)):
        yield (
            "data.split.disjoint",
            f"a hash of {', '.join(split.by) or 'all columns'} puts rows with the same {', '.join(split.disjoint)} into several "
            f"splits; expected data.split.by: [{', '.join(split.disjoint)}], or some of these",
        )


def window_problems(data: "Data") -> Iterator[Problem]:
    """Yield (dotted key, what is wrong)."""
    for name in PARAMETERS:
        if name in data.parameters:
            yield f"data.parameters.{name}", "is given by data.window; take it out, or name the parameter otherwise"
    window = data.window
    if window is None:
        return
    if data.query is None:
        yield "data.window", "only a query reads it; received no data.query"
    yield from _length_problems(window)


def _length_problems(window: Window) -> Iterator[Problem]:
    (unit, n), (other, less) = counted(window.length), counted(window.overlap)
    if less and unit != other and window.step is None:
        yield (
            "data.window.overlap",
            f"received '{window.overlap}' of '{window.length}': months differ in days; expected both in days and weeks, or both "
            "in months and years, or a step",
        )
    elif unit == other and less >= n:
        yield "data.window.overlap", f"received '{window.overlap}'; expected less than the length '{window.length}'"


def _time_problems(data: "Data") -> Iterator[Problem]:
    time = data.split.time
    if time is None:
        return
    if "eval" not in time.starts:
        yield "data.split.time.starts", "split 'eval' is missing; expected where it begins"
    if "train" in time.starts:
        yield "data.split.time.starts.train", "train is what lies before the first start; take it out"
    first: dict[str, str] = {}
    for name, start in time.starts.items():
        if is_duration(start) and data.window is None:
            yield (
                ("data", "split", "time", "starts", name),
                f"received '{start}', which counts back from the end of data.window; received none; expected a date in quotes",
            )
        if start in first:
            yield ("data", "split", "time", "starts", name), f"received '{start}', where {first[start]} begins already"
        first.setdefault(start, name)


def _values_twice(split: Split) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name, values in (split.values or {}).items():
        for value in values:
            if first.setdefault(value, name) != name:
                yield ("data", "split", "values", name), f"'{value}' is of split {first[value]} already"
