"""A bandit's agent: which one, and which settings each of them reads.

Part of `bandit` and of the lab's config. A setting that is left out has the agent's own default. `bandit_problems` says what does
not fit. Imports nothing heavy; never imports an agent (a test holds READS against their signatures).
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ..errors import unknown_name
from .section import Column, Fraction, Section

_LINEAR = ("tikhonov", "add_bias", "per_arm", "interactions", "off_policy", "max_weight")
_NEURAL = ("hidden_units", "learning_rate", "epochs", "batch_size", "per_arm", "network", "off_policy", "max_weight")
READS: dict[str, tuple[str, ...]] = {
    "linucb": ("alpha", *_LINEAR),
    "lin_ts": ("alpha", "draws", *_LINEAR),
    "neural_epsilon_greedy": ("epsilon", *_NEURAL),
    "neural_boltzmann": ("temperature", *_NEURAL),
    "neural_falcon": ("exploitation_coefficient", *_NEURAL),
    "neural_linucb": ("alpha", "encoding_dim", "tikhonov", *_NEURAL),
    "dropout_ts": ("dropout", "draws", *_NEURAL),
    "mixture": ("agents", "weights"),
    "random": (),
    "logging": (),
    "fixed": ("action",),
}
"""The settings of each ready-made agent; an agent of one's own reads `params`."""


class Agent(Section):
    """The agent: a ready-made one with its settings, or a class of yours with `params`."""

    name: Annotated[
        str,
        Field(description=f"One of {', '.join(READS)}, or a class of yours, a subclass of Agent: package.module:Class."),
    ] = "linucb"
    alpha: Annotated[float | None, Field(ge=0, description="Width of the exploration, in standard deviations; default: 1.")] = (
        None
    )
    tikhonov: Annotated[PositiveFloat | None, Field(description="Strength of the ridge penalty; default: 1.")] = None
    add_bias: Annotated[bool | None, Field(description="Whether the linear model has an intercept; default: true.")] = None
    interactions: Annotated[
        bool | None, Field(description="Products of context and arm features, of a linear agent per arm; default: false.")
    ] = None
    draws: Annotated[PositiveInt | None, Field(description="Draws that tell the probabilities of Thompson sampling.")] = None
    epsilon: Annotated[Fraction | None, Field(description="Share of decisions that explore.")] = None
    temperature: Annotated[PositiveFloat | None, Field(description="Of the softmax over the scores.")] = None
    exploitation_coefficient: Annotated[
        PositiveFloat | None, Field(description="How fast FALCON turns from exploring to exploiting.")
    ] = None
    dropout: Annotated[float | None, Field(gt=0, lt=1, description="Share of units that a draw leaves out.")] = None
    encoding_dim: Annotated[PositiveInt | None, Field(description="Width of neural_linucb's encoding.")] = None
    hidden_units: Annotated[tuple[PositiveInt, ...] | None, Field(description="Units per hidden layer.")] = None
    learning_rate: Annotated[PositiveFloat | None, Field(description="Of Adam.")] = None
    epochs: Annotated[PositiveInt | None, Field(description="Passes over the training split.")] = None
    batch_size: Annotated[PositiveInt | None, Field(description="Rows per step.")] = None
    per_arm: Annotated[
        bool | None, Field(description="One model of context and arm features together, for arms that come and go.")
    ] = None
    network: Annotated[
        Literal["common_tower", "dot_product"] | None, Field(description="How a neural agent per arm joins both.")
    ] = None
    off_policy: Annotated[
        Literal["none", "ips", "dr"] | None,
        Field(description="How the fit corrects for who logged: not, by weights 1/propensity, or by doubly robust targets."),
    ] = None
    max_weight: Annotated[PositiveFloat | None, Field(description="Where weights 1/propensity are clipped.")] = None
    agents: Annotated[tuple["Agent", ...] | None, Field(description="Of a mixture: what it mixes.")] = None
    weights: Annotated[tuple[PositiveFloat, ...] | None, Field(description="Of a mixture: share of each; default: equal.")] = None
    action: Annotated[Column | None, Field(description="Of agent fixed: the one action that it takes.")] = None
    params: Annotated[dict[str, Any], Field(description="Settings of an agent of yours, handed to its __init__.")] = {}

    @property
    def is_own(self) -> bool:
        """Whether the agent is a class of the user's."""
        return ":" in self.name or "." in self.name

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
        parts = {"agents": [{"name": a.name, **a.settings()} for a in self.agents]} if self.agents else {}
        return {**plain, **parts}


def agent_problems(agent: Agent, where: str, actions: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    """Yield (dotted key, what is wrong) of an agent at `where`; actions: None where they are not known yet."""
    if not agent.is_own and agent.name not in READS:
        yield f"{where}.name", unknown_name("agent", agent.name, READS)
        return
    own = ("params",) if agent.is_own else READS[agent.name]
    for key in type(agent).model_fields:
        if key != "name" and key not in own and getattr(agent, key) != type(agent).model_fields[key].default:
            readers = [name for name, keys in READS.items() if key in keys] or ["an agent of your own"]
            yield f"{where}.{key}", f"agent {agent.name} does not read it, only {', '.join(readers)}; leave it out"
    for i, part in enumerate(agent.agents or ()):
        yield from agent_problems(part, f"{where}.agents.{i}", actions)
    if agent.name == "mixture":
        if len(agent.agents or ()) < 2:
            yield f"{where}.agents", f"a mixture has two agents or more; received {len(agent.agents or ())}"
        if agent.weights is not None and len(agent.weights) != len(agent.agents or ()):
            yield f"{where}.weights", f"expected one for each agent; received {len(agent.weights)} for {len(agent.agents or ())}"
    if agent.name == "fixed" and agent.action is None:
        yield f"{where}.action", "is required for agent fixed: the action that it takes"
    if agent.action is not None and actions is not None and agent.action not in actions:
        yield f"{where}.action", unknown_name("action", agent.action, actions)
