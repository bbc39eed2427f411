"""Pusher's TFX skin: TFX's component and spec, with our executor.

Used by pipelines/. Imports TFX; not google.cloud.aiplatform.
"""

from typing import Any

from tfx import types
from tfx.components.pusher import component as tfx_pusher
from tfx.dsl.components.base import executor_spec

from waze_data_tfx.components.pusher import executor


class Pusher(tfx_pusher.Pusher):
    """TFX's Pusher, run by `executor.Executor`; outputs `pushed_model`."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        custom_config: dict[str, Any],
    ) -> None:
        """Build the node.

        Args:
            model: the model to push.
            model_blessing: our Evaluator's: the verdict and the sample of predictions lie in it.
            infra_blessing: our InfraValidator's: the model loads and answers in a process of its own.
            custom_config: {"config": the resolved config as JSON}; its `push` section says where to.
        """
        super().__init__(model=model, model_blessing=model_blessing, infra_blessing=infra_blessing, custom_config=custom_config)
