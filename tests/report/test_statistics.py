"""Distances of two columns, worked by hand, and StatisticsGen's protobufs read as they are written."""

import itertools
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2 as pb

from waze_data_tfx.report.statistics import Feature, distance, read


def column(*, deciles: list[float] | None = None, values: dict[str, float] | None = None) -> Feature:
    bins = tuple((a, b, 10.0) for a, b in itertools.pairwise(deciles)) if deciles else ()
    return Feature("x", "float" if deciles else "string", 100, 0, {}, bins, bins, values or {}, None)


def test_numbers_by_the_shift_of_their_deciles() -> None:
    before, now = column(deciles=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), column(deciles=[0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 5000])
    far = distance(before, now)
    assert far is not None
    assert far[1] == pytest.approx(2 / 8)  # every inner decile moved by 2; first to last lie 8 apart; the outlier does not count
    same = distance(before, before)
    assert same is not None
    assert same[1] == 0


def test_a_constant_that_became_another_is_as_far_as_can_be() -> None:
    far = distance(column(deciles=[1.0] * 11), column(deciles=[2.0] * 11))
    assert far is not None
    assert far[1] == 1


def test_text_by_the_largest_difference_of_a_share() -> None:
    far = distance(column(values={"a": 3, "b": 1}), column(values={"a": 1, "c": 1}))
    assert far is not None
    assert far[1] == pytest.approx(0.5)  # a: 0.75 -> 0.5, b: 0.25 -> 0, c: 0 -> 0.5


def test_nothing_can_be_said_of_a_column_without_values() -> None:
    assert distance(column(), column(values={"a": 1})) is None


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
