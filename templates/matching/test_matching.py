"""Tests of your features: rows in, transformed rows out. Run with `pytest` in this folder."""

from pathlib import Path

import pytest

from waze_data_tfx.config import load
from waze_data_tfx.testing import transform_rows

HERE = Path(__file__).parent
CONFIG = next(p for p in (HERE / "config.yaml", HERE.parent.parent / "configs" / "matching.yaml") if p.is_file())

ANN = {"rider_lat": 32.06, "rider_lon": 34.75, "rider_rating": 4.8, "wait_minutes": 5, "party": 1}
BOB = {"rider_lat": 32.10, "rider_lon": 34.80, "rider_rating": 4.1, "wait_minutes": 9, "party": 4}
VAN = {"driver_lat": 32.07, "driver_lon": 34.76, "vehicle": "van", "acceptance_rate": 0.7}
MOTO = {"driver_lat": 32.09, "driver_lon": 34.79, "vehicle": "moto", "acceptance_rate": 0.5}


@pytest.fixture(scope="module")
def transformed():
    """Transform every pair once, and each side alone, as its tower meets it."""
    return transform_rows(CONFIG, [{**ANN, **VAN}, {**ANN, **MOTO}, {**BOB, **VAN}, {**BOB, **MOTO}, ANN, VAN])


def of(tower, row):
    """Return what this tower sees of the row."""
    return {name: row[name] for name in getattr(load(CONFIG).config.model.towers, tower)}


def test_a_tower_sees_its_own_side_only(transformed):
    ann_van, ann_moto, bob_van, _, ann, van = transformed
    assert of("query", ann_van) == of("query", ann_moto) == of("query", ann) != of("query", bob_van)
    assert of("candidate", ann_van) == of("candidate", bob_van) == of("candidate", van) != of("candidate", ann_moto)


def test_history_is_in_odds_and_a_driver_without_one_counts_as_half(transformed):
    van, moto, new = transformed[0]["acceptance_odds"], transformed[1]["acceptance_odds"], transformed[4]["acceptance_odds"]
    # odds of 0.7 are 7 to 3, of 0.5 even; three rows each, so the mean lies in between and the deviation is half the distance
    assert (van, moto) == (pytest.approx(1), pytest.approx(-1))
    assert new == moto
