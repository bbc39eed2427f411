"""Whether a log says anything of a policy: overlap of the two, the best single action, and how well a model ranks clicks.

Called by the Evaluator's metrics, the report and notebooks. Reads sums; only `auc` reads rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from waze_data_tfx.bandits.estimators.plan import Plan
from waze_data_tfx.bandits.estimators.quantities import Quantity
from waze_data_tfx.bandits.estimators.rounds import Rounds
from waze_data_tfx.bandits.estimators.sums import Sums
from waze_data_tfx.errors import DataError


@dataclass(frozen=True)
class Overlap:
    """How much of the log bears on a policy.

    Attributes:
        effective_sample_size: (sum w)^2 / sum w^2 of the unclipped weights (Kong 1992), 0..n; 0 without any overlap.
        max_weight: the largest unclipped weight.
        clipped_share: share of rows with a weight above the clip, 0..1.
        mean_weight: 1 in expectation where propensities are right and the log supports the policy; what is missing to 1 is the
            policy's probability on actions that the logging policy never takes. For its interval see `Plan.mean_weight`.
    """

    effective_sample_size: float
    max_weight: float
    clipped_share: float
    mean_weight: float


def overlap(sums: Sums, plan: Plan, policy: str, *, clip: float | None = None) -> Overlap:
    """Return a policy's overlap with the log; `clip` is one of its grid's, by default the first.

    Raises:
        DataError: there are no rows.
    """
    mean, clip = plan.mean_weight(policy).value(sums), plan.policies[policy].clip[0] if clip is None else clip
    total, squares = sums.total(f"{policy}.weight"), sums.squares(f"{policy}.weight")
    return Overlap(
        effective_sample_size=total**2 / squares if squares > 0 else 0.0,
        max_weight=sums.range_of(f"{policy}.weight")[1],
        clipped_share=sums.total(f"{policy}.clipped@{clip:g}") / sums.n_rows,
        mean_weight=mean,
    )


@dataclass(frozen=True)
class Coverage:
    """How often actions were taken, and how often policies would take them; add two to merge.

    Attributes:
        taken: rows with each action, [n_actions].
        mass: policy -> sum of its probabilities, [n_actions].
    """

    taken: np.ndarray
    mass: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, rounds: Mapping[str, Rounds]) -> "Coverage":
        """Count the same rows under every policy."""
        mass = {policy: r.probabilities.sum(axis=0, dtype=np.float64) for policy, r in rounds.items()}
        log = next(iter(rounds.values()))
        return cls(np.bincount(log.action, minlength=log.n_actions), mass)

    def __add__(self, other: "Coverage") -> "Coverage":
        """Return the counts of both's rows."""
        return Coverage(self.taken + other.taken, {policy: m + other.mass[policy] for policy, m in self.mass.items()})

    def shares(self, policy: str) -> np.ndarray:
        """Return the mean probability of every action, [n_actions]; NaN where the policy never acts."""
        mass = self.mass[policy]
        return mass / mass.sum() if mass.sum() > 0 else np.full(len(mass), np.nan)

    def support(self, policy: str) -> float:
        """Return the share of the policy's probability on actions that the log holds at all, 0..1."""
        return float(self.shares(policy)[self.taken > 0].sum())


def best(sums: Sums, quantities: Iterable[Quantity]) -> Quantity:
    """Return the quantity with the highest value, such as the best single arm's; the first of equals.

    Chosen and valued on the same rows its value is too high in expectation; choose on some users and value it on the others.
    """
    return max(quantities, key=lambda q: q.value(sums))


def auc(score: np.ndarray, clicked: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """Return the area under the ROC curve: the probability that a clicked row scores above one that is not, ties counted half.

    Args:
        score: of the taken action, [n].
        clicked: whether it was, [n] bool.
        weight: of the rows, [n]; importance weights give the AUC under another policy; None: all 1.

    Raises:
        DataError: a score is not finite; all rows are clicked, or none is.
    """
    score, clicked = np.asarray(score, np.float64), np.asarray(clicked, bool)
    w = np.ones(len(score)) if weight is None else np.asarray(weight, np.float64)
    if not np.isfinite(score).all():
        raise DataError(f"AUC: {int((~np.isfinite(score)).sum())} of {len(score)} scores are not finite")
    above, below = w * clicked, w * ~clicked
    if not (above.sum() > 0 and below.sum() > 0):
        raise DataError(
            f"AUC: {int(clicked.sum())} of {len(score)} rows are clicked; expected some that are and some that are not"
        )
    if weight is None:
        ranks, n = stats.rankdata(score)[clicked].sum(), int(clicked.sum())
        return float((ranks - n * (n + 1) / 2) / (n * (len(score) - n)))
    _, place = np.unique(score, return_inverse=True)
    high, low = np.bincount(place, weights=above), np.bincount(place, weights=below)
    return float((high * (np.cumsum(low) - low / 2)).sum() / (high.sum() * low.sum()))
