"""Ready-made Keras models: the table of them, and the choice of the config's.

Of each `model.type` there is a regressor and a classifier. A new one is one function and two lines here, and its settings in
`config.model.READS`. `building` chooses between them and the user's builder. Imports nothing heavy.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from waze_data_tfx.config.schema import Config

MODELS: dict[str, str] = {
    "linear_regressor": "waze_data_tfx.models.linear:linear_regressor",
    "linear_classifier": "waze_data_tfx.models.linear:linear_classifier",
    "dnn_regressor": "waze_data_tfx.models.dnn:dnn_regressor",
    "dnn_classifier": "waze_data_tfx.models.dnn:dnn_classifier",
    "wide_deep_regressor": "waze_data_tfx.models.wide_deep:wide_deep_regressor",
    "wide_deep_classifier": "waze_data_tfx.models.wide_deep:wide_deep_classifier",
    "deep_cross_regressor": "waze_data_tfx.models.deep_cross:deep_cross_regressor",
    "deep_cross_classifier": "waze_data_tfx.models.deep_cross:deep_cross_classifier",
    "two_tower_regressor": "waze_data_tfx.models.two_tower:two_tower_regressor",
    "two_tower_classifier": "waze_data_tfx.models.two_tower:two_tower_classifier",
    "rnn_regressor": "waze_data_tfx.models.sequence:rnn_regressor",
    "rnn_classifier": "waze_data_tfx.models.sequence:rnn_classifier",
    "cnn_regressor": "waze_data_tfx.models.sequence:cnn_regressor",
    "cnn_classifier": "waze_data_tfx.models.sequence:cnn_classifier",
}


def ready_made(config: Config) -> Callable[..., Any]:
    """Return the builder (inputs, config) -> keras.Model of the config's model type, task and head."""
    function = _attribute(MODELS[f"{config.model.type}_{'regressor' if config.task == 'regression' else 'classifier'}"])
    classes: dict[str, Any] = {}
    if config.task == "multiclass_classification":
        classes = {"n_classes": config.n_classes}
    elif config.task == "multilabel_classification":
        classes = {"n_labels": config.n_classes}

    def build(inputs: dict[str, Any], config: Config) -> Any:
        from .columns import columns_of

        return function(**columns_of(inputs, config), settings=config.model, **classes)

    return build


PIECES = {"prepared_inputs": "waze_data_tfx.models.inputs:prepared_inputs"}
__all__ = ["ready_made", *MODELS, *PIECES]


def __getattr__(name: str) -> Any:
    found = {**MODELS, **PIECES}.get(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _attribute(found)


def __dir__() -> list[str]:
    return list(__all__)


def _attribute(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
