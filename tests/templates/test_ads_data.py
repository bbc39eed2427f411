"""The ads template's data is what its script makes, and the script's AUC is the one that everybody means."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from waze_data_tfx.templates.ads import make_ads_data

SHIPPED = Path(make_ads_data.__file__).parent / "impressions.parquet"


def test_the_shipped_file_is_of_the_stated_process() -> None:
    columns, p_click = make_ads_data.make(n_lists=4000, seed=1)
    shipped = pq.read_table(SHIPPED).to_pydict()
    assert shipped == {name: values.tolist() for name, values in columns.items()}
    assert SHIPPED.stat().st_size < 150_000
    assert columns["clicked"].mean() == pytest.approx(p_click.mean(), abs=0.01)


def test_a_list_is_one_user_s_and_shows_every_ad_once() -> None:
    columns, _ = make_ads_data.make(n_lists=50, seed=2)
    for values in (columns["user_id"], columns["hour"], columns["device"]):
        assert all(len(set(one_list)) == 1 for one_list in values.reshape(50, 5))
    assert all(len(set(ads)) == 5 for ads in columns["ad_id"].reshape(50, 5))
    assert columns["position"].reshape(50, 5).tolist() == [[1, 2, 3, 4, 5]] * 50


def test_auc_counts_the_pairs_in_order() -> None:
    # clicked 0.8 and 0.3 against not clicked 0.5 and 0.1: three of the four pairs are in order
    assert make_ads_data.auc(np.array([1, 0, 1, 0]), np.array([0.8, 0.5, 0.3, 0.1])) == 0.75
    assert make_ads_data.auc(np.array([1, 0, 1, 0]), np.array([0.8, 0.3, 0.3, 0.1])) == 0.875  # a tie is half a pair
