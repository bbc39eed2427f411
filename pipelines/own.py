"""A graph of the user's own: the file that `code.pipeline` names, called like a module of this folder and held to the same.

Called by `pipelines.nodes` and `pipelines.build`. What the file and its local imports say is part of every node's key, as our
own graph's source is of ours; only files that a node names as its `user_code` matter to that node alone. See
docs/own_component.md. Imports TFX inside a function.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserCodeError, WazeTfxError
from waze_data_tfx.pipelines.graph import Node, ordered
from waze_data_tfx.usercode import code_files, defined_at, load_function, located, said

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

HINT = "see docs/own_component.md"


def nodes(path: Path, config: Config) -> dict[str, Node]:
    """Return what the file's `nodes(config)` describes, by id; each node's key holds the files that make the graph.

    Raises:
        UserCodeError: with file and line: it raises, or returns no nodes, or one before what it waits for.
    """
    function = load_function(path, "nodes")
    found = _call(path, function, config)
    where = f"{defined_at(function, path)}: nodes"
    if not isinstance(found, list | tuple):
        raise UserCodeError(f"{where}: expected a tuple of Node; received a {type(found).__name__}", hint=HINT)
    if wrong := next((n for n in found if not isinstance(n, Node)), None):
        raise UserCodeError(f"{where}: expected Nodes; received a {type(wrong).__name__} among them", hint=HINT)
    wiring = code_files(path, apart=[file for node in found for file in node.user_code])
    try:
        return ordered(tuple(replace(node, wiring=wiring) for node in found))
    except ValueError as error:
        raise UserCodeError(f"{where}: {error}", hint="a node stands after everything it waits for") from error


def build(path: Path, config: Config, data_fingerprint: str) -> "Pipeline":
    """Return what the file's `build(config, data_fingerprint)` makes.

    Raises:
        UserCodeError: with file and line: it raises, or makes another graph than `nodes` describes.
    """
    from tfx.orchestration.pipeline import Pipeline

    function = load_function(path, "build")
    made = _call(path, function, config, data_fingerprint)
    where = f"{defined_at(function, path)}: build"
    if not isinstance(made, Pipeline):
        raise UserCodeError(f"{where}: expected a TFX Pipeline; received a {type(made).__name__}", hint=HINT)
    described = {node.id: set(node.upstream) for node in nodes(path, config).values()}
    built = {component.id: {u.id for u in component.upstream_nodes} for component in made.components}
    if problem := _difference(described, built):
        raise UserCodeError(f"{where}: {problem}", hint="plans and cache keys come from nodes: describe there what build makes")
    return made


def _difference(described: Mapping[str, set[str]], built: Mapping[str, set[str]]) -> str:
    """Say in which node the two graphs differ; nothing if they do not."""
    for name in dict.fromkeys([*described, *built]):
        if name not in built:
            return f"nodes describes {name}, which is not among its components; it has {', '.join(sorted(built))}"
        if name not in described:
            return f"it makes {name}, which nodes does not describe"
        if described[name] != built[name]:
            return f"{name} waits for {_listed(built[name])}; nodes says {_listed(described[name])}"
    return ""


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _call(path: Path, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except WazeTfxError:
        raise
    except Exception as error:
        raise UserCodeError(f"{located(error, path)}: in {function.__name__}: {said(error)}") from error
