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
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from ..errors import ConfigError, UserError, did_you_mean
from .monitoring import Monitoring
from .schema import Config, Inconsistent

Key = tuple[str | int, ...]
EXPECTED = {
    "model_type": "expected keys and values",
    "dict_type": "expected keys and values",
    "tuple_type": "expected a list",
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "path_type": "expected a path",
}
"""A person's words for what pydantic calls by Python's names."""
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
        return f"{_position(self.positions, key)}: {_dotted(key)}"


def load(path: str | os.PathLike[str], *, env: str = "local", sets: Iterable[str] = ()) -> Loaded:
    """Read, overlay and validate a config.

    Args:
        path: the pipeline's YAML file.
        env: name of an environment; env/NAME.yaml beside the config wins over the config, the packaged one does not.
        sets: `dotted.key=value` strings; values are YAML.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise ConfigError([f"{_shown(file)}: no such config file{did_you_mean(file.name, _siblings(file))}"])
    positions: dict[Key, str] = {}
    values: Any = {}
    for layer in _layers(file, env):
        values = _merge(values, _read(layer, positions))
    positions[()] = f"{_shown(file)}:1"
    sets = tuple(sets)
    for assignment in sets:
        values = _merge(values, _parse_set(assignment, positions))
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(sorted(dict.fromkeys(_problems(error, positions)), key=_by_line)) from None
    config = _absolute(config, file.parent)
    loaded = Loaded(config, file, positions, sets)
    problems = list(_missing_files(loaded))
    if problems:
        raise ConfigError(sorted(problems, key=_by_line))
    return loaded


def _siblings(file: Path) -> list[str]:
    return [p.name for p in file.parent.glob("*.y*ml")] if file.parent.is_dir() else []


def _layers(file: Path, env: str) -> list[Path]:
    """Return the files to lay over each other: an environment's packaged defaults, the config, the fork's own environment."""
    own, packaged = file.parent / "env" / f"{env}.yaml", PACKAGED_ENVS / f"{env}.yaml"
    if own == packaged:
        own = own.with_name("")  # configs/taxi.yaml lies beside the packaged environments
    layers = [path for path in (packaged, file, own) if path.is_file()]
    if layers == [file]:
        known = sorted({p.stem for folder in (own.parent, packaged.parent) for p in folder.glob("*.yaml")})
        raise UserError(f"--env {env}: unknown environment; known: {', '.join(known)}{did_you_mean(env, known)}")
    return layers


def _read(file: Path, positions: dict[Key, str]) -> dict[str, Any]:
    shown = _shown(file)
    try:
        text = file.read_text(encoding="utf-8")
        node = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError([f"{shown}:{line}: not valid YAML: {_first_line(error)}"]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([f"{shown}:{line}: not UTF-8: {error.reason}; save the file as UTF-8"]) from None
    except OSError as error:
        raise ConfigError([f"{shown}: cannot be read: {error.strerror}"]) from None
    if node is None:
        return {}
    if not isinstance(node, CommentedMap):
        received = "a list" if isinstance(node, CommentedSeq) else repr(str(node))
        raise ConfigError([f"{shown}:1: expected keys and values; received {received}"])
    return _plain(node, (), shown, positions)


def _first_line(error: MarkedYAMLError) -> str:
    return " ".join(str(error.problem or error).strip().splitlines()[0].split())


def _plain(node: Any, key: Key, shown: str, positions: dict[Key, str]) -> Any:
    """Turn ruamel's node into plain Python values and note the line of every key."""
    tag = getattr(getattr(node, "tag", None), "value", None)
    if isinstance(node, date) or tag is not None:
        what = "is read as a date; put it in quotes" if isinstance(node, date) else f"tag {tag} is not allowed"
        raise ConfigError([f"{_position(positions, key)}: {_dotted(key) or 'config'}: {what}"])
    if isinstance(node, CommentedMap):
        out = {}
        for name, value in node.items():
            line = node.lc.key(name)[0] + 1 if node.lc.data and name in node.lc.data else 1
            positions[(*key, str(name))] = f"{shown}:{line}"
            out[str(name)] = _plain(value, (*key, str(name)), shown, positions)
        return out
    if isinstance(node, CommentedSeq):
        items = []
        for i, value in enumerate(node):
            positions[(*key, i)] = f"{shown}:{node.lc.item(i)[0] + 1}"
            items.append(_plain(value, (*key, i), shown, positions))
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


def _merge(base: Any, over: Any, key: Key = ()) -> Any:
    """Lay mappings over mappings key by key; anything else, and an index into a list, replaces."""
    if isinstance(base, list) and isinstance(over, dict) and over and all(str(k).isdigit() for k in over):
        merged = list(base)
        for index, value in over.items():
            if int(index) >= len(base):
                raise UserError(f"--set {_dotted(key)}.{index}: the list has {len(base)} items; expected 0 to {len(base) - 1}")
            merged[int(index)] = _merge(base[int(index)], value, (*key, index))
        return merged
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{k: _merge(base[k], v, (*key, k)) if k in base else v for k, v in over.items()}}


def described(error: ValidationError) -> Iterator[tuple[Key, str]]:
    """Yield (key, what is wrong with it, in a person's words) of everything that pydantic or `consistency` found."""
    for detail in error.errors():
        inner = detail.get("ctx", {}).get("error")
        if isinstance(inner, Inconsistent):
            yield from ((_parts(key) if isinstance(key, str) else key, what) for key, what in inner.problems)
            continue
        key = tuple(part for part in detail["loc"] if part != "[key]")
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # pydantic counts only the items without a problem, and those are named
        yield key, _describe(detail, key)


def _problems(error: ValidationError, positions: dict[Key, str]) -> Iterator[str]:
    for key, what in described(error):
        yield f"{_position(positions, key)}: {_dotted(key) or 'config'}: {what}"


def _parts(dotted: str) -> Key:
    return tuple(int(part) if part.isdigit() else part for part in dotted.split("."))


def _describe(detail: Any, key: Key) -> str:
    kind, received = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        known = _fields_at(key[:-1])
        return f"unknown key; known: {', '.join(known)}{did_you_mean(str(key[-1]), known)}"
    if kind == "missing":
        return "is required and missing"
    message = detail["msg"].removeprefix("Value error, ")
    guess = ""
    if kind == "too_short":
        return "expected at least one entry; received none"
    if kind in EXPECTED:
        known = _fields_at(key)
        message = EXPECTED[kind] + (f" with any of {', '.join(known)}" if kind == "model_type" else "")
    if kind == "literal_error":
        choices = [c.strip("' ") for c in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
        guess = did_you_mean(str(received), choices)
    return f"{message[:1].lower()}{message[1:]}; received {_received(received)}{guess}"


def _received(value: Any) -> str:
    """Return the value as a person would name it."""
    if isinstance(value, dict | list | BaseModel):
        return "a list" if isinstance(value, list) else "keys and values"
    return "nothing" if value is None else repr(value)


def _fields_at(key: Key) -> list[str]:
    """Return the known keys of the section at `key`."""
    here: Any = Config
    for part in key:
        here = _inside(here, part)
    return sorted(f.alias or n for n, f in here.model_fields.items()) if _is_section(here) else []


def _inside(annotation: Any, part: str | int) -> Any:
    """Return the type of the value under `part` of a Section, a `dict[str, Section]` or a `tuple[Section, ...]`."""
    if _is_section(annotation):
        found = next((f.annotation for n, f in annotation.model_fields.items() if (f.alias or n) == part), None)
        optional = [arg for arg in get_args(found) if _is_section(arg)] if type(None) in get_args(found) else []
        return optional[0] if optional else found
    return next((arg for arg in get_args(annotation) if _is_section(arg)), None)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _absolute(config: Config, base: Path) -> Config:
    """Resolve every path of the config against the folder of its file; fill in the defaults that depend on the root."""

    def at(path: Path | None, default: Path | None = None) -> Path | None:
        return Path(os.path.normpath(base / path.expanduser())) if path else default

    root = at(config.root, base / "output" / config.name)
    assert root is not None
    return config.model_copy(
        update={
            "root": root,
            "data": config.data.model_copy(update={"input": _absolute_input(config.data.input, base)}),
            "schema_": config.schema_.model_copy(update={"file": at(config.schema_.file)}),
            "monitoring": _absolute_monitoring(config.monitoring, base),
            "code": config.code.model_copy(update={"features": at(config.code.features), "model": at(config.code.model)}),
            "push": config.push.model_copy(update={"directory": at(config.push.directory, root / "serving")}),
            "env": config.env.model_copy(
                update={
                    "metadata": config.env.metadata.model_copy(
                        update={"sqlite": at(config.env.metadata.sqlite, root / "metadata.sqlite")}
                    )
                }
            ),
        }
    )


def _absolute_monitoring(monitoring: Monitoring, base: Path) -> Monitoring:
    skew = monitoring.skew
    if skew is None:
        return monitoring
    return monitoring.model_copy(update={"skew": skew.model_copy(update={"input": _absolute_input(skew.input, base)})})


def _absolute_input(text: str, base: Path) -> str:
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
    for place, given in ((("data", "input"), config.data.input), (("monitoring", "skew", "input"), skew.input if skew else "")):
        if given.startswith("package://"):
            yield f"{loaded.where(*place)}: package not installed; received '{given}'"
    for key, path in (
        (("schema", "file"), config.schema_.file),
        (("code", "features"), config.code.features),
        (("code", "model"), config.code.model),
    ):
        if path and not path.is_file():
            known = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
            yield f"{loaded.where(*key)}: no such file; received {_shown(path)}{did_you_mean(path.name, known)}"


def _position(positions: dict[Key, str], key: Key) -> str:
    for length in range(len(key), -1, -1):
        if key[:length] in positions:
            return positions[key[:length]]
    return "config"


def _dotted(key: Iterable[str | int]) -> str:
    return ".".join(str(k) for k in key)


def _shown(path: Path) -> str:
    """Return the path as a person in the current folder would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _by_line(problem: str) -> tuple[str, int]:
    file, _, rest = problem.partition(":")
    line = rest.partition(":")[0]
    return file, int(line) if line.isdigit() else 0
