"""DistributionValidator's TFX skin: TFX's spec and artifact types, with our config in place of its own; run by our executor.

Used by pipelines/, once for drift and once for skew. Any TFX tool that reads TFX's DistributionValidator's anomalies reads these.
Imports TFX; not google.cloud.aiplatform.
"""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs

from waze_data_tfx.components.distribution_validator import executor
from waze_data_tfx.monitoring.judge import Kind


class DistributionValidatorSpec(specs.DistributionValidatorSpec):
    """TFX's spec; the baseline is optional, as TFX's executor takes it to be (1.21), and the thresholds come from the config."""

    PARAMETERS = {
        executor.CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.KIND_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        specs.STATISTICS_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        specs.BASELINE_STATISTICS_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }


class DistributionValidator(base_component.BaseComponent):
    """Judges how far the training rows lie from earlier or serving rows; outputs `anomalies`."""

    SPEC_CLASS = DistributionValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, *, statistics: types.BaseChannel, baseline_statistics: types.BaseChannel, config: str, kind: Kind) -> None:
        """Build the node.

        Args:
            statistics: with a split `train`.
            baseline_statistics: with a split `train` (drift) or `serving` (skew); may resolve to nothing.
            config: the resolved config as JSON; its `monitoring` section is the gate.
            kind: which part of that section.
        """
        spec = DistributionValidatorSpec(
            statistics=statistics,
            baseline_statistics=baseline_statistics,
            config=config,
            kind=kind,
            anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
        )
        super().__init__(spec=spec)
