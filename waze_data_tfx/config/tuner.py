"""The `tuner` section: which settings of the model and its training are searched, how, and how long.

One part of the config, put together by `schema`; `applied` and `decoded` turn a trial's values into a config of its own, for
`training` and for `tuner_problems`. Imports nothing heavy. Never reads a file.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field, PositiveInt

from ..errors import UserError
from .evaluation import METRIC_DIRECTIONS
from .problems import inside
from .section import Section

if TYPE_CHECKING:
    from .schema import Config

_LOWER_ENDINGS = ("loss", "error", "crossentropy", "divergence", "deviance", "poisson")
_HIGHER_ENDINGS = ("accuracy", "acc", "auc", "precision", "recall", "score")
DEFAULT_MAX_TRIALS = 10


class Parameter(Section):
    """The values that one setting may take: `choices`, or a range from `min` to `max`."""

    choices: Annotated[tuple[Any, ...] | None, Field(min_length=1, description="Values, each as the config's key takes it.")] = (
        None
    )
    min: Annotated[int | float | None, Field(description="Smallest value.")] = None
    max: Annotated[int | float | None, Field(description="Largest value.")] = None
    step: Annotated[int | float | None, Field(gt=0, description="Distance of values; linear only; default: any value.")] = None
    scale: Annotated[Literal["linear", "log"], Field(description="log: as many values per factor of ten.")] = "linear"


class Tuner(Section):
    """A search over settings; the best ones are what the Trainer then uses."""

    search: Annotated[
        Literal["random", "bayesian", "hyperband", "grid"], Field(description="How the next trial's values are chosen.")
    ] = "random"
    max_trials: Annotated[
        PositiveInt | None,
        Field(description="Trials at most; default: 10; grid: all; hyperband: by the epochs."),
    ] = None
    objective: Annotated[str, Field(description="Measure of the kept epoch that is compared, such as val_loss or val_auc.")] = (
        "val_loss"
    )
    direction: Annotated[Literal["min", "max"] | None, Field(description="Which way is better; default: by the name.")] = None
    epochs: Annotated[PositiveInt | None, Field(description="Epochs of a trial at most; default: training.epochs.")] = None
    max_rows: Annotated[PositiveInt | None, Field(description="Rows to train on, drawn at random; default: all.")] = None
    parameters: Annotated[
        dict[str, Parameter], Field(min_length=1, description="Dotted key below model. or training. -> the values it may take.")
    ]

    @property
    def n_trials(self) -> int | None:
        """Return how many trials there are at most; None where the search itself decides."""
        return self.max_trials or (DEFAULT_MAX_TRIALS if self.search in ("random", "bayesian") else None)

    @property
    def better(self) -> Literal["min", "max"] | None:
        """Return which way of the objective is better; None if it is neither given nor known."""
        return self.direction or better(self.objective)


def better(measure: str) -> Literal["min", "max"] | None:
    """Return which way of an epoch's measure is better, by its name; None if that is not known."""
    name = measure.removeprefix("val_")
    if known := METRIC_DIRECTIONS.get(name):
        return "min" if known == "lower" else "max"
    if name.endswith(_LOWER_ENDINGS):
        return "min"
    return "max" if name.endswith(_HIGHER_ENDINGS) else None


def applied(config: "Config", values: Mapping[str, Any]) -> "Config":
    """Return the config of one trial: `values` (dotted key -> value) in their places, and no tuner.

    Raises:
        pydantic.ValidationError: a value does not fit its key, or the config.
    """
    from .schema import Config

    dumped = config.model_dump(by_alias=True)
    dumped["tuner"] = None
    for key, value in values.items():
        *sections, name = key.split(".")
        here = dumped
        for section in sections:
            here[section] = dict(here.get(section) or {})
            here = here[section]
        here[name] = value
    return Config.model_validate(dumped)


def encoded(parameter: Parameter) -> list[Any]:
    """Return the choices as a tuner can hold them: all int, all float or all text, else each as JSON."""
    choices = list(parameter.choices or ())
    kinds = {type(choice) for choice in choices}
    if kinds == {int, float}:
        return [float(choice) for choice in choices]
    if kinds in ({int}, {float}, {str}):
        return choices
    return [json.dumps(choice) for choice in choices]


def decoded(tuner: Tuner, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trial's values as the config takes them; what a search notes for itself is left out.

    Raises:
        UserError: they are of a search over other parameters, which a run that starts after it has taken.
    """
    return {key: _decoded(key, parameter, values) for key, parameter in tuner.parameters.items()}


def is_whole(key: str, parameter: Parameter) -> bool:
    """Whether the range holds whole numbers only: by the config's own field, or under `params` by its ends."""
    from .schema import Config

    here: Any = Config
    for part in key.split("."):
        here = inside(here, part)
    if here is None:
        return all(isinstance(v, int) for v in (parameter.min, parameter.max, parameter.step) if v is not None)
    return _mentions(here, int) and not _mentions(here, float)


def _decoded(key: str, parameter: Parameter, values: Mapping[str, Any]) -> Any:
    choices, given = encoded(parameter), values.get(key)
    if key not in values or (choices and given not in choices):
        received = f"received {given!r}; expected one of {', '.join(map(repr, choices))}" if key in values else "received none"
        raise UserError(
            f"tuner.parameters.{key}: the search that was taken is of other parameters; {received}",
            hint="search anew: waze-tfx run CONFIG --from Tuner",
        )
    return parameter.choices[choices.index(given)] if parameter.choices else given


def _mentions(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_mentions(inner, kind) for inner in get_args(annotation))
