import pickle

import pyarrow as pa
import pytest

from waze_data_tfx.data import top_values
from waze_data_tfx.data.top_values import TopValues


def texts(*values: bytes) -> pa.Array:
    return pa.array(values, pa.large_binary())


def of(*batches: pa.Array) -> TopValues:
    counts = TopValues()
    for batch in batches:
        counts.add(batch)
    return counts


def test_values_are_counted_over_batches_and_shards():
    one, two = of(texts(b"a", b"b", b"a"), texts(b"b")), of(texts(b"b", b"c"))
    one.merge(pickle.loads(pickle.dumps(two)))
    assert one.n_distinct == 3
    assert one.most_frequent(2) == [(b"b", 3), (b"a", 2)]


def test_of_equally_frequent_values_those_that_sort_last_come_first():
    assert of(texts(b"a", b"c", b"b", b"b")).most_frequent(9) == [(b"b", 2), (b"c", 1), (b"a", 1)]


def test_bytes_that_are_no_text_are_told_apart():
    assert of(texts(b"\xff", b"\xfe", b"\xff")).most_frequent(9) == [(b"\xff", 2), (b"\xfe", 1)]


def test_long_texts_are_counted_as_one_and_still_told_apart_in_number():
    counts = of(texts(b"x" * 1024, b"y" * 1025, b"z" * 1025))
    assert counts.most_frequent(9) == [(b"__LARGE_BYTES__", 2), (b"x" * 1024, 1)]
    assert counts.n_distinct == 3


def test_nothing_is_counted_of_nothing():
    counts = of(texts())
    assert (counts.n_distinct, counts.most_frequent(3)) == (0, [])


def test_all_values_up_to_the_capacity_are_counted_exactly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(top_values, "CAPACITY", 64)
    values = [f"{i:02d}".encode() for i in range(64)]
    counts = of(texts(*values), texts(*values[:32]))
    assert counts.n_distinct == 64
    assert counts.most_frequent(99) == [(v, 2) for v in reversed(values[:32])] + [(v, 1) for v in reversed(values[32:])]


def test_beyond_the_capacity_counts_are_within_the_stated_errors(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(top_values, "CAPACITY", 1024)
    batches = [texts(*[b"often"] * 100, *(f"{i}-{n}".encode() for n in range(1000))) for i in range(20)]
    shards = [of(*batches[:7]), of(*batches[7:])]
    shards[0].merge(shards[1])
    # 20 batches of 1,100 values: 2,000 times "often", 20,000 others once; a count is too high by at most 22,000 / 1,024 = 21.5
    (first, count), *rest = shards[0].most_frequent(1000)
    assert first == b"often"
    assert 2000 <= count <= 2021
    assert max(n for _, n in rest) <= 22
    assert shards[0].n_distinct == pytest.approx(20_001, rel=3 / 32)  # three standard errors of 1 / sqrt(1,024)
