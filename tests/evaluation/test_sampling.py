"""The sample of evaluated rows: what is kept of each, how many, and that a second look finds the same."""

import json
import math
from pathlib import Path

import numpy as np

from waze_data_tfx.evaluation import sampling
from waze_data_tfx.evaluation.sampling import SmallestFn, rows_of


def test_each_row_has_its_label_and_values_and_is_in_its_slices(tmp_path: Path) -> None:
    rows = rows_of(
        [b"a", b"b", b"c"],
        [1, None, 2],
        {"": np.array([[0.1, 0.7, 0.2], [0, 0, 1], [0.5, 0.4, math.nan]], np.float64)},
        [[(), (("day", "1"),)], [()], [(), (("day", "2"), ("hour", "3"))]],
    )
    sampling.write(SmallestFn().extract_output((2, rows)), str(tmp_path), "candidate")
    written = json.loads((tmp_path / "predictions.json").read_text())
    first, second = (0, 1) if written["labels"][0] == 1 else (1, 0)
    assert written["n_rows"] == 2  # the row without a label is left out
    assert written["slices"] == {"day=1": [first], "day=2,hour=3": [second]}
    assert written["models"]["candidate"][first] == [1.0, 0.7, 0.7]  # class, its score, the label's
    assert written["models"]["candidate"][second][2] is None


def test_the_sample_is_bounded_and_the_same_each_time() -> None:
    batches = [[f"{b}.{i}".encode() for i in range(1000)] for b in range(6)]
    values = np.zeros((1000, 1))

    def sample(order: list[int]) -> tuple[int, list[sampling.Row]]:
        fn = SmallestFn()
        halves = [fn.create_accumulator(), fn.create_accumulator()]
        for n, i in enumerate(order):
            labels = [i * 1000 + k for k in range(1000)]
            halves[n % 2] = fn.add_input(halves[n % 2], rows_of(batches[i], labels, {"": values}, [[()]] * 1000))
        return fn.extract_output(fn.merge_accumulators(halves))

    count, rows = sample([0, 1, 2, 3, 4, 5])
    assert (count, len(rows)) == (6000, sampling.N_ROWS)
    assert rows == sample([5, 3, 1, 0, 2, 4])[1]
    assert abs(np.mean([row[1] for row in rows]) - 2999.5) < 100  # uniform: a standard error of 15 to either side
