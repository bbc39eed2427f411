"""The `evaluation` section: the gate's metrics, thresholds and slices.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator

from .section import Column, Section

METRIC_DIRECTIONS: dict[str, Literal["lower", "higher"]] = {
    "mae": "lower",
    "mse": "lower",
    "rmse": "lower",
    "mape": "lower",
    "binary_crossentropy": "lower",
    "categorical_crossentropy": "lower",
    "accuracy": "higher",
    "auc": "higher",
    "auc_pr": "higher",
    "precision": "higher",
    "recall": "higher",
}
METRICS_BY_TASK: dict[str, tuple[str, ...]] = {
    "regression": ("mae", "mse", "rmse", "mape"),
    "binary_classification": ("binary_crossentropy", "accuracy", "auc", "auc_pr", "precision", "recall"),
    "multiclass_classification": ("categorical_crossentropy", "accuracy"),
    "multilabel_classification": ("binary_crossentropy", "auc", "auc_pr", "precision", "recall"),
}


class MetricThreshold(Section):
    """One metric, its bounds and the change it may make against the baseline."""

    name: Annotated[str, Field(description="Metric.")]
    upper_bound: Annotated[float | None, Field(description="Largest value that is accepted.")] = None
    lower_bound: Annotated[float | None, Field(description="Smallest value that is accepted.")] = None
    absolute_change: Annotated[float | None, Field(description="How much worse than the baseline it may be.")] = None
    relative_change: Annotated[float | None, Field(description="How much worse, as a share of the baseline's value.")] = None

    @property
    def has_threshold(self) -> bool:
        """Whether this entry can refuse a model."""
        return any(v is not None for v in (self.upper_bound, self.lower_bound, self.absolute_change, self.relative_change))

    @property
    def direction(self) -> Literal["lower", "higher"]:
        """Which way is better."""
        return METRIC_DIRECTIONS[self.name]


class Slice(Section):
    """A part of the evaluation split that gets its own metrics and, if asked, its own thresholds."""

    columns: Annotated[tuple[Column, ...], Field(min_length=1, description="Columns whose values make the slices.")]
    metrics: Annotated[tuple[MetricThreshold, ...], Field(description="Thresholds that hold for every slice.")] = ()
    min_examples: Annotated[PositiveInt, Field(description="Slices with fewer examples are shown, not judged.")] = 100


class Evaluation(Section):
    """The gate: what a model must reach to be blessed."""

    metrics: Annotated[tuple[MetricThreshold, ...], Field(min_length=1, description="Overall metrics; one needs a threshold.")]
    slices: Annotated[tuple[Slice, ...], Field(description="Slices; a list of columns, or {columns, metrics}.")] = ()
    baseline: Annotated[
        Literal["latest_blessed", "none"], Field(description="none: forget the baseline, for a model that cannot be compared.")
    ] = "latest_blessed"

    @field_validator("slices", mode="before", json_schema_input_type=list[Slice | Column | list[Column]])
    @classmethod
    def _slice_names(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        short = [[v] if isinstance(v, str) else v for v in value]
        return [{"columns": v} if isinstance(v, list | tuple) else v for v in short]
