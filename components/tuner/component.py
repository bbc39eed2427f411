"""Tuner's TFX skin: TFX's component, spec and artifact types, with our executor.

Used by pipelines/. Trainer and any TFX tool read its outputs as they read TFX's. Imports TFX and KerasTuner; not
google.cloud.aiplatform.
"""

from tfx.components.tuner import component as tfx_tuner
from tfx.dsl.components.base import executor_spec

from waze_data_tfx.components.tuner import executor


class Tuner(tfx_tuner.Tuner):
    """TFX's Tuner, run by `executor.Executor`; outputs `best_hyperparameters` and `tuner_results`."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
