"""The arrival template's data is what its script makes, and the process's own prediction is the median that it says it is."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from waze_data_tfx.templates.arrival import make_arrival_data
from waze_data_tfx.templates.arrival.make_arrival_data import ERROR, RHO, SPREAD

SHIPPED = Path(make_arrival_data.__file__).parent / "trips.parquet"


def test_the_shipped_file_is_of_the_stated_process() -> None:
    columns, median = make_arrival_data.make(n_trips=6000, seed=1)
    shipped = pq.read_table(SHIPPED).to_pydict()
    assert shipped == {name: values.tolist() for name, values in columns.items()}
    assert SHIPPED.stat().st_size < 150_000
    # half of the trips take longer than the median; of 6,000 the share has a deviation of sqrt(0.25 / 6000) = 0.0065
    assert (columns["remaining_s"] > median).mean() == pytest.approx(0.5, abs=0.02)


def test_steps_of_a_trip_belong_together() -> None:
    columns, _ = make_arrival_data.make(n_trips=200, seed=2)
    lengths = [len(text.split("|")) for text in columns["segments"]]
    assert lengths == [len(text.split("|")) for text in columns["speeds"]]
    assert set(lengths) == set(range(2, 15))


def test_the_filter_weighs_later_steps_more() -> None:
    one, late, early = np.array([[0, 1.0]]), np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]])
    both, last = np.array([[True, True]]), np.array([[False, True]])
    # one step: the share of x in x + error
    gain = SPREAD**2 / (SPREAD**2 + ERROR**2)
    assert make_arrival_data.filtered(one, last) == pytest.approx(gain)
    # two steps (1, 1): the first leaves RHO * gain and the variance v; the second adds its gain of what is not yet expected
    v = RHO**2 * (1 - gain) * SPREAD**2 + (1 - RHO**2) * SPREAD**2
    second = v / (v + ERROR**2)
    assert make_arrival_data.filtered(late, both) == pytest.approx(RHO * gain + second * (1 - RHO * gain))
    assert make_arrival_data.filtered(one, both) > 3 * make_arrival_data.filtered(early, both)


def test_what_is_left_of_x_ahead_is_the_mean_of_the_powers_of_rho() -> None:
    expected = [RHO, (RHO + RHO**2 + RHO**3) / 3]
    assert make_arrival_data.share_kept(np.array([1, 3])) == pytest.approx(expected)
