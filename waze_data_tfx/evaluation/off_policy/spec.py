"""From a bandit's config to TFMA's EvalConfig: every off-policy metric of the candidate and of the baseline, in every slice.

Called by `measure`; TFMA is imported when called.
"""

import json
from typing import TYPE_CHECKING

from waze_data_tfx.config.evaluation import METRICS_BY_TASK
from waze_data_tfx.config.schema import Config
from waze_data_tfx.evaluation.spec import BASELINE, CANDIDATE, SIGNATURE, slice_columns
from waze_data_tfx.evaluation.verdict import EXAMPLE_COUNT

from .settings import settings_of

if TYPE_CHECKING:
    from tensorflow_model_analysis.proto import config_pb2

ESTIMATES = ("ips", "snips", "dm", "dr", "sndr", "switch_dr", "dros", "unsubscribe_rate")
BOUNDS = tuple(f"{method}_{end}" for method in ("bootstrap", "bernstein") for end in ("lower", "upper"))
DIAGNOSTICS = ("max_weight", "mean_weight", "clipped_share", "support")
METRIC_CLASS, METRIC_MODULE = "OffPolicyMetric", "waze_data_tfx.evaluation.off_policy.metrics"


def metric_names() -> list[str]:
    """Return every metric: those of the config, the bounds of their intervals and the diagnostics."""
    bounds = (f"{name}_{bound}" for name in ESTIMATES for bound in BOUNDS)
    return [EXAMPLE_COUNT, *METRICS_BY_TASK["bandit"], *bounds, *DIAGNOSTICS]


def eval_config(config: Config, *, has_baseline: bool) -> "config_pb2.EvalConfig":
    """Return TFMA's configuration; the metrics hold all settings, so that it can be run by TFMA alone."""
    from tensorflow_model_analysis.proto import config_pb2

    settings = settings_of(config, has_baseline=has_baseline).to_dict()
    models = [CANDIDATE, BASELINE] if has_baseline else [""]
    metrics = [
        config_pb2.MetricConfig(
            class_name=METRIC_CLASS, module=METRIC_MODULE, config=json.dumps({"name": name, "settings": settings})
        )
        for name in metric_names()
    ]
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name=name, signature_name=SIGNATURE, label_key=config.label, is_baseline=name == BASELINE)
            for name in models
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=list(columns)) for columns in slice_columns(config)),
        ],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics, model_names=models)],
    )
