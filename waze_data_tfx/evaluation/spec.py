"""From the config to TFMA's EvalConfig: models, slices and metrics, and no TFMA threshold.

Thresholds are judged by `verdict`: TFMA's change threshold passes silently without a baseline and gives no reasons. Called by
`measure`; TFMA is imported when called.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.evaluation import indicator_of
from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.section import Task

from .verdict import EXAMPLE_COUNT

if TYPE_CHECKING:
    from tensorflow_model_analysis.proto import config_pb2

SIGNATURE = "serving_default"
CANDIDATE, BASELINE = "candidate", "baseline"

TFMA_CLASSES: dict[str, str] = {
    EXAMPLE_COUNT: "ExampleCount",
    "mae": "MeanAbsoluteError",
    "mse": "MeanSquaredError",
    "mape": "MeanAbsolutePercentageError",
    "binary_crossentropy": "BinaryCrossEntropy",
    "auc": "AUC",
    "auc_pr": "AUCPrecisionRecall",
    "precision": "Precision",
    "recall": "Recall",
    "any_positive": "Recall",
    "any_negative": "Specificity",
    "categorical_crossentropy": "SparseCategoricalCrossentropy",  # TFMA's own takes a class number for a probability (0.52)
}
ACCURACY_CLASSES: dict[Task, str] = {
    "binary_classification": "BinaryAccuracy",
    "multiclass_classification": "SparseCategoricalAccuracy",
}
INDICATOR_CLASSES: dict[str, str] = {
    "false_positive_rate": "FPR",
    "false_negative_rate": "FNR",
    "true_positive_rate": "TPR",
    "true_negative_rate": "TNR",
    "positive_rate": "PredictedPositiveRate",
    "false_discovery_rate": "FalseDiscoveryRate",
    "false_omission_rate": "FalseOmissionRate",
}
"""Fairness Indicators' metrics, by TFMA's of the same confusion matrices (TFMA 0.52 has no FairnessIndicators): positive if the
prediction is greater than the threshold. negative_rate is 1 - positive_rate, made by `results`."""
DERIVED: dict[str, str] = {"rmse": "mse"}
"""Metrics that `results` makes of another one: TFMA has no native root mean squared error, and Keras's costs a graph."""
AREAS: dict[str, tuple[str, ...]] = {"auc": ("any_positive", "any_negative"), "auc_pr": ("any_positive",)}
"""Of each area under a curve, shares of the rows of a class: NaN where the area is not defined. TFMA (0.52) then gives 0, as for
the worst of models; `results` makes it NaN and keeps these shares to itself."""


def output_name(task: Task) -> str:
    """Return the signature's output that the metrics are computed from."""
    return "scores" if task in ("multiclass_classification", "multilabel_classification") else "prediction"


def eval_config(config: Config, *, has_baseline: bool) -> "config_pb2.EvalConfig":
    """Return TFMA's configuration: one model or two, all rows and the configured slices, every metric that the config names.

    Metrics carry the names of the config (`mae`), so that what is written reads like what was asked for. With a weight column
    every metric but the number of examples is weighted. Multi-label metrics pool every pair of a row and a class: micro-averages.
    """
    from tensorflow_model_analysis.proto import config_pb2  # tfma.EvalConfig itself exists only after tfx.components is imported

    names = [CANDIDATE, BASELINE] if has_baseline else [""]
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                name=name,
                signature_name=SIGNATURE,
                label_key=config.label,
                example_weight_key=config.weight or "",
                prediction_key=output_name(config.task),
                is_baseline=name == BASELINE,
            )
            for name in names
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=sorted(c)) for c in slice_columns(config)),
        ],
        metrics_specs=_metrics_specs(config, names),
    )


def metric_names(config: Config) -> list[str]:
    """Return the metrics that TFMA computes: the number of examples and what the config names, for all rows or for a slice.

    Without the indicators of fairness, which are computed together.
    """
    wanted = [name for name in _named(config) if not indicator_of(name)]
    shares = (share for name in wanted for share in AREAS.get(name, ()))
    return list(dict.fromkeys([EXAMPLE_COUNT, *(DERIVED.get(name, name) for name in wanted), *shares]))


def indicator_thresholds(config: Config) -> list[float]:
    """Return the decision thresholds at which all indicators of fairness are computed: those named, and every slice's."""
    named = {indicator[1] for name in _named(config) if (indicator := indicator_of(name))}
    shown = config.task == "binary_classification" and config.evaluation.slices
    return sorted({*named, *(config.evaluation.decision_thresholds if shown else ())})


def slice_columns(config: Config) -> list[tuple[str, ...]]:
    """Return the columns of each configured slice, sorted as in a slice key, each set once."""
    return list(dict.fromkeys(tuple(sorted(set(s.columns))) for s in config.evaluation.slices))


def _metrics_specs(config: Config, model_names: list[str]) -> "list[config_pb2.MetricsSpec]":
    from tensorflow_model_analysis.proto import config_pb2

    def made(metrics: list[tuple[str, dict[str, Any]]], **options: Any) -> config_pb2.MetricsSpec:
        made = [config_pb2.MetricConfig(class_name=name, config=json.dumps(settings)) for name, settings in metrics]
        return config_pb2.MetricsSpec(metrics=made, model_names=model_names, **options)

    named = {name: (_class_name(name, config.task), {"name": name}) for name in metric_names(config)}
    indicators = list(_indicators(indicator_thresholds(config)))
    if not config.weight:
        return [made([*named.values(), *indicators])]
    rows = made([named.pop(EXAMPLE_COUNT)], example_weights=config_pb2.ExampleWeightOptions(unweighted=True))
    return [rows, made([*named.values(), *indicators])]


def _class_name(name: str, task: Task) -> str:
    return ACCURACY_CLASSES[task] if name == "accuracy" else TFMA_CLASSES[name]


def _named(config: Config) -> list[str]:
    evaluation = config.evaluation
    return [m.name for metrics in (evaluation.metrics, *(s.metrics for s in evaluation.slices)) for m in metrics]


def _indicators(thresholds: list[float]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield TFMA's class and settings of each indicator, at all thresholds at once: the matrices are then counted once.

    Its name says the thresholds that its values belong to: `false_positive_rate@0.3,0.5`.
    """
    for name, class_name in INDICATOR_CLASSES.items() if thresholds else ():
        yield class_name, {"name": f"{name}@{','.join(map(str, thresholds))}", "thresholds": thresholds}
