"""Config + preprocessing_fn + model builder -> a complete TFX pipeline.

Everything that a YAML config says can be said in Python with the names below: one class per section, one function per
metric, and what the commands do. A name is imported when it is first used; none of them imports TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .commands import Result as Result
    from .commands import change as change
    from .commands import check as check
    from .commands import compare as compare
    from .commands import costs as costs
    from .commands import load as load
    from .commands import plan as plan
    from .commands import predict as predict
    from .commands import run as run
    from .commands import to_yaml as to_yaml
    from .config.agent import Agent as Agent
    from .config.agent import Prior as Prior
    from .config.anomalies import Anomalies as Anomalies
    from .config.bandit import Bandit as Bandit
    from .config.bandit import LogColumns as LogColumns
    from .config.bandit import OffPolicy as OffPolicy
    from .config.bandit import Serving as Serving
    from .config.data import Code as Code
    from .config.data import Data as Data
    from .config.data import QueryParameter as QueryParameter
    from .config.data import Rule as Rule
    from .config.data import SchemaSource as SchemaSource
    from .config.data import Table as Table
    from .config.env import Env as Env
    from .config.env import Metadata as Metadata
    from .config.evaluation import Evaluation as Evaluation
    from .config.evaluation import MetricThreshold as MetricThreshold
    from .config.evaluation import Slice as Slice
    from .config.features import Bucket as Bucket
    from .config.features import Category as Category
    from .config.features import Cross as Cross
    from .config.features import Dense as Dense
    from .config.features import Features as Features
    from .config.features import Geo as Geo
    from .config.features import Hash as Hash
    from .config.features import Sequence as Sequence
    from .config.features import Text as Text
    from .config.features import Time as Time
    from .config.features import Vocabulary as Vocabulary
    from .config.infra_validation import InfraValidation as InfraValidation
    from .config.lab import BanditLab as BanditLab
    from .config.lab import LabEnvironment as LabEnvironment
    from .config.metrics import accuracy_metric as accuracy_metric
    from .config.metrics import auc_metric as auc_metric
    from .config.metrics import auc_pr_metric as auc_pr_metric
    from .config.metrics import binary_crossentropy_metric as binary_crossentropy_metric
    from .config.metrics import categorical_crossentropy_metric as categorical_crossentropy_metric
    from .config.metrics import create_metric_spec as create_metric_spec
    from .config.metrics import dm_metric as dm_metric
    from .config.metrics import dr_metric as dr_metric
    from .config.metrics import dros_metric as dros_metric
    from .config.metrics import effective_sample_size_metric as effective_sample_size_metric
    from .config.metrics import false_discovery_rate_metric as false_discovery_rate_metric
    from .config.metrics import false_negative_rate_metric as false_negative_rate_metric
    from .config.metrics import false_omission_rate_metric as false_omission_rate_metric
    from .config.metrics import false_positive_rate_metric as false_positive_rate_metric
    from .config.metrics import ips_metric as ips_metric
    from .config.metrics import mae_metric as mae_metric
    from .config.metrics import mape_metric as mape_metric
    from .config.metrics import mse_metric as mse_metric
    from .config.metrics import negative_rate_metric as negative_rate_metric
    from .config.metrics import positive_rate_metric as positive_rate_metric
    from .config.metrics import precision_metric as precision_metric
    from .config.metrics import recall_metric as recall_metric
    from .config.metrics import rmse_metric as rmse_metric
    from .config.metrics import sndr_metric as sndr_metric
    from .config.metrics import snips_metric as snips_metric
    from .config.metrics import switch_dr_metric as switch_dr_metric
    from .config.metrics import true_negative_rate_metric as true_negative_rate_metric
    from .config.metrics import true_positive_rate_metric as true_positive_rate_metric
    from .config.metrics import unsubscribe_rate_metric as unsubscribe_rate_metric
    from .config.model import Model as Model
    from .config.model import Optimizer as Optimizer
    from .config.model import Towers as Towers
    from .config.monitoring import ColumnThreshold as ColumnThreshold
    from .config.monitoring import Drift as Drift
    from .config.monitoring import Monitoring as Monitoring
    from .config.monitoring import Skew as Skew
    from .config.monitoring import Thresholds as Thresholds
    from .config.push import Push as Push
    from .config.query_engine import QueryEngine as QueryEngine
    from .config.registry import Registry as Registry
    from .config.schema import Config as Config
    from .config.split import Split as Split
    from .config.split import TimeSplit as TimeSplit
    from .config.training import EarlyStopping as EarlyStopping
    from .config.training import Training as Training
    from .config.tuner import Parameter as Parameter
    from .config.tuner import Tuner as Tuner
    from .config.window import Window as Window
    from .cycles import Cycle as Cycle
    from .cycles import backfill as backfill
    from .lab import bandit_lab as bandit_lab

__version__ = "0.1.0"
_HOMES = {
    "commands": (
        "Result",
        "change",
        "check",
        "compare",
        "costs",
        "load",
        "plan",
        "predict",
        "run",
        "to_yaml",
    ),
    "config.agent": ("Agent", "Prior"),
    "config.anomalies": ("Anomalies",),
    "config.bandit": ("Bandit", "LogColumns", "OffPolicy", "Serving"),
    "config.data": (
        "Code",
        "Data",
        "QueryParameter",
        "Rule",
        "SchemaSource",
        "Table",
    ),
    "config.env": (
        "Env",
        "Metadata",
    ),
    "config.evaluation": (
        "Evaluation",
        "MetricThreshold",
        "Slice",
    ),
    "config.features": (
        "Bucket",
        "Category",
        "Cross",
        "Dense",
        "Features",
        "Geo",
        "Hash",
        "Sequence",
        "Text",
        "Time",
        "Vocabulary",
    ),
    "config.infra_validation": ("InfraValidation",),
    "config.lab": ("BanditLab", "LabEnvironment"),
    "config.metrics": (
        "accuracy_metric",
        "auc_metric",
        "auc_pr_metric",
        "binary_crossentropy_metric",
        "categorical_crossentropy_metric",
        "create_metric_spec",
        "false_discovery_rate_metric",
        "false_negative_rate_metric",
        "false_omission_rate_metric",
        "false_positive_rate_metric",
        "mae_metric",
        "mape_metric",
        "mse_metric",
        "negative_rate_metric",
        "positive_rate_metric",
        "precision_metric",
        "recall_metric",
        "ips_metric",
        "snips_metric",
        "dm_metric",
        "dr_metric",
        "sndr_metric",
        "switch_dr_metric",
        "dros_metric",
        "effective_sample_size_metric",
        "unsubscribe_rate_metric",
        "rmse_metric",
        "true_negative_rate_metric",
        "true_positive_rate_metric",
    ),
    "config.model": (
        "Model",
        "Optimizer",
        "Towers",
    ),
    "config.monitoring": ("ColumnThreshold", "Drift", "Monitoring", "Skew", "Thresholds"),
    "config.push": ("Push",),
    "config.query_engine": ("QueryEngine",),
    "config.registry": ("Registry",),
    "config.schema": ("Config",),
    "config.split": ("Split", "TimeSplit"),
    "config.training": (
        "EarlyStopping",
        "Training",
    ),
    "config.tuner": (
        "Parameter",
        "Tuner",
    ),
    "config.window": ("Window",),
    "cycles": ("Cycle", "backfill"),
    "lab": ("bandit_lab",),
}
"""What users import, by the module that holds it; the imports above say the same to editors, and a test holds both together."""
__all__ = sorted(name for names in _HOMES.values() for name in names)


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
