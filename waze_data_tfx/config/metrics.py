"""The gate's metrics as functions: `mse_metric(upper_bound=25, absolute_change=1)`, put together by `create_metric_spec`.

What users import from `waze_data_tfx`; they make the same sections as the `evaluation` part of a YAML config. One line per
metric of METRIC_DIRECTIONS, which a test holds against it.
"""

import inspect
from collections.abc import Iterable
from typing import Any, Protocol

from .evaluation import METRIC_DIRECTIONS, Evaluation, MetricThreshold, Slice


class MetricFunction(Protocol):
    """What every function below takes; the meaning of each setting is MetricThreshold's."""

    def __call__(
        self,
        *,
        upper_bound: float | None = None,
        lower_bound: float | None = None,
        absolute_change: float | None = None,
        relative_change: float | None = None,
    ) -> MetricThreshold:
        """Return the metric with these thresholds."""


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
    """Return the function of a metric, with a signature and a text for `help`."""

    def make(**thresholds: Any) -> MetricThreshold:
        return MetricThreshold(name=name, **thresholds)

    fields = {k: f for k, f in MetricThreshold.model_fields.items() if k != "name"}
    make.__name__ = make.__qualname__ = f"{name}_metric"
    keyword = inspect.Parameter.KEYWORD_ONLY
    make.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(k, keyword, default=f.default, annotation=f.annotation) for k, f in fields.items()],
        return_annotation=MetricThreshold,
    )
    told = "\n".join(f"    {k}: {f.description}" for k, f in fields.items())
    make.__doc__ = f"Return the metric {name}; {METRIC_DIRECTIONS[name]} is better.\n\nArgs:\n{told}"
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
