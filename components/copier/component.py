"""Copier's TFX skin: a function component that puts the pushed model into the model registry, and says what became of it.

Used by pipelines/, behind the Pusher. All file work is `waze_data_tfx.registry`'s. TFX reads the annotations, so this module must
not postpone them. Imports TFX.
"""

import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from waze_data_tfx import registry
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import RunFailed


@component
def Copier(  # noqa: N802, RUF100  a component is named like a class
    pushed_model: InputArtifact[standard_artifacts.PushedModel],
    config: Parameter[str],
    run_id: Parameter[str],
    registration: OutputArtifact[standard_artifacts.String],
) -> None:
    """Make the pushed model the current generation of `registry.directory`; copy nothing if none was pushed.

    Args:
        pushed_model: the Pusher's.
        config: the resolved config as JSON; its `registry` section says where to.
        run_id: of the pipeline's run, for the record: TFX's runtime parameter `pipeline-run-id`.
        registration: JSON with `generation` (0 for none), `is_new` and `line`; the first is also a property.

    Raises:
        RunFailed: no verdict blesses the model, the copy differs, or another writer came between.
        UserError: the bucket does not exist, or nobody may write to it.
    """
    settings = Config.model_validate_json(config)
    directory = settings.registry.directory
    if directory is None:
        raise RunFailed(
            "registry.directory: expected a folder or gs://BUCKET/PATH; received none", hint="read the config with config.load"
        )
    if pushed_model.get_int_custom_property("pushed") != 1:
        done = registry.Registration(0, False, "no model was pushed (it was not blessed), so nothing was copied")
    else:
        done = registry.register(
            Path(pushed_model.uri),
            directory,
            run=run_id,
            pipeline=settings.name,
            pushed_version=pushed_model.get_string_custom_property("pushed_version"),
            keep=settings.registry.keep,
        )
    registration.value = json.dumps({"generation": done.generation, "is_new": done.is_new, "line": done.line})
    registration.set_int_custom_property("generation", done.generation)
    print(f"Copier: {done.line}", flush=True)
