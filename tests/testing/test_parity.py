"""The parity check finds what skews, and names feature, row, both values and the road."""

import sys
from pathlib import Path

import pytest

from waze_data_tfx import testing

sys.path.insert(0, str(Path(__file__).parent))
from project_for_test import ROWS, write

ODD = [*ROWS, {"km": float("inf"), "zone": ""}, {"km": float("nan"), "zone": "unseen"}, {"km": -1e30, "zone": "é ü"}, {}]


def test_ready_made_features_have_parity_for_odd_rows(tmp_path: Path) -> None:
    config = write(tmp_path)
    assert testing.check_parity(config, ODD, fit_rows=ROWS) == testing.transform_rows(config, ODD, fit_rows=ROWS)


@pytest.mark.parametrize(
    ("mine", "message"),
    [
        # the batch: 4 rows in training, 1 in a call of serving_default
        ("tf.fill(tf.shape(km), tf.size(km))", r"'mine', row 0: training 4, serving_default 1\n"),
        # the other rows of the batch: 1 - (1 + 3 + 5 + 0) / 4 in training, 1 - 1 served alone
        ("km - tf.reduce_mean(km)", r"'mine', row 0: training -1\.25, serving_default 0\.0\n"),
        ("tf.random.uniform(tf.shape(km))", r"'mine', row 0: training 0\.\d+, graph 0\.\d+\n"),
        # a count kept in Python: 1 when first fitted; more when fitted again
        ("km * len(KEPT) if KEPT.append(0) is None else 0", r"'mine', row 0: training (\d+)\.0, fitted again (?!\1\.0)\d+\.0\n"),
    ],
    ids=["batch size", "batch", "random", "python state"],
)
def test_a_skewed_feature_is_named(tmp_path: Path, mine: str, message: str) -> None:
    config = write(tmp_path, mine=mine)
    code = tmp_path / "eta_features.py"
    code.write_text(code.read_text().replace("\n\ndef", "\nKEPT = []\n\n\ndef", 1))
    with pytest.raises(AssertionError, match=message) as caught:
        testing.check_parity(config, ROWS)
    assert "feature 'km'" not in str(caught.value)


def test_a_column_that_parses_differently_when_missing(tmp_path: Path) -> None:
    """A file's NaN is missing, 0 here; a client's NaN stays in the column that the feature reads."""
    config = write(tmp_path, mine='tf.reshape(tf.sparse.reduce_sum(inputs["km"], axis=1), [-1])')
    testing.check_parity(config, ROWS)
    with pytest.raises(AssertionError, match=r"feature 'mine', row 4: training 0\.0, serving_default nan\n"):
        testing.check_parity(config, [*ROWS, {"km": float("nan")}])
