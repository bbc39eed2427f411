"""A model's inputs, read off the transformed schema: which are dense, which are ids and of how many values.

Called by training, which hands them to the model builder. Reads a schema, never data. Imports TFT inside its function.
"""

from dataclasses import dataclass
from typing import Any, Literal

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserCodeError


@dataclass(frozen=True)
class ModelInput:
    """One input of a model.

    Attributes:
        name: the transform's output.
        kind: "dense" is float32 [n, width] (or [n] for width 1); "id" is int64 in 0..cardinality-1.
        width: values per row.
        cardinality: number of ids; None for a dense input.
        rank: 1 for [n], 2 for [n, width].
    """

    name: str
    kind: Literal["dense", "id"]
    width: int
    cardinality: int | None = None
    rank: int = 1


def model_inputs(transformed: Any, config: Config) -> dict[str, ModelInput]:
    """Return every transformed feature but label, weight and key as a model input, by name.

    Args:
        transformed: a tft.TFTransformOutput, or the transformed schema.
        config: names label, weight, key and the user's file.

    Raises:
        UserCodeError: an output cannot enter a model; the message names the remedy.
    """
    from tensorflow_transform.tf_metadata import schema_utils

    schema = getattr(getattr(transformed, "transformed_metadata", None), "schema", transformed)
    spec, _ = schema_utils.schema_as_feature_spec(schema)
    features = {f.name: f for f in schema.feature}
    names = sorted(name for name in spec if name not in config.beside_features)
    return {name: _model_input(name, spec[name], features.get(name), config) for name in names}


def _model_input(name: str, spec: Any, feature: Any, config: Config) -> ModelInput:
    where = f"{config.code.features or 'features'}: output '{name}'"
    shape = getattr(spec, "shape", None)
    if shape is None or feature is None or len(shape) > 1:
        raise UserCodeError(
            f"{where}: received a sparse, ragged or more than two-dimensional tensor; expected [n] or [n, width]",
            hint=f"use features.dense(x, default), or leave '{name}' out of what preprocessing_fn returns",
        )
    width = int(shape[0]) if len(shape) else 1
    rank = 1 + len(shape)
    if spec.dtype.is_floating:
        return ModelInput(name, "dense", width, None, rank)
    if not spec.dtype.is_integer:
        raise UserCodeError(
            f"{where}: received text; expected numbers or ids",
            hint=f"use features.vocabulary(x, '{name}'), or leave '{name}' out of what preprocessing_fn returns",
        )
    if not feature.HasField("int_domain"):
        raise UserCodeError(
            f"{where}: received integers without a known range; expected numbers or ids",
            hint="cast it to tf.float32 for a number; for an id use features.category(x, size, encoding='id') or vocabulary",
        )
    if feature.int_domain.min < 0:
        raise UserCodeError(
            f"{where}: received ids from {feature.int_domain.min}; expected ids from 0",
            hint="give the vocabulary num_oov_buckets=1, so that unknown values have an id",
        )
    return ModelInput(name, "id", width, int(feature.int_domain.max) + 1, rank)
