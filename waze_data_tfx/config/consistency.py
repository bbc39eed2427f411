"""Which settings, each valid, do not fit each other.

Called by `schema` when a Config is made; `load` gives every problem its file and line. Never reads a file.
"""

from collections.abc import Iterable, Iterator

from ..errors import unknown_name
from . import names
from .bandit_problems import bandit_problems
from .evaluation import DEFAULT_THRESHOLD, METRICS_BY_TASK, MetricThreshold, indicator_of
from .feature_problems import feature_problems
from .label_problems import label_problems
from .model_problems import problems_in_config
from .monitoring_problems import monitoring_problems
from .schema import Config
from .split_problems import split_problems, window_problems
from .tuner_problems import tuner_problems


def problems_of(config: Config) -> Iterator[tuple[str | tuple[str | int, ...], str]]:
    """Yield (dotted key or its parts, what is wrong) of everything in the config that does not fit the rest."""
    yield from _data_problems(config)
    yield from feature_problems(config.features, config.label)
    if config.features.custom and not config.code.features:
        yield "features.custom", "only a preprocessing_fn reads these; received no code.features"
    yield from _key_problems(config)
    yield from _name_problems(config)
    yield from bandit_problems(config)
    yield from label_problems(config)
    yield from problems_in_config(config)
    yield from _training_problems(config)
    yield from tuner_problems(config)
    yield from _slice_problems(config)
    yield from _metric_problems(config)
    yield from monitoring_problems(config)


def _data_problems(config: Config) -> Iterator[tuple[str | tuple[str | int, ...], str]]:
    data = config.data
    if (data.input is None) == (data.query is None):
        yield "data", f"received {'neither input nor query' if data.input is None else 'input and query'}; expected one of them"
    if data.query is None:
        for name in ("tables", "parameters"):
            if getattr(data, name):
                yield f"data.{name}", "only a query uses it; received no data.query"
    elif data.format is not None:
        yield "data.format", "only data.input has a format; a table's is its file's ending"
    yield from window_problems(data)
    yield from split_problems(data)


def _key_problems(config: Config) -> Iterator[tuple[str, str]]:
    if config.key is None:
        return
    if config.key == config.label:
        yield "key", f"'{config.key}' is the label; expected another column, or none"
    elif config.features.column_types().get(config.key) == "float":
        yield (
            "key",
            f"'{config.key}' is read as float by a feature, which would alter it (float32 holds whole numbers to 2^24); "
            "take it out of that group, or name another column",
        )


def _name_problems(config: Config) -> Iterator[tuple[str, str]]:
    """Two features with an output of one name: the later would silently take the place of the earlier."""
    taken = [(config.label, "label")] if config.label not in config.features.column_types() else []
    taken += [(config.key, "key")] if config.key and config.key not in (config.label, *config.features.dense) else []
    taken += [(config.weight, "weight")] if config.weight and config.weight not in (config.label, config.key) else []
    remedy = "read one of them under features.custom and name its output in your preprocessing_fn"
    yield from _twice((*taken, *names.outputs(config.features)), "output", remedy)
    yield from _twice(names.vocabulary_files(config.features), "vocabulary file", remedy)


def _twice(named: Iterable[tuple[str, str]], what: str, remedy: str) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for name, key in named:
        if name in first:
            yield key, f"makes the {what} '{name}', and so does {first[name]}; {remedy}"
        first.setdefault(name, key)


def _training_problems(config: Config) -> Iterator[tuple[str, str]]:
    optimizer, stopping = config.model.optimizer, config.training.early_stopping
    only = {"warmup": "cosine", "decay_rate": "exponential", "factor": "plateau", "patience": "plateau"}
    for name, schedule in only.items():
        if getattr(optimizer, name) and optimizer.schedule != schedule:
            yield (
                f"model.optimizer.{name}",
                f"only schedule {schedule} uses it; received schedule '{optimizer.schedule}'; "
                f"set model.optimizer.schedule: {schedule}, or take it out",
            )
    if optimizer.weight_decay and optimizer.name != "adamw":
        yield (
            "model.optimizer.weight_decay",
            f"only adamw uses it; received optimizer '{optimizer.name}'; set model.optimizer.name: adamw, or weight_decay: 0",
        )
    if optimizer.ema is not None and stopping is not None and stopping.restore_best:
        yield (
            "training.early_stopping.restore_best",
            "the best epoch's own weights would take the place of the average that model.optimizer.ema asks for; "
            "set restore_best: false, or take out ema",
        )


def _slice_problems(config: Config) -> Iterator[tuple[str, str]]:
    types = config.column_types()
    for i, slicing in enumerate(config.evaluation.slices):
        for column in slicing.columns:
            if column == config.label and config.task == "multilabel_classification":
                yield f"evaluation.slices.{i}", f"'{column}' holds several classes per row; slice by another column"
            elif types[column] == "float":
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
            if (indicator_of(metric.name) or [metric.name])[0] not in known:
                yield f"{where}.{i}.name", unknown_name(f"metric for task {config.task}", metric.name, known)
            else:
                yield from _rule_problems(metric, f"{where}.{i}", of_slice=where != "evaluation.metrics")
    if config.task != "binary_classification" and config.evaluation.decision_thresholds != (DEFAULT_THRESHOLD,):
        yield "evaluation.decision_thresholds", f"only task binary_classification has any; received task {config.task}"
    if not any(m.has_threshold for m in config.evaluation.metrics):
        yield (
            "evaluation.metrics",
            (
                "no threshold, so no model could be blessed; add upper_bound, lower_bound, absolute_change or "
                "relative_change to a metric"
            ),
        )


def _rule_problems(metric: MetricThreshold, where: str, *, of_slice: bool) -> Iterator[tuple[str, str]]:
    """Rules that mean nothing for this metric."""
    if metric.max_gap is not None and not of_slice:
        yield f"{where}.max_gap", "is the distance of a slice from all rows; set it on a metric of an entry of evaluation.slices"
    for rule in ("absolute_change", "relative_change"):
        if metric.direction is None and getattr(metric, rule) is not None:
            yield f"{where}.{rule}", f"neither way of {metric.name} is better; expected upper_bound, lower_bound or max_gap"
