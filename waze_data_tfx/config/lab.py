"""The bandit lab's config: an environment, the agents that play in it, how long, how often. A file of its own, not a pipeline's.

`load_lab` reads it as `load` reads a pipeline's, with the same messages. Imports nothing heavy; whether a folder holds what the
environment needs is for the environment.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt, StringConstraints, field_validator, model_validator

from ..errors import unknown_name
from .agent import Agent, agent_problems
from .load import absolute_input, check_file, read_file, validated
from .problems import Key, dotted, position, shown
from .schema import Inconsistent
from .section import Column, Section

_RATINGS = ("n_arms", "rank", "noise", "n_eligible")
ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "movielens": ("directory", *_RATINGS),
    "low_rank": ("n_users", "seed", *_RATINGS),
    "classification": ("file", "label", "columns"),
    "newsletter": ("n_users", "weeks", "steps_per_day", "seed"),
}
"""The settings of each ready-made environment; one of your own reads `params`."""
NEEDED = {"movielens": ("directory",), "classification": ("file", "label")}
WITH_ARM_FEATURES = ("movielens", "low_rank")
MAX_SEED = 2**28


class LabEnvironment(Section):
    """Where contexts and rewards come from: a ready-made environment with its settings, or a class of yours with `params`."""

    type: Annotated[
        str,
        Field(
            description=f"One of {', '.join(ENVIRONMENTS)}, or a class of yours, a subclass of Environment: package.module:Class."
        ),
    ]
    directory: Annotated[
        Path | None, Field(description="Of movielens: folder with GroupLens' u.data (ml-100k), relative to the config.")
    ] = None
    file: Annotated[
        str | None,
        Field(description="Of classification: CSV file, relative to the config; package://PKG/PATH for one in a package."),
    ] = None
    label: Annotated[Column | None, Field(description="Of classification: column with the class.")] = None
    columns: Annotated[
        tuple[Column, ...] | None, Field(min_length=1, description="Of classification: the context; default: all but the label.")
    ] = None
    n_users: Annotated[PositiveInt | None, Field(description="Users; default: 943 of low_rank, 20000 of newsletter.")] = None
    n_arms: Annotated[int | None, Field(ge=2, description="Arms; of movielens the movies rated most often; default: 100.")] = None
    rank: Annotated[int | None, Field(ge=2, description="Of the factorization: numbers per context; default: 20.")] = None
    noise: Annotated[float | None, Field(ge=0, description="Standard deviation added to a rating; default: 0.")] = None
    n_eligible: Annotated[
        int | None, Field(ge=2, description="So many arms, drawn anew for every decision, can be taken; default: all.")
    ] = None
    weeks: Annotated[
        PositiveInt | None,
        Field(description="Of newsletter: weeks of mailings, over and over; default: 16, the period of its drift."),
    ] = None
    steps_per_day: Annotated[PositiveInt | None, Field(description="Of newsletter: steps of the loop per day; default: 50.")] = (
        None
    )
    seed: Annotated[
        int | None, Field(ge=0, description="Of what the environment generates, the same in every run; default: 0.")
    ] = None
    params: Annotated[dict[str, Any], Field(description="Settings of an environment of yours, handed to its __init__.")] = {}

    @property
    def is_own(self) -> bool:
        """Whether the environment is a class of the user's."""
        return ":" in self.type or "." in self.type

    def settings(self) -> dict[str, Any]:
        """Return the settings that were given, as the environment's keyword arguments."""
        if self.is_own:
            return dict(self.params)
        given = {key: getattr(self, key) for key in ENVIRONMENTS[self.type]}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in given.items() if v is not None}
        return {k: str(v) if isinstance(v, Path) else v for k, v in plain.items()}


class BanditLab(Section):
    """One comparison of agents in one environment."""

    name: Annotated[
        str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$"), Field(description="Name of the lab: lower case, digits, - and _.")
    ]
    environment: Annotated[LabEnvironment, Field(description="Where they play.")]
    agents: Annotated[
        dict[Column, Agent],
        Field(min_length=1, description="Label of a curve -> its agent; `LABEL: linucb` is short for its name."),
    ]
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, le=MAX_SEED)], ...],
        Field(min_length=1, description="Every agent plays once with each; `seeds: 5` is 1 to 5."),
    ] = (1, 2, 3, 4, 5)
    steps: Annotated[PositiveInt, Field(description="How often an agent decides and learns.")] = 5000
    batch_size: Annotated[PositiveInt, Field(description="Decisions per step.")] = 8
    points: Annotated[
        PositiveInt, Field(description="Points of a curve; each is the mean over all decisions since the last.")
    ] = 100
    directory: Annotated[
        Path | None, Field(description="Page, curves and TensorBoard's files; default: output/NAME beside the config.")
    ] = None

    @field_validator("agents", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {label: {"name": agent} if isinstance(agent, str) else agent for label, agent in value.items()}

    @field_validator("seeds", mode="before")
    @classmethod
    def _counted(cls, value: Any) -> Any:
        return tuple(range(1, value + 1)) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _consistent(self) -> "BanditLab":
        problems = list(_problems(self))
        if problems:
            raise Inconsistent(problems)
        return self


@dataclass(frozen=True)
class LoadedLab:
    """A lab's config and where each of its keys was written."""

    config: BanditLab
    path: Path
    positions: dict[Key, str] = field(repr=False)

    def where(self, *key: str | int) -> str:
        """Return `file:line: dotted.key` of the key, or of its nearest parent that was written."""
        return f"{position(self.positions, key)}: {dotted(key)}"


def load_lab(path: str | os.PathLike[str], *, sets: Iterable[str] = ()) -> LoadedLab:
    """Read and validate a lab's config.

    Args:
        path: its YAML file.
        sets: `dotted.key=value` strings; values are YAML.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    file = check_file(path)
    positions: dict[Key, str] = {}
    values = read_file(file, positions)
    positions[()] = f"{shown(file)}:1"
    config = validated(BanditLab, [values], positions, sets)
    return LoadedLab(absolute(config, file.parent), file, positions)


def lab_from_python(config: BanditLab) -> LoadedLab:
    """Return a lab's config that was made in Python as if its YAML lay in the working directory."""
    path = Path.cwd() / f"{config.name}.yaml"
    return LoadedLab(absolute(config, path.parent), path, {(): f"BanditLab(name={config.name!r})"})


def absolute(config: BanditLab, base: Path) -> BanditLab:
    """Return the config with every path resolved against the folder, and the directory filled in."""
    environment = config.environment
    folder, file = environment.directory, environment.file
    paths = {
        "directory": Path(os.path.normpath(base / folder.expanduser())) if folder else None,
        "file": absolute_input(file, base) if file else None,
    }
    directory = Path(os.path.normpath(base / (config.directory or Path("output") / config.name).expanduser()))
    return config.model_copy(update={"environment": environment.model_copy(update=paths), "directory": directory})


def _problems(config: BanditLab) -> Iterator[tuple[str | Key, str]]:
    """Yield (key, what is wrong) of settings that are each valid and do not fit each other."""
    environment = config.environment
    yield from _environment_problems(environment)
    for label, agent in config.agents.items():
        for key, what in agent_problems(agent, "agent", None):
            yield ("agents", label, *key.split(".")[1:]), what
        if agent.per_arm and not environment.is_own and environment.type not in WITH_ARM_FEATURES:
            yield ("agents", label, "per_arm"), f"environment {environment.type} knows nothing of its arms; leave it out"
    for i, seed in enumerate(config.seeds):
        if seed in config.seeds[:i]:
            yield f"seeds.{i}", f"{seed} stands twice; expected each seed once"
    if config.points > config.steps:
        yield "points", f"expected at most as many as steps, {config.steps}; received {config.points}"


def _environment_problems(environment: LabEnvironment) -> Iterator[tuple[str, str]]:
    if not environment.is_own and environment.type not in ENVIRONMENTS:
        yield "environment.type", unknown_name("environment", environment.type, ENVIRONMENTS)
        return
    own = ("params",) if environment.is_own else ENVIRONMENTS[environment.type]
    for key in LabEnvironment.model_fields:
        if key != "type" and key not in own and getattr(environment, key) != LabEnvironment.model_fields[key].default:
            readers = [name for name, keys in ENVIRONMENTS.items() if key in keys] or ["an environment of your own"]
            yield (
                f"environment.{key}",
                f"environment {environment.type} does not read it, only {', '.join(readers)}; leave it out",
            )
    for key in NEEDED.get(environment.type, ()):
        if getattr(environment, key) is None:
            yield f"environment.{key}", f"is required for environment {environment.type}"
