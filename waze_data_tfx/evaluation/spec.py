"""From the config to TFMA's EvalConfig: models, slices and metrics, and no TFMA threshold.

Thresholds are judged by `verdict`: TFMA's change threshold passes silently without a baseline and gives no reasons. Called by
`measure`; TFMA is imported when called.
"""

from typing import TYPE_CHECKING, Any

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
    "categorical_crossentropy": "SparseCategoricalCrossentropy",  # TFMA's own takes a class number for a probability (0.52)
}
ACCURACY_CLASSES: dict[Task, str] = {
    "binary_classification": "BinaryAccuracy",
    "multiclass_classification": "SparseCategoricalAccuracy",
}
DERIVED: dict[str, str] = {"rmse": "mse"}
"""Metrics that `results` makes of another one: TFMA has no native root mean squared error, and Keras's costs a graph."""


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
    """Return the metrics that TFMA computes: the number of examples and what the config names, for all rows or for a slice."""
    evaluation = config.evaluation
    wanted = [m.name for metrics in (evaluation.metrics, *(s.metrics for s in evaluation.slices)) for m in metrics]
    return list(dict.fromkeys([EXAMPLE_COUNT, *(DERIVED.get(name, name) for name in wanted)]))


def slice_columns(config: Config) -> list[tuple[str, ...]]:
    """Return the columns of each configured slice, sorted as in a slice key, each set once."""
    return list(dict.fromkeys(tuple(sorted(set(s.columns))) for s in config.evaluation.slices))


def _metrics_specs(config: Config, model_names: list[str]) -> "list[config_pb2.MetricsSpec]":
    from tensorflow_model_analysis.proto import config_pb2

    def made(names: list[str], **options: Any) -> config_pb2.MetricsSpec:
        metrics = [
            config_pb2.MetricConfig(class_name=_class_name(name, config.task), config=f'{{"name": "{name}"}}') for name in names
        ]
        return config_pb2.MetricsSpec(metrics=metrics, model_names=model_names, **options)

    if not config.weight:
        return [made(metric_names(config))]
    rows = made([EXAMPLE_COUNT], example_weights=config_pb2.ExampleWeightOptions(unweighted=True))
    return [rows, made([name for name in metric_names(config) if name != EXAMPLE_COUNT])]


def _class_name(name: str, task: Task) -> str:
    return ACCURACY_CLASSES[task] if name == "accuracy" else TFMA_CLASSES[name]
