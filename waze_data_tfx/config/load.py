"""From YAML files and `--set` to one frozen Config; every problem at once, each with its file and line.

Order, later wins: the config, the environment's overlay, `--set`. Called by the command line and by tests. Reads only
YAML; whether the data has the columns is for `data`.
"""

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from ..errors import ConfigError, UserError, did_you_mean
from .schema import Config, Inconsistent

Key = tuple[str | int, ...]
PACKAGED_ENVS = Path(__file__).resolve().parent.parent / "configs" / "env"


@dataclass(frozen=True)
class Loaded:
    """A config and where each of its keys was written."""

    config: Config
    path: Path
    positions: dict[Key, str] = field(repr=False)

    def where(self, *key: str | int) -> str:
        """Return `file:line: dotted.key` of the key, or of its nearest parent that was written."""
        return f"{_position(self.positions, key)}: {_dotted(key)}"


def load(path: str | os.PathLike[str], *, env: str = "local", sets: Iterable[str] = ()) -> Loaded:
    """Read, overlay and validate a config.

    Args:
        path: the pipeline's YAML file.
        env: name of an overlay; env/NAME.yaml beside the config wins over the packaged one.
        sets: `dotted.key=value` strings; values are YAML.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise ConfigError([f"{_shown(file)}: no such config file{did_you_mean(file.name, _siblings(file))}"])
    positions: dict[Key, str] = {(): f"{_shown(file)}:1"}
    values = _read(file, positions)
    overlay = _overlay_path(file, env)
    values = _merge(values, _read(overlay, positions))
    for assignment in sets:
        values = _merge(values, _parse_set(assignment, positions))
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(sorted(set(_problems(error, positions)), key=_by_line)) from None
    config = _absolute(config, file.parent)
    loaded = Loaded(config, file, positions)
    problems = list(_missing_files(loaded))
    if problems:
        raise ConfigError(problems)
    return loaded


def _siblings(file: Path) -> list[str]:
    return [p.name for p in file.parent.glob("*.y*ml")] if file.parent.is_dir() else []


def _overlay_path(file: Path, env: str) -> Path:
    candidates = [file.parent / "env" / f"{env}.yaml", PACKAGED_ENVS / f"{env}.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    known = sorted({p.stem for c in candidates for p in c.parent.glob("*.yaml")})
    raise UserError(f"--env {env}: unknown environment; known: {', '.join(known)}{did_you_mean(env, known)}")


def _read(file: Path, positions: dict[Key, str]) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8")
    shown = _shown(file)
    try:
        node = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError([f"{shown}:{line}: not valid YAML: {_first_line(error)}"]) from None
    if node is None:
        return {}
    if not isinstance(node, CommentedMap):
        raise ConfigError([f"{shown}:1: expected keys and values; received {type(node).__name__}"])
    return _plain(node, (), shown, positions)


def _first_line(error: MarkedYAMLError) -> str:
    return " ".join(str(error.problem or error).strip().splitlines()[0].split())


def _plain(node: Any, key: Key, shown: str, positions: dict[Key, str]) -> Any:
    """Turn ruamel's node into plain Python values and note the line of every key."""
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
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    raise ConfigError(
        [f"{_position(positions, key)}: {_dotted(key)}: tag {getattr(node, 'tag', type(node).__name__)} is not allowed"]
    )


def _parse_set(assignment: str, positions: dict[Key, str]) -> dict[str, Any]:
    name, equals, text = assignment.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set {assignment}: expected dotted.key=value, such as --set training.epochs=3")
    try:
        value = YAML(typ="safe").load(io.StringIO(text))
    except MarkedYAMLError as error:
        raise UserError(f"--set {assignment}: the value is not valid YAML: {_first_line(error)}") from None
    keys = name.strip().split(".")
    for depth in range(1, len(keys) + 1):
        positions[tuple(keys[:depth])] = f"--set {assignment}"
    for part in reversed(keys):
        value = {part: value}
    return value


def _merge(base: Any, over: Any) -> Any:
    """Lay mappings over mappings key by key; anything else, and an index into a list, replaces."""
    if isinstance(base, list) and isinstance(over, dict) and over and all(str(k).isdigit() for k in over):
        merged = list(base)
        for index, value in over.items():
            if int(index) >= len(base):
                raise UserError(f"--set: index {index} is outside a list of {len(base)}")
            merged[int(index)] = _merge(base[int(index)], value)
        return merged
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{k: _merge(base[k], v) if k in base else v for k, v in over.items()}}


def _problems(error: ValidationError, positions: dict[Key, str]) -> Iterator[str]:
    for detail in error.errors():
        inner = detail.get("ctx", {}).get("error")
        if isinstance(inner, Inconsistent):
            for dotted, what in inner.problems:
                key = tuple(int(p) if p.isdigit() else p for p in dotted.split("."))
                yield f"{_position(positions, key)}: {dotted}: {what}"
            continue
        key = tuple(detail["loc"])
        yield f"{_position(positions, key)}: {_dotted(key) or 'config'}: {_describe(detail, key)}"


def _describe(detail: Any, key: Key) -> str:
    kind, received = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        known = _fields_at(key[:-1])
        return f"unknown key; known: {', '.join(known)}{did_you_mean(str(key[-1]), known)}"
    if kind == "missing":
        return "is required and missing"
    message = detail["msg"].removeprefix("Value error, ")
    guess = ""
    if kind == "literal_error":
        choices = [c.strip("' ") for c in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
        guess = did_you_mean(str(received), choices)
    shown = repr(received) if not isinstance(received, dict | list | BaseModel) else type(received).__name__
    return f"{message[:1].lower()}{message[1:]}; received {shown}{guess}"


def _fields_at(key: Key) -> list[str]:
    """Return the known keys of the section at `key`."""
    model: Any = Config
    for part in key:
        info = (
            model.model_fields.get(str(part)) or next((f for f in model.model_fields.values() if f.alias == part), None)
            if isinstance(model, type) and issubclass(model, BaseModel)
            else None
        )
        model = _section_in(info.annotation) if info else model
        if model is None:
            return []
    return sorted(f.alias or n for n, f in model.model_fields.items())


def _section_in(annotation: Any) -> Any:
    """Return the Section inside `Section`, `dict[str, Section]`, `tuple[Section, ...]` or `Section | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _section_in(arg)) is not None), None)


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


def _absolute_input(text: str, base: Path) -> str:
    if not text.startswith("package://"):
        return os.path.normpath(base / Path(text).expanduser())
    from importlib.util import find_spec

    package, _, inner = text.removeprefix("package://").partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return text
    return os.path.join(next(iter(spec.submodule_search_locations)), inner)


def _missing_files(loaded: Loaded) -> Iterator[str]:
    config = loaded.config
    if config.data.input.startswith("package://"):
        yield f"{loaded.where('data', 'input')}: package not installed; received '{config.data.input}'"
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
