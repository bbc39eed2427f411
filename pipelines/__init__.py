"""The graphs, one module each; `load` finds one by the name that a config gives it."""

if __name__ != "waze_data_tfx.pipelines":
    raise ImportError(f"import waze_data_tfx.pipelines, not {__name__}: TFX writes the dotted path into pipelines")

from importlib import import_module
from types import ModuleType

from waze_data_tfx.errors import UserError, unknown_name

PIPELINES = {"supervised": "waze_data_tfx.pipelines.supervised"}


def load(name: str) -> ModuleType:
    """Return the module of a pipeline: `nodes(config)` describes its graph, `build(config, ...)` makes the TFX pipeline.

    Raises:
        UserError: for a name that the table does not hold.
    """
    if name not in PIPELINES:
        raise UserError(unknown_name("pipeline", name, PIPELINES))
    return import_module(PIPELINES[name])
