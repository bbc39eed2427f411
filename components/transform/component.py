"""Transform's TFX skin: TFX's component and spec, with our executor.

Used by pipelines/. Statistics and the analyzer cache are off: StatisticsGen has the former, and the latter costs more than
it saves on one span. Imports TFX; not google.cloud.aiplatform.
"""

from typing import Any

from tfx import types
from tfx.components.transform import component as tfx_transform
from tfx.dsl.components.base import executor_spec
from tfx.proto import transform_pb2

from waze_data_tfx.components.transform import executor


class Transform(tfx_transform.Transform):
    """TFX's Transform, run by `executor.Executor`; outputs `transform_graph` and `transformed_examples`."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        preprocessing_fn: str,
        custom_config: dict[str, Any] | None = None,
        splits_config: transform_pb2.SplitsConfig | None = None,
    ) -> None:
        """Build the node.

        Args:
            examples: splits of tf.Examples, `train` among them.
            schema: the raw features' schema; features outside it are not read.
            preprocessing_fn: dotted path of `preprocessing_fn(inputs)` or `preprocessing_fn(inputs, custom_config)`.
            custom_config: handed to preprocessing_fn, if it takes it.
            splits_config: which splits are analyzed and which transformed; default: train, and all.
        """
        super().__init__(
            examples=examples,
            schema=schema,
            preprocessing_fn=preprocessing_fn,
            custom_config=custom_config,
            splits_config=splits_config,
            disable_analyzer_cache=True,
            disable_statistics=True,
        )
