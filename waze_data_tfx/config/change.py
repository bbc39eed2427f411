"""A config with other values: `change(config, {"training.epochs": 3})`, what `--set` is on the command line.

Called by users. A config is frozen; this makes another, validated as a whole. Never reads a file.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..errors import ConfigError, UserError
from .load import merged, without_root, written
from .problems import problems
from .schema import Config
from .section import Section


def change(config: Config, values: Mapping[str, Any]) -> Config:
    """Return the config with the values of some dotted keys set to others.

    Args:
        config: stays as it is.
        values: by dotted key: `{"training.epochs": 3, "evaluation.metrics.0.upper_bound": 20}`; a section may be the value.
            With another `root`, models and metadata go below it too, unless the config names their places.

    Raises:
        ConfigError: with every problem found, one line each.
        UserError: an index beyond its list.
    """
    changed: Any = written(without_root(config) if "root" in values else config)
    for dotted, value in values.items():
        over = value.model_dump(mode="json", by_alias=True, exclude_unset=True) if isinstance(value, Section) else value
        for part in reversed(dotted.split(".")):
            over = {part: over}
        try:
            changed = merged(changed, over)
        except UserError as error:  # an index beyond a list
            raise UserError(error.message.removeprefix("--set ")) from None
    try:
        return Config.model_validate(changed)
    except ValidationError as error:
        raise ConfigError(list(dict.fromkeys(problems(error, {(): f"Config(name={config.name!r})"}, Config)))) from None
