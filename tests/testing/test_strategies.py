"""Strategies made from config and schema, and the properties they are used with."""

import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY
from hypothesis import given, settings

from waze_data_tfx import testing
from waze_data_tfx.errors import UserError
from waze_data_tfx.testing import strategies

sys.path.insert(0, str(Path(__file__).parent))
from project_for_test import ROWS, write

TAXI = REPOSITORY / "configs" / "taxi.yaml"


def _drawn(**how) -> list[dict]:
    found: list[dict] = []

    @settings(max_examples=30, database=None, derandomize=True)
    @given(strategies.rows(TAXI, min_size=20, **how))
    def draw(rows) -> None:
        found.extend(rows)

    draw()
    return found


def test_valid_rows_are_what_the_schema_says() -> None:
    rows = _drawn(values="valid")
    areas = {row["pickup_community_area"] for row in rows} - {None}
    assert areas <= set(range(1, 78))
    assert len(areas) > 40
    latitudes = {row["dropoff_latitude"] for row in rows} - {None}
    assert 41.5999 < min(latitudes) < max(latitudes) < 42.1001  # the schema's bounds are float32
    known = {row["payment_type"] for row in rows} - {None}
    assert {"Cash", "Credit Card"} <= known
    assert "unseen value" not in known
    assert any(row["company"] is None for row in rows)
    assert "trip_seconds" not in rows[0]


def test_any_rows_hold_what_no_schema_lets_through() -> None:
    rows = _drawn()
    assert {None, "", "unseen value", "Cash"} <= {row["payment_type"] for row in rows}
    assert {None, -1, 2**63 - 1} <= {row["trip_start_hour"] for row in rows}
    assert {float("inf"), 1e30} <= {row["trip_miles"] for row in rows}
    assert any(row["trip_miles"] != row["trip_miles"] for row in rows)  # NaN


def test_ready_made_features_hold_their_properties_for_any_row(tmp_path: Path) -> None:
    config = write(tmp_path)

    @strategies.slow(max_examples=4)
    @given(strategies.rows(config, min_size=5))
    def check(rows) -> None:
        out = testing.transform_rows(config, rows, fit_rows=ROWS)
        testing.assert_finite(out)
        testing.assert_ids_within(out, "zone_vocabulary", 4)  # port, hill, the bucket for the rest, missing

    check()


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda rows: testing.assert_finite(rows), "feature 'v', row 1: nan is not finite"),
        (lambda rows: testing.assert_in_range(rows, "v", 0, 1), "feature 'v', row 0: 2.0 is not in 0..1"),
        (lambda rows: testing.assert_ids_within(rows, "id", 3), "feature 'id', row 1: 3 is not an id in 0..2"),
    ],
)
def test_a_property_that_does_not_hold_names_feature_and_row(check, message: str) -> None:
    with pytest.raises(AssertionError, match=f"^{message}"):
        check([{"v": [1.0, 2.0], "id": 0}, {"v": [0.0, float("nan")], "id": 3}])


def test_properties_that_hold() -> None:
    rows = [{"v": [0.0, 1.0], "id": 2, "text": "a"}]
    testing.assert_finite(rows)
    testing.assert_in_range(rows, "v", 0, 1)
    testing.assert_ids_within(rows, "id", 3)
    with pytest.raises(UserError, match="unknown feature 'w'"):
        testing.assert_in_range(rows, "w", 0, 1)
