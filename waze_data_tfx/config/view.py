"""What of the config the user's code may read: exactly what is in the cache key of the node that runs it.

A preprocessing_fn that read `training.epochs` would not run again when it changed; so the read is refused with a remedy
instead. Called by features and models before they call the user's function; `pipelines` puts the same parts in the key.
"""

from collections.abc import Mapping
from typing import Any

from ..errors import UserCodeError
from .schema import Config

Parts = Mapping[str, "Parts | None"]
"""Name -> None for the whole section, or the parts of it that may be read."""
LABEL: Parts = dict.fromkeys(("task", "label", "key", "n_classes", "classes", "label_separator", "weight"))
"""What of the label and the columns beside the features matters to every node that reads rows."""
COMMON: Parts = {"name": None, **LABEL, "features": None}
FOR_FEATURES: Parts = {**COMMON, "model": {"params": None}}
FOR_MODEL: Parts = {**COMMON, "model": None, "training": None}


class View:
    """The config, or a section of it, with only some parts readable."""

    def __init__(self, section: Any, parts: Parts, function: str, path: str = "config") -> None:
        """Show `parts` of `section` to the user's `function`."""
        self._section, self._parts, self._function, self._path = section, parts, function, path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        path = f"{self._path}.{name}"
        if name not in self._parts:
            known = ", ".join(f"{self._path}.{part}" for part in self._parts)
            raise UserCodeError(
                f"{self._function} reads {path}, which is not in the cache key of its node; it may read {known}",
                hint="put a setting of your own under model.params",
            )
        value, parts = getattr(self._section, name), self._parts[name]
        return value if parts is None else View(value, parts, self._function, path)


def for_features(config: Config) -> Any:
    """Return what a preprocessing_fn may read."""
    return View(config, FOR_FEATURES, "preprocessing_fn")


def for_model(config: Config) -> Any:
    """Return what a build_model may read."""
    return View(config, FOR_MODEL, "build_model")


def settings(config: Config, parts: Parts) -> dict[str, Any]:
    """Return the readable parts as plain values, for the cache key."""
    return _plain(config, parts)


def _plain(section: Any, parts: Parts) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, inner in parts.items():
        value = getattr(section, name)
        if inner is not None:
            out[name] = _plain(value, inner)
        else:
            out[name] = value.model_dump(mode="json", by_alias=True) if hasattr(value, "model_dump") else value
    return out
