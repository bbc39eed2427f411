"""What the Hyperparameter component does, without TFX: check a dictionary of settings and write it as TFX's Tuner would.

The file's form is KerasTuner's: `{"space": [], "values": {...}}`; TFX's Trainer gives it to run_fn as
`fn_args.hyperparameters`, and `keras_tuner.HyperParameters.from_config` reads it. Called by component.py.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from waze_data_tfx.errors import UserError

FILE = "best_hyperparameters.txt"
"""As TFX's Tuner names it; the Trainer takes the one file that is there, whatever its name."""


def parse(text: str) -> dict[str, Any]:
    """Return the settings that a JSON object holds.

    Raises:
        UserError: it is no JSON object, names a setting twice, or holds a number that is not finite.
    """
    try:
        values = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise UserError(f"hyperparameters: not valid JSON: {error}; received {_short(text)}") from None
    if not isinstance(values, dict) or not values:
        raise UserError(f"hyperparameters: expected a JSON object with at least one setting; received {_short(text)}")
    _check(values, "hyperparameters")
    return values


def canonical(values: Mapping[str, Any]) -> str:
    """Return the one JSON text of these settings: keys in their order, no blanks; equal settings give equal bytes."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write(values: Mapping[str, Any], folder: Path) -> None:
    """Write the settings as the artifact's one file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(canonical({"space": [], "values": values}) + "\n", encoding="utf-8")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise UserError(f"hyperparameters: '{name}' is there twice; received {values[name]!r} and {value!r}")
        values[name] = value
    return values


def _refuse(name: str) -> None:
    raise UserError(f"hyperparameters: expected finite numbers; received {name}")


def _check(value: Any, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):  # 1e999
        raise UserError(f"{where}: expected a finite number; received {value}")
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if name == "":
            raise UserError(f"{where}: expected a name for every setting; received an empty one")
        _check(inner, f"{where}.{name}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
