"""The additive sums behind a slice's result, of all policies at once.

`bandits.estimators` does the arithmetic; what is known here is which policies there are, and that sums are kept per fold of
users, so that the best single arm of a fold can be chosen on the others. Called by `metrics`; read by `estimates`. Imports
nothing heavy.
"""

import numpy as np

from waze_data_tfx.bandits.estimators.calibration import ArmCounts
from waze_data_tfx.bandits.estimators.plan import Grid, Plan
from waze_data_tfx.bandits.estimators.rounds import Rounds, single_arm
from waze_data_tfx.bandits.estimators.sums import Sums
from waze_data_tfx.evaluation.spec import CANDIDATE

from .auc import Ranks
from .results import Kind
from .rows import Rows
from .settings import N_GROUPS, Settings

REWARD, LOST = "reward", "unsubscribed"
SAVED: tuple[Kind, ...] = ("candidate", "candidate_eval", "baseline")
CLIPS = (100.0, 2.0, 5.0, 10.0, 25.0, 1000.0)
"""Largest weights that SLOPE chooses from where the config names none; the first where it cannot."""
SWITCH_TAUS = (10.0, 2.0, 50.0)
DROS_LAMBDAS = (100.0, 1.0, 10_000.0)


class Evidence:
    """Sums of a slice's rows; merging two is adding them.

    Attributes:
        settings: of the evaluation.
        plan: which columns are summed; None before the first row.
        folds: sums by fold of users; the groups of one fold are no others'.
        arms: counts of actions against their propensities; None before the first row.
        ranks: counts of the scores of the actions taken, by model name.
    """

    def __init__(self, settings: Settings) -> None:
        """Hold no rows."""
        self.settings = settings
        self.plan: Plan | None = None
        self.folds: dict[int, Sums] = {}
        self.arms: ArmCounts | None = None
        self.ranks: dict[str, Ranks] = {}

    def add(self, rows: Rows) -> None:
        """Add rows; their saved policies are the same every time.

        Raises:
            DataError: a row cannot be used.
        """
        n_folds, n_actions = self.settings.n_folds, len(self.settings.actions)
        self.plan = self.plan or _plan(self.settings, rows)
        rows = rows.take(np.argsort(rows.group % n_folds, kind="stable"))
        columns = _columns(self.plan, rows)
        names, blocks = (*self.plan.names, *share_names(self.plan, n_actions)), self.plan.blocks(self.settings.estimator)
        self._add_arms(ArmCounts.of(_rounds(rows, rows.probabilities[CANDIDATE])))
        folds, starts = np.unique(rows.group % n_folds, return_index=True)
        for fold, start, end in zip(folds.tolist(), starts, [*starts[1:], len(rows)], strict=True):
            sums = Sums.of(
                {name: columns[name][start:end] for name in names},
                rows.group[start:end] // n_folds,
                n_groups=-(-N_GROUPS // n_folds),
                blocks=blocks,
            )
            self._add_sums(fold, sums)
        for model, scores in rows.scores.items():
            self._add_ranks(model, Ranks.of(scores, rows.reward > 0))

    def merge(self, other: "Evidence") -> None:
        """Add another part of the rows."""
        self.plan = self.plan or other.plan
        for fold, sums in other.folds.items():
            self._add_sums(fold, sums)
        if other.arms is not None:
            self._add_arms(other.arms)
        for model, ranks in other.ranks.items():
            self._add_ranks(model, ranks)

    def _add_sums(self, fold: int, sums: Sums) -> None:
        self.folds[fold] = self.folds[fold] + sums if fold in self.folds else sums

    def _add_arms(self, arms: ArmCounts) -> None:
        self.arms = arms if self.arms is None else self.arms + arms

    def _add_ranks(self, model: str, ranks: Ranks) -> None:
        self.ranks[model] = self.ranks[model] + ranks if model in self.ranks else ranks


def arm(number: int) -> str:
    """Return what the policy that always takes one action is called in the sums."""
    return f"arm{number}"


def share_names(plan: Plan, n_actions: int) -> list[str]:
    """Return the columns of the saved policies' probabilities."""
    return [f"{policy}.share.{k}" for policy in plan.policies if policy in SAVED for k in range(n_actions)]


def _plan(settings: Settings, rows: Rows) -> Plan:
    clips = CLIPS if settings.max_weight is None else (settings.max_weight,)
    grid = Grid(clip=clips, switch_tau=SWITCH_TAUS, dros_lambda=DROS_LAMBDAS)
    outcomes = {REWARD: settings.rewards} | ({} if rows.unsubscribed is None else {LOST: (0.0, 1.0)})
    policies = [*(p for p in SAVED if p in rows.probabilities), *(arm(k) for k in range(len(settings.actions)))]
    return Plan(outcomes, dict.fromkeys(policies, grid), modelled=tuple(outcomes))


def _columns(plan: Plan, rows: Rows) -> dict[str, np.ndarray]:
    """Return all columns of all policies and outcomes, each [n]."""
    columns: dict[str, np.ndarray] = {}
    for policy in plan.policies:
        if policy in rows.probabilities:
            probabilities = rows.probabilities[policy]
            columns |= {f"{policy}.share.{k}": probabilities[:, k] for k in range(probabilities.shape[1])}
        else:
            probabilities = single_arm(rows.eligible, int(policy.removeprefix(arm(0)[:-1])))
        rounds = _rounds(rows, probabilities)
        columns |= plan.columns(policy, REWARD, rounds)
        if rows.unsubscribed is not None:
            columns |= plan.columns(policy, LOST, rounds.with_outcome(rows.unsubscribed, rows.q_unsubscribed))
    return columns


def _rounds(rows: Rows, probabilities: np.ndarray) -> Rounds:
    return Rounds(rows.action, rows.reward, rows.propensity, probabilities, rows.eligible, rows.q_hat)
