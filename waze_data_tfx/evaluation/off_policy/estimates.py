"""From the sums of a slice to its result: every policy by every estimator, and the candidate's differences to the others.

Called by `metrics` when a slice's rows are all added up. The best single arm is chosen fold by fold of users on the other folds,
by the gate's estimator, so that its value does not profit from the choice. Imports nothing heavy.
"""

from collections.abc import Mapping
from functools import reduce

import numpy as np

from waze_data_tfx.bandits.estimators import intervals
from waze_data_tfx.bandits.estimators.calibration import ArmCounts
from waze_data_tfx.bandits.estimators.diagnostics import overlap
from waze_data_tfx.bandits.estimators.plan import Plan
from waze_data_tfx.bandits.estimators.quantities import Quantity
from waze_data_tfx.bandits.estimators.slope import tune
from waze_data_tfx.bandits.estimators.sums import Sums
from waze_data_tfx.bandits.estimators.terms import ESTIMATORS
from waze_data_tfx.errors import DataError
from waze_data_tfx.evaluation.spec import BASELINE, CANDIDATE

from . import calibration
from .evidence import LOST, REWARD, SAVED, Evidence, arm
from .results import Difference, Estimate, Kind, PolicyResult, Range, SliceResult
from .settings import Settings

BEST_ARM: Kind = "best_arm"
LOGGING: Kind = "logging"


def slice_result(evidence: Evidence) -> SliceResult:
    """Return everything that is estimated of the slice, without the slice's name.

    Raises:
        DataError: there are no rows.
    """
    if evidence.plan is None or evidence.arms is None:
        raise DataError("off-policy evaluation: no rows; expected at least one")
    return _Estimator(evidence, evidence.plan, evidence.arms).result()


class _Estimator:
    """Estimates of one slice."""

    def __init__(self, evidence: Evidence, plan: Plan, arms: ArmCounts) -> None:
        self._settings, self._ranks, self._arms = evidence.settings, evidence.ranks, arms
        best, chosen = _best_arms(plan, evidence.folds, self._settings)
        self._best = best
        self._plan = Plan(plan.outcomes, {**plan.policies, BEST_ARM: plan.policies[arm(0)]}, plan.modelled)
        self._sums = _joined(evidence.folds, chosen, self._plan, self._settings.estimator)
        self._bounds = dict.fromkeys(self._sums.names, (0.0, 0.0)) | dict(self._plan.bounds(self._sums))
        self._tuned = _tuned(self._sums, self._plan, self._settings)
        self._bootstrap = intervals.Bootstrap(self._sums, self._settings.n_bootstrap)

    def result(self) -> SliceResult:
        settings, sums = self._settings, self._sums
        ranks, baseline = self._ranks.get(CANDIDATE), self._ranks.get(BASELINE)
        return SliceResult(
            slice="",
            key={},
            n_rows=sums.n_rows,
            n_groups=sums.n_groups,
            tuned={"max_weight": self._tuned["dr"], "switch_tau": self._tuned["switch_dr"], "dros_lambda": self._tuned["dros"]},
            auc=ranks.area() if ranks else None,
            auc_interval=ranks.interval(settings.confidence) if ranks else None,
            baseline_auc=baseline.area() if baseline else None,
            policies=tuple(self._policies()),
            differences=tuple(self._differences()),
            calibration=calibration.table(self._arms, settings.actions, confidence=settings.confidence),
        )

    def _policies(self) -> list[PolicyResult]:
        saved = [self._policy(p, p, "", self._shares(p)) for p in SAVED if p in self._plan.policies]
        arms = [
            self._policy(arm(k), "arm", name, {a: float(a == name) for a in self._settings.actions})
            for k, name in enumerate(self._settings.actions)
        ]
        best = self._settings.actions[self._best]
        return [*saved, self._logging(), *arms, self._policy(BEST_ARM, BEST_ARM, best, arms[self._best].arm_shares)]

    def _policy(self, name: str, kind: Kind, action: str, shares: Mapping[str, float]) -> PolicyResult:
        found = overlap(self._sums, self._plan, name, clip=self._tuned["dr"])
        logged = {a for a, taken in zip(self._settings.actions, self._arms.taken, strict=True) if taken > 0}
        return PolicyResult(
            kind=kind,
            action=action,
            is_best=kind == "arm" and action == self._settings.actions[self._best],
            estimates={e: self._estimate(self._value(name, e, REWARD)) for e in ESTIMATORS},
            unsubscribe_rate=self._lost(name),
            effective_sample_size=found.effective_sample_size,
            mean_weight=found.mean_weight,
            max_weight=found.max_weight,
            clipped_share=found.clipped_share,
            support=sum(share for a, share in shares.items() if a in logged),
            arm_shares=shares,
        )

    def _logging(self) -> PolicyResult:
        n, taken = self._sums.n_rows, self._arms.taken
        reward = self._estimate(self._plan.logged(REWARD))
        shares = {a: float(taken[k] / max(taken.sum(), 1)) for k, a in enumerate(self._settings.actions)}
        return PolicyResult(
            LOGGING, "", False, dict.fromkeys(ESTIMATORS, reward), self._lost(LOGGING), float(n), 1.0, 1.0, 0.0, 1.0, shares
        )

    def _differences(self) -> list[Difference]:
        settings, estimator = self._settings, self._settings.estimator
        others = [p for p in SAVED if p in self._plan.policies] + [LOGGING, BEST_ARM]
        names = {name: name for name in others} | {arm(k): f"arm:{a}" for k, a in enumerate(settings.actions)}
        candidates = [p for p in ("candidate", "candidate_eval") if p in self._plan.policies]
        pairs = [(policy, other) for policy in candidates for other in names if other != policy]
        found = []
        for policy, other in (*pairs, (arm(self._best), LOGGING)):
            reward = self._estimate(self._value(policy, estimator, REWARD) - self._value(other, estimator, REWARD))
            lost = None
            if LOST in self._plan.outcomes:
                lost = self._estimate(self._value(policy, estimator, LOST) - self._value(other, estimator, LOST))
            found.append(Difference(names.get(policy, policy), names[other], reward, lost))
        return found

    def _value(self, policy: str, estimator: str, outcome: str) -> Quantity:
        if policy == LOGGING:
            return self._plan.logged(outcome)
        return self._plan.value(policy, estimator, outcome=outcome, parameter=self._tuned.get(estimator))

    def _lost(self, policy: str) -> Estimate | None:
        if LOST not in self._plan.outcomes:
            return None
        return self._estimate(self._value(policy, self._settings.estimator, LOST))

    def _shares(self, policy: str) -> dict[str, float]:
        n = self._sums.n_rows
        return {a: self._sums.total(f"{policy}.share.{k}") / n for k, a in enumerate(self._settings.actions)}

    def _estimate(self, quantity: Quantity) -> Estimate:
        """Return the value and its intervals; what the rows leave undefined is None, and the gate says so."""
        confidence = self._settings.confidence
        try:
            value = quantity.value(self._sums)
        except DataError:  # no row of the policy's actions: its weights are all 0
            return Estimate(None)
        return Estimate(value, self._bootstrapped(quantity), self._bernstein(quantity, confidence))

    def _bootstrapped(self, quantity: Quantity) -> Range | None:
        try:
            found = self._bootstrap.interval(quantity, confidence=self._settings.confidence)
        except DataError:  # one group of users, one value in all rows, or a resample without overlap
            return None
        return found.lower, found.upper

    def _bernstein(self, quantity: Quantity, confidence: float) -> Range | None:
        try:
            found = intervals.bernstein(self._sums, quantity, self._bounds, confidence=confidence)
        except DataError:  # a single row
            return None
        return found.lower, found.upper


def _tuned(sums: Sums, plan: Plan, settings: Settings) -> dict[str, float]:
    """Return every estimator's hyperparameter: SLOPE's choice for the candidate, or the first of the grid where that fails."""
    policy = CANDIDATE
    found = {name: grid[0] for name in ESTIMATORS if (grid := plan.policies[policy].of(name))}
    clipped = settings.estimator if settings.estimator in ("ips", "snips", "sndr") else "dr"
    for name in (clipped, "switch_dr", "dros"):
        try:
            found[name] = tune(sums, plan, policy, name).parameter
        except DataError:  # no overlap, which the estimates say
            continue
    return found | dict.fromkeys(("ips", "snips", "dr", "sndr"), found[clipped])


def _best_arms(plan: Plan, folds: Mapping[int, Sums], settings: Settings) -> tuple[int, dict[int, int]]:
    """Return the arm that is best on all rows, and for every fold the one that is best on the other folds."""
    values = [plan.value(arm(k), settings.estimator) for k in range(len(settings.actions))]

    def best(parts: list[Sums]) -> int:
        sums = reduce(lambda a, b: a + b, parts)
        return int(np.argmax([_or_worst(v, sums) for v in values]))

    overall = best(list(folds.values()))
    others = {f: [s for g, s in folds.items() if g != f] for f in folds}
    return overall, {f: best(parts) if parts else overall for f, parts in others.items()}


def _or_worst(quantity: Quantity, sums: Sums) -> float:
    try:
        return quantity.value(sums)
    except DataError:  # an arm that is not in these rows cannot be told to be the best
        return -np.inf


def _joined(folds: Mapping[int, Sums], chosen: Mapping[int, int], plan: Plan, estimator: str) -> Sums:
    """Return the sums of all folds, and in them the columns of the best arm: in each fold those of the arm chosen for it."""
    before = next(iter(folds.values())).names
    best = tuple(name.replace(arm(0), BEST_ARM, 1) for name in before if name.startswith(f"{arm(0)}."))
    empty = Sums.empty((*before[1:], *best), n_groups=0, blocks=plan.blocks(estimator))
    found = []
    for fold, sums in sorted(folds.items()):
        sources = [name.replace(f"{BEST_ARM}.", f"{arm(chosen[fold])}.", 1) for name in empty.names]
        columns = np.array([sums.index(name) for name in sources])
        products = [sums.products_of(columns[list(block)].tolist()) for block in empty.blocks]
        found.append((sums.groups[:, columns], products, sums.lowest[columns], sums.highest[columns]))
    groups, products_by_fold, lowest, highest = zip(*found, strict=True)
    return Sums(
        empty.names,
        np.concatenate(groups),
        empty.blocks,
        tuple(np.sum(parts, axis=0) for parts in zip(*products_by_fold, strict=True)),
        np.min(lowest, axis=0),
        np.max(highest, axis=0),
    )
