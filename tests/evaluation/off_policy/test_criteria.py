"""The rule that turns off-policy values into criteria, on values by hand."""

from typing import Any

import pytest
from off_policy_for_test import off_policy, slice_result

from waze_data_tfx.errors import RunFailed
from waze_data_tfx.evaluation.off_policy import criteria
from waze_data_tfx.evaluation.off_policy.criteria import Enough

ENOUGH = Enough(200, 0.8)
BETTER = {"eval-serving": (0.01, 0.03), "eval-logging": (0.02, 0.04), "eval-arm": (0.03, 0.05)}
WORSE = {"eval-arm": (-0.06, -0.02), "serving-arm": (-0.07, -0.03)}


@pytest.mark.parametrize(
    ("intervals", "more", "done", "reason"),
    [
        ({}, {}, "explore", "the eval policy is not clearly worth more than the serving policy: +0 [-0.05, +0.05]"),
        (BETTER, {}, "exploit", "is worth more than all others; the nearest is the serving policy: +0.02 [+0.01, +0.03]"),
        (
            {**BETTER, "eval-logging": (0.0, 0.04)},
            {},
            "explore",
            "is not clearly worth more than the logging policy: +0.02 [+0, +0.04]",
        ),
        ({**BETTER, "eval-arm": (-0.01, 0.05)}, {}, "explore", "is not clearly worth more than the best single arm"),
        (BETTER, {"arm": None}, "exploit", "the nearest is the serving policy"),
        (WORSE, {}, "b", "arm b is worth more than both policies; the eval policy minus it -0.04 [-0.06, -0.02]"),
        (WORSE, {"arm": "c"}, "c", "arm c is worth more"),
        ({**WORSE, "eval-arm": (-0.06, 0.0)}, {}, "explore", "is not clearly worth more than the best single arm"),
        (WORSE, {"n_effective": {"best_arm": 199}}, "explore", "effective sample size of the best single arm 199 < 200"),
        (
            BETTER,
            {"n_effective": {"candidate_eval": 199}},
            "explore",
            "too little overlap: effective sample size of the eval policy 199",
        ),
        (BETTER, {"n_effective": {"candidate": None}}, "explore", "effective sample size of the serving policy unknown < 200"),
        (BETTER, {"mean_weight": 0.79}, "explore", "too little overlap: mean weight of the serving policy 0.79 < 0.8"),
        ({**BETTER, "eval-arm": None}, {}, "explore", "the eval policy could not be compared with the best single arm"),
    ],
)
def test_one_slice(intervals: dict[str, Any], more: dict[str, Any], done: str, reason: str) -> None:
    [found] = criteria.decide(off_policy(slice_result(None, intervals, **more)), columns=(), enough=ENOUGH)
    assert (found.slice, found.values) == ("", ())
    assert (found.kind, found.action) == (done, None) or (found.kind, found.action) == ("fixed", done)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("more", "done", "reason"),
    [
        ({"lost": {}}, "b", "arm b is worth more"),
        ({"lost": {"arm:b": (0.01, 0.03)}}, None, "; but the unsubscribes of b minus the log's may be +0.03; allowed +0.005"),
        ({"lost": {"arm:b": (-0.02, 0.0051)}}, None, "may be +0.0051; allowed +0.005"),  # too small a slice to say
        ({"lost": {"arm:b": None}}, None, "the unsubscribes of b minus the log's are not known"),
        # nobody unsubscribed: ln(40) = 3.689 over 1000 rows' worth, then over 700
        ({"lost": {"arm:b": None}, "log_loses": 0.0}, "b", "arm b is worth more"),
        ({"lost": {"arm:b": None}, "log_loses": 0.0, "n_effective": {"arm": 700.0}}, None, "may be +0.00527; allowed +0.005"),
    ],
)
def test_an_arm_that_wins_rewards_and_may_lose_users_is_not_fixed(more: dict[str, Any], done: str | None, reason: str) -> None:
    measured = off_policy(slice_result(None, WORSE, **more))
    [found] = criteria.decide(measured, columns=(), enough=ENOUGH, unsubscribe_margin=0.005)
    assert (found.kind, found.action) == (("fixed", done) if done else ("explore", None))
    assert reason in found.reason


def test_the_eval_policy_that_may_lose_users_is_not_exploited() -> None:
    for ends, done in (((-0.001, 0.004), "exploit"), ((-0.001, 0.006), "explore")):
        measured = off_policy(slice_result(None, BETTER, lost={"candidate_eval": ends}))
        [found] = criteria.decide(measured, columns=(), enough=ENOUGH, unsubscribe_margin=0.005)
        assert found.kind == done
    assert found.reason.endswith("; but the unsubscribes of the eval policy minus the log's may be +0.006; allowed +0.005")


def test_more_slices_ask_for_more_evidence() -> None:
    near = {**BETTER, "eval-serving": (0.001, 0.021)}  # 0.011 +- 0.01; of four decisions 0.011 +- 0.01274
    one, *four = (off_policy(*(slice_result(k, near) for k in keys)) for keys in ([None], [None, *({"s": v} for v in "abc")]))
    assert [c.kind for c in criteria.decide(one, columns=("s",), enough=ENOUGH)] == ["exploit"]
    assert [c.kind for c in criteria.decide(*four, columns=("s",), enough=ENOUGH)] == ["explore"] * 4
    # Bernstein's: ln(4 * 4 / 0.05) / ln(4 / 0.05) = 5.7683 / 4.3820
    assert criteria.widening("bernstein", confidence=0.95, n_decisions=4) == pytest.approx(1.31636, abs=1e-4)


def test_every_slice_of_the_criteria_columns_has_its_own() -> None:
    new, old = ({"segment": s, "device": "tv"} for s in ("new", "old"))
    measured = off_policy(
        slice_result(),
        slice_result({"segment": "new"}, BETTER),  # another set of columns
        slice_result(new, BETTER),
        slice_result(old, WORSE, arm="a"),
    )
    found = criteria.decide(measured, columns=("segment", "device"), enough=ENOUGH)
    assert [(c.slice, c.values, c.kind, c.action) for c in found] == [
        ("", (), "explore", None),
        ("device=tv,segment=new", ("new", "tv"), "exploit", None),
        ("device=tv,segment=old", ("old", "tv"), "fixed", "a"),
    ]
    assert [c.slice for c in criteria.decide(measured, columns=(), enough=ENOUGH)] == [""]
    evidence = criteria.to_json(found)[2]["evidence"]
    # three decisions at 0.95: z(1 - 0.025 / 3) / z(0.975) = 2.39398 / 1.95996 = 1.22144 times as wide
    assert evidence["candidate - best_arm"] == pytest.approx([-0.05, -0.074429, -0.025571], abs=1e-6)
    assert evidence["n_rows"] == 2000


def test_values_that_no_criterion_can_be_made_of() -> None:
    for measured, message in (
        (off_policy(slice_result(None, WORSE, arm="x")), "all rows: best_arm 'x' is no action; known: a, b, c"),
        (off_policy(slice_result({"segment": "new"})), "expected a slice of all rows; received none"),
    ):
        with pytest.raises(RunFailed, match=message):
            criteria.decide(measured, columns=("segment",), enough=ENOUGH)
