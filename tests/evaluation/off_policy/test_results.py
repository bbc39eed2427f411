import json
import math

from waze_data_tfx.evaluation.off_policy.results import (
    Calibration,
    Difference,
    Estimate,
    OffPolicy,
    PolicyResult,
    SliceResult,
)

CANDIDATE = PolicyResult(
    kind="candidate",
    action="",
    is_best=False,
    estimates={"dr": Estimate(0.5, (0.25, 0.75), (0.0, 1.0)), "snips": Estimate(None)},
    unsubscribe_rate=Estimate(0.01, (0.0, 0.02), (-0.1, 0.1)),
    effective_sample_size=40.0,
    mean_weight=1.0,
    max_weight=4.0,
    clipped_share=0.0,
    support=1.0,
    arm_shares={"news": 0.75, "deals": 0.25},
)
ARM = PolicyResult("arm", "news", True, {}, None, 0.0, 1.0, 2.0, 0.0, 1.0, {"news": 1.0, "deals": 0.0})
FILE = OffPolicy(
    actions=("news", "deals"),
    estimator="dr",
    interval="bootstrap",
    confidence=0.95,
    settings={"clip": 100.0},
    reward_model={"source": "cross_fitted", "n_folds": 5},
    slices=(
        SliceResult(
            slice="country=CH",
            key={"country": "CH"},
            n_rows=80,
            n_groups=60,
            auc=0.7,
            auc_interval=(0.6, 0.8),
            baseline_auc=None,
            tuned={"switch_tau": 10.0},
            policies=(CANDIDATE, ARM),
            differences=(Difference("candidate", "arm:news", Estimate(0.1, (0.0, 0.2), None), None),),
            calibration=(Calibration("news", 30, 80, 82.0, 1.025, (0.9, 1.1), True),),
        ),
    ),
)


def test_file_comes_back_as_it_was_written():
    assert OffPolicy.from_json(FILE.to_json()) == FILE


def test_policies_slices_and_differences_are_found_by_name():
    part = FILE.of("country=CH")
    assert part.policy("arm:news") is ARM
    assert part.policy("baseline") is None
    assert part.difference("candidate", "arm:news").reward.interval("bootstrap") == (0.0, 0.2)
    assert part.policy("candidate").estimates["dr"].interval("bernstein") == (0.0, 1.0)
    assert FILE.of("country=DE") is None


def test_what_json_has_no_number_for_is_null():
    assert json.loads(OffPolicy((), "dr", "bootstrap", math.nan, {"clip": math.inf}, {}, ()).to_json()) == {
        "actions": [],
        "estimator": "dr",
        "interval": "bootstrap",
        "confidence": None,
        "settings": {"clip": None},
        "reward_model": {},
        "slices": [],
    }
