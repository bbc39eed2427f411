"""What executes a pipeline, by name; `get` resolves one without importing the others."""

from importlib import import_module
from typing import Any

from ..errors import UserError, unknown_name

RUNNERS = {"local": "waze_data_tfx.runners.local:LocalRunner"}


def get(name: str) -> Any:
    """Return the runner class of this name.

    Raises:
        UserError: for a name that the table does not hold.
    """
    if name not in RUNNERS:
        raise UserError(unknown_name("runner", name, RUNNERS))
    module, _, attribute = RUNNERS[name].partition(":")
    return getattr(import_module(module), attribute)
