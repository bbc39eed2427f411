"""A bandit's agent: which one, and which settings each of them reads.

Part of `bandit` and of the lab's config. A setting that is left out has the agent's own default. `bandit_problems` says what does
not fit. Imports nothing heavy; never imports an agent (a test holds READS against their signatures).
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ..errors import unknown_name
from .section import Column, Fraction, Section

_LINEAR = ("tikhonov", "add_bias", "per_arm", "interactions", "off_policy", "max_weight", "priors")
_NEURAL = (
    *("hidden_units", "learning_rate", "batch_size", "epochs", "off_policy", "max_weight", "parallel", "new_action_prior"),
    *("per_arm", "network", "arm_units", "common_units"),
)
READS: dict[str, tuple[str, ...]] = {
    "linucb": ("alpha", *_LINEAR),
    "lin_ts": ("scale", "draws", *_LINEAR),
    "neural_epsilon_greedy": ("epsilon", *_NEURAL),
    "neural_boltzmann": ("temperature", *_NEURAL),
    "neural_falcon": ("exploitation_coefficient", "max_exploration", *_NEURAL),
    "neural_linucb": ("alpha", "encoding_dim", "tikhonov", "encoder_steps", "epsilon", *_NEURAL),
    "dropout_ts": ("dropout", "draws", *_NEURAL),
    "mixture": ("agents", "weights", "learn", "memory", "max_weight"),
    "random": (),
    "logging": (),
    "fixed": ("action",),
}
"""The settings of each ready-made agent; an agent of one's own reads `params`."""


class Prior(Section):
    """What is believed of an action before its first row, such as of a new one."""

    mean: Annotated[
        float | tuple[float, ...],
        Field(description="Expected reward (with add_bias), or the parameters, as many as a row has numbers."),
    ]
    strength: Annotated[PositiveFloat, Field(description="As much as so many rows.")]


class Agent(Section):
    """The agent: a ready-made one with its settings, or a class of yours with `params`."""

    name: Annotated[
        str,
        Field(description=f"One of {', '.join(READS)}, or a class of yours, a subclass of Agent: package.module:Class."),
    ] = "linucb"
    alpha: Annotated[
        float | None, Field(ge=0, description="LinUCB's optimism, in standard deviations; 0 explores nothing; default: 1.")
    ] = None
    scale: Annotated[
        PositiveFloat | Literal["residual"] | None,
        Field(description="Thompson sampling's standard deviation of a reward; residual: as the rows have it; default: 1."),
    ] = None
    draws: Annotated[
        PositiveInt | None, Field(description="Draws by which Thompson sampling tells its probabilities; default: 100.")
    ] = None
    tikhonov: Annotated[PositiveFloat | None, Field(description="Ridge: how much 'all parameters are 0' weighs; default: 1.")] = (
        None
    )
    add_bias: Annotated[bool | None, Field(description="Whether a linear agent has an intercept; default: false.")] = None
    interactions: Annotated[
        bool | None, Field(description="Of a linear agent per arm: products of context and arm features; default: false.")
    ] = None
    priors: Annotated[
        dict[Column, Prior] | None, Field(description="Of a linear agent: what is believed of an action before its first row.")
    ] = None
    epsilon: Annotated[Fraction | None, Field(description="Share of decisions that explore; default: 0.1.")] = None
    temperature: Annotated[PositiveFloat | None, Field(description="Of the softmax over the scores; default: 0.1.")] = None
    exploitation_coefficient: Annotated[
        PositiveFloat | None, Field(description="How fast FALCON turns from exploring to exploiting; default: 1.")
    ] = None
    max_exploration: Annotated[Fraction | None, Field(description="Of FALCON: most that is explored; default: 1.")] = None
    dropout: Annotated[float | None, Field(gt=0, lt=1, description="Share of units that a draw leaves out; default: 0.2.")] = None
    encoding_dim: Annotated[PositiveInt | None, Field(description="Width of neural_linucb's encoding; default: 16.")] = None
    encoder_steps: Annotated[
        PositiveInt | None, Field(description="Of neural_linucb in the lab: steps that train the network; default: 1000.")
    ] = None
    hidden_units: Annotated[tuple[PositiveInt, ...] | None, Field(description="Units per hidden layer; default: [64, 32].")] = (
        None
    )
    learning_rate: Annotated[PositiveFloat | None, Field(description="Of Adam; default: 0.003.")] = None
    epochs: Annotated[PositiveInt | None, Field(description="Passes over the training split; default: 5.")] = None
    batch_size: Annotated[PositiveInt | None, Field(description="Rows per step; default: 256.")] = None
    parallel: Annotated[
        Literal["one", "mirrored"] | None, Field(description="mirrored: on all devices that TensorFlow sees; default: one.")
    ] = None
    new_action_prior: Annotated[
        float | None,
        Field(description="Expected reward with which a new action begins after a warm start; default: the mean of the others."),
    ] = None
    per_arm: Annotated[
        bool | None, Field(description="One model of context and arm features, for arms that come and go; default: false.")
    ] = None
    network: Annotated[
        Literal["common_tower", "dot_product"] | None,
        Field(description="How a neural agent per arm joins both; default: common_tower."),
    ] = None
    arm_units: Annotated[
        tuple[PositiveInt, ...] | None, Field(description="Layers over the arm features; default: as hidden_units.")
    ] = None
    common_units: Annotated[tuple[PositiveInt, ...] | None, Field(description="Common layers; default: as hidden_units.")] = None
    off_policy: Annotated[
        Literal["none", "ips", "dr"] | None,
        Field(
            description="How the fit corrects for who logged: not, by weights 1/propensity, or by doubly robust targets "
            "(neural only); default: none."
        ),
    ] = None
    max_weight: Annotated[float | None, Field(ge=1, description="Where weights 1/propensity are clipped; default: 20.")] = None
    agents: Annotated[tuple["Agent", ...] | None, Field(description="Of a mixture: what it mixes.")] = None
    weights: Annotated[tuple[PositiveFloat, ...] | None, Field(description="Of a mixture: share of each; default: equal.")] = None
    learn: Annotated[
        Literal["static", "exp3"] | None, Field(description="Whether a mixture's shares are learnt; default: static.")
    ] = None
    memory: Annotated[PositiveInt | None, Field(description="Rows that exp3 looks back on; default: 10000.")] = None
    action: Annotated[Column | None, Field(description="Of agent fixed: the one action that it takes.")] = None
    params: Annotated[dict[str, Any], Field(description="Settings of an agent of yours, handed to its __init__.")] = {}

    @property
    def is_own(self) -> bool:
        """Whether the agent is a class of the user's."""
        return ":" in self.name or "." in self.name

    @property
    def own_modules(self) -> tuple[str, ...]:
        """Return the user's modules whose classes it is made of: its own, or those that it mixes."""
        return tuple(dict.fromkeys(name.replace(":", ".").rpartition(".")[0] for _, name in own_classes(self)))

    @property
    def learns_in_steps(self) -> bool:
        """Whether what it learns depends on where it begins: a neural network's weights."""
        return any(agent.learns_in_steps for agent in self.agents or ()) or "learning_rate" in READS.get(self.name, ())

    def settings(self) -> dict[str, Any]:
        """Return the settings that were given, as the agent's keyword arguments; those of a mixture's parts as {name, ...}."""
        if self.is_own:
            return dict(self.params)
        given = {key: getattr(self, key) for key in READS[self.name]}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in given.items() if v is not None}
        if self.priors:
            plain["priors"] = {name: prior.model_dump() for name, prior in self.priors.items()}
        parts = {"agents": [{"name": a.name, **a.settings()} for a in self.agents]} if self.agents else {}
        return {**plain, **parts}


def own_classes(agent: Agent, where: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield (key, dotted path) of every class of the user's in an agent at `where`: itself, or those that it mixes."""
    if agent.is_own:
        yield (*where, "name"), agent.name
    for i, part in enumerate(agent.agents or ()):
        yield from own_classes(part, (*where, "agents", i))


def agent_problems(agent: Agent, where: str, actions: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    """Yield (dotted key, what is wrong) of an agent at `where`; actions: None where they are not known yet."""
    if not agent.is_own and agent.name not in READS:
        yield f"{where}.name", unknown_name("agent", agent.name, READS)
        return
    own = ("params",) if agent.is_own else READS[agent.name]
    for key in type(agent).model_fields:
        if key != "name" and key not in own and getattr(agent, key) != type(agent).model_fields[key].default:
            readers = [name for name, keys in READS.items() if key in keys] or ["an agent of your own"]
            if agent.is_own:
                yield f"{where}.{key}", f"is a setting of {', '.join(readers)}; those of an agent of your own stand under params"
                continue
            yield f"{where}.{key}", f"agent {agent.name} does not read it, only {', '.join(readers)}; leave it out"
    for i, part in enumerate(agent.agents or ()):
        yield from agent_problems(part, f"{where}.agents.{i}", actions)
    if agent.off_policy == "dr" and "learning_rate" not in own:
        yield f"{where}.off_policy", f"agent {agent.name} knows none and ips; doubly robust targets are for neural agents"
    if agent.interactions and not agent.per_arm:
        yield f"{where}.interactions", "are products of context and arm features; set per_arm: true, or leave it out"
    for arm, prior in (agent.priors or {}).items():
        if actions is not None and arm not in actions:
            yield f"{where}.priors.{arm}", unknown_name("action", arm, actions)
        elif isinstance(prior.mean, float) and not agent.add_bias:
            yield f"{where}.priors.{arm}.mean", "one number is the intercept, and there is none; set add_bias: true"
    if agent.name == "mixture":
        if len(agent.agents or ()) < 2:
            yield f"{where}.agents", f"a mixture has two agents or more; received {len(agent.agents or ())}"
        if agent.weights is not None and len(agent.weights) != len(agent.agents or ()):
            yield f"{where}.weights", f"expected one for each agent; received {len(agent.weights)} for {len(agent.agents or ())}"
    if agent.name == "fixed" and agent.action is None:
        yield f"{where}.action", "is required for agent fixed: the action that it takes"
    if agent.action is not None and actions is not None and agent.action not in actions:
        yield f"{where}.action", unknown_name("action", agent.action, actions)
