"""Our statistics against those that TFX's StatisticsGen makes of the same examples."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tfx  # noqa: F401 - before tensorflow_data_validation
from statistics_for_test import N_QUANTILES, batch_of, counted, execute, read, write_examples
from tfx.components.statistics_gen.executor import Executor as TfxExecutor

from waze_data_tfx.data import statistics

SMALL = {
    "km": ("float", [[1.5], None, [float("nan")], [0.0], [2.0, 3.0, -1.0], [0.0], [-2.5], [4.0]]),
    "far": ("float", [[float("inf")], [1.0], [float("-inf")], [2.0], None, [3.0], [float("nan")], [1.0]]),
    "never": ("float", [None] * 8),
    "late": ("int", [None, None, None, None, None, None, [7], [8]]),
    "n": ("int", [[1], [0], None, [7, 8, 9], [], [1], [1], [2**53]]),
    "same": ("int", [[4]] * 8),
    "zone": ("text", [[b"old town"], [b"port"], [b"port"], None, [b"\xff\xfe"], [b"\xff"], ["Zürich".encode()], [b""]]),
    "tags": ("text", [[b"a", b"b"], [b"a"], [], [], None, [b"c"] * 5, [b"b"], [b"a"]]),
    "all empty": ("text", [[], [], None, [], [], [], [], []]),
}


def large(seed: int) -> pa.RecordBatch:
    random = np.random.default_rng(seed)
    present = random.random(5000) < 0.9
    return batch_of(
        {
            "wide": ("float", [[v] if p else None for v, p in zip(random.normal(size=5000), present, strict=True)]),
            "hour": ("int", [[int(v)] for v in random.integers(0, 24, 5000)]),
            "driver": ("text", [[b"d%d" % v] for v in random.zipf(1.5, 5000) % 3000]),
        }
    )


LARGE = [large(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def tfx_statistics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statistics")
    examples = write_examples(folder / "examples", {"small": [batch_of(SMALL)], "large": LARGE, "empty": []})
    made = execute(TfxExecutor, examples, folder / "tfx")
    return {split: read(made, split) for split in ("small", "large", "empty")}


def test_every_field_is_what_tfx_makes_of_the_examples(tfx_statistics):
    found = counted([[batch_of(SMALL)]])
    assert {f.path.step[0] for f in found.datasets[0].features} == set(SMALL)
    assert found == tfx_statistics["small"]


def rounded(made):
    """Return the features with means and deviations to 12 digits: of batches they are summed in another order."""
    copy = type(made).FromString(made.SerializeToString())
    for feature in copy.datasets[0].features:
        if feature.WhichOneof("stats") == "num_stats":
            stats = feature.num_stats
            stats.mean, stats.std_dev = (float(f"{v:.12g}") for v in (stats.mean, stats.std_dev))
    return copy


@pytest.mark.parametrize("shards", [[(0, 3), (3, 8)], [(i, i + 1) for i in range(8)], [(0, 0), (0, 6), (6, 8)]])
def test_shards_together_are_the_whole(tfx_statistics, shards):
    """The column `late` has no value in the first shards, `never` in none."""
    batch = batch_of(SMALL)
    merged = counted([[batch.slice(a, b - a)] for a, b in shards])
    assert rounded(merged) == rounded(tfx_statistics["small"])


@pytest.mark.parametrize("n_batches", [1, 4, 9])
def test_a_shard_may_come_in_any_batches(tfx_statistics, n_batches, monkeypatch):
    monkeypatch.setattr(statistics, "BATCH_ROWS", 5)
    batch, ends = batch_of(SMALL), [8 * i // n_batches for i in range(n_batches + 1)]
    found = counted([[batch.slice(a, b - a) for a, b in pairwise(ends)]])
    assert rounded(found) == rounded(tfx_statistics["small"])


def test_many_rows_are_counted_exactly_and_quantiles_within_the_sketchs_error(tfx_statistics):
    ours, theirs = (
        {f.path.step[0]: f for f in s.datasets[0].features} for s in (counted([[b] for b in LARGE]), tfx_statistics["large"])
    )
    assert ours["driver"] == theirs["driver"]
    for name in ("wide", "hour"):
        mine, other = ours[name].num_stats, theirs[name].num_stats
        assert mine.common_stats == other.common_stats
        assert (mine.min, mine.max, mine.num_zeros) == (other.min, other.max, other.num_zeros)
        assert (mine.mean, mine.std_dev) == pytest.approx((other.mean, other.std_dev), rel=1e-9)
    values = np.sort(np.concatenate([b.column("wide").flatten().to_numpy() for b in LARGE]))
    bounds = [b.high_value for b in ours["wide"].num_stats.histograms[1].buckets]
    assert len(bounds) == N_QUANTILES
    ranks = np.searchsorted(values, bounds, side="right") / len(values)
    assert np.abs(ranks - np.arange(1, 101) / 100).max() <= 0.01  # TFDV's epsilon


def test_a_split_without_examples_is_what_tfx_makes_of_it(tfx_statistics):
    assert counted([]) == counted([[]]) == counted([[batch_of(SMALL).slice(0, 0)]]) == tfx_statistics["empty"]


def test_a_column_of_two_types_is_refused():
    with pytest.raises(TypeError, match="Cannot determine the type of feature n"):
        counted([[batch_of({"n": ("int", [[1]])})], [batch_of({"n": ("float", [[1.0]])})]])


def test_what_is_written_is_read_by_whoever_asks_for_it(tmp_path: Path):
    made = counted([[batch_of(SMALL)]])
    statistics.write(str(tmp_path), "train", made, N_QUANTILES)
    assert statistics.read(str(tmp_path), "train", N_QUANTILES) == made
    assert statistics.read(str(tmp_path), "train", 10) is None
    assert statistics.read(str(tmp_path), "eval", N_QUANTILES) is None


def test_statistics_of_another_tfdv_are_not_taken(tmp_path: Path):
    statistics.write(str(tmp_path), "train", counted([]), N_QUANTILES)
    note = tmp_path / "statistics" / "Split-train" / "made_with.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "tensorflow_data_validation": "1.0.0"}))
    assert statistics.read(str(tmp_path), "train", N_QUANTILES) is None
