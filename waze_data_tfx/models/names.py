"""Names of Keras losses, metrics and activations in a config: an unknown one is answered with the known ones.

Called by `dnn` and `compiling`. Imports Keras inside its functions.
"""

from typing import Any

from waze_data_tfx.errors import UserError, unknown_name

_SHORT_NAMES = ("mae", "mse", "mape", "msle")


def check_activation(name: str) -> None:
    """Check that Keras knows the activation.

    Raises:
        UserError: it does not.
    """
    import keras

    _check("model.activation", "activation", name, keras.activations)


def check_loss(name: str, library: Any) -> None:
    """Check that the Keras generation `library` knows the loss.

    Raises:
        UserError: it does not.
    """
    _check("model.loss", "loss", name, library.losses)


def check_metric(name: str, library: Any) -> None:
    """Check that the Keras generation `library` knows the metric.

    Raises:
        UserError: it does not.
    """
    if name not in ("acc", "accuracy", "ce", "crossentropy"):
        _check("model.metrics", "metric", name, library.metrics)


def _check(key: str, what: str, name: str, module: Any) -> None:
    if not _known(module, name):
        functions = [n for n in dir(module) if n == n.lower() and not n.startswith("_") and callable(getattr(module, n))]
        names = {*functions, *_SHORT_NAMES} - {"get", "serialize", "deserialize"}
        raise UserError(f"{key}: {unknown_name(what, name, [n for n in names if _known(module, n)])}")


def _known(module: Any, name: str) -> bool:
    try:
        return module.get(name) is not None
    except ValueError:
        return False
