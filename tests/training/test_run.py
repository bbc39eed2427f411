"""A run of training on 60 tiny rows, for each task and both generations of Keras, down to the served model."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import functools
import json
import subprocess
import sys

import apache_beam as beam
import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from tfx.components.trainer.fn_args_utils import FnArgs

from waze_data_tfx.config.names import argument_names
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError, UserCodeError, UserError
from waze_data_tfx.features.entry import preprocessing_fn
from waze_data_tfx.training import run
from waze_data_tfx.training.examples import Split, batches, check_labels, class_weights, read_split
from waze_data_tfx.training.export import from_columns, from_examples, predictions

BASE = {
    "name": "t",
    "label": "y",
    "key": "id",
    "data": {"input": "x"},
    "features": {
        "dense": ["miles"],
        "vocabulary": {"company": {}},
        "category": {"hour": {"size": 3, "encoding": "id"}},
        "bucket": {"miles": 4},
    },
    "model": {"hidden_units": [8], "optimizer": {"learning_rate": 0.05}},
    "training": {"epochs": 8, "batch_size": 16, "eval_batch_size": 7},
    "evaluation": {"metrics": [{"name": "mae", "upper_bound": 9}]},
}
TYPES = {"id": tf.string, "company": tf.string, "hour": tf.int64}
N_ROWS = 60


def config_of(task="regression", **changes):
    metric = {"regression": "mae", "binary_classification": "auc", "multiclass_classification": "accuracy"}.get(task, "auc")
    threshold = "upper_bound" if task == "regression" else "lower_bound"
    values = {**BASE, "task": task, "evaluation": {"metrics": [{"name": metric, threshold: 0}]}, **changes}
    if task == "multiclass_classification":
        values.setdefault("n_classes", 3)
    return Config.model_validate(values)


def rows():
    """Miles 0..5 in turns, every seventh missing; the label is 100 times the miles."""
    for i in range(N_ROWS):
        miles = float(i % 6)
        yield {
            "id": [f"trip{i}"],
            "miles": [] if i % 7 == 0 else [miles],
            "company": [["a", "b"][i % 2]],
            "hour": [i % 3],
            "y": [100 * miles],
        }


def example(row, types):
    features = {}
    for name, values in row.items():
        kind = types.get(name, tf.float32)
        if kind == tf.string:
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[v.encode() for v in values]))
        elif kind == tf.int64:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def transform(config, directory):
    types = TYPES if config.task == "regression" else {**TYPES, "y": tf.int64}
    threshold = {"binary_classification": lambda y: int(y >= 300), "multiclass_classification": lambda y: int(y // 200)}
    label = threshold.get(config.task, lambda y: y)
    data = [{**row, "y": [label(row["y"][0])]} for row in rows()]
    metadata = tft.DatasetMetadata.from_feature_spec({n: tf.io.VarLenFeature(types.get(n, tf.float32)) for n in data[0]})
    write_analysis(data, metadata, config, directory)
    return directory


def write_analysis(data, metadata, config, directory):
    """Analyze and transform the rows; write graph/ and data*.gz below the directory, as TFX's Transform does."""
    function = functools.partial(preprocessing_fn, custom_config={"config": config.model_dump_json(by_alias=True)})
    options = PipelineOptions(["--runner=FnApiRunner"])
    with beam.Pipeline(options=options) as pipeline, tft_beam.Context(temp_dir=str(directory / "tmp")):
        raw = pipeline | beam.Create(data)
        (out, out_metadata), fn = (raw, metadata) | tft_beam.AnalyzeAndTransformDataset(function)
        _ = fn | tft_beam.WriteTransformFn(str(directory / "graph"))
        _ = metadata | tft_beam.WriteMetadata(str(directory / "graph" / "metadata"), pipeline)
        coder = tft.coders.ExampleProtoCoder(out_metadata.schema)
        _ = out | beam.Map(coder.encode) | beam.io.WriteToTFRecord(str(directory / "data"), file_name_suffix=".gz")


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory):
    @functools.cache
    def of(task):
        return transform(config_of(task), tmp_path_factory.mktemp(task))

    return of


def train(config, analyzed, tmp_path, **changes):
    args = {
        "train_files": [str(analyzed / "data*")],
        "eval_files": [str(analyzed / "data*")],
        "transform_output": str(analyzed / "graph"),
        "serving_model_dir": str(tmp_path / "serving"),
        "model_run_dir": str(tmp_path / "run"),
        "custom_config": {"config": config.model_dump_json(by_alias=True)},
    }
    run.run_fn(FnArgs(**{**args, **changes}))
    return tmp_path / "serving", json.loads((tmp_path / "run" / "training.json").read_text())


def own_model(tmp_path, body):
    file = tmp_path / "own_model.py"
    file.write_text(body)
    return {"model": file}


RAW = {
    "id": tf.constant(["p", "q", "r"]),
    "miles": tf.constant([4.0, float("nan"), 1.0]),
    "company": tf.constant(["a", "", "z"]),
    "hour": tf.constant([1, tf.int64.min, 2], tf.int64),
}
EXAMPLES = [
    example(row, TYPES)
    for row in (
        {"id": ["p"], "miles": [4.0], "company": ["a"], "hour": [1]},
        {"id": ["q"]},
        {"id": ["r"], "miles": [1.0], "company": ["z"], "hour": [2]},
    )
]


@pytest.fixture(scope="module")
def regression(analyzed, tmp_path_factory):
    config = config_of(model={**BASE["model"], "label_scale": 100.0})
    return train(config, analyzed("regression"), tmp_path_factory.mktemp("run"))


def test_history_counts_rows_epochs_and_parameters(regression):
    record = regression[1]
    assert record["n_train_rows"] == N_ROWS
    assert len(record["epochs"]) == 8
    assert record["epochs"][-1]["loss"] < record["epochs"][0]["loss"] / 2
    assert record["in_memory"]
    # miles 1; company 2 values + unknown + missing = 4 ids * 3; hour 4 * 3; buckets 5 * 4: width 1 + 3 + 3 + 4 = 11;
    # hidden 11 * 8 + 8 = 96; head 9.
    assert record["n_parameters"] == 12 + 12 + 20 + 96 + 9


def test_both_signatures_agree_on_missing_values_and_keep_the_key(regression):
    served = tf.saved_model.load(str(regression[0])).signatures
    parsed = served["serving_default"](examples=tf.constant(EXAMPLES))
    typed = served["raw"](**RAW)
    assert parsed["key"].numpy().tolist() == typed["key"].numpy().tolist() == [b"p", b"q", b"r"]
    np.testing.assert_allclose(parsed["prediction"], typed["prediction"], rtol=1e-5)
    assert set(parsed) == {"key", "prediction"}


def test_a_key_that_is_a_feature_too_is_served_alike_by_both_signatures():
    feature = tf.io.VarLenFeature(tf.int64)

    def predict(raw, keys):
        return {"key": keys, "hour": tf.sparse.to_dense(raw["hour"], -1)[:, 0]}

    parts = {"hour": feature}, {"key": ("hour", feature)}
    parsed = from_examples(predict, *parts)(examples=tf.constant([example({"hour": [3]}, TYPES), example({}, TYPES)]))
    typed = from_columns(predict, *parts)(hour=tf.constant([3, tf.int64.min], tf.int64))
    for outputs in (parsed, typed):
        assert outputs["hour"].numpy().tolist() == [3, -1]
        assert outputs["key"].numpy().tolist() == [3, -(2**63)]


@pytest.mark.parametrize("column", ["_id", "2nd"])
def test_a_column_whose_name_does_not_begin_with_a_letter_is_served(column):
    feature = tf.io.VarLenFeature(tf.string)
    raw = from_columns(lambda raw, keys: {"key": keys}, {}, {"key": (column, feature)})
    assert raw(**{argument_names([column])[column]: tf.constant(["a"])})["key"].numpy().tolist() == [b"a"]


def test_predictions_are_in_the_labels_own_unit(regression):
    # The label is 100 * miles and was learnt divided by 100: without the inverse the prediction would be near 4.
    served = tf.saved_model.load(str(regression[0])).signatures["raw"](**RAW)
    assert 200 < float(served["prediction"][0]) < 600


def test_loads_through_tf_1s_loader_as_bulk_inferrer_and_tfma_do(regression):
    expected = tf.saved_model.load(str(regression[0])).signatures["serving_default"](examples=tf.constant(EXAMPLES))
    assert_tf_1_loads(regression[0], expected["prediction"].numpy())


def assert_tf_1_loads(directory, expected, examples=EXAMPLES):
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(directory)).signature_def["serving_default"]
        feed = {signature.inputs["examples"].name: examples}
        np.testing.assert_allclose(session.run(signature.outputs["prediction"].name, feed), expected, rtol=1e-5)


def test_loads_where_this_package_is_not_imported(regression, tmp_path):
    code = (
        "import sys, tensorflow as tf\n"
        "m = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "print(m(examples=tf.constant([b'', b'']))['prediction'].shape)\n"
        "assert not [n for n in sys.modules if n.startswith(('waze_data_tfx', 'tfx', 'tensorflow_transform', 'keras'))]\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(regression[0])], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(2,)"


def test_the_same_seed_gives_the_same_losses(regression, analyzed, tmp_path):
    config = config_of(model={**BASE["model"], "label_scale": 100.0})
    again = train(config, analyzed("regression"), tmp_path)[1]
    np.testing.assert_allclose([e["loss"] for e in again["epochs"]], [e["loss"] for e in regression[1]["epochs"]], rtol=1e-4)


@pytest.mark.parametrize(("task", "n_classes"), [("binary_classification", 2), ("multiclass_classification", 3)])
def test_classifiers_serve_scores_and_classes(analyzed, tmp_path, task, n_classes):
    directory, _ = train(config_of(task), analyzed(task), tmp_path)
    served = tf.saved_model.load(str(directory)).signatures["serving_default"](examples=tf.constant(EXAMPLES))
    assert served["scores"].shape == (3, n_classes)
    np.testing.assert_allclose(np.sum(served["scores"], axis=1), [1, 1, 1], atol=1e-5)
    np.testing.assert_array_equal(served["classes"], np.argmax(served["scores"], axis=1))
    assert served["classes"].dtype == tf.int64
    expected = served["scores"][:, 1] if n_classes == 2 else served["classes"]
    np.testing.assert_allclose(served["prediction"], expected, atol=1e-6)


TF_KERAS_MODEL = """
import tf_keras
class Own(tf_keras.Model):
    def __init__(self):
        super().__init__()
        self.head = tf_keras.layers.Dense(1)
    def call(self, inputs):
        return self.head(inputs["miles"][:, None])
def build_model(inputs, config):
    return Own()
"""
KERAS_3_COMPILED = """
import keras
def build_model(inputs, config):
    miles = keras.Input((), name="miles")
    model = keras.Model({"miles": miles}, keras.layers.Dense(1)(keras.layers.Reshape((1,))(miles)))
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse", steps_per_execution=3)
    return model
"""


@pytest.mark.parametrize("source", [TF_KERAS_MODEL, KERAS_3_COMPILED])
def test_users_models_of_either_keras_train_and_serve(analyzed, tmp_path, source):
    config = config_of(code=own_model(tmp_path, source), training={"epochs": 2, "batch_size": 16})
    directory, record = train(config, analyzed("regression"), tmp_path)
    assert record["n_parameters"] == 2
    served = tf.saved_model.load(str(directory)).signatures["serving_default"](examples=tf.constant(EXAMPLES))
    assert served["prediction"].shape == (3,)
    assert_tf_1_loads(directory, served["prediction"].numpy())


def test_an_average_of_the_weights_trains(analyzed, tmp_path):
    config = config_of(model={**BASE["model"], "optimizer": {"name": "adamw", "ema": 0.9, "schedule": "cosine"}})
    assert np.isfinite(train(config, analyzed("regression"), tmp_path)[1]["epochs"][-1]["val_loss"])


def test_a_loss_of_nan_is_an_error_with_a_remedy(analyzed, tmp_path):
    config = config_of(model={"hidden_units": [], "loss": "mse", "optimizer": {"name": "sgd", "learning_rate": 1e20}})
    with pytest.raises(UserError, match=r"the loss is (nan|inf) after epoch 1; expected a finite number") as caught:
        train(config, analyzed("regression"), tmp_path)
    assert "learning_rate" in caught.value.hint


def test_an_empty_split_is_named(analyzed, tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "none.gz"), tf.io.TFRecordOptions(compression_type="GZIP")):
        pass
    with pytest.raises(DataError, match="split 'eval': no example to learn from; received 1 files, 0 rows"):
        train(config_of(), analyzed("regression"), tmp_path, eval_files=[str(tmp_path / "none*")])
    with pytest.raises(DataError, match="split 'train': no example to learn from; received 0 files"):
        train(config_of(), analyzed("regression"), tmp_path, train_files=[str(tmp_path / "absent*")])


def test_a_model_that_does_not_fit_the_rows_points_to_the_users_line(analyzed, tmp_path):
    source = TF_KERAS_MODEL.replace('inputs["miles"]', 'inputs["kilometres"]')
    with pytest.raises(UserCodeError, match=r"own_model\.py:8: the model, called on the first rows, raised KeyError: "):
        train(config_of(code=own_model(tmp_path, source)), analyzed("regression"), tmp_path)


class TestSplits:
    def spec(self, analyzed):
        return tft.TFTransformOutput(str(analyzed / "graph")).transformed_feature_spec()

    def test_streamed_rows_are_those_in_memory(self, analyzed):
        directory = analyzed("regression")
        held = read_split("train", [str(directory / "data*")], self.spec(directory), config_of())
        streamed = read_split("train", [str(directory / "data*")], self.spec(directory), config_of(), in_memory_bytes=0)
        assert held.columns is not None
        assert streamed.columns is None
        assert held.n_rows == streamed.n_rows == N_ROWS
        config = config_of(model={"label_scale": 100.0})
        for seed in (None, 1):
            parts = [batches(s, config, dict, label_rank=2, batch_size=16, seed=seed) for s in (held, streamed)]
            labels = [np.concatenate([y.numpy() for _, y in part]) for part in parts]
            assert labels[0].shape == (N_ROWS, 1)
            np.testing.assert_array_equal(np.sort(labels[0], axis=0), np.sort(labels[1], axis=0))
            assert labels[0].max() == 5.0

    def test_each_pass_is_shuffled_anew(self, analyzed):
        directory = analyzed("regression")
        split = read_split("train", [str(directory / "data*")], self.spec(directory), config_of())
        data = batches(split, config_of(), dict, label_rank=1, batch_size=N_ROWS, seed=1)
        first, second = (next(iter(data))[1].numpy() for _ in range(2))
        assert sorted(first) == sorted(second)
        assert (first != second).any()

    def test_labels_that_cannot_be_learnt_from_are_counted(self):
        assert check_labels("train", [np.array([1.0, -1.0]), np.array([[2.0]])], config_of()) == (3, None)
        with pytest.raises(DataError, match=r"split 'train': label 'y': 2 of 4 rows cannot be .*received a missing value"):
            check_labels("train", [np.array([1.0, 2.0]), np.array([np.nan, np.inf])], config_of())
        with pytest.raises(DataError, match=r"1 of 2 rows.*received 3; expected an integer in 0\.\.2"):
            check_labels("train", [np.array([2, 3])], config_of("multiclass_classification"))
        with pytest.raises(DataError, match=r"1 of 2 rows.*received a missing value; expected an integer in 0\.\.1"):
            check_labels("train", [np.array([1, -1])], config_of("binary_classification"))

    def test_the_rate_of_a_count_needs_counts(self):
        message = r"1 of 3 rows.*received -1\.0; expected a finite number of 0 or more, as head poisson needs"
        with pytest.raises(DataError, match=message):
            check_labels("train", [np.array([0.0, -1.0, 2.5])], config_of(model={"head": "poisson"}))

    @pytest.mark.parametrize("in_memory_bytes", [0, 2**30])
    def test_labels_are_checked_when_the_split_is_streamed_too(self, analyzed, in_memory_bytes):
        directory, config = analyzed("regression"), config_of("multiclass_classification")  # labels 0, 100, ..., 500
        with pytest.raises(DataError, match=r"split 'eval': label 'y': 50 of 60 rows.*received 100\.0"):
            read_split("eval", [str(directory / "data*")], self.spec(directory), config, in_memory_bytes=in_memory_bytes)


def test_names_of_classes_are_served():
    binary = predictions(tf.constant([[0.25], [0.5]]), config_of("binary_classification", classes=["no", "yes"]))
    assert binary["classes"].numpy().tolist() == [b"no", b"yes"]
    np.testing.assert_array_equal(binary["prediction"], [0.25, 0.5])
    several = predictions(tf.constant([[0.1, 0.7, 0.2]]), config_of("multiclass_classification", classes=["a", "b", "c"]))
    assert several["classes"].numpy().tolist() == [b"b"]
    assert several["prediction"].numpy().tolist() == [1]


def test_several_classes_per_row_are_served_as_the_label_writes_them():
    config = config_of("multilabel_classification", classes=["a", "b", "c"], label_separator=";")
    served = predictions(tf.constant([[0.5, 0.1, 0.9], [0.1, 0.2, 0.3]]), config)
    assert served["prediction"].numpy().tolist() == [[1, 0, 1], [0, 0, 0]]
    assert served["classes"].numpy().tolist() == [b"a;c", b""]
    np.testing.assert_allclose(served["scores"], [[0.5, 0.1, 0.9], [0.1, 0.2, 0.3]])


class TestWeights:
    COLUMNS = {
        "x": np.arange(6, dtype=np.float32),
        "y": np.array([0, 0, 0, 1, 0, 2]),
        "w": np.array([1, 1, 1, 1, 0.5, 2], np.float32),
    }

    def split(self, config):
        n_rows, n_per_class = check_labels("train", [self.COLUMNS["y"]], config)
        return Split("train", (), {}, self.COLUMNS, n_rows, n_per_class)

    def weights(self, config):
        split = self.split(config)
        [batch] = batches(split, config, dict, label_rank=2, batch_size=6, seed=None, by_class=class_weights(split, config))
        assert set(batch[0]) == {"x"} if config.weight else {"x", "w"}
        return [part.numpy().tolist() for part in batch[2:]]

    def test_balanced_is_scikit_learns_formula(self):
        from sklearn.utils.class_weight import compute_class_weight

        config = config_of("multiclass_classification", training={"class_weights": "balanced"})
        found = class_weights(self.split(config), config)
        np.testing.assert_allclose(found, [6 / (3 * 4), 6 / (3 * 1), 6 / (3 * 1)])
        np.testing.assert_allclose(found, compute_class_weight("balanced", classes=np.arange(3), y=self.COLUMNS["y"]))

    def test_weights_of_rows_and_of_classes_are_multiplied(self):
        by_hand = {"class_weights": {"b": 4.0, "c": 0.25}}
        names = {"classes": ["a", "b", "c"]}
        assert self.weights(config_of("multiclass_classification", weight="w")) == [[1, 1, 1, 1, 0.5, 2]]
        assert self.weights(config_of("multiclass_classification", **names, training=by_hand)) == [[1, 1, 1, 4, 1, 0.25]]
        both = config_of("multiclass_classification", **names, training=by_hand, weight="w")
        assert self.weights(both) == [[1, 1, 1, 4, 0.5, 0.5]]
        assert self.weights(config_of("multiclass_classification")) == []

    def test_a_class_without_a_row_cannot_be_balanced(self):
        config = config_of("multiclass_classification", n_classes=4, training={"class_weights": "balanced"})
        with pytest.raises(DataError, match="no row of split 'train' is of class '3'; expected one"):
            class_weights(self.split(config), config)

    def test_the_loss_is_weighted(self, analyzed, tmp_path):
        """Labels are 100 * miles: a model that sees nothing learns their mean, or what class weights make of it."""
        source = """
import keras
def build_model(inputs, config):
    miles = keras.Input((), name="miles")
    zero = keras.layers.Reshape((1,))(keras.layers.Rescaling(0.0)(miles))
    model = keras.Model({"miles": miles}, keras.layers.Dense(1, activation="sigmoid")(zero))
    return model
"""
        training = {"epochs": 150, "batch_size": 60, "class_weights": {"no": 3.0}}
        config = config_of(
            "binary_classification",
            classes=["no", "yes"],
            code=own_model(tmp_path, source),
            training=training,
            model={"optimizer": {"learning_rate": 0.1}},
        )
        directory, _ = train(config, analyzed("binary_classification"), tmp_path)
        served = tf.saved_model.load(str(directory)).signatures["serving_default"](examples=tf.constant(EXAMPLES))
        # 30 rows of each class, the first weighing 3: 30 / (30 + 90)
        np.testing.assert_allclose(served["prediction"], [0.25] * 3, atol=0.02)
        assert served["classes"].numpy().tolist() == [b"no"] * 3


def test_predictions_by_hand():
    binary = predictions(tf.constant([[0.25], [0.5]]), config_of("binary_classification"))
    np.testing.assert_array_equal(binary["scores"], [[0.75, 0.25], [0.5, 0.5]])
    np.testing.assert_array_equal(binary["classes"], [0, 1])
    np.testing.assert_array_equal(binary["prediction"], [0.25, 0.5])
    many = predictions(tf.constant([[0.1, 0.2, 0.7]]), config_of("multiclass_classification"))
    np.testing.assert_array_equal(many["prediction"], [2])
    scaled = predictions(tf.constant([[2.0], [3.0]]), config_of(model={"label_scale": 10.0}))
    np.testing.assert_array_equal(scaled["prediction"], [20, 30])


def test_a_keras_3_model_must_not_be_held_by_the_module(tmp_path):
    """Pins why export holds raw variables: TF 1's loader does not find those of a held Keras 3 model (3.15, TF 2.21)."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    module = tf.Module()
    module.model_ = model

    def serve(x):
        return {"y": model(x)}

    signature = tf.function(serve).get_concrete_function(tf.TensorSpec([None, 1], name="x"))
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": signature})
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path)).signature_def["serving_default"]
        with pytest.raises(tf.errors.FailedPreconditionError, match="Could not find variable"):
            session.run(loaded.outputs["y"].name, {loaded.inputs["x"].name: [[1.0]]})


def test_odd_column_names_and_required_columns_are_served(tmp_path):
    config = config_of(
        key=None,
        features={"dense": ["trip miles", "fare.per-km"], "vocabulary": {"class": {}}},
        model={"hidden_units": []},
        training={"epochs": 1},
    )
    data = [{"trip miles": [1.0 * i], "fare.per-km": [2.0], "class": ["x"], "y": [1.0]} for i in range(4)]
    types = {"class": tf.string}
    spec = {name: tf.io.FixedLenFeature([1], types.get(name, tf.float32)) for name in data[0]}
    write_analysis(data, tft.DatasetMetadata.from_feature_spec(spec), config, tmp_path)
    directory, _ = train(config, tmp_path, tmp_path)
    served = tf.saved_model.load(str(directory)).signatures
    examples = [example({"trip miles": [3.0], "class": ["x"]}, types), example({}, types)]
    parsed = served["serving_default"](examples=tf.constant(examples))
    nan = float("nan")
    names = {"trip_miles": tf.constant([3.0, nan]), "fare_per_km": tf.constant([nan, nan]), "class_": tf.constant(["x", ""])}
    np.testing.assert_allclose(parsed["prediction"], served["raw"](**names)["prediction"], rtol=1e-5)
    assert set(parsed) == {"prediction"}
