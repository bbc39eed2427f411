"""Evaluator's TFX skin: TFX's Evaluator spec and artifact types plus one parameter, the config; run by our executor.

Used by pipelines/. `LatestBlessedModelStrategy`, Pusher and any TFX or TFMA tool read its outputs as they read TFX's. Imports
TFX; not google.cloud.aiplatform.
"""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs

from waze_data_tfx.components.evaluator import executor


class EvaluatorSpec(specs.EvaluatorSpec):
    """TFX's EvaluatorSpec with the config as one more parameter; TFX's own has no custom_config (1.21)."""

    PARAMETERS = {
        **specs.EvaluatorSpec.PARAMETERS,
        executor.CONFIG_KEY: component_spec.ExecutionParameter(type=str),
    }


class Evaluator(base_beam_component.BaseBeamComponent):
    """Measures a model and its baseline; outputs `evaluation` and `blessing`."""

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        config: str,
        baseline_model: types.BaseChannel | None = None,
    ) -> None:
        """Build the node.

        Args:
            examples: raw tf.Examples with a split `eval`.
            model: the candidate.
            config: the resolved config as JSON; its `evaluation` section is the gate.
            baseline_model: the model to compare with; may resolve to nothing on a first run.
        """
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=baseline_model,
            config=config,
            evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
        )
        super().__init__(spec=spec)
