"""The gate's metrics as functions: `mse_metric(upper_bound=25, absolute_change=1)`, put together by `create_metric_spec`.

What users import from `waze_data_tfx`; they make the same sections as the `evaluation` part of a YAML config. One line per
metric of METRIC_DIRECTIONS and INDICATORS, which a test holds against them.
"""

import inspect
from collections.abc import Iterable
from typing import Any, Protocol

from .evaluation import (
    DEFAULT_THRESHOLD,
    INDICATORS,
    METRIC_DIRECTIONS,
    Direction,
    Evaluation,
    MetricThreshold,
    Slice,
    at_threshold,
)


class MetricFunction(Protocol):
    """What every function below takes; the meaning of each setting is MetricThreshold's."""

    def __call__(
        self,
        *,
        upper_bound: float | None = None,
        lower_bound: float | None = None,
        absolute_change: float | None = None,
        relative_change: float | None = None,
        max_gap: float | None = None,
    ) -> MetricThreshold:
        """Return the metric with these thresholds."""


class IndicatorFunction(Protocol):
    """What the functions of rates take: the decision threshold `at`, and what MetricFunction takes."""

    def __call__(
        self,
        at: float = DEFAULT_THRESHOLD,
        *,
        upper_bound: float | None = None,
        lower_bound: float | None = None,
        absolute_change: float | None = None,
        relative_change: float | None = None,
        max_gap: float | None = None,
    ) -> MetricThreshold:
        """Return the rate at the decision threshold with these thresholds."""


def create_metric_spec(
    metrics: Iterable[MetricThreshold | str], *, slices: Iterable[Slice | str | list[str]] = (), **settings: Any
) -> Evaluation:
    """Return what a model must reach to be blessed: the config's `evaluation` section.

    Args:
        metrics: `mse_metric(...)` and its like, or the name of one that is only shown; at least one needs a threshold.
        slices: `Slice(...)`, a column, or a list of columns.
        settings: the other keys of `evaluation`, such as `baseline`.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    entries = tuple(MetricThreshold(name=m) if isinstance(m, str) else m for m in metrics)
    return Evaluation(metrics=entries, slices=tuple(slices), **settings)


def _metric(name: str) -> MetricFunction:
    """Return the function of a metric."""

    def make(**thresholds: Any) -> MetricThreshold:
        return MetricThreshold(name=name, **thresholds)

    return _documented(make, name, METRIC_DIRECTIONS[name], {})


def _indicator(name: str) -> IndicatorFunction:
    """Return the function of a rate at a decision threshold."""

    def make(at: float = DEFAULT_THRESHOLD, **thresholds: Any) -> MetricThreshold:
        return MetricThreshold(name=at_threshold(name, at), **thresholds)

    return _documented(make, name, INDICATORS[name], {"at": "Decision threshold, between 0 and 1."})


def _documented(make: Any, name: str, direction: Direction | None, more: dict[str, str]) -> Any:
    """Give a function its name, and a signature and a text for `help`."""
    fields = {k: f for k, f in MetricThreshold.model_fields.items() if k != "name"}
    parameters = [inspect.Parameter(k, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=DEFAULT_THRESHOLD) for k in more]
    for key, field in fields.items():
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(key, keyword, default=field.default, annotation=field.annotation))
    make.__name__ = make.__qualname__ = f"{name}_metric"
    make.__signature__ = inspect.Signature(parameters, return_annotation=MetricThreshold)
    told = "\n".join(f"    {k}: {text}" for k, text in {**more, **{k: f.description or "" for k, f in fields.items()}}.items())
    better = f"{direction} is better" if direction else "neither way is better"
    make.__doc__ = f"Return the metric {name}; {better}.\n\nArgs:\n{told}"
    return make


mae_metric = _metric("mae")
mse_metric = _metric("mse")
rmse_metric = _metric("rmse")
mape_metric = _metric("mape")
binary_crossentropy_metric = _metric("binary_crossentropy")
categorical_crossentropy_metric = _metric("categorical_crossentropy")
accuracy_metric = _metric("accuracy")
auc_metric = _metric("auc")
auc_pr_metric = _metric("auc_pr")
precision_metric = _metric("precision")
recall_metric = _metric("recall")
ips_metric = _metric("ips")
snips_metric = _metric("snips")
dm_metric = _metric("dm")
dr_metric = _metric("dr")
sndr_metric = _metric("sndr")
switch_dr_metric = _metric("switch_dr")
dros_metric = _metric("dros")
effective_sample_size_metric = _metric("effective_sample_size")
unsubscribe_rate_metric = _metric("unsubscribe_rate")
false_positive_rate_metric = _indicator("false_positive_rate")
false_negative_rate_metric = _indicator("false_negative_rate")
true_positive_rate_metric = _indicator("true_positive_rate")
true_negative_rate_metric = _indicator("true_negative_rate")
positive_rate_metric = _indicator("positive_rate")
negative_rate_metric = _indicator("negative_rate")
false_discovery_rate_metric = _indicator("false_discovery_rate")
false_omission_rate_metric = _indicator("false_omission_rate")
