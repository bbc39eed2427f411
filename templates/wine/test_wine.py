"""Tests of your features: rows in, transformed rows out. Run with `pytest` in this folder."""

import csv
from pathlib import Path

import pytest

from waze_data_tfx.testing import transform_rows

HERE = Path(__file__).parent
CONFIG = next(p for p in (HERE / "config.yaml", HERE.parent.parent / "configs" / "wine.yaml") if p.is_file())


def first_wines():
    """Return the first four rows of wine.csv as column -> number, the label left out."""
    with (HERE / "wine.csv").open(newline="") as file:
        rows = [row for _, row in zip(range(4), csv.DictReader(file), strict=False)]
    return [{name: float(value) for name, value in row.items() if name != "cultivar"} for row in rows]


@pytest.fixture(scope="module")
def transformed():
    """Transform five rows once: four wines, and one whose phenols were not measured."""
    wines = first_wines()
    unmeasured = {**wines[0], "total_phenols": None, "flavanoids": None}
    return transform_rows(CONFIG, [*wines, unmeasured])


def test_each_measurement_is_scaled_to_mean_0_and_variance_1(transformed):
    alcohol = [row["alcohol"] for row in transformed]
    assert sum(alcohol) == pytest.approx(0, abs=1e-4)
    assert sum(a * a for a in alcohol) / len(alcohol) == pytest.approx(1, abs=1e-4)


def test_a_missing_measurement_is_the_mean(transformed):
    assert transformed[4]["total_phenols"] == pytest.approx(0, abs=1e-6)


def test_the_share_of_flavanoids_keeps_the_order_of_the_ratio(transformed):
    ratios = [wine["flavanoids"] / wine["total_phenols"] for wine in first_wines()]
    shares = [row["flavanoid_share"] for row in transformed[:4]]
    assert sorted(range(4), key=ratios.__getitem__) == sorted(range(4), key=shares.__getitem__)
    assert transformed[4]["flavanoid_share"] < min(shares)  # no phenols measured: a share of 0
