"""Tests of your features: rows in, transformed rows out. Run with `pytest` in this folder."""

from pathlib import Path

import pytest

from waze_data_tfx.testing import transform_rows

HERE = Path(__file__).parent
CONFIG = next(p for p in (HERE / "config.yaml", HERE.parent.parent / "configs" / "newsletter.yaml") if p.is_file())

ANN = {
    "user_id": "u1",
    "tenure_days": 800,
    "days_since_visit": 2,
    "sessions_7d": 5,
    "n_orders": 10,
    "revenue": 1000.0,
    "discount_share": 0.2,
    "open_rate": 0.6,
    "n_watched": 1,
    "favourite_category": "garden",
    "device": "phone",
    "language": "de",
    "weekday": 2,
    "last_search": "cheap hose",
}
BOB = {**ANN, "user_id": "u2", "n_orders": 2, "revenue": 50.0, "last_search": "new lego"}
MISSING = ("revenue", "discount_share", "favourite_category", "device", "last_search")
NEW = {**{name: value for name, value in ANN.items() if name not in MISSING}, "user_id": "u3", "n_orders": 0}


@pytest.fixture(scope="module")
def transformed():
    """Transform three readers once."""
    return transform_rows(CONFIG, [ANN, BOB, NEW])


def test_who_never_ordered_has_the_average_and_is_marked(transformed):
    # 100 and 25 an order: logarithms of 101 and 26, one standard deviation above and below their mean
    assert [row["order_value"] for row in transformed] == pytest.approx([1, -1, 0], abs=1e-5)
    assert [row["revenue_missing"] for row in transformed] == [0, 0, 1]


def test_revenue_is_scaled_by_its_logarithm(transformed):
    # logarithms of 1001 and 51: one standard deviation above and below their mean, which stands in for the missing one
    assert [row["revenue"] for row in transformed] == pytest.approx([1, -1, 0], abs=1e-5)


def test_a_search_is_its_words(transformed):
    words = [sum(row["last_search_text"]) for row in transformed]
    assert words == [2, 2, 0]
    assert [row["never_searched"] for row in transformed] == [0, 0, 1]


def test_a_missing_category_has_an_id_of_its_own(transformed):
    assert transformed[2]["favourite_category_vocabulary"] != transformed[0]["favourite_category_vocabulary"]
    assert transformed[0]["favourite_category_vocabulary"] == transformed[1]["favourite_category_vocabulary"]
