"""A config as the YAML that a person would write: only what was given, in short forms.

Called by `commands` and by users (`to_yaml`); `load` reads it back to an equal Config. Never writes a file.
"""

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from .load import written
from .schema import Config
from .section import Section

SHORT = {
    "bucket": ("count", "boundaries"),
    "category": ("size",),
    "vocabulary": ("top_k",),
    "hash": ("buckets",),
    "text": ("top_k",),
    "sequence": ("max_length",),
    "time": ("period",),
    "cross": ("columns",),
}
"""Of each group of features, the settings that may stand alone: `hour: 5` for `hour: {count: 5}`."""
WIDTH = 120


def to_yaml(config: Config) -> str:
    """Return the config as YAML text that `load` and `waze-tfx run` accept.

    Relative paths stay as they are: save it in the folder that they are relative to, for a script's the working directory.

    Raises:
        ConfigError: a value under `params` is none that YAML holds.
    """
    return dumped(_shortened(_given(written(config), config)))


def dumped(values: dict[str, Any]) -> str:
    """Return plain values as YAML: sections in blocks, what lies deeper than two levels on one line."""
    yaml = YAML()
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), lambda r, _: r.represent_scalar("tag:yaml.org,2002:null", "null"))
    stream = io.StringIO()
    yaml.dump(_laid_out(values, 0), stream)
    return stream.getvalue()


def _given(values: dict[str, Any], section: Section) -> dict[str, Any]:
    """Leave out what says nothing: a None that is the default, and a section in which nothing was given."""
    out: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        key = field.alias or name
        if key not in values:
            continue
        value = getattr(section, name)
        given = _given(values[key], value) if isinstance(value, Section) else values[key]
        if given != {} and not (given is None and field.default is None):
            out[key] = given
    return out


def _shortened(values: dict[str, Any]) -> dict[str, Any]:
    features = dict(values.get("features", {}))
    for group, settings in SHORT.items():
        if group in features:
            features[group] = {name: _short(member, settings) for name, member in features[group].items()}
    if not any(features.get("dense", {"": {"": ""}}).values()):
        features["dense"] = list(features["dense"])
    evaluation = dict(values["evaluation"])
    if "slices" in evaluation:
        evaluation["slices"] = [
            slicing["columns"] if set(slicing) == {"columns"} else slicing for slicing in evaluation["slices"]
        ]
    short = {"features": features, "evaluation": evaluation}
    return {key: short.get(key, value) for key, value in values.items()}


def _short(member: Any, settings: tuple[str, ...]) -> Any:
    given = {name: value for name, value in member.items() if value is not None}
    return next(iter(given.values())) if len(given) == 1 and set(given) <= set(settings) else given


def _laid_out(value: Any, depth: int) -> Any:
    """Return ruamel's nodes: flow style for lists of plain values and for what lies deep."""
    if isinstance(value, dict):
        node = CommentedMap({name: _laid_out(inner, depth + 1) for name, inner in value.items()})
        if depth >= 3 or not value:
            node.fa.set_flow_style()
        return node
    if isinstance(value, list):
        items = CommentedSeq([_laid_out(inner, max(depth + 1, 3)) for inner in value])
        if depth >= 3 or not any(isinstance(inner, dict) for inner in value):
            items.fa.set_flow_style()
        return items
    return value
