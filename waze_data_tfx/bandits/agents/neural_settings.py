"""The settings that all neural agents share, checked. Imports nothing heavy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from waze_data_tfx.bandits.agents import settings
from waze_data_tfx.errors import UserError, unknown_name


@dataclass(frozen=True)
class Training:
    """Settings that all neural agents share.

    Attributes:
        hidden_units: sizes of the layers over the context.
        learning_rate: Adam's.
        batch_size: rows per step.
        epochs: passes over the log.
        off_policy: none, ips or dr (see `learner`).
        max_weight: upper bound of 1/propensity.
        parallel: one, or mirrored for all devices that TensorFlow sees (GPUs, or else logical CPUs).
        per_arm: learn from the problem's arm features, one network for all actions, in place of an output per action.
        network: common_tower (context and arm through common layers) or dot_product; read with per_arm.
        arm_units: sizes of the layers over the arm features; as hidden_units where not given.
        common_units: sizes of the common layers; as hidden_units where not given.
        new_action_prior: expected reward with which an action begins that a warm start does not know; the mean of the others
            where not given.
    """

    hidden_units: Sequence[int] = (64, 32)
    learning_rate: float = 0.003
    batch_size: int = 256
    epochs: int = 5
    off_policy: str = "none"
    max_weight: float = 20.0
    parallel: str = "one"
    per_arm: bool = False
    network: str = "common_tower"
    arm_units: Sequence[int] | None = None
    common_units: Sequence[int] | None = None
    new_action_prior: float | None = None

    @classmethod
    def of(cls, where: str, received: Mapping[str, Any]) -> Self:
        """Return the settings given by name; `where` names the agent in messages.

        Raises:
            UserError: a name is no setting, or a value is not possible.
        """
        known = [field.name for field in fields(cls)]
        for name in received:
            if name not in known:
                raise UserError(f"{where}: {unknown_name('setting', name, known)}")
        made = cls(**received)
        made._check(where)
        return made

    def _check(self, where: str) -> None:
        settings.units(where, hidden_units=self.hidden_units)
        settings.positive(where, learning_rate=self.learning_rate)
        settings.counts(where, batch_size=self.batch_size, epochs=self.epochs)
        settings.one_of(where, ("none", "ips", "dr"), off_policy=self.off_policy)
        settings.at_least_one(where, max_weight=self.max_weight)
        settings.one_of(where, ("one", "mirrored"), parallel=self.parallel)
        settings.one_of(where, ("common_tower", "dot_product"), network=self.network)
        settings.units(where, **{n: u for n in ("arm_units", "common_units") if (u := getattr(self, n)) is not None})
