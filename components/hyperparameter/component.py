"""Hyperparameter's TFX skin: a function component with a JSON parameter and TFX's standard HyperParameters artifact.

Used by pipelines/. TFX reads the annotations, so this module must not postpone them. Imports TFX.
"""

from pathlib import Path

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from waze_data_tfx.components.hyperparameter import logic


@component
def Hyperparameter(  # noqa: N802, RUF100  a component is named like a class
    values: Parameter[str],
    hyperparameters: OutputArtifact[standard_artifacts.HyperParameters],
) -> None:
    """Write settings as the artifact that TFX's Trainer takes as `hyperparameters`.

    Args:
        values: a JSON object: batch size, learning rate, the agent's settings, ...
        hyperparameters: the artifact; its property `values` holds the same JSON, for whoever reads only ML Metadata.

    Raises:
        UserError: `values` is no JSON object of finite settings.
    """
    settings = logic.parse(values)
    logic.write(settings, Path(hyperparameters.uri))
    hyperparameters.set_string_custom_property("values", logic.canonical(settings))
    print(f"Hyperparameter: {', '.join(f'{name} {value}' for name, value in settings.items())}", flush=True)
