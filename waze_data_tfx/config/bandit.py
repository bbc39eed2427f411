"""The `bandit` section: the actions, the log's columns, the agent, and how its policy is served.

One part of the config, put together by `schema`; only pipeline `bandit` reads it. Imports nothing heavy. Never reads a file.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from .agent import Agent
from .section import Column, ColumnType, Fraction, Section


class LogColumns(Section):
    """What the columns of a logged decision are called; the reward is the config's `label`, the user its `key`."""

    action: Annotated[Column, Field(description="Name of the action that was taken.")] = "action"
    eligible: Annotated[
        Column, Field(description="Names of the actions that could be taken, an array; a row without any: all of them.")
    ] = "eligible_actions"
    propensity: Annotated[Column, Field(description="Probability with which the logging policy took this action, in (0, 1].")] = (
        "propensity"
    )
    day: Annotated[Column, Field(description="Day of the decision: a DATE, or text such as 2025-01-31.")] = "decided_on"
    policy: Annotated[Column, Field(description="Which policy decided.")] = "policy_id"
    unsubscribed: Annotated[
        Column | None, Field(description="1 where the user was lost, else 0: the guard-rail's column; none: no guard-rail.")
    ] = None
    decision: Annotated[
        Column | None, Field(description="Id of the decision, in what is served: other ids are other draws for the same user.")
    ] = None

    def types(self) -> dict[str, ColumnType]:
        """Return the type of every column of the log that becomes part of an example."""
        types: dict[str, ColumnType] = dict.fromkeys((self.action, self.eligible, self.day, self.policy), "string")
        types[self.propensity] = "float"
        types |= {self.unsubscribed: "int"} if self.unsubscribed else {}
        return types | ({self.decision: "string"} if self.decision else {})


class Serving(Section):
    """How the learnt policy is served."""

    floor: Annotated[
        Fraction, Field(description="Share of decisions spread evenly over the eligible actions, whatever the policy says.")
    ] = 0.02
    fallback_action: Annotated[
        Column | None, Field(description="What a user without an eligible action gets; default: no action, number -1.")
    ] = None
    policy: Annotated[
        Literal["auto", "serving", "eval"],
        Field(description="Which policy serves: the one that explores, the one that does not, or what the evaluation says."),
    ] = "serving"
    eval_share: Annotated[
        Fraction, Field(description="Share of the traffic that the policy without exploration gets beside the one with.")
    ] = 0.0
    criteria_columns: Annotated[
        tuple[Column, ...],
        Field(description="Columns of a slice by whose values the Pusher decides to explore, exploit or fall back."),
    ] = ()
    seed: Annotated[int, Field(ge=0, description="Of the draws; the same seed, user and decision always draw the same.")] = 1


class OffPolicy(Section):
    """How the value of a policy is told from a log that another one wrote, and what is too little to tell."""

    estimator: Annotated[
        Literal["ips", "snips", "dm", "dr", "sndr", "switch_dr", "dros"], Field(description="The one that the gate compares by.")
    ] = "dr"
    confidence: Annotated[float, Field(gt=0, lt=1, description="Of the intervals, two-sided.")] = 0.95
    interval: Annotated[Literal["bootstrap", "bernstein"], Field(description="bernstein holds for any sample, and is wider.")] = (
        "bootstrap"
    )
    max_weight: Annotated[
        float | None,
        Field(
            gt=0,
            description="Where importance weights are clipped, below what the floor alone makes (n_actions / floor: "
            "600 of 12 and 0.02); null: by SLOPE.",
        ),
    ] = 100.0
    n_folds: Annotated[int, Field(ge=2, description="Of users, for the reward model: none is judged by a model that saw it.")] = 5
    n_bootstrap: Annotated[PositiveInt, Field(description="Resamples of groups of users.")] = 1000
    min_effective_sample_size: Annotated[
        PositiveInt, Field(description="Fewer rows' worth of overlap than this is inconclusive.")
    ] = 200
    min_support: Annotated[
        Fraction,
        Field(description="A smaller mean importance weight is inconclusive: the log lacks what the policy does."),
    ] = 0.8
    compare: Annotated[
        tuple[Literal["production", "logging", "best_single_arm"], ...],
        Field(description="What the candidate is compared with; it must not be worse."),
    ] = ("production", "logging", "best_single_arm")
    margin: Annotated[
        float, Field(ge=0, description="How much worse than these its lower bound may be, in units of the reward.")
    ] = 0.01
    unsubscribe_margin: Annotated[
        float,
        Field(ge=0, description="How far above the log's the upper bound of its rate of unsubscribes may be: the guard-rail."),
    ] = 0.005


class Bandit(Section):
    """A contextual bandit: which actions there are, how decisions were logged, what learns, what serves."""

    actions: Annotated[
        tuple[Column, ...],
        Field(min_length=2, description="Names of the actions in the order of their numbers; new ones go to the end."),
    ]
    rewards: Annotated[
        tuple[float, ...], Field(min_length=1, description="Values that a reward can have; any other is refused.")
    ] = (-1.0, 0.0, 1.0)
    columns: Annotated[LogColumns, Field(description="The log's columns.")] = LogColumns()
    arm_features: Annotated[
        Path | None,
        Field(description="CSV or Parquet file with a column `action` and numbers that describe it, for agents per arm."),
    ] = None
    agent: Annotated[Agent, Field(description="What learns.")] = Agent()
    warm_start: Annotated[
        bool,
        Field(description="Neural agents begin from the last accepted policy; linear ones are refitted."),
    ] = True
    off_policy: Annotated[OffPolicy, Field(description="How a policy is judged by the log.")] = OffPolicy()
    serving: Annotated[Serving, Field(description="How the policy is served.")] = Serving()

    def hyperparameters(self, seed: int) -> dict[str, Any]:
        """Return what the component Hyperparameter writes and training reads: the agent, its settings and its seed."""
        return {"agent": self.agent.name, "settings": self.agent.settings(), "seed": seed}

    @property
    def n_actions(self) -> int:
        """Return the number of actions."""
        return len(self.actions)
