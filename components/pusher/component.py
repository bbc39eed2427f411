"""Pusher's TFX skin: TFX's spec with one optional input more, and our executor.

Used by pipelines/. Imports TFX; not google.cloud.aiplatform.
"""

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from waze_data_tfx.components.pusher import executor


class PusherSpec(specs.PusherSpec):
    """TFX's PusherSpec with one more, optional input: which policy of a bandit's graph serves."""

    INPUTS = {
        **specs.PusherSpec.INPUTS,
        executor.RESOLUTION_KEY: component_spec.ChannelParameter(type=standard_artifacts.String, optional=True),
    }


class Pusher(base_component.BaseComponent):
    """TFX's Pusher, run by `executor.Executor`; outputs `pushed_model`."""

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        custom_config: dict[str, Any],
        policy_resolution: types.BaseChannel | None = None,
    ) -> None:
        """Build the node.

        Args:
            model: the model to push.
            model_blessing: our Evaluator's: the verdict and the sample of predictions lie in it.
            infra_blessing: our InfraValidator's: the model loads and answers in a process of its own.
            custom_config: {"config": the resolved config as JSON}; its `push` section says where to.
            policy_resolution: PolicyResolver's, of a bandit.
        """
        spec = PusherSpec(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            policy_resolution=policy_resolution,
            custom_config=json_utils.dumps(custom_config),
            pushed_model=types.Channel(type=standard_artifacts.PushedModel),
        )
        super().__init__(spec=spec)
