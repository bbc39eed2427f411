"""Robust scaling, winsorizing, most frequent values, text and sequences over one analysis; expected values by hand.

The same rows go through the exported graph at once, one by one, and with everything missing: what is served must be what was
trained on.
"""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

import apache_beam as beam  # isort: skip

from waze_data_tfx import features
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserCodeError
from waze_data_tfx.features import text
from waze_data_tfx.features.inputs import ModelInput

N = None
COLUMNS = {
    "skewed": [0.0, 10.0, 20.0, 30.0, 1000.0, N],
    "same": [5.0, 5.0, 5.0, 5.0, 9.0, N],
    "empty": [N] * 6,
    "word": ["x", "y", "y", N, "z", ""],
    "void": [N] * 6,
    "comment": ["Good trip, good driver!", "bad trip", "good", N, "...", "bad"],
    "path": ["a|b|a", "b", "c| a", N, "|", "a|b|c|d"],
    "speeds": ["1|3", "5", "x|7", N, "", "1|2|3|nan"],
    "latitude": [41.88, 41.881, 41.88, N, 41.88, 100.0],
    "longitude": [-87.63, -87.631, -87.0, -87.63, -87.63, 0.0],
}
FLOATS = ("skewed", "same", "empty", "latitude", "longitude")
SPEC = {name: tf.io.VarLenFeature(tf.float32 if name in FLOATS else tf.string) for name in COLUMNS}


def preprocessing_fn(inputs):
    x = inputs
    return {
        "robust": features.robust(x["skewed"], impute="median"),
        "robust_same": features.robust(x["same"]),
        "robust_empty": features.robust(x["empty"]),
        "winsorized": features.z_score(features.winsorize(x["skewed"], 0, 0.5)),
        "most_frequent": features.impute(x["same"], "most_frequent"),
        "most_frequent_empty": features.impute(x["empty"], "most_frequent"),
        "filled": features.impute_text(x["word"]),
        "filled_void": features.impute_text(x["void"]),
        "filled_constant": features.impute_text(x["word"], "none"),
        "often": features.vocabulary(x["word"], "word", frequency_threshold=2),
        "bag": features.bag_of_words(x["comment"], "bag", top_k=2),
        "pairs": features.bag_of_words(x["comment"], "pairs", top_k=3, ngrams=(2, 2)),
        "counts": features.word_counts(x["comment"], "counts", top_k=6, frequency_threshold=2),
        "weights": features.tf_idf(x["comment"], "weights", top_k=3, frequency_threshold=2),
        "nothing": features.tf_idf(x["void"], "nothing", top_k=2),
        "path": features.sequence_ids(x["path"], "path", max_length=3, top_k=2),
        "path_end": features.sequence_ids(x["path"], "end", max_length=2, keep="last"),
        "speeds": features.sequence_numbers(x["speeds"], max_length=2),
        "cell": features.geo_cell((x["latitude"], x["longitude"]), "home", degrees=0.1, top_k=1),
    }


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tft")
    rows = [{name: [] if v[i] is None else [v[i]] for name, v in COLUMNS.items()} for i in range(6)]
    metadata = tft.DatasetMetadata.from_feature_spec(SPEC)
    with beam.Pipeline(runner="FnApiRunner", argv=[]) as pipeline, tft_beam.Context(temp_dir=str(folder / "tmp")):
        fitted = (pipeline | beam.Create(rows, reshuffle=False), metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        _ = fitted | tft_beam.WriteTransformFn(str(folder / "out"))
    return tft.TFTransformOutput(str(folder / "out"))


def transformed(graph, columns):
    sparse = {}
    for name, values in columns.items():
        there = [i for i, v in enumerate(values) if v is not None]
        indices = np.array([[i, 0] for i in there], np.int64).reshape(-1, 2)
        present = tf.constant([values[i] for i in there], SPEC[name].dtype, shape=[len(there)])
        sparse[name] = tf.SparseTensor(indices, present, [len(values), 1])
    return {name: tensor.numpy() for name, tensor in graph.transform_raw_features(sparse).items()}


@pytest.fixture(scope="module")
def rows(graph):
    return transformed(graph, COLUMNS)


def test_robust_scaling_is_by_median_and_quartiles(rows):
    # Present 0, 10, 20, 30, 1000: quartiles 10, 20, 30; a missing value is the median.
    np.testing.assert_allclose(rows["robust"], [-1, -0.5, 0, 0.5, 49, 0], atol=1e-6)


def test_equal_quartiles_leave_the_distance_from_the_median(rows):
    # Median 5; a missing value is the mean, 29 / 5 = 5.8.
    np.testing.assert_allclose(rows["robust_same"], [0, 0, 0, 0, 4, 0.8], atol=1e-6)
    np.testing.assert_array_equal(rows["robust_empty"], [0] * 6)


def test_winsorizing_sets_what_is_beyond_to_the_quantile(rows):
    # With an open lower side and the median above: 0, 10, 20, 20, 20: mean 14, variance (196 + 16 + 3 * 36) / 5 = 64.
    np.testing.assert_allclose(rows["winsorized"], [-1.75, -0.5, 0.75, 0.75, 0.75, 0], atol=1e-6)


def test_most_frequent_value_fills(rows):
    np.testing.assert_array_equal(rows["most_frequent"], [5, 5, 5, 5, 9, 5])
    np.testing.assert_array_equal(rows["most_frequent_empty"], [0] * 6)
    assert rows["filled"].tolist() == [b"x", b"y", b"y", b"y", b"z", b"y"]
    assert rows["filled_void"].tolist() == [b""] * 6
    assert rows["filled_constant"].tolist() == [b"x", b"y", b"y", b"none", b"z", b"none"]


def test_rare_values_are_out_of_the_vocabulary(rows):
    # Only y comes twice: id 0; x and z are unknown: 1; missing: 2.
    np.testing.assert_array_equal(rows["often"], [1, 0, 0, 2, 1, 2])


def vocabulary(graph, name):
    return graph.vocabulary_by_name(name)


def by_word(graph, matrix, name):
    return {word.decode(): matrix[:, i].tolist() for i, word in enumerate(vocabulary(graph, f"{name}_text"))}


def test_bag_of_words_counts_a_word_once_per_text(graph, rows):
    # good, trip and bad are in two texts each, driver in one; of equals TFT takes the last in the alphabet.
    assert by_word(graph, rows["bag"], "bag") == {"trip": [1, 1, 0, 0, 0, 0], "good": [1, 0, 1, 0, 0, 0]}


def test_each_ngram_of_a_text_once_as_tft_has_them():
    words = tf.ragged.constant([["a", "b", "a"], [], ["b", "b", "b a"], ["a"]]).to_sparse()
    once = text._distinct_ngrams(words, (1, 2), " ").to_list()
    assert once == [[b"a", b"a b", b"b", b"b a"], [], [b"b", b"b b", b"b b a", b"b a"], [b"a"]]
    tfts = tf.RaggedTensor.from_sparse(tft.bag_of_words(words, (1, 2), " ")).to_list()
    assert [sorted(row) for row in once] == [sorted(row) for row in tfts]
    assert text._distinct_ngrams(tf.ragged.constant([[], []], dtype=tf.string).to_sparse(), (1, 1), " ").to_list() == [[], []]


def test_ngrams_are_of_neighbours(graph, rows):
    # good trip, trip good, good driver, bad trip, once each: the last three in the alphabet.
    assert by_word(graph, rows["pairs"], "pairs") == {
        "trip good": [1, 0, 0, 0, 0, 0],
        "good trip": [1, 0, 0, 0, 0, 0],
        "good driver": [1, 0, 0, 0, 0, 0],
    }


def test_word_counts_and_places_that_no_word_has(graph, rows):
    assert rows["counts"].shape == (6, 6)
    assert by_word(graph, rows["counts"], "counts") == {
        "good": [2, 0, 1, 0, 0, 0],
        "trip": [1, 1, 0, 0, 0, 0],
        "bad": [0, 1, 0, 0, 0, 1],
    }
    np.testing.assert_array_equal(rows["counts"][:, 3:], np.zeros((6, 3)))


def test_tf_idf(graph, rows):
    # Each of good, trip, bad is in 2 of 6 texts: idf = 1 + log(7 / 3). The first text has good twice and trip once.
    idf = 1 + math.log(7 / 3)
    expected = {"good": [2 / 3, 0, 1, 0, 0, 0], "trip": [1 / 3, 1 / 2, 0, 0, 0, 0], "bad": [0, 1 / 2, 0, 0, 0, 1]}
    for word, weights in by_word(graph, rows["weights"], "weights").items():
        np.testing.assert_allclose(weights, [tf_ * idf for tf_ in expected.pop(word)], atol=1e-5)
    assert not expected
    np.testing.assert_array_equal(rows["nothing"], np.zeros((6, 2)))


def test_sequences_of_ids(graph, rows):
    # a comes 4 times, b 3, c 2, d 1. With two kept: a 1, b 2, unknown 3; 0 is padding.
    np.testing.assert_array_equal(rows["path"], [[1, 2, 1], [2, 0, 0], [3, 1, 0], [0, 0, 0], [0, 0, 0], [1, 2, 3]])
    # All kept: a 1, b 2, c 3, d 4; the last two of each.
    np.testing.assert_array_equal(rows["path_end"], [[2, 1], [2, 0], [3, 1], [0, 0], [0, 0], [3, 4]])


def test_sequences_of_numbers(rows):
    # 1, 3, 5, 7, 1, 2, 3: mean 22 / 7, variance 98 / 7 - (22 / 7)^2 = 202 / 49; x is no number, and neither is nan.
    def z(x):
        return (x - 22 / 7) / math.sqrt(202 / 49)

    expected = [[z(1), z(3)], [z(5), 0], [0, z(7)], [0, 0], [0, 0], [z(1), z(2)]]
    np.testing.assert_allclose(rows["speeds"], expected, atol=1e-6)


def test_cells_are_a_vocabulary(rows):
    # The first, second and fifth lie in one cell; the third in another: unknown; no latitude, and one beyond the pole: missing.
    np.testing.assert_array_equal(rows["cell"], [0, 0, 1, 2, 0, 2])


def test_a_row_alone_and_a_row_without_values_are_served_alike(graph, rows):
    for i in range(6):
        alone = transformed(graph, {name: [values[i]] for name, values in COLUMNS.items()})
        for name, values in alone.items():
            np.testing.assert_allclose(values[0], rows[name][i], atol=1e-6) if values.dtype != object else None
            assert values.dtype != object or values[0] == rows[name][i]
    missing = transformed(graph, {name: [N] for name in COLUMNS})
    # The fourth row has no text either.
    for name in ("bag", "pairs", "counts", "weights", "path", "speeds", "cell", "filled"):
        np.testing.assert_array_equal(missing[name][0], rows[name][3])


def test_unseen_values(graph):
    unseen = {name: [1e30 if name in FLOATS else "never seen|1e400"] for name in COLUMNS}
    made = transformed(graph, unseen)
    assert made["often"].tolist() == [1]
    assert made["path"].tolist() == [[3, 3, 0]]
    assert made["winsorized"].tolist() == [0.75]
    assert made["cell"].tolist() == [2]
    for name in ("bag", "counts", "weights", "speeds"):
        np.testing.assert_array_equal(made[name], np.zeros_like(made[name]))


def test_what_a_model_gets(graph):
    config = {"name": "t", "label": "y", "data": {"input": "x"}, "features": {"dense": ["a"]}}
    config["evaluation"] = {"metrics": [{"name": "mae", "upper_bound": 9}]}
    schema = graph.transformed_metadata.schema
    kept = [f for f in schema.feature if not f.name.startswith("filled")]
    del schema.feature[:]
    schema.feature.extend(kept)
    inputs = features.model_inputs(schema, Config.model_validate(config))
    assert inputs["path"] == ModelInput("path", "id", 3, 4, 2)
    assert inputs["path_end"] == ModelInput("path_end", "id", 2, 6, 2)
    assert inputs["speeds"] == ModelInput("speeds", "dense", 2, None, 2)
    assert inputs["counts"] == ModelInput("counts", "dense", 6, None, 2)
    assert inputs["cell"] == ModelInput("cell", "id", 1, 3)


def test_ngrams_in_order():
    with pytest.raises(UserCodeError, match=r"text 'c': expected ngrams 1 <= shortest <= longest; received \(2, 1\)"):
        features.bag_of_words(tf.constant(["a"]), "c", ngrams=(2, 1))
