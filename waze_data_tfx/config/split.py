"""The `data.split` section: which rows train and which evaluate, by a hash, by time or by a column.

One part of the config; `split_problems` says what does not fit, `data.splits` does it. Imports nothing heavy. Never reads a row.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, StringConstraints, field_validator

from .section import Column, Section
from .window import TimeZone, as_day, is_duration

SplitName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
NEEDED = ("train", "eval")
Value = str | int | bool
WrittenValues = dict[SplitName, Value | tuple[Value, ...]] | tuple[str, ...] | None
DEFAULT_BUCKETS = {"train": 2, "eval": 1}


def _start(value: Any) -> Any:
    if isinstance(value, str) and is_duration(value):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        return as_day(value)
    except ValueError:
        raise ValueError(
            "expected a date in quotes, such as '2025-01-31', or a time before the window's end, such as 1w"
        ) from None


class TimeSplit(Section):
    """Splits by time: `train` is what lies before the first start, every other split goes up to the next one's."""

    column: Annotated[
        Column, Field(description="DATE, DATETIME or TIMESTAMP, or unix seconds; of a CSV: ISO 8601 text or seconds.")
    ]
    starts: Annotated[
        dict[SplitName, Annotated[str, BeforeValidator(_start)]],
        Field(description="Where each split but train begins: a date in quotes, or how long before the window's end (1w)."),
    ]
    timezone: Annotated[
        TimeZone | None, Field(description="Where the days of the starts begin; default: that of data.window, or else UTC.")
    ] = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return train and the others, each after the one before; in the config's order until all starts are dates."""
        dates = not any(is_duration(start) for start in self.starts.values())
        return ("train", *(sorted(self.starts, key=lambda name: self.starts[name]) if dates else self.starts))


class Split(Section):
    """Which rows train and which evaluate: by a stable hash (by, buckets), by time, or as a column says."""

    by: Annotated[
        tuple[Column, ...],
        Field(
            description="Columns whose hash decides; empty: all columns (of a TFRecord: the record), so equal rows stay together."
        ),
    ] = ()
    buckets: Annotated[
        dict[SplitName, PositiveInt] | None,
        Field(description="Shares per split; train and eval are required, the order moves no row; default: {train: 2, eval: 1}."),
    ] = None
    time: Annotated[TimeSplit | None, Field(description="Instead of a hash: by time.")] = None
    column: Annotated[Column | None, Field(description="Instead of a hash: the column that says which split a row is of.")] = None
    values: Annotated[
        dict[SplitName, tuple[str, ...]] | None,
        Field(description="Values of `column` by split; a list of splits: each by its own name; default: [train, eval]."),
    ] = None
    others: Annotated[
        Literal["error", "drop"], Field(description="What a row is whose `column` names no split: a mistake, or dropped.")
    ] = "error"
    disjoint: Annotated[
        tuple[Column, ...], Field(description="Columns of a key that must not be in two splits; checked in every run.")
    ] = ()

    @field_validator("buckets", "values")
    @classmethod
    def _train_and_eval(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        missing = [name for name in NEEDED if value is not None and name not in value]
        if missing:
            raise ValueError(f"split '{min(missing)}' is missing; both train and eval are needed")
        return value

    @field_validator("values", mode="before", json_schema_input_type=WrittenValues)
    @classmethod
    def _texts_of_values(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return {name: (name,) for name in value}
        if not isinstance(value, dict):
            return value
        return {name: _texts(v if isinstance(v, list | tuple) else (v,)) for name, v in value.items()}

    @property
    def kind(self) -> Literal["hash", "time", "column"]:
        """Return what decides."""
        return "time" if self.time else "column" if self.column else "hash"

    @property
    def shares(self) -> dict[str, int]:
        """Return the buckets: train first, then eval, then the others by name, so that their order in the config moves no row."""
        given = self.buckets or DEFAULT_BUCKETS
        return {name: given[name] for name in _ordered(given)}

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """Return the values of `column` by split."""
        given = self.values or {name: (name,) for name in NEEDED}
        return {name: given[name] for name in _ordered(given)}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the splits."""
        if self.time:
            return self.time.names
        return tuple(self.texts if self.column else self.shares)

    def settings(self) -> dict[str, Any]:
        """Return what decides, the same for every spelling of it: what a cache key holds."""
        if self.time:
            how: dict[str, Any] = {"time": self.time.model_dump(mode="json")}
        elif self.column:
            how = {"column": self.column, "values": self.texts, "others": self.others}
        else:
            how = {"by": self.by, "buckets": self.shares}
        return {**how, **({"disjoint": self.disjoint} if self.disjoint and self.kind != "hash" else {})}

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that the config names."""
        deciding = (self.time.column,) if self.time else (self.column,) if self.column else self.by
        return tuple(dict.fromkeys((*deciding, *self.disjoint)))


def _ordered(names: Iterable[str]) -> list[str]:
    given = sorted(names)
    return [*(name for name in NEEDED if name in given), *(name for name in given if name not in NEEDED)]


def _texts(values: Iterable[Any]) -> list[Any]:
    """Return what YAML reads as a truth value or a whole number as the text that it has in BigQuery."""
    return [str(v).lower() if isinstance(v, bool) else str(v) if isinstance(v, int) else v for v in values]
