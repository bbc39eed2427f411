"""StatisticsGen's TFX skin: TFX's own component and spec, run by our executor.

Used by pipelines/, for training and for serving rows. Any TFX tool reads its statistics as it reads TFX's. Imports TFX.
"""

from tfx.components.statistics_gen import component as tfx_component
from tfx.dsl.components.base import executor_spec

from waze_data_tfx.components.statistics_gen import executor


class StatisticsGen(tfx_component.StatisticsGen):
    """TFX's StatisticsGen, which reads no example where ExampleGen has left statistics; outputs `statistics`."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
