"""Names of Keras losses, metrics and activations in a config: an unknown one is answered with the known ones.

Called by `dnn` and `compiling`. Imports Keras inside its functions.
"""

from typing import Any

from ..errors import UserError, unknown_name


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
    try:
        found = module.get(name)
    except ValueError:
        found = None
    if found is None:
        known = [n for n in dir(module) if not n.startswith("_") and n not in ("get", "serialize", "deserialize")]
        functions = [n for n in known if n == n.lower() and callable(getattr(module, n))]
        raise UserError(f"{key}: {unknown_name(what, name, functions if name == name.lower() else known)}")
