"""InfraValidator's TFX skin: TFX's inputs, output and artifact type, the config as the one parameter; run by our executor.

Used by pipelines/. Pusher and any TFX tool read its `InfraBlessing` as they read TFX's. Imports TFX; not google.cloud.aiplatform.
"""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs

from waze_data_tfx.components.infra_validator import executor


class InfraValidatorSpec(specs.InfraValidatorSpec):
    """TFX's InfraValidatorSpec; the config stands in for its protos, which describe TF Serving in a container (1.21)."""

    PARAMETERS = {executor.CONFIG_KEY: component_spec.ExecutionParameter(type=str)}


class InfraValidator(base_component.BaseComponent):
    """Asks a model in a process of its own; outputs `blessing`."""

    SPEC_CLASS = InfraValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, *, model: types.BaseChannel, examples: types.BaseChannel, config: str) -> None:
        """Build the node.

        Args:
            model: the model that would be pushed.
            examples: raw tf.Examples with a split `eval`: what it is asked.
            config: the resolved config as JSON; its `infra_validation` section is the budget.
        """
        spec = InfraValidatorSpec(
            model=model, examples=examples, config=config, blessing=types.Channel(type=standard_artifacts.InfraBlessing)
        )
        super().__init__(spec=spec)
