"""The gate on estimates written by hand: which rules refuse, which leave it open, and what they say."""

import dataclasses

import pytest

from waze_data_tfx.config.schema import Config
from waze_data_tfx.evaluation.off_policy import verdict
from waze_data_tfx.evaluation.off_policy.results import (
    Calibration,
    Difference,
    Estimate,
    OffPolicy,
    PolicyResult,
    SliceResult,
)


def _policy(kind, *, dr=0.3, lost=0.01, ess=500.0, mean_weight=1.0, action=""):
    estimates = {"dr": Estimate(dr, (dr - 0.05, dr + 0.05), (dr - 0.1, dr + 0.1))}
    lost_rate = Estimate(lost, (lost / 2, lost * 2), (0.0, lost * 3))
    return PolicyResult(kind, action, False, estimates, lost_rate, ess, mean_weight, 9.0, 0.0, 1.0, {"news": 1.0, "deals": 0.0})


def _difference(other, lower, *, lost=0.0, policy="candidate"):
    reward = Estimate(lower + 0.02, (lower, lower + 0.04), (lower - 0.1, lower + 0.14))
    return Difference(policy, other, reward, Estimate(lost, (lost - 0.001, lost + 0.001), (lost - 0.01, lost + 0.01)))


def _slice(*, name="", candidate=None, lowers=(0.01, 0.01, 0.01), lost=0.0, calibration=True, n_rows=1000):
    others = ("baseline", "logging", "best_arm")
    return SliceResult(
        slice=name,
        key=dict(part.split("=") for part in name.split(",") if part),
        n_rows=n_rows,
        n_groups=600,
        auc=0.7,
        auc_interval=(0.65, 0.75),
        baseline_auc=0.6,
        tuned={},
        policies=(
            candidate or _policy("candidate"),
            _policy("baseline", dr=0.2),
            _policy("logging", dr=0.1),
            _policy("best_arm", dr=0.15, action="deals"),
        ),
        differences=tuple(_difference(o, lower, lost=lost) for o, lower in zip(others, lowers, strict=True)),
        calibration=(Calibration("news", 500, 1000, 2000.0, 2.0, (1.8, 2.2), False),) if not calibration else (),
    )


def _judge(*slices, baseline={"uri": "b"}, metrics=({"name": "auc", "lower_bound": 0.55},), parts=(), serving=None, **off_policy):  # noqa: B006
    config = Config.model_validate(
        {
            "name": "t",
            "pipeline": "bandit",
            "label": "reward",
            "key": "user",
            "data": {"input": "x.csv", "split": {"by": ["user"]}},
            "features": {"dense": ["x"]},
            "bandit": {
                "actions": ["news", "deals"],
                "columns": {"unsubscribed": "lost"},
                "off_policy": off_policy,
                "serving": serving or {},
            },
            "evaluation": {"metrics": metrics, "slices": parts},
        }
    )
    found = OffPolicy(("news", "deals"), "dr", "bootstrap", 0.95, {}, {}, slices)
    return verdict.judge(config, found, model={"uri": "m"}, data={}, baseline=baseline)


def test_candidate_better_than_all_is_blessed_and_every_check_has_its_interval():
    judged = _judge(_slice())
    assert (judged.status, judged.reasons()) == ("blessed", [])
    checks = {c.name: c for c in judged.checks}
    assert checks["auc"].interval == (0.65, 0.75)
    assert checks["dr against logging"].interval == (0.01, 0.05)
    assert (checks["dr against logging"].value, checks["dr against logging"].baseline) == (0.03, 0.1)
    assert checks["unsubscribe_rate against logging"].interval == (-0.001, 0.001)


@pytest.mark.parametrize(
    ("lowers", "other"),
    [((-0.01, 0.01, 0.01), "production"), ((0.01, -0.01, 0.01), "logging"), ((0.01, 0.01, -0.01), "best_single_arm ('deals')")],
)
def test_lower_bound_below_any_other_policy_refuses(lowers, other):
    judged = _judge(_slice(lowers=lowers), margin=0.0)
    assert judged.status == "refused"
    assert judged.reasons() == [f"dr differs from {other} by +0.01, between -0.01 and +0.03 at 0.95; lower bound < 0"]


def test_margin_allows_what_is_not_proven_better():
    assert _judge(_slice(lowers=(-0.01, 0.01, 0.01)), margin=0.02).status == "blessed"


def test_wider_interval_of_bernstein_refuses_what_the_bootstrap_lets_pass():
    assert _judge(_slice(), interval="bernstein").status == "refused"


def test_little_overlap_is_inconclusive_and_judges_nothing_else_by_the_log():
    judged = _judge(_slice(candidate=_policy("candidate", ess=150.0), lowers=(-1, -1, -1)))
    assert judged.status == "inconclusive"
    assert judged.reasons() == ["effective_sample_size 150 < 200 rows' worth of overlap with the log"]
    assert judged.hint.startswith("log with more exploration")
    against = next(c for c in judged.checks if c.name == "dr against logging")
    assert against.passed is None
    assert against.reason.endswith("not judged: effective_sample_size 150 < 200 rows' worth of overlap with the log")


def test_log_that_lacks_what_the_policy_does_is_inconclusive():
    judged = _judge(_slice(candidate=_policy("candidate", mean_weight=0.5)))
    assert (judged.status, judged.reasons()) == (
        "inconclusive",
        ["mean_weight 0.5 < 0.8 of its decisions are in the log's reach"],
    )


def test_propensities_that_cannot_be_right_are_inconclusive():
    judged = _judge(_slice(calibration=False))
    assert judged.status == "inconclusive"
    assert "action 'news' was taken 500 times, 2 times as often as its logged propensities say" in judged.reasons()[0]


def test_model_of_clicks_needs_no_overlap_to_be_refused():
    part = dataclasses.replace(_slice(candidate=_policy("candidate", ess=1.0)), auc=0.5)
    assert _judge(part).status == "refused"


def test_more_unsubscribes_than_the_margin_are_refused():
    judged = _judge(_slice(lost=0.02))
    assert judged.status == "refused"
    assert judged.reasons() == ["unsubscribe_rate differs from the log's 0.01 by +0.02, at most +0.021 at 0.95; allowed +0.005"]


def _with_eval(*, ess=500.0, lower=0.01, lost=0.0):
    """Return the slice of a good serving policy with an eval policy."""
    part = _slice()
    others = ("baseline", "logging", "best_arm")
    differences = tuple(_difference(o, lower, lost=lost, policy="candidate_eval") for o in others)
    policies = (*part.policies, _policy("candidate_eval", ess=ess))
    return dataclasses.replace(part, policies=policies, differences=part.differences + differences)


@pytest.mark.parametrize(
    ("eval_policy", "status", "reason"),
    [
        ({}, "blessed", None),
        ({"lost": 0.02}, "refused", "unsubscribe_rate (eval policy) differs from the log's 0.01 by +0.02"),
        ({"lower": -0.2}, "refused", "dr (eval policy) differs from production by -0.18"),
        ({"ess": 150.0}, "inconclusive", "effective_sample_size 150 < 200 rows' worth of overlap with the log (eval policy)"),
    ],
)
def test_eval_policy_with_a_share_of_the_traffic_is_judged_too(eval_policy, status, reason):
    judged = _judge(_with_eval(**eval_policy), serving={"eval_share": 0.2})
    assert (judged.status, judged.reasons()[0].startswith(reason) if reason else judged.reasons()) == (
        status,
        True if reason else [],
    )
    assert _judge(_with_eval(**eval_policy)).status == "blessed"  # it serves nobody: the PolicyResolver judges it for `auto`


def test_ordinary_thresholds_hold_for_all_rows_and_for_slices():
    metrics = ({"name": "dr", "lower_bound": 0.2}, {"name": "unsubscribe_rate", "upper_bound": 0.02})
    parts = [{"columns": ["country"], "metrics": [{"name": "dr", "lower_bound": 0.25}], "min_examples": 100}]
    worse = _slice(name="country=CH", candidate=_policy("candidate", dr=0.2))
    thin = _slice(name="country=DE", candidate=_policy("candidate", dr=0.2, ess=10.0))
    few = _slice(name="country=FR", candidate=_policy("candidate", dr=0.2), n_rows=99)
    judged = _judge(_slice(), worse, thin, few, metrics=metrics, parts=parts)
    assert (judged.status, judged.reasons()) == ("refused", ["country=CH: dr 0.2 < 0.25 (bound)"])
    in_slices = {c.slice: c for c in judged.checks if c.slice}
    assert in_slices["country=CH"].interval == pytest.approx((0.15, 0.25))
    assert in_slices["country=DE"].reason.endswith("not judged: effective_sample_size 10 < 200 in the slice")
    assert in_slices["country=FR"].passed is None


def test_without_a_baseline_production_is_not_judged():
    part = dataclasses.replace(
        _slice(), policies=tuple(p for p in _slice().policies if p.kind != "baseline"), differences=_slice().differences[1:]
    )
    judged = _judge(part, baseline=None)
    assert judged.status == "blessed"
    check = next(c for c in judged.checks if c.name == "dr against production")
    assert (check.passed, check.reason) == (None, "no baseline: not judged")


def test_comparison_that_the_rows_leave_undefined_is_inconclusive():
    part = _slice()
    undefined = dataclasses.replace(part.differences[1], reward=Estimate(None))
    judged = _judge(dataclasses.replace(part, differences=(part.differences[0], undefined, part.differences[2])))
    assert judged.status == "inconclusive"
    assert judged.reasons() == ["dr cannot be compared with logging: one of the two takes none of the logged actions"]
