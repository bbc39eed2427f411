"""From YAML files and `--set` to one frozen Config; every problem at once, each with its file and line.

Order, later wins: the packaged environment, the config, the fork's own environment, `--set`. Called by the command line
and by tests. Reads only YAML; whether the data has the columns is for `data`.
"""

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from ..errors import ConfigError, UserError, did_you_mean
from .data import Data
from .monitoring import Monitoring
from .problems import Key, dotted, position, problems, shown
from .schema import Config

SERVING, REGISTRY, METADATA = "serving", "registry", "metadata.sqlite"
"""Where models, their history and ML Metadata are below the root, unless the config says otherwise."""
Written = TypeVar("Written", bound=BaseModel)
PACKAGED_ENVS = Path(__file__).resolve().parent.parent / "configs" / "env"


@dataclass(frozen=True)
class Loaded:
    """A config and where each of its keys was written."""

    config: Config
    path: Path
    positions: dict[Key, str] = field(repr=False)
    sets: tuple[str, ...] = ()

    def where(self, *key: str | int) -> str:
        """Return `file:line: dotted.key` of the key, or of its nearest parent that was written."""
        return f"{position(self.positions, key)}: {dotted(key)}"


def load(path: str | os.PathLike[str], *, env: str = "local", sets: Iterable[str] = ()) -> Loaded:
    """Read, overlay and validate a config.

    Args:
        path: the pipeline's YAML file.
        env: name of an environment; env/NAME.yaml beside the config wins over the config, the packaged one does not.
        sets: `dotted.key=value` strings; values are YAML.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    file = check_file(path)
    positions: dict[Key, str] = {}
    layers = [read_file(layer, positions) for layer in _layers(file, env)]
    return _loaded(file, layers, {**positions, (): f"{shown(file)}:1"}, tuple(sets))


def check_file(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a config file.

    Raises:
        ConfigError: there is none; with the one that was meant.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise ConfigError([f"{shown(file)}: {_no_file(file)}"])
    return file


def validated(section: type[Written], layers: list[dict[str, Any]], positions: dict[Key, str], sets: Iterable[str]) -> Written:
    """Lay the layers over each other, the later over the earlier, then `--set`, and make a config of any kind of them.

    Args:
        section: what it is.
        layers: plain values, as `read_file` gives them.
        positions: where their keys were written; those of `--set` are added.
        sets: `dotted.key=value` strings.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    values: Any = {}
    for layer in layers:
        values = merged(values, layer)
    for assignment in sets:
        values = merged(values, _parse_set(assignment, positions))
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise ConfigError(sorted(dict.fromkeys(problems(error, positions, section)), key=_by_line)) from None


def from_python(config: Config, *, env: str = "local", folder: Path | None = None) -> Loaded:
    """Return a config that was made in Python as if its YAML lay in the folder: overlaid, paths resolved, files looked for.

    Args:
        config: as it was written; the values that were given win over the packaged environment as those of a file do.
        env: name of an environment, as for `load`; env/NAME.yaml in the folder wins over the config.
        folder: what relative paths are relative to; default: the working directory.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    file = (folder or Path.cwd()).resolve() / f"{config.name}.yaml"
    own_values = written(config)
    positions: dict[Key, str] = {}
    layers = [own_values if layer == file else read_file(layer, positions) for layer in _layers(file, env)]
    positions[()] = f"Config(name={config.name!r})"
    return _loaded(file, layers, positions, ())


def written(config: Config) -> dict[str, Any]:
    """Return what was given of the config, defaults left out, as the plain values that its YAML would hold.

    Raises:
        ConfigError: a value under `params` is none that YAML holds.
    """
    try:
        values: dict[str, Any] = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    except PydanticSerializationError as error:
        raise ConfigError(
            [f"Config(name={config.name!r}): model.params: {error}; expected text, numbers, true or false, lists and dicts"]
        ) from None
    return values


def _loaded(file: Path, layers: list[dict[str, Any]], positions: dict[Key, str], sets: tuple[str, ...]) -> Loaded:
    """Make a pipeline's config of the layers, resolve its paths and look for its files."""
    config = validated(Config, layers, positions, sets)
    loaded = Loaded(_absolute(config, file.parent), file, positions, sets)
    missing = list(_missing_files(loaded))
    if missing:
        raise ConfigError(sorted(missing, key=_by_line))
    return loaded


def _no_file(file: Path) -> str:
    """Say what stands in the place of a config file, and which was meant."""
    if not file.is_dir():
        return f"no such config file{did_you_mean(file.name, _siblings(file))}"
    inside = sorted(p.name for p in file.glob("*.y*ml"))
    meant = f"; did you mean '{shown(file / inside[0])}'?" if len(inside) == 1 else ""
    return f"is a folder; expected a config file; YAML files in it: {', '.join(inside) or 'none'}{meant}"


def _siblings(file: Path) -> list[str]:
    return [p.name for p in file.parent.glob("*.y*ml")] if file.parent.is_dir() else []


def _layers(file: Path, env: str) -> list[Path]:
    """Return the files to lay over each other: an environment's packaged defaults, the config, the fork's own environment."""
    own, packaged = file.parent / "env" / f"{env}.yaml", PACKAGED_ENVS / f"{env}.yaml"
    beside = own.resolve() != packaged.resolve()  # configs/taxi.yaml lies beside the packaged environments
    layers = [path for path in (packaged, file, own)[: 2 + beside] if path == file or path.is_file()]
    if layers == [file]:
        known = sorted({p.stem for folder in (own.parent, packaged.parent) for p in folder.glob("*.yaml")})
        raise UserError(f"--env {env}: unknown environment; known: {', '.join(known)}{did_you_mean(env, known)}")
    return layers


def read_file(file: Path, positions: dict[Key, str]) -> dict[str, Any]:
    """Return a YAML file's plain values, and note in `positions` where each of its keys stands.

    Raises:
        ConfigError: it cannot be read, or is no mapping.
    """
    name = shown(file)
    try:
        text = file.read_text(encoding="utf-8")
        node = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        ended = "end of stream" in str(error.problem)  # then what was left open says more than where the file ends
        mark = (error.context_mark if ended else None) or error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError([f"{name}:{line}: not valid YAML: {_first_line(error)}"]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([f"{name}:{line}: not UTF-8: {error.reason}; save the file as UTF-8"]) from None
    except OSError as error:
        raise ConfigError([f"{name}: cannot be read: {error.strerror}"]) from None
    if node is None:
        return {}
    if not isinstance(node, CommentedMap):
        received = "a list" if isinstance(node, CommentedSeq) else repr(str(node))
        raise ConfigError([f"{name}:1: expected keys and values; received {received}"])
    return _plain(node, (), name, positions)


def _first_line(error: MarkedYAMLError) -> str:
    while_ = f"{error.context}: " if error.context and "end of stream" in str(error.problem) else ""
    return while_ + " ".join(str(error.problem or error).strip().splitlines()[0].split())


def _plain(node: Any, key: Key, file: str, positions: dict[Key, str]) -> Any:
    """Turn ruamel's node into plain Python values and note the line of every key."""
    tag = getattr(getattr(node, "tag", None), "value", None)
    if isinstance(node, date) or tag is not None:
        what = "is read as a date; put it in quotes" if isinstance(node, date) else f"tag {tag} is not allowed"
        raise ConfigError([f"{position(positions, key)}: {dotted(key) or 'config'}: {what}"])
    if isinstance(node, CommentedMap):
        out = {}
        for name, value in node.items():
            line = node.lc.key(name)[0] + 1 if node.lc.data and name in node.lc.data else 1
            positions[(*key, str(name))] = f"{file}:{line}"
            out[str(name)] = _plain(value, (*key, str(name)), file, positions)
        return out
    if isinstance(node, CommentedSeq):
        items = []
        for i, value in enumerate(node):
            positions[(*key, i)] = f"{file}:{node.lc.item(i)[0] + 1}"
            items.append(_plain(value, (*key, i), file, positions))
        return items
    if isinstance(node, bool) or node is None:
        return node
    return next((kind(node) for kind in (int, float) if isinstance(node, kind)), str(node))


def _parse_set(assignment: str, positions: dict[Key, str]) -> dict[str, Any]:
    name, equals, text = assignment.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise UserError(f"--set {assignment}: expected dotted.key=value, such as --set training.epochs=3")
    try:
        value = YAML(typ="safe").load(io.StringIO(text))
    except MarkedYAMLError as error:
        raise UserError(f"--set {assignment}: the value is not valid YAML: {_first_line(error)}") from None
    for depth in range(1, len(keys) + 1):
        positions[tuple(keys[:depth])] = f"--set {assignment}"
    for part in reversed(keys):
        value = {part: value}
    return value


def merged(base: Any, over: Any, key: Key = ()) -> Any:
    """Lay mappings over mappings key by key; anything else, and an index into a list, replaces."""
    if isinstance(base, list) and isinstance(over, dict) and over and all(str(k).isdigit() for k in over):
        items = list(base)
        for index, value in over.items():
            if int(index) >= len(base):
                raise UserError(f"--set {dotted(key)}.{index}: the list has {len(base)} items; expected 0 to {len(base) - 1}")
            items[int(index)] = merged(base[int(index)], value, (*key, index))
        return items
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{k: merged(base[k], v, (*key, k)) if k in base else v for k, v in over.items()}}


def without_root(config: Config) -> Config:
    """Return the config without what follows from its root: to be filled in anew from another one."""
    root, push, metadata = config.root, config.push, config.env.metadata
    if root is None:
        return config
    if push.directory == root / SERVING:
        config = config.model_copy(update={"push": push.model_copy(update={"directory": None})})
    if config.registry.directory == root / REGISTRY:
        config = config.model_copy(update={"registry": config.registry.model_copy(update={"directory": None})})
    if metadata.sqlite == root / METADATA:
        env = config.env.model_copy(update={"metadata": metadata.model_copy(update={"sqlite": None})})
        config = config.model_copy(update={"env": env})
    return config


def _absolute(config: Config, base: Path) -> Config:
    """Resolve every path of the config against the folder of its file; fill in the defaults that depend on the root."""

    def at(path: Path | None, default: Path | None = None) -> Path | None:
        return Path(os.path.normpath(base / path.expanduser())) if path else default

    root = at(config.root, base / "output" / config.name)
    assert root is not None
    return config.model_copy(
        update={
            "root": root,
            "data": _absolute_data(config.data, base, at(config.data.query)),
            "schema_": config.schema_.model_copy(update={"file": at(config.schema_.file)}),
            "monitoring": _absolute_monitoring(config.monitoring, base),
            "code": config.code.model_copy(update={name: at(path) for name, path in config.code}),
            "bandit": config.bandit and config.bandit.model_copy(update={"arm_features": at(config.bandit.arm_features)}),
            "push": config.push.model_copy(update={"directory": at(config.push.directory, root / SERVING)}),
            "registry": config.registry.model_copy(update={"directory": _absolute_registry(config, base, root)}),
            "env": config.env.model_copy(
                update={
                    "metadata": config.env.metadata.model_copy(update={"sqlite": at(config.env.metadata.sqlite, root / METADATA)})
                }
            ),
        }
    )


def _absolute_registry(config: Config, base: Path, root: Path) -> str | Path:
    directory = config.registry.directory
    if directory is None:
        return root / REGISTRY
    return directory if isinstance(directory, str) else Path(os.path.normpath(base / directory.expanduser()))


def _absolute_data(data: Data, base: Path, query: Path | None) -> Data:
    tables = {name: t.model_copy(update={"file": absolute_input(t.file, base)}) for name, t in data.tables.items()}
    given = absolute_input(data.input, base) if data.input is not None else None
    return data.model_copy(update={"input": given, "query": query, "tables": tables})


def _absolute_monitoring(monitoring: Monitoring, base: Path) -> Monitoring:
    skew = monitoring.skew
    if skew is None:
        return monitoring
    return monitoring.model_copy(update={"skew": skew.model_copy(update={"input": absolute_input(skew.input, base)})})


def absolute_input(text: str, base: Path) -> str:
    """Return an input's path below the folder, or in the package that `package://PKG/PATH` names, where it is installed."""
    if not text.startswith("package://"):
        return os.path.normpath(base / Path(text).expanduser())
    from importlib.util import find_spec

    package, _, inner = text.removeprefix("package://").partition("/")
    try:
        spec = find_spec(package)
    except (ModuleNotFoundError, ValueError):  # the parent of a dotted name is missing, or the name is empty
        spec = None
    if spec is None or not spec.submodule_search_locations:
        return text
    return os.path.join(next(iter(spec.submodule_search_locations)), inner)


def _missing_files(loaded: Loaded) -> Iterator[str]:
    config = loaded.config
    skew = config.monitoring.skew
    tables = ((("data", "tables", name, "file"), table.file) for name, table in config.data.tables.items())
    inputs = (("data", "input"), config.data.input), (("monitoring", "skew", "input"), skew.input if skew else None)
    for place, given in (*inputs, *tables):
        if given and given.startswith("package://"):
            yield f"{loaded.where(*place)}: package not installed; received '{given}'"
    for key, path in (
        (("schema", "file"), config.schema_.file),
        (("data", "query"), config.data.query),
        *((("code", name), path) for name, path in config.code),
    ):
        if path and not path.is_file():
            known = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
            yield f"{loaded.where(*key)}: no such file; received {shown(path)}{did_you_mean(path.name, known)}"


def _by_line(problem: str) -> tuple[str, int]:
    file, _, rest = problem.partition(":")
    line = rest.partition(":")[0]
    return file, int(line) if line.isdigit() else 0
