"""The `evaluation` section: the gate's metrics, thresholds and slices.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator

from .section import Column, Section

Direction = Literal["lower", "higher"]
INDICATORS: dict[str, Direction | None] = {
    "false_positive_rate": "lower",
    "false_negative_rate": "lower",
    "true_positive_rate": "higher",
    "true_negative_rate": "higher",
    "positive_rate": None,
    "negative_rate": None,
    "false_discovery_rate": "lower",
    "false_omission_rate": "lower",
}
"""Fairness Indicators' metrics of a binary task, each at a decision threshold (`false_positive_rate@0.5`); which way is better.

positive_rate and negative_rate are shares of all predictions, false_discovery_rate and false_omission_rate shares of those of one
class.
"""
DEFAULT_THRESHOLD = 0.5
METRIC_DIRECTIONS: dict[str, Direction] = {
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
    "ips": "higher",
    "snips": "higher",
    "dm": "higher",
    "dr": "higher",
    "sndr": "higher",
    "switch_dr": "higher",
    "dros": "higher",
    "effective_sample_size": "higher",
    "unsubscribe_rate": "lower",
}
METRICS_BY_TASK: dict[str, tuple[str, ...]] = {
    "regression": ("mae", "mse", "rmse", "mape"),
    "binary_classification": ("binary_crossentropy", "accuracy", "auc", "auc_pr", "precision", "recall", *INDICATORS),
    "multiclass_classification": ("categorical_crossentropy", "accuracy"),
    "multilabel_classification": ("binary_crossentropy", "auc", "auc_pr", "precision", "recall"),
    "bandit": (
        "auc",
        "ips",
        "snips",
        "dm",
        "dr",
        "sndr",
        "switch_dr",
        "dros",
        "effective_sample_size",
        "unsubscribe_rate",
    ),
}
_KNOWN = "; ".join(f"{task}: {', '.join(metrics)}" for task, metrics in METRICS_BY_TASK.items())


def at_threshold(indicator: str, threshold: float) -> str:
    """Return the name of an indicator at a decision threshold: `false_positive_rate@0.5`."""
    return f"{indicator}@{threshold}"


def indicator_of(name: str) -> tuple[str, float] | None:
    """Return the indicator and the decision threshold that a metric's name says; None for any other metric."""
    base, at, threshold = name.partition("@")
    return (base, float(threshold) if at else DEFAULT_THRESHOLD) if base in INDICATORS else None


def direction_of(name: str) -> Direction | None:
    """Return which way of a metric is better; None where neither is."""
    indicator = indicator_of(name)
    return INDICATORS[indicator[0]] if indicator else METRIC_DIRECTIONS[name]


class MetricThreshold(Section):
    """One metric, its bounds, the change it may make against the baseline and how far a slice may lie from all rows."""

    name: Annotated[
        str,
        Field(description=f"Metric. {_KNOWN}. A rate may name its decision threshold: false_positive_rate@0.5."),
    ]
    upper_bound: Annotated[float | None, Field(description="Largest value that is accepted.")] = None
    lower_bound: Annotated[float | None, Field(description="Smallest value that is accepted.")] = None
    absolute_change: Annotated[float | None, Field(description="How much worse than the baseline it may be.")] = None
    relative_change: Annotated[float | None, Field(description="How much worse, as a share of the baseline's value.")] = None
    max_gap: Annotated[
        float | None, Field(ge=0, description="Of a slice: how far its value may lie from that of all rows, either way.")
    ] = None

    @field_validator("name")
    @classmethod
    def _with_its_threshold(cls, name: str) -> str:
        """Give an indicator its one spelling, with the threshold."""
        try:
            indicator = indicator_of(name)
        except ValueError:
            indicator = (name, 0.0)
        if indicator is None:
            return name
        if not 0 < indicator[1] < 1:
            raise ValueError(f"expected a decision threshold between 0 and 1 after '@'; received '{name}'")
        return at_threshold(*indicator)

    @property
    def has_threshold(self) -> bool:
        """Whether this entry can refuse a model."""
        changes = (self.absolute_change, self.relative_change)
        return any(v is not None for v in (self.upper_bound, self.lower_bound, *changes, self.max_gap))

    @property
    def direction(self) -> Direction | None:
        """Which way is better."""
        return direction_of(self.name)


class Slice(Section):
    """A part of the evaluation split that gets its own metrics and, if asked, its own thresholds."""

    columns: Annotated[tuple[Column, ...], Field(min_length=1, description="Columns whose values make the slices.")]
    metrics: Annotated[tuple[MetricThreshold, ...], Field(description="Thresholds that hold for every slice.")] = ()
    min_examples: Annotated[PositiveInt, Field(description="Slices with fewer examples are shown, not judged.")] = 100


class Evaluation(Section):
    """The gate: what a model must reach to be blessed."""

    metrics: Annotated[tuple[MetricThreshold, ...], Field(min_length=1, description="Overall metrics; one needs a threshold.")]
    slices: Annotated[tuple[Slice, ...], Field(description="Slices; a list of columns, or {columns, metrics}.")] = ()
    decision_thresholds: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...],
        Field(min_length=1, max_length=10, description="Of a binary task: where slices get the indicators of fairness."),
    ] = (DEFAULT_THRESHOLD,)
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
