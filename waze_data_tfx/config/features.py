"""The `features` section: which columns a model may see, and how each is prepared.

One class per group, one field per setting. Called by `schema`; `feature_problems` says which settings do not fit each
other, `waze_data_tfx.features.ready_made` does what is written here. Imports nothing heavy. Never reads a file.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PositiveFloat, PositiveInt, field_validator
from pydantic_core import PydanticCustomError

from .section import Column, ColumnType, Fraction, Section

DenseTransform = Literal["z_score", "min_max", "robust", "log_z_score", "log", "log1p", "none"]
Imputation = Literal["mean", "median", "most_frequent", "zero"]
Cycle = Literal["hour", "day", "week", "month", "year"]
Position = Annotated[tuple[Column, Column], Field(description="Columns of latitude and longitude, in degrees.")]


class Dense(Section):
    """A numeric feature. In this order: clip, winsorize, logarithm, impute, scale."""

    transform: Annotated[
        DenseTransform,
        Field(
            description="Scaling. robust: by median and quartiles; log1p: log(1 + max(x, 0)); log: of x > 0, else missing; "
            "log_z_score: log1p, then z-score."
        ),
    ] = "z_score"
    clip: Annotated[
        tuple[float | None, float | None] | None, Field(description="Least and greatest value, null for none: [0, null].")
    ] = None
    winsorize: Annotated[
        tuple[Fraction, Fraction] | None,
        Field(description="Quantiles of the training split to which values beyond are set: [0.01, 0.99]."),
    ] = None
    impute: Annotated[
        Imputation | float, Field(description="What stands in for a missing value, before scaling: a statistic or a number.")
    ] = "mean"
    indicator: Annotated[bool, Field(description="Add NAME_missing: 1 where the value was missing.")] = False

    @field_validator("impute", mode="before")
    @classmethod
    def _statistic_or_number(cls, value: Any) -> Any:
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if number or value in get_args(Imputation):
            return value
        known = ", ".join(f"'{name}'" for name in get_args(Imputation))
        raise PydanticCustomError("literal_error", "expected a number or one of {expected}", {"expected": known})


class Bucket(Section):
    """A numeric feature cut at quantiles of the training split, or at boundaries of yours."""

    count: Annotated[int | None, Field(ge=2, description="Number of buckets, cut at quantiles.")] = None
    boundaries: Annotated[
        tuple[float, ...] | None, Field(min_length=1, description="Ascending; bucket i holds b[i-1] <= x < b[i].")
    ] = None


class Vocabulary(Section):
    """A text (or integer) feature looked up in the training split's most frequent values."""

    top_k: Annotated[PositiveInt | None, Field(description="How many values are kept; default: all.")] = None
    frequency_threshold: Annotated[
        PositiveInt | None, Field(description="Least number of rows that a kept value has; default: 1.")
    ] = None
    num_oov_buckets: Annotated[PositiveInt, Field(description="Buckets for values outside the vocabulary.")] = 1


class Hash(Section):
    """A text feature of so many values that a vocabulary would not pay: its hash modulo `buckets`."""

    buckets: Annotated[int, Field(ge=2, description="Number of ids; different values may share one.")]


class Category(Section):
    """An integer feature in 0..size-1."""

    size: Annotated[int, Field(ge=2, description="Number of values; a missing or larger value gets an id of its own.")]
    encoding: Annotated[
        Literal["one_hot", "id", "multi_hot"],
        Field(description="one_hot: a float vector; id: an integer to embed; multi_hot: several values in a text such as 3|17."),
    ] = "one_hot"
    separator: Annotated[str | None, Field(min_length=1, description="Between the values; multi_hot only; default: |.")] = None


class Text(Section):
    """Free text as a vector over its most frequent words or n-grams. Words are runs of letters and digits, in lower case."""

    top_k: Annotated[PositiveInt, Field(description="Words or n-grams kept, and the width of the vector.")] = 1000
    frequency_threshold: Annotated[
        PositiveInt | None, Field(description="Least number of occurrences of a kept word; default: 1.")
    ] = None
    ngrams: Annotated[
        tuple[PositiveInt, PositiveInt], Field(description="Shortest and longest n-gram in words; [1, 1]: words.")
    ] = (1, 1)
    encoding: Annotated[
        Literal["bag_of_words", "counts", "tf_idf"],
        Field(description="bag_of_words: 1 where it occurs; counts: how often; tf_idf: weighed by how rare it is."),
    ] = "bag_of_words"
    length: Annotated[bool, Field(description="Add NAME_length: z-score of log(1 + number of characters).")] = False

    @field_validator("ngrams", mode="before", json_schema_input_type=PositiveInt | tuple[PositiveInt, PositiveInt])
    @classmethod
    def _only_words(cls, value: Any) -> Any:
        return (1, value) if isinstance(value, int) and not isinstance(value, bool) else value


class Sequence(Section):
    """Several values in one text, such as 12;7;30, in their order: `[n, max_length]`, padded at the end."""

    of: Annotated[
        Literal["ids", "numbers"],
        Field(description="ids: 0 is padding, then the vocabulary, then unknown; numbers: z-scores, 0 is padding."),
    ] = "ids"
    separator: Annotated[str, Field(min_length=1, description="Between the values.")] = "|"
    max_length: Annotated[PositiveInt, Field(description="Values per row; the rest is cut.")] = 20
    keep: Annotated[Literal["first", "last"], Field(description="Which end of a longer sequence stays.")] = "first"
    top_k: Annotated[PositiveInt | None, Field(description="How many values are kept; ids only; default: all.")] = None
    num_oov_buckets: Annotated[PositiveInt | None, Field(description="Ids for unknown values; ids only; default: 1.")] = None


class Cross(Section):
    """A combination of columns as one id, hashed. A column under `bucket` enters as its bucket."""

    columns: Annotated[tuple[Column, ...], Field(min_length=2, description="Columns that are combined.")]
    buckets: Annotated[int, Field(ge=2, description="Number of ids; different combinations may share one.")] = 1000


class Time(Section):
    """A moment, or a number on a cycle, as sine and cosine."""

    format: Annotated[
        Literal["iso", "seconds", "milliseconds"] | None,
        Field(description="iso: 2026-03-01 or 2026-03-01T17:45:00+01:00; the others: since 1970 UTC; default: iso."),
    ] = None
    cycles: Annotated[
        tuple[Cycle, ...] | None,
        Field(min_length=1, description="Cycles in which the moment has a place; default: day, week, year."),
    ] = None
    utc_offset: Annotated[
        float | None, Field(ge=-14, le=14, description="Hours added to UTC for local time; a fixed number; default: 0.")
    ] = None
    period: Annotated[
        PositiveFloat | None, Field(description="Instead of the above: a number whose cycle has this length, such as hours: 24.")
    ] = None


class Geo(Section):
    """Positions on Earth: a grid cell of one (`at`), or distance and bearing of two (`from`, `to`)."""

    at: Annotated[Position | None, Field(description="The position whose cell is taken.")] = None
    cell: Annotated[float | None, Field(gt=0, le=90, description="Side of a cell in degrees; `at` only; default: 0.01.")] = None
    top_k: Annotated[PositiveInt | None, Field(description="Cells kept; `at` only; default: 1000.")] = None
    from_: Annotated[Position | None, Field(alias="from", description="Where it starts.")] = None
    to: Annotated[Position | None, Field(description="Where it ends.")] = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that it reads."""
        return (*(self.at or ()), *(self.from_ or ()), *(self.to or ()))


class Features(Section):
    """The columns a model may see, by how they are prepared. A column may stand in several groups."""

    dense: Annotated[dict[Column, Dense], Field(description="Numeric features; a list of names, or name: settings.")] = {}
    bucket: Annotated[dict[Column, Bucket], Field(description="Numeric features cut; name: count, or name: [boundaries].")] = {}
    vocabulary: Annotated[dict[Column, Vocabulary], Field(description="Text features; name: {top_k, num_oov_buckets}.")] = {}
    hash: Annotated[dict[Column, Hash], Field(description="Text features of many values; name: buckets.")] = {}
    category: Annotated[dict[Column, Category], Field(description="Integer features of known cardinality; name: size.")] = {}
    text: Annotated[dict[Column, Text], Field(description="Free text; name: top_k, or name: settings.")] = {}
    sequence: Annotated[dict[Column, Sequence], Field(description="Several values in one text; name: max_length.")] = {}
    time: Annotated[dict[Column, Time], Field(description="Moments; name: settings; for a number on a cycle name: period.")] = {}
    cross: Annotated[dict[Column, Cross], Field(description="Combinations; name of your choice: [columns].")] = {}
    geo: Annotated[dict[Column, Geo], Field(description="Positions; name of your choice: {at} or {from, to}.")] = {}
    custom: Annotated[
        dict[Column, ColumnType], Field(description="Columns that only your preprocessing_fn reads; name: float | int | string.")
    ] = {}

    @field_validator("dense", mode="before", json_schema_input_type=list[Column] | dict[Column, Dense | None])
    @classmethod
    def _dense_list(cls, value: Any) -> Any:
        return {name: {} for name in value} if isinstance(value, list | tuple) else _short(value, "transform", kinds=())

    @field_validator("bucket", mode="before", json_schema_input_type=dict[Column, Bucket | int | list[float]])
    @classmethod
    def _bucket_count(cls, value: Any) -> Any:
        return _short(_short(value, "boundaries", kinds=(list, tuple)), "count")

    @field_validator("category", mode="before", json_schema_input_type=dict[Column, Category | int])
    @classmethod
    def _category_size(cls, value: Any) -> Any:
        return _short(value, "size")

    @field_validator("vocabulary", mode="before", json_schema_input_type=dict[Column, Vocabulary | int | None])
    @classmethod
    def _vocabulary_top_k(cls, value: Any) -> Any:
        return _short(value, "top_k")

    @field_validator("hash", mode="before", json_schema_input_type=dict[Column, Hash | int])
    @classmethod
    def _hash_buckets(cls, value: Any) -> Any:
        return _short(value, "buckets")

    @field_validator("text", mode="before", json_schema_input_type=dict[Column, Text | int | None])
    @classmethod
    def _text_top_k(cls, value: Any) -> Any:
        return _short(value, "top_k")

    @field_validator("sequence", mode="before", json_schema_input_type=dict[Column, Sequence | int | None])
    @classmethod
    def _sequence_max_length(cls, value: Any) -> Any:
        return _short(value, "max_length")

    @field_validator("time", mode="before", json_schema_input_type=dict[Column, Time | float | None])
    @classmethod
    def _time_period(cls, value: Any) -> Any:
        return _short(value, "period")

    @field_validator("cross", mode="before", json_schema_input_type=dict[Column, Cross | list[Column]])
    @classmethod
    def _cross_columns(cls, value: Any) -> Any:
        return _short(value, "columns")

    def groups(self) -> dict[str, dict[str, Any]]:
        """Return the ready-made groups by name, `custom` left out."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "custom"}

    def columns(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield every column that is read and where it is named: keys below `features`."""
        for group in (*self.groups(), "custom"):
            if group == "cross":
                for name, cross in self.cross.items():
                    yield from ((("cross", name, "columns", i), column) for i, column in enumerate(cross.columns))
            elif group == "geo":
                for name, geo in self.geo.items():
                    for end, position in (("at", geo.at), ("from", geo.from_), ("to", geo.to)):
                        yield from ((("geo", name, end, i), column) for i, column in enumerate(position or ()))
            else:
                yield from (((group, column), column) for column in getattr(self, group))

    def column_types(self) -> dict[str, ColumnType]:
        """Return the type of every feature column.

        `cross` takes a column as the others read it, and `time` with a `period` takes integers too; alone, the former reads
        text and the latter floats.
        """
        types: dict[str, ColumnType] = dict(self.custom)
        for group in ("vocabulary", "hash", "text", "sequence", "category", "time", "bucket", "dense", "geo"):
            types.update(self.read_as(group))
        types.update({name: "float" for name, time in self.time.items() if time.period is not None and name not in types})
        for cross in self.cross.values():
            types.update({name: "string" for name in cross.columns if name not in types})
        return types

    def read_as(self, group: str) -> dict[str, ColumnType]:
        """Return the type in which the group needs each of its columns; a column that it takes in any type is left out."""
        if group in ("vocabulary", "hash", "text", "sequence"):
            return dict.fromkeys(getattr(self, group), "string")
        if group in ("dense", "bucket"):
            return dict.fromkeys(getattr(self, group), "float")
        if group == "category":
            return {name: "string" if c.encoding == "multi_hot" else "int" for name, c in self.category.items()}
        if group == "time":
            moments = {name: time for name, time in self.time.items() if time.period is None}
            return {name: "string" if time.format in (None, "iso") else "int" for name, time in moments.items()}
        if group == "geo":
            return {column: "float" for geo in self.geo.values() for column in geo.columns}
        return dict(self.custom) if group == "custom" else {}


def _short(value: Any, field: str, *, kinds: tuple[type, ...] | None = None) -> Any:
    """Let `name: 5` stand for `name: {field: 5}` if 5 is of one of the kinds (default: any), and `name:` for `name: {}`."""
    if not isinstance(value, dict):
        return value
    long: dict[Any, Any] = {}
    for name, short in value.items():
        shortened = not isinstance(short, dict | Section) and (kinds is None or isinstance(short, kinds))
        long[name] = {} if short is None else {field: short} if shortened else short
    return long
