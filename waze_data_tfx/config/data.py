"""The `data`, `schema` and `code` sections: where rows come from, which of them count, and the user's files.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from .functions import file_of
from .section import Column, Fraction, Section
from .split import Split
from .window import Window


class Rule(Section):
    """Rows to leave out, and why; the count of each rule is reported."""

    name: Annotated[str, Field(description="What these rows are, shown in the report.")]
    drop: Annotated[str, Field(description="SQL condition (DuckDB) over the row's columns; rows where it is true are dropped.")]


SqlType = Literal["BOOL", "INT64", "FLOAT64", "NUMERIC", "STRING", "DATE", "DATETIME", "TIMESTAMP"]
StoredType = Literal[
    "BOOL", "INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", "STRING", "BYTES", "DATE", "DATETIME", "TIME", "TIMESTAMP"
]


class Table(Section):
    """Where a table of the query is on this machine."""

    file: Annotated[
        str,
        Field(description="CSV or Parquet file or glob, or a DuckDB file, relative to the config; package:// as of data.input."),
    ]
    table: Annotated[str | None, Field(description="Table or view in a DuckDB file, such as main.trips.")] = None
    types: Annotated[
        dict[Column, StoredType],
        Field(description="BigQuery types of a CSV's columns, such as TIMESTAMP; default: the narrowest that all values have."),
    ] = {}


Scalar = bool | int | float | str
SQL_TYPE_OF: dict[type, SqlType] = {
    bool: "BOOL",
    int: "INT64",
    float: "FLOAT64",
    str: "STRING",
    datetime: "TIMESTAMP",
    date: "DATE",
}


class QueryParameter(Section):
    """The value of a query's @parameter, with its type in BigQuery."""

    type: Annotated[SqlType, Field(description="BigQuery's type; of each element where the value is a list.")]
    value: Annotated[Scalar | tuple[Scalar, ...], Field(description="The value; dates and times as ISO 8601 text.")]

    @model_validator(mode="after")
    def _fits(self) -> "QueryParameter":
        """Refuse a date that is none now, not when the query runs."""
        parse = {"DATE": date.fromisoformat, "DATETIME": datetime.fromisoformat, "TIMESTAMP": datetime.fromisoformat}
        if self.type in parse:
            for value in self.value if isinstance(self.value, tuple) else (self.value,):
                try:
                    parse[self.type](str(value))
                except ValueError:
                    raise ValueError(f"received '{value}'; expected a {self.type} such as 2025-01-31") from None
        return self


def parameter_of(value: Any) -> Any:
    """Return a plain value as {type, value}, the type being that of the value; what has a type already as it is."""
    if isinstance(value, dict | QueryParameter):
        return value
    first = next(iter(value), "") if isinstance(value, list | tuple) else value
    if type(first) not in SQL_TYPE_OF:
        return value
    plain = [_plain(v) for v in value] if isinstance(value, list | tuple) else _plain(value)
    return {"type": SQL_TYPE_OF[type(first)], "value": plain}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Data(Section):
    """Where the rows come from and which of them count."""

    input: Annotated[
        str | None, Field(description="File or glob, relative to the config; package://PKG/PATH for a file in a package.")
    ] = None
    query: Annotated[
        Path | None, Field(description="Instead of input: file with one SELECT in BigQuery's dialect; see docs/sql.md.")
    ] = None
    tables: Annotated[
        dict[str, Table], Field(description="Tables of the query as it names them: where their rows are on this machine.")
    ] = {}
    parameters: Annotated[
        dict[ParameterName, QueryParameter],
        Field(description="Values of the query's @parameters: a plain value, or {type: DATE, value: 2025-01-31}."),
    ] = {}
    window: Annotated[Window | None, Field(description="The days that the query reads, as its parameters; default: none.")] = None
    format: Annotated[
        Literal["csv", "parquet", "tfrecord"] | None, Field(description="Kind of file; default: from the file's ending.")
    ] = None
    rules: Annotated[tuple[Rule, ...], Field(description="Rows to leave out, applied in order.")] = ()
    max_dropped: Annotated[Fraction, Field(description="Share of rows that rules may drop before the run stops.")] = 0.5
    max_rejected: Annotated[
        Fraction,
        Field(description="Share of rows with a value that cannot be read (text in a column of numbers) before the run stops."),
    ] = 0.0
    split: Annotated[Split, Field(description="How rows are split.")] = Split()

    @field_validator("tables", mode="before", json_schema_input_type=dict[str, str | Table])
    @classmethod
    def _files_of_tables(cls, value: Any) -> Any:
        """A table given as text is its file."""
        return {k: {"file": v} if isinstance(v, str) else v for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator(
        "parameters", mode="before", json_schema_input_type=dict[ParameterName, Scalar | tuple[Scalar, ...] | QueryParameter]
    )
    @classmethod
    def _types_of_values(cls, value: Any) -> Any:
        return {k: parameter_of(v) for k, v in value.items()} if isinstance(value, dict) else value

    @property
    def named(self) -> str:
        """Return the input or the query's file, for messages."""
        return self.input or str(self.query)


class Code(Section):
    """The user's Python files; all optional where ready-made transforms, models and graphs serve."""

    features: Annotated[
        Path | None, Field(description="File with preprocessing_fn(inputs) or preprocessing_fn(inputs, config).")
    ] = None
    model: Annotated[Path | None, Field(description="File with build_model(inputs, config) that returns a Keras model.")] = None
    agent: Annotated[
        Path | None, Field(description="File with a bandit's agent of yours; bandit.agent names it FILE:CLASS, without the .py.")
    ] = None
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
