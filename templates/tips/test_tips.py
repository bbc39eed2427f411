"""Tests of your features: rows in, transformed rows out. Run with `pytest` in this folder."""

from pathlib import Path

import pytest

from waze_data_tfx.testing import transform_rows

HERE = Path(__file__).parent
CONFIG = next(p for p in (HERE / "config.yaml", HERE.parent.parent / "configs" / "tips.yaml") if p.is_file())

TRIP = {"trip_miles": 2.0, "trip_seconds": 600, "trip_start_hour": 18, "trip_start_day": 5, "trip_start_month": 5}
PLACES = {"pickup_community_area": 8, "dropoff_community_area": 32}


@pytest.fixture(scope="module")
def transformed():
    """Transform four rows once: fares of 5, 10 and 20 dollars, and one with everything optional missing."""
    return transform_rows(
        CONFIG,
        [
            {**TRIP, **PLACES, "fare": 5.0, "payment_type": "Cash", "company": "Blue Ribbon"},
            {**TRIP, **PLACES, "fare": 10.0, "payment_type": "Credit Card", "company": "Blue Ribbon"},
            {**TRIP, **PLACES, "fare": 20.0, "payment_type": "Credit Card"},
            {"fare": 10.0, "trip_start_hour": 6},
        ],
    )


def test_a_higher_fare_fills_more_pieces(transformed):
    low, middle, high, same_as_middle = (sum(row["fare_pieces"]) for row in transformed)
    assert low < middle < high
    assert same_as_middle == middle


def test_the_hour_is_a_point_on_a_circle(transformed):
    evening, morning = transformed[0]["hour"], transformed[3]["hour"]
    assert evening == pytest.approx([-1, 0], abs=1e-6)  # sine and cosine of 18/24 of a turn
    assert morning == pytest.approx([1, 0], abs=1e-6)


def test_a_missing_company_is_not_a_known_one(transformed):
    blue_ribbon, _, missing, also_missing = (row["company_vocabulary"] for row in transformed)
    assert missing == also_missing
    assert missing != blue_ribbon


def test_the_tip_itself_is_no_feature(transformed):
    assert not [name for name in transformed[0] if "tip" in name]
