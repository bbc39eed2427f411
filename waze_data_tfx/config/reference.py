"""What every key of a config does, as Markdown: docs/config.md, made from the fields themselves.

Called by `waze-tfx schema --markdown`. A field's text is its description; a new field or section appears by itself. Never reads a
file.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .schema import Config
from .section import Section

PLAIN = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path", Any: "anything"}
BOUNDS = {annotated_types.Gt: ("gt", ">"), annotated_types.Ge: ("ge", ">="), annotated_types.Lt: ("lt", "<")}
BOUNDS[annotated_types.Le] = ("le", "<=")
INTRODUCTION = """\
# What every config key does

<!-- Made by `make schema` from the fields in waze_data_tfx/config/: edit their descriptions, not this page. -->

A config is a YAML file with these keys, or the same in Python: every section is a class of `waze_data_tfx`
(`Optimizer(learning_rate=0.01)`), see [python.md](python.md). `NAME` stands for a name of yours, `N` for a place in a list,
counted from 0. Any key can be set for one run: `waze-tfx run CONFIG --set training.epochs=3`. Editors complete and check keys
with `configs/schema.json`.

Values of several types are written in the shortest form that says enough: `bucket: {hour: 5}` is
`bucket: {hour: {count: 5}}`.
"""
EXAMPLES = {
    "data": """\
data:
  input: trips/*.csv
  rules:
    - {name: impossible duration, drop: seconds IS NULL OR seconds < 60}
  split: {by: [driver], buckets: {train: 8, eval: 2}}""",
    "schema": "schema: {file: trips_schema.pbtxt}",
    "anomalies": "anomalies: {policy: warn}",
    "features": """\
features:
  dense: [miles]
  bucket: {hour: 5, age: [18, 65]}
  vocabulary: {company: {top_k: 5, num_oov_buckets: 3}}
  category: {is_weekend: 2, area: {size: 78, encoding: id}}
  time: {started_at: {cycles: [day, week]}}
  geo: {trip: {from: [start_lat, start_lon], to: [end_lat, end_lon]}}""",
    "code": "code: {features: eta_features.py, model: eta_model.py}",
    "model": """\
model:
  hidden_units: [128, 64]
  dropout: 0.1
  optimizer: {name: adam, learning_rate: 0.01, schedule: cosine, warmup: 0.1}""",
    "training": "training: {epochs: 20, batch_size: 512, early_stopping: 5}",
    "tuner": """\
tuner:
  max_trials: 20
  parameters:
    model.hidden_units: {choices: [[64, 32], [128]]}
    model.optimizer.learning_rate: {min: 0.0001, max: 0.1, scale: log}""",
    "evaluation": """\
evaluation:
  metrics:
    - {name: mae, upper_bound: 230, absolute_change: 10}
    - {name: mse}
  slices:
    - company
    - {columns: [hour], metrics: [{name: mae, upper_bound: 300}]}""",
    "push": "push: {directory: /srv/models/eta, keep: 10}",
    "registry": "registry: {directory: /srv/registry/eta, keep: 50}",
    "env": "env: {max_parallel: 4}",
}
"""By section, what a person would write; a test loads each."""


def reference() -> str:
    """Return the page."""
    fields = _fields(Config)
    sections = {key: field for key, field in fields.items() if _sections(field.annotation)}
    parts = [INTRODUCTION, "## Top level\n", _table(_own_row(key, fields[key]) for key in fields)]
    first: dict[type[Section], str] = {Config: ""}
    for key, field in sections.items():
        [section, *_] = _sections(field.annotation)
        parts.append(f"## `{key}`\n\n{_paragraph(section)} In Python `{section.__name__}(...)`.\n")
        if key in EXAMPLES:
            parts.append(f"```yaml\n{EXAMPLES[key]}\n```\n")
        parts.append(_table(_rows(key, field, first)))
    return "\n".join(parts)


def _rows(key: str, field: FieldInfo, first: dict[type[Section], str]) -> Iterator[tuple[str, ...]]:
    for name, inner in _below(key, field, first):
        yield _own_row(name, inner, first)


def _below(key: str, field: FieldInfo, first: dict[type[Section], str]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the keys below a field; those of a section that has been shown are left to where that was."""
    for section in _sections(field.annotation):
        if section in first:
            continue
        first[section] = key
        for name, inner in _fields(section).items():
            below = f"{key}{_step(field.annotation)}.{name}"
            yield below, inner
            yield from _below(below, inner, first)


def _own_row(key: str, field: FieldInfo, first: dict[type[Section], str] | None = None) -> tuple[str, ...]:
    said = field.description or ""
    for section in _sections(field.annotation) if first else ():
        if first and section in first and first[section] != key:
            said += f" Keys as under `{first[section]}`."
    return f"`{key}`", _type(field), _default(field), said


def _fields(section: type[Section]) -> dict[str, FieldInfo]:
    return {field.alias or name: _as_written(section, name, field) for name, field in section.model_fields.items()}


def _as_written(section: type[Section], name: str, field: FieldInfo) -> FieldInfo:
    """Return the field with the type that a person may write, where a validator takes a shorter form."""
    for validator in section.__pydantic_decorators__.field_validators.values():
        written: Any = getattr(validator.info, "json_schema_input_type", PydanticUndefined)
        if name in validator.info.fields and written is not PydanticUndefined and written is not Any:
            shorter = FieldInfo(annotation=written, default=field.default, description=field.description)
            shorter.default_factory = field.default_factory
            return shorter
    return field


def _sections(annotation: Any) -> list[type[Section]]:
    """Return the sections that stand in a type, in their order, each once."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return list(dict.fromkeys(s for arg in get_args(annotation) for s in _sections(arg)))


def _step(annotation: Any) -> str:
    """Return what a person writes between a key and the keys of the section in it."""
    origin = get_origin(annotation)
    if origin in (dict, tuple, list):
        return ".NAME" if origin is dict else ".N"
    return next((step for arg in get_args(annotation) if _sections(arg) and (step := _step(arg))), "")


def _type(field: FieldInfo) -> str:
    return _words(field.annotation, field.metadata)


def _words(annotation: Any, metadata: Any = ()) -> str:
    """Return a type in a person's words, with its bounds."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(args[0], [*args[1:], *metadata])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_words(arg) for arg in args if arg is not NoneType)) + _bounds(metadata)
    if origin is Literal:
        return ", ".join(f"`{arg}`" for arg in args)
    if origin is dict:
        inner = _words(args[1])
        return "NAME: value" if inner == "anything" else f"NAME: {inner}"
    if origin in (tuple, list):
        same = origin is list or args[-1] is Ellipsis
        return (f"list of {_words(args[0])}" if same else f"[{', '.join(map(_words, args))}]") + _bounds(metadata)
    if _sections(annotation):
        return "keys below"
    return PLAIN[annotation] + _bounds(metadata)


def _bounds(metadata: Any) -> str:
    """Return ` >= 0 and < 1`, or nothing."""
    said = []
    for item in (inner for m in metadata for inner in (m.metadata if isinstance(m, FieldInfo) else [m])):
        said += [f"{sign} {getattr(item, name):g}" for kind, (name, sign) in BOUNDS.items() if isinstance(item, kind)]
        if pattern := getattr(item, "pattern", None):
            said.append(f"like `{pattern}`")
    return " " + " and ".join(said) if said else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, Section) or value in ({}, ()):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value, default=str)}`"


def _paragraph(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").strip().partition("\n\n")[0].split())


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
