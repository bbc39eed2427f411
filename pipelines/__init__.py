"""The graphs, one module each: `nodes` and `build` are those of the graph that a config asks for, ours or the user's own."""

if __name__ != "waze_data_tfx.pipelines":
    raise ImportError(f"import waze_data_tfx.pipelines, not {__name__}: TFX writes the dotted path into pipelines")

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserError, unknown_name
from waze_data_tfx.pipelines import own
from waze_data_tfx.pipelines.graph import Node, ordered

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

PIPELINES = {"supervised": "waze_data_tfx.pipelines.supervised", "bandit": "waze_data_tfx.pipelines.bandit"}


def nodes(config: Config) -> dict[str, Node]:
    """Return the nodes of the config's graph by id, in topological order.

    Raises:
        UserCodeError: the user's own graph cannot be imported, or is none.
    """
    if config.code.pipeline:
        return own.nodes(config.code.pipeline, config)
    return ordered(load(config.pipeline).nodes(config))


def build(config: Config, data_fingerprint: str) -> "Pipeline":
    """Return the TFX pipeline of the config's graph.

    Raises:
        UserCodeError: what the user's own `build` makes is not what their `nodes` describes.
    """
    if config.code.pipeline:
        return own.build(config.code.pipeline, config, data_fingerprint)
    pipeline: Pipeline = load(config.pipeline).build(config, data_fingerprint=data_fingerprint)
    return pipeline


def load(name: str) -> ModuleType:
    """Return the module of a pipeline: `nodes(config)` describes its graph, `build(config, ...)` makes the TFX pipeline.

    Raises:
        UserError: for a name that the table does not hold.
    """
    if name not in PIPELINES:
        raise UserError(unknown_name("pipeline", name, PIPELINES))
    return import_module(PIPELINES[name])
