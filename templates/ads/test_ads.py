"""Tests of your features: rows in, transformed rows out. Run with `pytest` in this folder."""

import math
from pathlib import Path

import pytest

from waze_data_tfx.testing import transform_rows

HERE = Path(__file__).parent
CONFIG = next(p for p in (HERE / "config.yaml", HERE.parent.parent / "configs" / "ads.yaml") if p.is_file())

BIKE = {"ad_id": "a1", "advertiser": "v1", "topic": "sport"}
SOUP = {"ad_id": "a2", "advertiser": "v2", "topic": "food"}
ANN = {"user_id": "u1", "hour": 19, "device": "phone"}
BOB = {"user_id": "u2", "hour": 9, "device": "desktop"}


@pytest.fixture(scope="module")
def transformed():
    """Transform five rows once: four of a log, and a candidate that has no position yet."""
    return transform_rows(
        CONFIG,
        [
            {**ANN, **BIKE, "position": 1},
            {**ANN, **SOUP, "position": 3},
            {**BOB, **BIKE, "position": 2},
            {**ANN, **SOUP, "position": 1, "hour": 20},
            {**ANN, **BIKE},
        ],
    )


def test_an_ad_without_a_position_counts_as_on_top(transformed):
    assert transformed[1]["position_log"] == pytest.approx(math.log(3))
    assert transformed[4] == transformed[0]


def test_a_taste_is_of_one_user_for_one_topic(transformed):
    ann_bike, ann_soup, bob_bike, ann_soup_again, _ = (row["user_topic_cross"] for row in transformed)
    assert ann_soup == ann_soup_again
    assert len({ann_bike, ann_soup, bob_bike}) == 3


def test_hours_of_one_part_of_the_day_are_alike(transformed):
    assert transformed[1]["hour_bucket"] == transformed[3]["hour_bucket"]  # 19 and 20 o'clock
    assert transformed[0]["hour_bucket"] != transformed[2]["hour_bucket"]  # 19 and 9 o'clock
