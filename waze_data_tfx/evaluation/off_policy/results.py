"""What was estimated of every policy, by slice: `off_policy.json` beside the verdict.

Written by the Evaluator; read by the gate, the PolicyResolver, the Pusher's decision criteria and the report. Imports nothing
heavy and never computes an estimate.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

OFF_POLICY_FILE = "off_policy.json"
Kind = Literal["candidate", "candidate_eval", "baseline", "logging", "arm", "best_arm"]
Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class Estimate:
    """One number with its two intervals at the file's `confidence`; None where the rows leave it undefined.

    Attributes:
        value: the estimate.
        bootstrap: percentiles over resampled hash groups of users.
        bernstein: empirical Bernstein's, from the sum of squares and the range.
    """

    value: float | None
    bootstrap: Range | None = None
    bernstein: Range | None = None

    def interval(self, method: str) -> Range | None:
        """Return the interval of a method: `bootstrap` or `bernstein`."""
        return self.bernstein if method == "bernstein" else self.bootstrap


@dataclass(frozen=True)
class PolicyResult:
    """One policy in one slice.

    Attributes:
        kind: candidate: its serving policy, which explores; candidate_eval: its eval policy, which does not; baseline: the
            serving policy in production; logging: what wrote the log (every estimator is then its mean reward, but `dm`); arm:
            always one action (any eligible one where it is not); best_arm: the single arm that is best on
            the other folds of the users, fold by fold, so that its value does not profit from the choice.
        action: of an arm its name; of best_arm the name of the arm that is best on all rows; else "".
        is_best: whether this arm is the one that best_arm names.
        estimates: expected reward by estimator: ips, snips, dm, dr, sndr, switch_dr, dros. Intervals say how an estimate varies,
            not how far dm, switch_dr and dros, or clipping, lead away from the truth.
        unsubscribe_rate: by the gate's estimator on the unsubscribe outcome; None without such a column.
        effective_sample_size: (sum w)^2 / sum w^2 of the unclipped weights.
        mean_weight: near 1 where the log supports the policy and its propensities are right.
        max_weight: the largest unclipped weight.
        clipped_share: share of rows whose weight is clipped.
        support: share of the policy's probability that lies on actions which the log holds in this slice, 0..1.
        arm_shares: mean probability of every action, by name.
    """

    kind: Kind
    action: str
    is_best: bool
    estimates: Mapping[str, Estimate]
    unsubscribe_rate: Estimate | None
    effective_sample_size: float | None
    mean_weight: float | None
    max_weight: float | None
    clipped_share: float | None
    support: float | None
    arm_shares: Mapping[str, float]

    @property
    def name(self) -> str:
        """Return the one name of the policy: its kind, of a single arm `arm:ACTION`."""
        return f"arm:{self.action}" if self.kind == "arm" else self.kind


@dataclass(frozen=True)
class Difference:
    """One of the candidate's two policies, or the best single arm, minus another policy, by the gate's estimator.

    Both on the same rows.

    Attributes:
        policy: candidate, candidate_eval, or `arm:ACTION`.
        other: the other policy's name.
        reward: its expected reward minus the other's.
        unsubscribe_rate: its rate minus the other's; None without such a column.
    """

    policy: str
    other: str
    reward: Estimate
    unsubscribe_rate: Estimate | None


@dataclass(frozen=True)
class Calibration:
    """Whether an action was taken as often as the logged propensities say.

    Attributes:
        action: its name.
        n_taken: rows with this action.
        n_eligible: rows in which it could be taken.
        expected: sum of 1/propensity over the rows with it: in expectation `n_eligible` where propensities are right.
        ratio: expected / n_eligible; None where it was never eligible.
        interval: of the ratio, at the file's confidence, corrected for the number of actions.
        passed: whether the interval meets 1 +- the tolerance; None where it cannot be judged (never taken, so no support).
    """

    action: str
    n_taken: int
    n_eligible: int
    expected: float
    ratio: float | None
    interval: Range | None
    passed: bool | None


@dataclass(frozen=True)
class SliceResult:
    """Everything of one slice.

    Attributes:
        slice: `column=value,...`, or "" for all rows.
        key: the columns and their values, as text.
        n_rows: logged decisions.
        n_groups: hash groups of users with a row, at most 1000: what the bootstrap draws from.
        auc: area under the ROC curve of the candidate's score of the logged action for `reward > 0`; None without rows of both
            kinds.
        auc_interval: Hanley and McNeil's, at the file's confidence.
        baseline_auc: the same of the baseline.
        policies: candidate first.
        differences: candidate and candidate_eval minus baseline, logging, best_arm and every arm, and minus each
            other; and the arm that best_arm names minus logging: what the decision criteria ask before they fix it.
        calibration: one entry per action.
        tuned: hyperparameters that SLOPE chose for the candidate and that hold for all policies: switch_tau, dros_lambda and
            max_weight, which is the config's if that names one.
    """

    slice: str
    key: Mapping[str, str]
    n_rows: int
    n_groups: int
    auc: float | None
    auc_interval: Range | None
    baseline_auc: float | None
    policies: tuple[PolicyResult, ...]
    differences: tuple[Difference, ...]
    calibration: tuple[Calibration, ...]
    tuned: Mapping[str, float | None] = field(default_factory=dict)

    def policy(self, name: str) -> PolicyResult | None:
        """Return a policy by its name; None if it was not evaluated."""
        return next((p for p in self.policies if p.name == name), None)

    def difference(self, policy: str, other: str) -> Difference | None:
        """Return how a policy of the candidate differs from another policy; None if that was not estimated."""
        return next((d for d in self.differences if (d.policy, d.other) == (policy, other)), None)


@dataclass(frozen=True)
class OffPolicy:
    """The whole file.

    Attributes:
        actions: names in the order of their numbers.
        estimator: the gate's: `differences` and `unsubscribe_rate` are made with it.
        interval: the gate's: bootstrap or bernstein.
        confidence: of every interval, such as 0.95, two-sided.
        settings: what was asked for: max_weight (None: tuned), n_bootstrap, n_folds.
        reward_model: source of q-hat (cross_fitted or scores), n_folds, l2 by fold, n_rows, out of fold mse and mse_of_mean.
        slices: all rows first.
    """

    actions: tuple[str, ...]
    estimator: str
    interval: str
    confidence: float
    settings: Mapping[str, Any]
    reward_model: Mapping[str, Any]
    slices: tuple[SliceResult, ...]

    def to_json(self) -> str:
        """Return the JSON text; NaN and infinity become null."""
        return json.dumps(_finite(dataclasses.asdict(self)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "OffPolicy":
        """Return what `to_json` wrote."""
        values = json.loads(text)
        slices = tuple(_slice(s) for s in values.pop("slices"))
        return cls(actions=tuple(values.pop("actions")), slices=slices, **values)

    def of(self, slice_name: str) -> SliceResult | None:
        """Return a slice by its name, "" for all rows; None if no row is in it."""
        return next((s for s in self.slices if s.slice == slice_name), None)


def _slice(values: dict[str, Any]) -> SliceResult:
    policies = tuple(
        PolicyResult(
            **dict(
                p,
                estimates={name: _estimate(e) for name, e in p["estimates"].items()},
                unsubscribe_rate=_optional_estimate(p["unsubscribe_rate"]),
            )
        )
        for p in values.pop("policies")
    )
    differences = tuple(
        Difference(d["policy"], d["other"], _estimate(d["reward"]), _optional_estimate(d["unsubscribe_rate"]))
        for d in values.pop("differences")
    )
    calibration = tuple(Calibration(**dict(c, interval=_range(c["interval"]))) for c in values.pop("calibration"))
    values["auc_interval"] = _range(values["auc_interval"])
    return SliceResult(policies=policies, differences=differences, calibration=calibration, **values)


def _optional_estimate(values: dict[str, Any] | None) -> Estimate | None:
    return None if values is None else _estimate(values)


def _estimate(values: dict[str, Any]) -> Estimate:
    return Estimate(values["value"], _range(values["bootstrap"]), _range(values["bernstein"]))


def _range(values: list[float | None] | None) -> Range | None:
    return None if values is None else (values[0], values[1])


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
