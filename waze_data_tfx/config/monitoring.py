"""The `monitoring` section: how far the data may move, between runs (drift) and between training and serving (skew).

One part of the config, put together by `schema`; `monitoring_problems` says what does not fit the rest. Which measure a column
gets and what the measures are is in `waze_data_tfx.monitoring`. Imports nothing heavy. Never reads a file.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from .section import Column, Fraction, Section
from .split import Split

if TYPE_CHECKING:
    from .schema import Config

Measure = Literal["l_infinity", "jensen_shannon"]
SERVING = "serving"
"""The one split of the serving rows."""


class Thresholds(Section):
    """Largest distances that are accepted, for columns without one of their own; 0: the same, 1: nothing in common."""

    numeric: Annotated[Fraction, Field(description="Of numbers: Jensen-Shannon divergence in bits, 0 to 1.")] = 0.1
    categorical: Annotated[
        Fraction, Field(description="Of text and categories: largest difference of a value's share of the rows, 0 to 1.")
    ] = 0.1


class ColumnThreshold(Section):
    """One column's own threshold and measure."""

    threshold: Annotated[
        Fraction | None, Field(description="Largest distance that is accepted; default: by the column's kind.")
    ] = None
    measure: Annotated[
        Measure | None, Field(description="default: l_infinity for text and categories, jensen_shannon for other numbers.")
    ] = None


class Watch(Section):
    """What drift and skew have in common."""

    policy: Annotated[Literal["stop", "warn"], Field(description="stop: the run ends with exit code 3; warn: it goes on.")] = (
        "stop"
    )
    threshold: Annotated[Thresholds, Field(description="Thresholds by kind of column.")] = Thresholds()
    columns: Annotated[
        dict[Column, ColumnThreshold],
        Field(description="Thresholds of single columns; name: number, or name: {threshold, measure}."),
    ] = {}
    ignore: Annotated[tuple[Column, ...], Field(description="Columns that may move as they like; shown, not judged.")] = ()

    @field_validator("columns", mode="before", json_schema_input_type=dict[Column, ColumnThreshold | float | None])
    @classmethod
    def _column_threshold(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {n: {} if v is None else v if isinstance(v, dict | Section) else {"threshold": v} for n, v in value.items()}


class Drift(Watch):
    """The training rows against those of an earlier run."""

    against: Annotated[
        Literal["previous", "pushed"],
        Field(description="previous: the newest run that trained on other rows; pushed: the run whose model is current."),
    ] = "previous"


class Skew(Watch):
    """The training rows against rows that a model was asked to predict."""

    input: Annotated[
        str,
        Field(
            description="File or glob of serving rows, relative to the config; read as data.input is, without label and weight."
        ),
    ]
    format: Annotated[
        Literal["csv", "parquet", "tfrecord"] | None, Field(description="Kind of file; default: from the file's ending.")
    ] = None


class Monitoring(Section):
    """How far the data may move; what is not written is not watched."""

    drift: Annotated[Drift | None, Field(description="Against an earlier run; {} for all defaults; default: off.")] = None
    skew: Annotated[Skew | None, Field(description="Against serving rows; default: off.")] = None


def for_serving(config: "Config") -> "Config":
    """Return the config with the serving rows in place of the training rows: all of them in one split, no rules.

    Rules say which rows are worth learning from; a model is asked about every row.
    """
    skew = config.monitoring.skew
    assert skew is not None
    split = Split().model_copy(update={"buckets": {SERVING: 1}})
    given: dict[str, Any] = {"input": skew.input, "query": None, "tables": {}, "parameters": {}, "window": None}
    data = config.data.model_copy(update={**given, "format": skew.format, "rules": (), "split": split})
    return config.model_copy(update={"data": data})
