"""StatisticsGen's protobufs read as they are written."""

from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2 as pb

from waze_data_tfx.monitoring.statistics import Feature, read


def test_a_hundred_quantiles_are_ten_deciles() -> None:
    quantiles = tuple((float(i), float(i + 1), 2.0) for i in range(100))
    deciles = Feature("x", "float", 200, 0, {}, (), quantiles, {}, None).deciles
    assert deciles[0] == (0, 10, 20)
    assert (len(deciles), deciles[-1]) == (10, (90, 100, 20))
    assert Feature("x", "float", 6, 0, {}, (), quantiles[:3], {}, None).deciles == quantiles[:3]


def test_statistics_are_read_as_they_are_written(tmp_path: Path) -> None:
    dataset = pb.DatasetFeatureStatistics(num_examples=4)
    feature = dataset.features.add(type=pb.FeatureNameStatistics.FLOAT)
    feature.path.step.append("miles")
    feature.num_stats.common_stats.num_non_missing = 3
    feature.num_stats.mean, feature.num_stats.num_zeros = 2.5, 1
    text = dataset.features.add(name="city", type=pb.FeatureNameStatistics.STRING)
    text.string_stats.common_stats.num_non_missing = 4
    text.string_stats.unique = 2
    for label, count in (("Bern", 1), ("Rome", 3)):
        text.string_stats.rank_histogram.buckets.add(label=label, sample_count=count)
    folder = tmp_path / "Split-train"
    folder.mkdir()
    (folder / "FeatureStats.pb").write_bytes(pb.DatasetFeatureStatisticsList(datasets=[dataset]).SerializeToString())
    [(split, columns)] = read(tmp_path).items()
    assert (split, columns["miles"].missing, columns["miles"].numbers["mean"]) == ("train", 0.25, 2.5)
    assert columns["miles"].numbers["zeros"] == pytest.approx(1 / 3)
    assert list(columns["city"].values.items()) == [("Rome", 3), ("Bern", 1)]
