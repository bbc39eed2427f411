"""The matching template's data is what its script makes, and the script's AUC is the one that everybody means."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from waze_data_tfx.templates.matching import make_matching_data

SHIPPED = Path(make_matching_data.__file__).parent / "offers.parquet"


def test_the_shipped_file_is_of_the_stated_process() -> None:
    columns, p_accept = make_matching_data.make(n_riders=1800, seed=1)
    shipped = pq.read_table(SHIPPED).to_pydict()
    assert shipped == {name: values.tolist() for name, values in columns.items()}
    assert SHIPPED.stat().st_size < 150_000
    assert columns["accepted"].mean() == pytest.approx(p_accept.mean(), abs=0.01)


def test_a_rider_asks_ten_different_drivers_who_are_the_same_for_all() -> None:
    columns, _ = make_matching_data.make(n_riders=30, seed=2)
    assert all(len(set(drivers)) == 10 for drivers in columns["driver_id"].reshape(30, 10))
    for side in ("rider", "driver"):
        places = set(zip(columns[f"{side}_id"], columns[f"{side}_lat"], columns[f"{side}_lon"], strict=True))
        assert len(places) == len(set(columns[f"{side}_id"]))


def test_the_probability_is_the_stated_one() -> None:
    columns, p_accept = make_matching_data.make(n_riders=500, seed=3)
    row = next(i for i in range(5000) if (columns["party"][i], columns["vehicle"][i]) == (6, "van"))
    north = (columns["rider_lat"][row] - columns["driver_lat"][row]) * 111.2
    east = (columns["rider_lon"][row] - columns["driver_lon"][row]) * 94.2
    closeness = np.exp(-(north**2 + east**2) / (0.5 * columns["wait_minutes"][row]) ** 2 / 2)
    rates = dict(zip(columns["driver_id"], columns["acceptance_rate"], strict=True))
    assert len(rates) == 200
    odds = {driver: np.log(rate / (1 - rate)) for driver, rate in rates.items()}
    history = odds[columns["driver_id"][row]] - np.mean(list(odds.values()))
    logit = -2.2 + 3.2 * closeness + 2.0 + 0.8 * (columns["rider_rating"][row] - 4.5) + history
    assert p_accept[row] == pytest.approx(1 / (1 + np.exp(-logit)))


def test_auc_counts_the_pairs_in_order() -> None:
    # accepted 0.8 and 0.3 against not accepted 0.5 and 0.1: three of the four pairs are in order
    assert make_matching_data.auc(np.array([1, 0, 1, 0]), np.array([0.8, 0.5, 0.3, 0.1])) == 0.75
    assert make_matching_data.auc(np.array([1, 0, 1, 0]), np.array([0.8, 0.3, 0.3, 0.1])) == 0.875  # a tie is half a pair
