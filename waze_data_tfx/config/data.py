"""The `data`, `schema` and `code` sections: where rows come from, which of them count, and the user's files.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from .functions import file_of
from .section import Column, Fraction, Section


class Rule(Section):
    """Rows to leave out, and why; the count of each rule is reported."""

    name: Annotated[str, Field(description="What these rows are, shown in the report.")]
    drop: Annotated[str, Field(description="SQL condition (DuckDB) over the row's columns; rows where it is true are dropped.")]


class Split(Section):
    """Which rows train and which evaluate, by a stable hash."""

    by: Annotated[
        tuple[Column, ...],
        Field(
            description="Columns whose hash decides; empty: all columns (of a TFRecord: the record), so equal rows stay together."
        ),
    ] = ()
    buckets: Annotated[dict[str, PositiveInt], Field(description="Shares per split; `train` and `eval` are required.")] = {
        "train": 2,
        "eval": 1,
    }

    @field_validator("buckets")
    @classmethod
    def _train_and_eval(cls, value: dict[str, int]) -> dict[str, int]:
        missing = {"train", "eval"} - set(value)
        if missing:
            raise ValueError(f"split '{sorted(missing)[0]}' is missing; both train and eval are needed")
        return value


class Data(Section):
    """Where the rows come from and which of them count."""

    input: Annotated[str, Field(description="File or glob, relative to the config; package://PKG/PATH for a file in a package.")]
    format: Annotated[
        Literal["csv", "parquet", "tfrecord"] | None, Field(description="Kind of file; default: from the file's ending.")
    ] = None
    rules: Annotated[tuple[Rule, ...], Field(description="Rows to leave out, applied in order.")] = ()
    max_dropped: Annotated[Fraction, Field(description="Share of rows that rules may drop before the run stops.")] = 0.5
    split: Annotated[Split, Field(description="How rows are split.")] = Split()


class Code(Section):
    """The user's Python files; all optional where ready-made transforms, models and graphs serve."""

    features: Annotated[
        Path | None, Field(description="File with preprocessing_fn(inputs) or preprocessing_fn(inputs, config).")
    ] = None
    model: Annotated[Path | None, Field(description="File with build_model(inputs, config) that returns a Keras model.")] = None

    pipeline: Annotated[
        Path | None,
        Field(
            description="File with nodes(config), build(config, data_fingerprint): a graph of your own in place of `pipeline`."
        ),
    ] = None

    @field_validator("features", "model", mode="before")
    @classmethod
    def _file_of_function(cls, value: Any, info: ValidationInfo) -> Any:
        """In Python the function itself may stand for its file."""
        wanted = {"features": "preprocessing_fn", "model": "build_model"}[str(info.field_name)]
        return file_of(value, wanted, str(info.field_name)) if callable(value) else value


class SchemaSource(Section):
    """Where the data schema comes from."""

    file: Annotated[
        Path | None, Field(description="Curated schema (schema.pbtxt), imported; default: inferred from all splits.")
    ] = None
