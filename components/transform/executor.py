"""Transform's executor: unwraps TFX's artifacts and calls logic.py.

TFX instantiates it by its dotted path. Takes the same execution properties as TFX's executor and leaves the same layout
behind; `component.Transform` switches off what it does not do (statistics, analyzer cache).
"""

from typing import Any

from tfx import types
from tfx.components.transform import executor_utils, labels
from tfx.components.util import examples_utils, udf_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, json_utils

from waze_data_tfx.components.transform import logic
from waze_data_tfx.config.schema import Config


class Executor(base_beam_executor.BaseBeamExecutor):
    """Analyzes one split and transforms all."""

    _beam_pipeline_args: list[str]

    def __init__(self, context: base_beam_executor.BaseBeamExecutor.Context | None = None) -> None:
        """Spare Beam's type check of each stage: the stages are TensorFlow Transform's own, and it takes half a second."""
        super().__init__(context)
        self._beam_pipeline_args = [*self._beam_pipeline_args, "--no_pipeline_type_check"]

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the transform graph and the transformed examples.

        Raises:
            ValueError: the examples are not tf.Examples in gzip TFRecords, or statistics or a cache are asked for.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        _check_supported(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(input_dict[specs.EXAMPLES_KEY])
        transformed = output_dict[specs.TRANSFORMED_EXAMPLES_KEY]
        splits = executor_utils.ResolveSplitsConfig(exec_properties.get(specs.SPLITS_CONFIG_KEY), [examples])
        order = [s for s in artifact_utils.decode_split_names(examples.split_names) if s in splits.transform]
        executor_utils.SetSplitNames(order, transformed)
        schema_file = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict[specs.SCHEMA_KEY]))
        paths = logic.Paths(
            graph=artifact_utils.get_single_uri(output_dict[specs.TRANSFORM_GRAPH_KEY]),
            analyze=[artifact_utils.get_split_uri([examples], split) for split in splits.analyze],
            transform={
                artifact_utils.get_split_uri([examples], split): artifact_utils.get_split_uri(transformed, split)
                for split in order
            },
        )
        logic.run(
            self._make_beam_pipeline,
            schema=io_utils.SchemaReader().read(schema_file),
            preprocessing_fn=_preprocessing_fn(exec_properties),
            paths=paths,
            origin=_origin(exec_properties),
        )


def _preprocessing_fn(exec_properties: dict[str, Any]) -> Any:
    fn = udf_utils.get_fn(exec_properties, specs.PREPROCESSING_FN_KEY)
    return executor_utils.MaybeBindCustomConfig({labels.CUSTOM_CONFIG: exec_properties.get(specs.CUSTOM_CONFIG_KEY)}, fn)


def _origin(exec_properties: dict[str, Any]) -> str:
    from waze_data_tfx.features import entry

    custom = json_utils.loads(exec_properties.get(specs.CUSTOM_CONFIG_KEY) or "null") or {}
    return entry.origin(Config.model_validate_json(custom["config"])) if "config" in custom else "preprocessing_fn"


def _check_supported(
    input_dict: dict[str, list[types.Artifact]], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
) -> None:
    if not exec_properties.get(specs.DISABLE_STATISTICS_KEY) or output_dict.get(specs.UPDATED_ANALYZER_CACHE_KEY):
        raise ValueError("Transform: statistics and the analyzer cache are not written; use TFX's Transform for them")
    for artifact in input_dict[specs.EXAMPLES_KEY]:
        payload = examples_utils.get_payload_format(artifact)
        if payload != example_gen_pb2.FORMAT_TF_EXAMPLE:
            name = example_gen_pb2.PayloadFormat.Name(payload)
            raise ValueError(f"Transform: examples must be tf.Examples; received {name}; use TFX's Transform for others")
