"""What users call: of every architecture a NAME_regressor and a NAME_classifier, whose keywords are the config's settings.

Called by each architecture's module. The settings' names, types and defaults are those of `config.model.Model`; nothing is
written twice. Imports no Keras.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from waze_data_tfx.config.model import READS, Model
from waze_data_tfx.config.model_problems import head_problems
from waze_data_tfx.errors import UserError, unknown_name
from waze_data_tfx.features.inputs import ModelInput

from .heads import Head, class_head, labels_head, regression_head
from .names import check_activation

Architecture = Callable[..., Any]
_HEAD = ("head", "quantiles")
_CLASSES = {"n_classes": 2, "n_labels": None}


def builders(architecture: Architecture) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the regressor and the classifier of an architecture: function (settings, head, *, NAME_columns=...)."""
    kind, known = architecture.__name__, _column_names(architecture)

    def regressor(*columns: Any, settings: Model | None = None, **given: Any) -> Any:
        groups, keywords = _groups(f"{kind}_regressor", known, columns, given)
        chosen = _settings(kind, settings, keywords, also=_HEAD)
        return architecture(chosen, regression_head(chosen), **groups)

    def classifier(*columns: Any, settings: Model | None = None, n_classes: int = 2, n_labels: Any = None, **given: Any) -> Any:
        groups, keywords = _groups(f"{kind}_classifier", known, columns, given)
        chosen = _settings(kind, settings, keywords, also=())
        return architecture(chosen, _class_head(kind, n_classes, n_labels), **groups)

    for function, ending, extra in ((regressor, "regressor", _HEAD), (classifier, "classifier", tuple(_CLASSES))):
        _document(function, f"{kind}_{ending}", architecture, extra)
    return regressor, classifier


def setting_names(kind: str) -> tuple[str, ...]:
    """Return the keyword settings of an architecture: what its type reads, but for the columns."""
    return tuple(key for key in READS[kind] if not key.endswith("_columns") and key != "towers")


def _column_names(architecture: Architecture) -> dict[str, bool]:
    """Return the architecture's column groups, in order, and whether each is required."""
    parameters = inspect.signature(architecture).parameters.values()
    return {p.name: p.default is p.empty for p in parameters if p.kind is p.KEYWORD_ONLY}


def _groups(
    name: str, known: dict[str, bool], columns: tuple[Any, ...], given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns by group, and the keywords that are left."""
    if len(columns) > len(known):
        raise UserError(f"{name}: received {len(columns)} positional arguments; expected {', '.join(known)}")
    chosen = dict(zip(known, columns, strict=False))
    for key in [key for key in known if key in given]:
        if key in chosen:
            raise UserError(f"{name}: {key}: received twice, by position and by name")
        chosen[key] = given.pop(key)
    groups = {key: _checked(f"{name}: {key}", chosen.get(key) or ()) for key in known}
    for key, required in known.items():
        if required and not groups[key]:
            raise UserError(f"{name}: {key}: received no input; expected at least one feature")
    return groups, given


def _checked(where: str, columns: Any) -> dict[str, ModelInput]:
    members = list(columns.values() if isinstance(columns, Mapping) else columns)
    for member in members:
        if not isinstance(member, ModelInput):
            raise UserError(
                f"{where}: received {type(member).__name__} {member!r}; expected ModelInput",
                hint="choose them from the inputs that build_model gets: [inputs['miles'], inputs['company_vocabulary']]",
            )
    return {member.name: member for member in members}


def _settings(kind: str, settings: Model | None, keywords: dict[str, Any], *, also: tuple[str, ...]) -> Model:
    known = (*setting_names(kind), *also)
    for key in keywords:
        if key not in known:
            raise UserError(f"{kind}: {unknown_name('setting', key, known)}")
    base = settings.model_dump() if settings is not None else {}
    try:
        chosen = Model.model_validate({**base, **keywords, "type": kind})
    except ValidationError as error:
        said = (f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}; received {e['input']!r}" for e in error.errors())
        raise UserError(f"{kind}: {'; '.join(said)}") from None
    for key, what in head_problems(chosen):
        raise UserError(f"{kind}: {key}: {what}")
    check_activation(chosen.activation)
    return chosen


def _class_head(kind: str, n_classes: int, n_labels: int | None) -> Head:
    if n_labels is not None:
        if n_classes != 2:
            raise UserError(f"{kind}: n_classes: each row has one class; n_labels: it may have any number; give one of them")
        return labels_head(n_labels)
    if n_classes < 2:
        raise UserError(f"{kind}: n_classes: expected at least 2; received {n_classes}")
    return class_head(n_classes)


def _document(function: Any, name: str, architecture: Architecture, extra: tuple[str, ...]) -> None:
    """Give the function its name, and for `help` a signature and a docstring that show every setting."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = architecture.__module__
    either, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    columns = [
        inspect.Parameter(n, either, default=inspect.Parameter.empty if required else None)
        for n, required in _column_names(architecture).items()
    ]
    fields = Model.model_fields
    keys = (*extra, *setting_names(architecture.__name__))
    defaults = {key: fields[key].default if key in fields else _CLASSES[key] for key in keys}
    settings = [inspect.Parameter(key, keyword, default=default) for key, default in defaults.items()]
    function.__signature__ = inspect.Signature([*columns, inspect.Parameter("settings", keyword, default=None), *settings])
    first, _, rest = (architecture.__doc__ or "").partition("\n")
    says = {**_CLASS_TEXTS, **{key: fields[key].description for key in keys if key in fields}}
    arguments = [f"{c.name}: ModelInputs, by name or in order." for c in columns]
    arguments += ["settings: the config's model section, whose values stand where no keyword is given."]
    arguments += [f"{key}: {says[key]}" for key in keys]
    lines = "\n".join(f"        {line}" for line in arguments)
    function.__doc__ = f"{first} An uncompiled keras.Model.\n{rest.rstrip()}\n\n    Args:\n{lines}\n"


_CLASS_TEXTS = {
    "n_classes": "classes of which each row has one; 2: the output is p(class 1), [n, 1]; more: [n, n_classes].",
    "n_labels": "instead: labels of which a row may have any number; the output is the probability of each, [n, n_labels].",
}
