"""The file of arm features: its order does not matter, a hole does."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from waze_data_tfx.errors import DataError
from waze_data_tfx.training.arms import read_arm_features

ACTIONS = ("news", "deals")


def test_rows_are_put_in_the_order_of_the_actions(tmp_path: Path) -> None:
    (tmp_path / "arms.csv").write_text("action,price,is_new\ndeals,2.5,true\nother,1,false\nnews,-1,false\n")
    assert read_arm_features(tmp_path / "arms.csv", ACTIONS).tolist() == [[-1.0, 0.0], [2.5, 1.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("action,x\nnews,1\n", "action 'deals': expected one row; received 0"),
        ("action,x\nnews,1\ndeals,1\nnews,2\n", "action 'news': expected one row; received 2"),
        ("arm,x\nnews,1\n", "column 'action' is missing; known: arm, x"),
        ("action,x\nnews,1\ndeals,\n", "column 'x': expected a number in every row"),
        ("action,x\nnews,a\ndeals,b\n", "column 'x': expected a number in every row"),
        ("action\nnews\ndeals\n", "expected a column of numbers"),
    ],
)
def test_a_hole_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "arms.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_arm_features(tmp_path / "arms.csv", ACTIONS)
    assert caught.value.message == f"bandit.arm_features: {tmp_path / 'arms.csv'}: {message}"


def test_an_infinite_number_is_no_feature(tmp_path: Path) -> None:
    pq.write_table(pa.table({"action": ACTIONS, "x": [1.0, float("inf")]}), tmp_path / "arms.parquet")
    with pytest.raises(DataError, match="expected finite numbers"):
        read_arm_features(tmp_path / "arms.parquet", ACTIONS)
