"""Classification data as a bandit: contexts by hand, 1 for the right class, and files that cannot be used."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx.bandits.environments import make_environment
from waze_data_tfx.errors import DataError, UserError

CSV = "size,colour,kind\n1,red,b\n3,blue,a\n,red,b\n"


def environment(folder: Path, text: str = CSV, **settings: object) -> Any:
    (folder / "rows.csv").write_text(text)
    return make_environment("classification", {"file": str(folder / "rows.csv"), "label": "kind", **settings})


def test_contexts_and_rewards_by_hand(tmp_path: Path) -> None:
    made = environment(tmp_path)
    assert made.problem.actions == ("a", "b")
    assert made.problem.arm_features is None
    context, eligible, row = made.observe(tf.constant([1, 2]), 50)
    # constant; size 1 and 3 are -1 and 1 deviations from 2, the missing one 0 and marked; blue, red
    by_hand = np.array([[1, -1, 0, 0, 1], [1, 1, 0, 1, 0], [1, 0, 1, 0, 1]])
    assert set(row.numpy().tolist()) == {0, 1, 2}
    np.testing.assert_allclose(context, by_hand[row.numpy()])
    right = np.array([1, 0, 1])[row.numpy()]
    np.testing.assert_array_equal(made.expected(row), np.eye(2)[right])
    np.testing.assert_array_equal(made.reward(row, tf.zeros([50], tf.int32), tf.constant([1, 2])), right == 0)
    assert eligible.numpy().all()


def test_columns_can_be_chosen_and_classes_that_are_numbers_keep_their_order(tmp_path: Path) -> None:
    made = environment(tmp_path, "x,y,kind\n1,2,10\n2,2,9\n", columns=["x"])
    assert made.problem.actions == ("9", "10")
    assert made.problem.context_dim == 2


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (CSV, {"label": "knid"}, "label: .*unknown column 'knid'; known: colour, kind, size; did you mean 'kind'"),
        (CSV, {"columns": ["colr"]}, "columns: .*unknown column 'colr'"),
        ("x,kind\n1,a\n2,\n", {}, "1 rows have no kind"),
        ("x,kind\n1,a\n2,a\n", {}, "column kind has one class, 'a'"),
        ("x,kind\n1,a,3\n", {}, "row 1 has 3 values; expected 2"),
        ("x,kind\n", {}, "holds no row below its header"),
        ("x,kind\n1,a\ninf,b\n", {}, "column x holds a number that is not finite"),
        ("x,kind\n" + "".join(f"t{i},{'ab'[i % 2]}\n" for i in range(101)), {}, "column x has 101 texts; expected at most 100"),
    ],
)
def test_data_that_cannot_be_used_is_refused(tmp_path: Path, text: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        environment(tmp_path, text, **settings)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"file: .*none.csv cannot be read: No such file"):
        make_environment("classification", {"file": str(tmp_path / "none.csv"), "label": "kind"})
