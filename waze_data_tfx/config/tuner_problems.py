"""What is wrong with a `tuner` section: keys and values that the config itself would not take, searches that cannot be made.

Called by `consistency`. Every choice, and both ends of every range, is put into the config and validated there. Never reads a
file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from .schema import Config
from .tuner import Parameter, Tuner, applied, is_whole

Problem = tuple[tuple[str | int, ...], str]
_UNIT = "model.label_scale"
_LOSS = ("model.loss", "model.head", "model.quantiles", "model.l2", "training.class_weights")


def tuner_problems(config: Config) -> Iterator[Problem]:
    """Yield (key, what is wrong) of everything in the tuner section that does not fit."""
    tuner = config.tuner
    if tuner is None:
        return
    yield from _search_problems(tuner)
    before = set(_problems_with(config, {}))
    for key, parameter in tuner.parameters.items():
        here = ("tuner", "parameters", key)
        if (misplaced := _misplaced(key, tuner)) or (shapeless := _shape_problem(parameter)):
            yield here, misplaced or shapeless
            continue
        found = list(_value_problems(config, key, parameter, before))
        yield from found
        if not found and parameter.choices is None:
            yield from _range_problems(key, parameter, tuner)


def _search_problems(tuner: Tuner) -> Iterator[Problem]:
    if tuner.search == "hyperband" and tuner.max_trials is not None:
        yield (
            ("tuner", "max_trials"),
            "hyperband makes as many trials as follow from the epochs; take it out",
        )
    if tuner.better is None:
        yield (
            ("tuner", "objective"),
            f"whether '{tuner.objective}' is better low or high is not known; set tuner.direction: min or max",
        )


def _misplaced(key: str, tuner: Tuner) -> str:
    if not key.startswith(("model.", "training.")):
        return f"expected a dotted key below model. or training., such as model.dropout; received '{key}'"
    if key == "training.seed":
        return "a seed is not searched: the best of several is luck"
    if key == _UNIT:
        return "it changes the unit of every loss, so trials could not be compared"
    if key in _LOSS and tuner.objective in ("loss", "val_loss"):
        return f"it changes what {tuner.objective} measures, so trials could not be compared; set tuner.objective to a metric"
    if key == "training.epochs" and (tuner.epochs is not None or tuner.search == "hyperband"):
        return "tuner.epochs and hyperband decide how long a trial lasts; search training.epochs without them"
    return ""


def _shape_problem(parameter: Parameter) -> str:
    ends = [v for v in (parameter.min, parameter.max) if v is not None]
    if parameter.choices is not None:
        extra = ends or parameter.step is not None or parameter.scale != "linear"
        return "expected choices or a range; received both" if extra else ""
    if len(ends) < 2:
        return "expected choices, or min and max"
    if not parameter.min < parameter.max:  # type: ignore[operator]
        return f"min must be below max; received {parameter.min} and {parameter.max}"
    if parameter.scale == "log" and parameter.min <= 0:  # type: ignore[operator]
        return f"scale log needs a min above 0; received {parameter.min}"
    if parameter.scale == "log" and parameter.step is not None:
        return "step is for scale linear; use choices instead"
    return ""


def _value_problems(config: Config, key: str, parameter: Parameter, before: set[tuple[str, str]]) -> Iterator[Problem]:
    ends: list[tuple[tuple[str | int, ...], Any]] = [(("min",), parameter.min), (("max",), parameter.max)]
    choices: list[tuple[tuple[str | int, ...], Any]] = [(("choices", i), c) for i, c in enumerate(parameter.choices or ())]
    for part, value in choices or ends:
        for where, what in _problems_with(config, {key: value}):
            if (where, what) not in before:
                if "unknown key" in what:
                    yield ("tuner", "parameters", key), what
                    return
                yield ("tuner", "parameters", key, *part), what if where == key else f"{where}: {what}"


def _range_problems(key: str, parameter: Parameter, tuner: Tuner) -> Iterator[Problem]:
    here = ("tuner", "parameters", key)
    whole = is_whole(key, parameter)
    odd = [v for v in (parameter.min, parameter.max, parameter.step) if isinstance(v, float) and not v.is_integer()]
    if whole and odd:
        yield here, f"it takes whole numbers; received {odd[0]}"
    if tuner.search == "grid" and not whole and parameter.step is None:
        yield here, "a grid needs choices, or a step"


def _problems_with(config: Config, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from .problems import described

    try:
        applied(config, values)
    except ValidationError as error:
        for key, what in described(error, Config):
            yield ".".join(map(str, key)), what
