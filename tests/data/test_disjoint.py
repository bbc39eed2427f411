"""Keys in two splits: found whatever part and run they are in, with their rows; expected values by hand."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from waze_data_tfx.data import disjoint
from waze_data_tfx.errors import DataError

NAMES = ("train", "eval", "test")


def write(folder: Path, number: int, rows: list[tuple[object, object, int]]) -> None:
    """Write a part of rows (user, item, split), each row a batch of its own."""
    keys = disjoint.KeyFile(str(folder), number, ["user", "item"])
    for user, item, split in rows:
        keys.add(
            pa.record_batch({"user": pa.array([user], pa.string()), "item": pa.array([item], pa.int64())}), np.array([split])
        )
    keys.close()


def check(folder: Path) -> None:
    disjoint.check(str(folder), names=NAMES, columns=["user", "item"], where="trips.sql")


def test_keys_that_are_each_in_one_split_pass(tmp_path: Path) -> None:
    write(tmp_path, 0, [("a", 1, 0), ("a", 1, 0), ("a", 2, 1)])
    write(tmp_path, 1, [("a", 1, 0), ("b", 1, 2), (None, 5, 0), (None, 5, 1), ("", 5, 2), ("a", None, 0), ("a", None, 1)])
    check(tmp_path)  # a null, or empty text, is no key


def test_a_key_in_two_splits_is_named_with_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disjoint, "MAX_KEYS", 2)  # several runs per part
    write(tmp_path, 0, [("a", 1, 0), ("b", 1, 0), ("a", 1, 0), ("c", 1, 1), ("a", 1, 2)])
    write(tmp_path, 1, [("c", 1, 1), ("a", 1, 0), ("b", 1, 1), ("d", 4, 0)])
    with pytest.raises(DataError) as caught:
        check(tmp_path)
    assert caught.value.message == (
        "trips.sql: data.split.disjoint: 2 of 4 values of user, item are in more than one split: user=a, item=1 (rows in "
        "train: 3, test: 1); user=b, item=1 (rows in train: 1, eval: 1); expected each in one"
    )
    assert caught.value.hint.startswith("split by a hash of the key (data.split.by: [user, item])")


def test_two_keys_of_one_fingerprint_are_two_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disjoint, "fingerprints_of", lambda texts: np.zeros(len(texts), np.int64))
    monkeypatch.setattr(disjoint, "MAX_KEYS", 1)  # within a run, a fingerprint stands for its key
    write(tmp_path, 0, [("a", 1, 0), ("b", 1, 1)])
    check(tmp_path)
    write(tmp_path, 1, [("b", 1, 0)])
    with pytest.raises(DataError, match=r"1 of 1 values of user, item .*: user=b, item=1 \(rows in train: 1, eval: 1\)"):
        check(tmp_path)


def test_no_rows_are_no_problem(tmp_path: Path) -> None:
    write(tmp_path, 0, [])
    assert list(tmp_path.iterdir()) == []
    check(tmp_path)
