"""Tests of your features: rows in, transformed rows out. Run with `pytest` in this folder; see docs/testing.md."""

import pytest
from hypothesis import given

from waze_data_tfx import testing
from waze_data_tfx.testing import strategies

LOOP = {"pickup_latitude": 41.88, "pickup_longitude": -87.63, "pickup_community_area": 32}
AIRPORT = {"dropoff_latitude": 41.98, "dropoff_longitude": -87.91, "dropoff_community_area": 76}
NEAR = {"dropoff_latitude": 41.89, "dropoff_longitude": -87.62, "dropoff_community_area": 8}
TIME = {"trip_start_hour": 9, "trip_start_day": 2, "trip_start_month": 5, "payment_type": "Cash", "company": "Blue Ribbon"}
TRIPS = [
    {**LOOP, **AIRPORT, **TIME, "trip_miles": 17.0},
    {**LOOP, **NEAR, **TIME, "trip_miles": 1.0},
    {**LOOP, **TIME, "trip_miles": 1.0, "company": None},  # everything optional is missing
]


@pytest.fixture(scope="module")
def transformed(transform):
    """Transform the trips once, fitted on themselves."""
    return transform(TRIPS)


def test_the_longer_trip_has_the_larger_distance(transformed):
    far, near, _ = transformed
    assert sum(far["distance_pieces"]) > sum(near["distance_pieces"])


def test_a_missing_drop_off_is_a_category_of_its_own(transformed):
    far, _, missing = transformed
    assert far["dropoff_community_area_category"] == 76
    assert missing["dropoff_community_area_category"] == 78


def test_no_feature_is_known_only_after_the_trip(transformed):
    assert not {"fare", "tips", "tolls"} & set(transformed[0])


def test_training_and_serving_agree(parity):
    parity([*TRIPS, {}, {"trip_miles": float("inf"), "company": "never seen"}], fit_rows=TRIPS)


def test_any_row_gives_finite_features(transform, waze_config):
    @strategies.slow(max_examples=2)
    @given(strategies.rows(waze_config, min_size=10))
    def check(rows):
        out = transform(rows, fit_rows=TRIPS)
        testing.assert_finite(out)
        testing.assert_ids_within(out, "dropoff_community_area_category", 79)

    check()
