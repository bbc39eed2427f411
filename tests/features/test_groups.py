"""Every group of the config, from YAML to transformed rows, fitted once; expected values by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx.testing import transform_rows

CONFIG = """\
name: groups
label: y
data: {input: rows.csv}
features:
  dense:
    clipped: {transform: none, clip: [0, 2], impute: 7}
    wins: {transform: none, winsorize: [0, 0.5], impute: most_frequent}
    robust: {transform: robust}
    log: {transform: log, impute: 0}
    log1p: {transform: log1p, impute: zero}
  bucket:
    age: [18, 65]
  vocabulary:
    word: {frequency_threshold: 2}
  hash:
    device: 50
  category:
    hour: 24
    tags: {size: 3, encoding: multi_hot}
  text:
    comment: {top_k: 2, encoding: counts, length: true}
  sequence:
    path: {max_length: 2, separator: ">"}
    speeds: {of: numbers, max_length: 1, keep: last}
  time:
    hour: 24
    start: {cycles: [day, week], utc_offset: 2}
    end: {format: seconds, cycles: [hour]}
  cross:
    when: [age, hour]
  geo:
    home: {at: [lat, lon], cell: 1, top_k: 1}
    trip: {from: [lat, lon], to: [lat2, lon2]}
evaluation:
  metrics: [{name: mae, upper_bound: 1}]
"""
FIRST = {
    "clipped": 5, "wins": 1, "robust": 1, "log": 1, "log1p": 0, "age": 18, "word": "a", "device": "d1", "hour": 6, "tags": "0|2",
    "comment": "x x y", "path": "a>b>a", "speeds": "1|3", "start": "2026-02-16T16:00", "end": 900, "lat": 0, "lon": 0, "lat2": 0,
    "lon2": 90,
}  # fmt: skip
SECOND = {
    "clipped": -1, "wins": 1, "robust": 3, "log": 0, "log1p": math.e - 1, "age": 70, "word": "a", "device": "d2", "hour": 18,
    "tags": "7", "comment": "", "path": "b", "speeds": "5", "start": "no date", "end": 1800, "lat": 0, "lon": 0.5, "lat2": 0,
    "lon2": 0.5,
}  # fmt: skip
THIRD = {**FIRST, "clipped": 1, "wins": 100, "robust": 2, "age": 3, "word": "b", "lat": 50, "comment": "x"}
EMPTY = dict.fromkeys(FIRST)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    file = tmp_path_factory.mktemp("groups") / "groups.yaml"
    file.write_text(CONFIG)
    made = transform_rows(file, [FIRST, SECOND, THIRD, EMPTY])
    return {name: [row[name] for row in made] for name in made[0]}


def test_dense(rows):
    assert rows["clipped"] == [2, 0, 1, 7]
    assert rows["wins"] == [1, 1, 1, 1]  # 1, 1, 100: the median is 1, and the most frequent
    np.testing.assert_allclose(rows["robust"], [-0.5, 0.5, 0, 0], atol=1e-6)  # 1, 2, 3: quartiles 1, 2, 3
    np.testing.assert_allclose(rows["log"], [0, 0, 0, 0], atol=1e-6)  # the logarithm of 0 is missing
    np.testing.assert_allclose(rows["log1p"], [0, 1, 0, 0], atol=1e-6)


def test_ids(rows):
    assert rows["age_bucket"] == [1, 2, 0, 3]
    assert rows["word_vocabulary"] == [0, 0, 1, 2]
    d1, d2 = tft.hash_strings(tf.constant(["d1", "d2"]), 50).numpy()
    assert rows["device_hash"] == [d1, d2, d1, 50]
    assert [np.argmax(row) for row in rows["hour_category"]] == [6, 18, 6, 24]
    assert rows["tags_category"] == [[1, 0, 1, 0], [0, 0, 0, 1], [1, 0, 1, 0], [0, 0, 0, 0]]
    assert rows["home_cell"] == [0, 0, 1, 2]


def test_a_cross_combines_buckets_and_integers(rows):
    # Age's bucket and the hour; with either missing it is 1000.
    expected = tft.hash_strings(tf.constant(["1\x1f6", "2\x1f18", "0\x1f6"]), 1000).numpy()
    assert rows["when_cross"] == [*expected, 1000]


def test_text(rows):
    assert rows["comment_text"] == [[2, 1], [0, 0], [1, 0], [0, 0]]
    # log(1 + 5), 0, log(1 + 1), 0.
    logs = np.array([math.log(6), 0, math.log(2), 0])
    np.testing.assert_allclose(rows["comment_length"], (logs - logs.mean()) / logs.std(), atol=1e-6)


def test_sequences(rows):
    # a comes 4 times, b 3: a 1, b 2.
    assert rows["path_sequence"] == [[1, 2], [2, 0], [1, 2], [0, 0]]
    # 1, 3, 5, 1, 3: mean 2.6, variance 45 / 5 - 2.6^2 = 2.24; the last of each.
    s = math.sqrt(2.24)
    np.testing.assert_allclose(rows["speeds_sequence"], [[0.4 / s], [2.4 / s], [0.4 / s], [0]], atol=1e-6)


def test_times(rows):
    np.testing.assert_allclose(rows["hour_time"], [[1, 0], [-1, 0], [1, 0], [0, 0]], atol=1e-6)
    # Monday, 18:00 by the local clock.
    week = 2 * math.pi * 0.75 / 7
    np.testing.assert_allclose(rows["start_time"][0], [-1, 0, math.sin(week), math.cos(week)], atol=1e-6)
    assert rows["start_time"][1] == rows["start_time"][3] == [0, 0, 0, 0]
    np.testing.assert_allclose(rows["end_time"], [[1, 0], [0, -1], [1, 0], [0, 0]], atol=1e-6)


def test_positions(rows):
    # A quarter of the equator, nothing, and from 50 degrees north a quarter too; a missing distance is at the mean.
    log = math.log1p(6371.0088 * math.pi / 2)
    z = np.array([log, 0, log])
    np.testing.assert_allclose(rows["trip_distance"], [*(z - z.mean()) / z.std(), 0], atol=1e-5)
    np.testing.assert_allclose(rows["trip_bearing"], [[1, 0], [0, 0], [1, 0], [0, 0]], atol=1e-6)


def test_names_are_those_that_the_config_tells(rows):
    from ruamel.yaml import YAML

    from waze_data_tfx.config import Config, names

    config = Config.model_validate(YAML(typ="safe").load(CONFIG))
    assert sorted(rows) == sorted(name for name, _ in names.outputs(config.features))
