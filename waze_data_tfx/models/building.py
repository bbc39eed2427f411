"""The model of a run: the user's build_model or a ready-made one, checked, and fed the way it was built.

Called by training. Works with both generations of Keras: Keras 3 (`keras`) and tf_keras (`tf_keras`, which is `tf.keras`
here). Imports neither before it is needed.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from waze_data_tfx.config import view
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserCodeError, UserError, unknown_name
from waze_data_tfx.features.inputs import ModelInput
from waze_data_tfx.usercode import accepts, defined_at, load_function, located, said

from . import ready_made
from .heads import has_quantiles, n_outputs


def build_model(inputs: dict[str, ModelInput], config: Config) -> Any:
    """Return the run's Keras model, of either generation, compiled or not.

    Raises:
        UserCodeError: the user's build_model raised, or returned something other than a Keras model.
        UserError: Keras does not run on TensorFlow, or a setting of the model is wrong.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"KERAS_BACKEND: received '{keras.backend.backend()}'; expected 'tensorflow'", hint="export KERAS_BACKEND=tensorflow"
        )
    path = config.code.model
    if path is None:
        return ready_made(config)(inputs, config)
    function = load_function(path, "build_model")
    try:
        model = function(inputs, view.for_model(config)) if accepts(function, 2) else function(inputs)
    except UserError:
        raise
    except Exception as exc:
        raise UserCodeError(f"{located(exc, path)}: build_model raised {said(exc)}") from exc
    if library_of(model) is None:
        raise UserCodeError(
            f"{origin(config)}: received {type(model).__qualname__}; expected a keras.Model or a tf_keras.Model",
            hint="end it with `return keras.Model(inputs, outputs)`",
        )
    return model


def library_of(model: Any) -> Any:
    """Return the module `keras` or `tf_keras` that the model belongs to, or None if it is no Keras model."""
    for name in ("keras", "tf_keras"):
        library = sys.modules.get(name)
        if library is not None and isinstance(model, library.Model):
            return library
    return None


def is_keras_3(model: Any) -> bool:
    """Whether the model is of Keras 3."""
    return library_of(model) is sys.modules.get("keras")


def feeder(model: Any, names: list[str], config: Config) -> Callable[[Mapping[str, Any]], Any]:
    """Return the function that arranges features by name as the model was built to take them.

    Args:
        model: functional models take what they declare: a dict, a list or one tensor, by input names; others the dict.
        names: the features that there are.
        config: names the user's file.

    Raises:
        UserCodeError: the model declares an input that no feature has.
    """
    try:
        structure = model.input
    except (AttributeError, ValueError):
        return dict
    if structure is None:
        return dict
    path = config.code.model

    def name_of(tensor: Any, key: str | None = None) -> str:
        for name in (key, tensor.name, tensor.name.partition(":")[0]):
            if name in names:
                return str(name)
        raise UserCodeError(f"{path or 'model'}: {unknown_name('model input', key or tensor.name, names)}")

    if isinstance(structure, Mapping):
        wanted = {key: name_of(tensor, key) for key, tensor in structure.items()}
        return lambda features: {key: features[name] for key, name in wanted.items()}
    if isinstance(structure, list | tuple):
        order = [name_of(tensor) for tensor in structure]
        return lambda features: [features[name] for name in order]
    if len(names) == 1:
        return lambda features: features[names[0]]
    only = name_of(structure)
    return lambda features: features[only]


def check_outputs(shape: tuple[int | None, ...], config: Config) -> None:
    """Check the model's output against task and head: [n] or [n, 1]; for classes, labels or quantiles [n, as many].

    Raises:
        UserCodeError: it does not fit.
    """
    n = n_outputs(config)
    one = config.task in ("regression", "binary_classification") and not has_quantiles(config)
    fits = tuple(shape[1:]) in ((), (1,)) if one else tuple(shape[1:]) == (n,)
    if not fits:
        wanted = "[n] or [n, 1]" if one else f"[n, {n}] {'quantiles' if has_quantiles(config) else 'probabilities'}"
        if config.task == "binary_classification":
            wanted += ", the probability of class 1"
        received = "[n" + "".join(f", {d}" for d in shape[1:]) + "]"
        raise UserCodeError(
            f"{origin(config)}: the model's output has shape {received}; expected {wanted} for task {config.task}",
            hint=f"end the model with a layer such as keras.layers.Dense({n})",
        )


def origin(config: Config) -> str:
    """Return where the model comes from: `file:line: build_model`, or `model` for a ready-made one."""
    path = config.code.model
    return f"{defined_at(load_function(path, 'build_model'), path)}: build_model" if path else "model"
