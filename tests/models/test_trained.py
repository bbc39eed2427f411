"""Every type of model and head, trained for a few steps on one transform's output, exported and asked through its signatures."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from training.test_run import assert_tf_1_loads, example, train, write_analysis

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserError
from waze_data_tfx.features.inputs import model_inputs
from waze_data_tfx.models.building import build_model, feeder

FEATURES = {
    "dense": ["miles"],
    "vocabulary": {"company": {}},
    "category": {"hour": 3},
    "bucket": {"miles": 4},
    "sequence": {"stops": {"max_length": 5}, "speeds": {"of": "numbers", "max_length": 5}},
}
TOWERS = {"query": ["miles", "stops_sequence"], "candidate": ["company_vocabulary", "hour_category"]}
TYPES = {"id": tf.string, "company": tf.string, "hour": tf.int64, "stops": tf.string, "speeds": tf.string}
N_ROWS = 60


def config_of(**model):
    return Config.model_validate(
        {
            "name": "t",
            "label": "y",
            "key": "id",
            "data": {"input": "x"},
            "features": FEATURES,
            "model": {"label_scale": 10.0, "optimizer": {"learning_rate": 0.05}, **model},
            "training": {"epochs": 3, "batch_size": 16},
            "evaluation": {"metrics": [{"name": "mae", "upper_bound": 9}]},
        }
    )


def rows():
    for i in range(N_ROWS):
        miles = i % 6
        yield {
            "id": [f"trip{i}"],
            "miles": [float(miles)],
            "company": [["a", "b"][i % 2]],
            "hour": [i % 3],
            "stops": ["|".join("pqrstu"[: i % 4])],
            "speeds": ["|".join(str(10 * n) for n in range(i % 4))],
            "y": [10.0 * miles],
        }


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("analyzed")
    data = list(rows())
    metadata = tft.DatasetMetadata.from_feature_spec({n: tf.io.VarLenFeature(TYPES.get(n, tf.float32)) for n in data[0]})
    write_analysis(data, metadata, config_of(), directory)
    return directory


EXAMPLES = [
    example({"id": ["p"], "miles": [4.0], "company": ["a"], "hour": [1], "stops": ["q|p|r"], "speeds": ["20|0|30"]}, TYPES),
    example({"id": ["q"]}, TYPES),
    example({"id": ["r"], "miles": [1.0], "company": ["z"], "hour": [2], "stops": ["zz"], "speeds": ["7"]}, TYPES),
]
RAW = {
    "id": tf.constant(["p", "q", "r"]),
    "miles": tf.constant([4.0, float("nan"), 1.0]),
    "company": tf.constant(["a", "", "z"]),
    "hour": tf.constant([1, tf.int64.min, 2], tf.int64),
    "stops": tf.constant(["q|p|r", "", "zz"]),
    "speeds": tf.constant(["20|0|30", "", "7"]),
}
SETTINGS = {
    "linear": {},
    "dnn": {"batch_norm": True, "dropout": 0.1, "l2": 0.01},
    "wide_deep": {},
    "deep_cross": {"cross_rank": 2},
    "two_tower": {"towers": TOWERS, "tower_dim": 4},
    "rnn": {"cell": "gru", "bidirectional": True},
    "cnn": {"sequence_columns": ["stops_sequence"]},
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_each_type_learns_and_serves_what_keras_says(kind, analyzed, tmp_path, monkeypatch):
    config = config_of(type=kind, **SETTINGS[kind])
    models = []
    monkeypatch.setattr("waze_data_tfx.training.run.build_model", lambda *a: models.append(build_model(*a)) or models[0])
    directory, record = train(config, analyzed, tmp_path)
    losses = [epoch["loss"] for epoch in record["epochs"]]
    assert losses[-1] < losses[0]
    served = tf.saved_model.load(str(directory)).signatures
    parsed, typed = served["serving_default"](examples=tf.constant(EXAMPLES)), served["raw"](**RAW)
    np.testing.assert_allclose(parsed["prediction"], typed["prediction"], rtol=1e-5, atol=1e-5)
    graph = tft.TFTransformOutput(str(analyzed / "graph"))
    spec = graph.raw_feature_spec()
    features = graph.transform_features_layer()(tf.io.parse_example(EXAMPLES, spec))
    inputs = model_inputs(graph, config)
    direct = models[0](feeder(models[0], list(inputs), config)({n: features[n] for n in inputs}), training=False)
    np.testing.assert_allclose(parsed["prediction"], 10.0 * np.ravel(direct), rtol=1e-4, atol=1e-4)
    assert np.ptp(parsed["prediction"]) > 1e-3
    assert_tf_1_loads(directory, parsed["prediction"].numpy(), EXAMPLES)
    assert set(served) == {"serving_default", "raw", *({"query", "candidate"} if kind == "two_tower" else ())}
    if kind == "two_tower":
        check_towers(served, parsed, models[0])


def check_towers(served, parsed, model):
    """The towers' vectors, made from examples that hold their own columns only, give the pair's score."""
    query = served["query"](examples=tf.constant([example({"id": ["p"], "miles": [4.0], "stops": ["q|p|r"]}, TYPES)]))
    candidate = served["candidate"](examples=tf.constant([example({"company": ["a"], "hour": [1]}, TYPES)]))
    assert set(query) == {"key", "embedding"}
    assert query["key"].numpy().tolist() == [b"p"]
    assert candidate["key"].numpy().tolist() == [b""]
    a, b = query["embedding"].numpy()[0], candidate["embedding"].numpy()[0]
    assert a.shape == (4,)
    np.testing.assert_allclose([a @ a, b @ b], [1, 1], rtol=1e-5)
    scale, bias = (float(np.ravel(w)[0]) for w in model.get_layer("score").get_weights())
    np.testing.assert_allclose(float(parsed["prediction"][0]), 10.0 * (scale * (a @ b) + bias), rtol=1e-4)


def test_quantiles_are_served_beside_the_median_and_in_the_labels_unit(analyzed, tmp_path):
    config = config_of(head="quantile", quantiles=[0.25, 0.5, 0.75, 0.9], hidden_units=[8])
    directory, _ = train(config, analyzed, tmp_path)
    served = tf.saved_model.load(str(directory)).signatures
    parsed, typed = served["serving_default"](examples=tf.constant(EXAMPLES)), served["raw"](**RAW)
    assert parsed["quantiles"].shape == (3, 4)
    np.testing.assert_allclose(parsed["quantiles"], typed["quantiles"], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(parsed["prediction"], parsed["quantiles"][:, 1])
    assert (np.diff(parsed["quantiles"], axis=1) >= 0).all()
    # Labels are 0..50 and learnt divided by 10: without the inverse no quantile would exceed 10 or so.
    assert float(np.max(parsed["quantiles"])) > 10


def test_a_rate_is_never_negative(analyzed, tmp_path):
    directory, record = train(config_of(head="poisson", type="linear"), analyzed, tmp_path)
    served = tf.saved_model.load(str(directory)).signatures["serving_default"](examples=tf.constant(EXAMPLES))
    assert float(np.min(served["prediction"])) > 0
    losses = [epoch["loss"] for epoch in record["epochs"]]
    assert losses[-1] < losses[0]


def test_a_build_model_of_ones_own_that_returns_two_towers_is_exported_with_them(analyzed, tmp_path):
    file = tmp_path / "own_model.py"
    file.write_text(
        "from waze_data_tfx.models import two_tower_regressor\n"
        "def build_model(inputs, config):\n"
        "    return two_tower_regressor([inputs['miles']], [inputs['hour_category']], tower_dim=3, hidden_units=[])\n"
    )
    config = config_of().model_copy(update={"code": config_of().code.model_copy(update={"model": file})})
    directory, _ = train(config, analyzed, tmp_path)
    query = tf.saved_model.load(str(directory)).signatures["query"](examples=tf.constant(EXAMPLES))
    assert query["embedding"].shape == (3, 3)


class TestColumns:
    """Which outputs a type takes by default, and what is said of others."""

    def inputs(self, analyzed):
        return model_inputs(tft.TFTransformOutput(str(analyzed / "graph")), config_of())

    def test_wide_takes_ids_and_one_hot_but_no_sequence(self, analyzed):
        from waze_data_tfx.models.columns import columns_of

        inputs = self.inputs(analyzed)
        found = columns_of(inputs, config_of(type="wide_deep"))
        assert sorted(found["wide_columns"]) == ["company_vocabulary", "hour_category", "miles_bucket"]
        assert found["deep_columns"] == inputs

    def test_an_output_of_a_preprocessing_fn_that_is_not_there(self, analyzed):
        config = config_of(deep_columns=["miles"])
        wrong = config.model_copy(update={"model": config.model.model_copy(update={"deep_columns": ("mils",)})})
        with pytest.raises(UserError, match=r"model\.deep_columns: unknown output 'mils'; known: .*did you mean 'miles'"):
            build_model(self.inputs(analyzed), wrong)

    def test_a_sequence_model_without_a_sequence(self, analyzed):
        inputs = {name: x for name, x in self.inputs(analyzed).items() if "sequence" not in name}
        with pytest.raises(UserError, match=r"model\.sequence_columns: no output fits; known: company_vocabulary, "):
            build_model(inputs, config_of(type="rnn"))
