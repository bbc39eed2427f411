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
    assert criteria.decide(measured, columns=(), enough=ENOUGH) == found[:1]
    evidence = criteria.to_json(found)[2]["evidence"]
    assert evidence["candidate - best_arm"] == [pytest.approx(-0.05), -0.07, -0.03]
    assert evidence["n_rows"] == 2000


def test_values_that_no_criterion_can_be_made_of() -> None:
    for measured, message in (
        (off_policy(slice_result(None, WORSE, arm="x")), "all rows: best_arm 'x' is no action; known: a, b, c"),
        (off_policy(slice_result({"segment": "new"})), "expected a slice of all rows; received none"),
    ):
        with pytest.raises(RunFailed, match=message):
            criteria.decide(measured, columns=("segment",), enough=ENOUGH)
