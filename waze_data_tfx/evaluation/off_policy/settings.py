"""What the off-policy metrics are told: taken from the config, and carried as plain JSON in TFMA's eval config.

Called by `spec` and by the metric itself. Imports nothing heavy.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from waze_data_tfx.config.schema import Config

N_GROUPS = 1000
"""Groups that users are hashed to: the units of the bootstrap and, by their remainder, of the folds."""
CALIBRATION_TOLERANCE = 0.1
"""How far a logged propensity may be from the frequency of its action, as a share, before the log cannot be trusted."""


@dataclass(frozen=True)
class Settings:
    """Plain values, one JSON object in the eval config.

    Attributes:
        actions: names in the order of their numbers.
        estimator: the gate's.
        interval: the gate's: bootstrap or bernstein.
        confidence: of every interval, two-sided.
        max_weight: where importance weights are clipped; None: chosen from the log by SLOPE.
        n_folds: of users, for the reward model and the choice of the best single arm.
        n_bootstrap: resamples.
        rewards: least and largest reward.
        unsubscribes: whether the log says who was lost.
        baseline: whether a model in production is compared with.
    """

    actions: tuple[str, ...]
    estimator: str = "dr"
    interval: str = "bootstrap"
    confidence: float = 0.95
    max_weight: float | None = 100.0
    n_folds: int = 5
    n_bootstrap: int = 1000
    rewards: tuple[float, float] = (-1.0, 1.0)
    unsubscribes: bool = False
    baseline: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """Return the settings that `to_dict` gave, whose tuples JSON has made lists."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)


def settings_of(config: Config, *, has_baseline: bool) -> Settings:
    """Return the settings of a bandit's config."""
    assert config.bandit is not None  # consistency holds it for task bandit
    asked = config.bandit.off_policy
    return Settings(
        actions=config.bandit.actions,
        estimator=asked.estimator,
        interval=asked.interval,
        confidence=asked.confidence,
        max_weight=asked.max_weight,
        n_folds=asked.n_folds,
        n_bootstrap=asked.n_bootstrap,
        rewards=(min(config.bandit.rewards), max(config.bandit.rewards)),
        unsubscribes=config.bandit.columns.unsubscribed is not None,
        baseline=has_baseline,
    )
