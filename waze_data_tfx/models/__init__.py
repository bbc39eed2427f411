"""Ready-made Keras models: the table of them by the config's `model.type`.

A new one is one function and one line here. `building` chooses between them and the user's builder. Imports nothing heavy.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserError, unknown_name

MODELS: dict[str, str] = {
    "dnn_regressor": "waze_data_tfx.models.dnn:dnn_regressor",
    "dnn_classifier": "waze_data_tfx.models.dnn:dnn_classifier",
}


def ready_made(config: Config) -> Callable[..., Any]:
    """Return the builder of the config's model type, or of its task's default.

    Raises:
        UserError: unknown type.
    """
    kind = config.model.type or ("dnn_regressor" if config.task == "regression" else "dnn_classifier")
    if kind not in MODELS:
        raise UserError(f"model.type: {unknown_name('model', kind, MODELS)}")
    module, _, name = MODELS[kind].partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


PIECES = {"prepared_inputs": "waze_data_tfx.models.dnn:prepared_inputs"}
__all__ = ["ready_made", *MODELS, *PIECES]


def __getattr__(name: str) -> Any:
    found = {**MODELS, **PIECES}.get(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = found.partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return list(__all__)
