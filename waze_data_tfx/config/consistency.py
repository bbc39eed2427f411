"""Which settings, each valid, do not fit each other.

Called by `schema` when a Config is made; `load` gives every problem its file and line. Never reads a file.
"""

from collections.abc import Iterator

from ..errors import unknown_name
from .feature_problems import feature_problems
from .schema import METRICS_BY_TASK, Config, MetricThreshold


def problems_of(config: Config) -> Iterator[tuple[str, str]]:
    """Yield (dotted key, what is wrong) of everything in the config that does not fit the rest."""
    yield from feature_problems(config.features, config.label)
    if config.features.custom and not config.code.features:
        yield "features.custom", "only a preprocessing_fn reads these; received no code.features"
    if config.task == "multiclass_classification" and config.n_classes is None:
        yield "n_classes", "is required for task multiclass_classification"
    expected = "dnn_regressor" if config.task == "regression" else "dnn_classifier"
    if config.model.type not in (None, expected):
        yield "model.type", f"{config.model.type} does not fit task {config.task}; expected {expected}"
    yield from _slice_problems(config)
    yield from _metric_problems(config)


def _slice_problems(config: Config) -> Iterator[tuple[str, str]]:
    types = config.column_types()
    for i, slicing in enumerate(config.evaluation.slices):
        for column in slicing.columns:
            if types[column] == "float":
                yield (
                    f"evaluation.slices.{i}",
                    f"'{column}' is read as float, so nearly every row would be a slice of its own; slice by a column "
                    "that is read as int or string (under vocabulary, category or custom), or by one that is not a feature",
                )


def _metric_problems(config: Config) -> Iterator[tuple[str, str]]:
    known = METRICS_BY_TASK[config.task]
    groups: list[tuple[str, tuple[MetricThreshold, ...]]] = [("evaluation.metrics", config.evaluation.metrics)]
    groups += [(f"evaluation.slices.{i}.metrics", s.metrics) for i, s in enumerate(config.evaluation.slices)]
    for where, metrics in groups:
        for i, metric in enumerate(metrics):
            if metric.name not in known:
                yield f"{where}.{i}.name", unknown_name(f"metric for task {config.task}", metric.name, known)
    if not any(m.has_threshold for m in config.evaluation.metrics):
        yield (
            "evaluation.metrics",
            (
                "no threshold, so no model could be blessed; add upper_bound, lower_bound, absolute_change or "
                "relative_change to a metric"
            ),
        )
