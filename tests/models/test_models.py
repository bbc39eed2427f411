import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import keras
import pytest
import tensorflow as tf
import tf_keras

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserCodeError, UserError
from waze_data_tfx.features.inputs import ModelInput
from waze_data_tfx.models import dnn_regressor, ready_made
from waze_data_tfx.models.building import build_model, check_outputs, feeder, library_of
from waze_data_tfx.models.compiling import compile_model
from waze_data_tfx.models.inputs import embedding_dim

INPUTS = {
    "a": ModelInput("a", "dense", 1),
    "hot": ModelInput("hot", "dense", 4, None, 2),
    "id": ModelInput("id", "id", 1, 6),
    "ids": ModelInput("ids", "id", 2, 3, 2),
}
BATCH = {
    "a": tf.constant([0.5, 1.0]),
    "hot": tf.one_hot([0, 3], 4),
    "id": tf.constant([0, 5], tf.int64),
    "ids": tf.constant([[0, 2], [1, 1]], tf.int64),
}
METRIC = {"regression": "mae", "binary_classification": "auc", "multiclass_classification": "accuracy"}


def config_of(task="regression", model=None, code=None, n_classes=None):
    threshold = "upper_bound" if task == "regression" else "lower_bound"
    return Config.model_validate(
        {
            "name": "t",
            "label": "y",
            "task": task,
            "n_classes": n_classes,
            "data": {"input": "x"},
            "features": {"dense": ["a"]},
            "model": model or {},
            "code": code or {},
            "evaluation": {"metrics": [{"name": METRIC[task], threshold: 0}]},
        }
    )


def test_embedding_dim_rule():
    # 1.6 * 6 ** 0.56 = 1.6 * 2.727 = 4.36; 1.6 * 1000 ** 0.56 = 76.6, capped.
    assert [embedding_dim(n) for n in (1, 6, 1000)] == [2, 4, 32]


def test_dnn_shapes_and_parameters():
    config = config_of(model={"hidden_units": [5], "dropout": 0.5})
    model = ready_made(config)(INPUTS, config)
    assert model(BATCH).shape == (2, 1)
    # Embeddings: id 6 * 4 = 24; ids 3 * 3 = 9 (1.6 * 3 ** 0.56 = 2.96), two of them flattened. Width 1 + 4 + 4 + 6 = 15;
    # hidden 15 * 5 + 5 = 80; head 5 + 1 = 6.
    assert model.count_params() == 24 + 9 + 80 + 6


def test_embedding_dim_of_the_config_wins():
    model = dnn_regressor([INPUTS["id"]], hidden_units=[], embedding_dim=2)
    assert model.count_params() == 6 * 2 + 2 + 1


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"loss": "huberr"}, "model.loss: unknown loss 'huberr'.*did you mean 'huber'"),
        ({"metrics": ["maee"]}, "model.metrics: unknown metric 'maee'.*did you mean 'mae'"),
        ({"activation": "rellu"}, "model.activation: unknown activation 'rellu'.*did you mean 'relu'"),
    ],
)
def test_wrong_settings_are_named(model, message):
    config = config_of(model=model)
    with pytest.raises(UserError, match=message):
        compile_model(build_model(INPUTS, config), config, 10)


@pytest.mark.parametrize("library", [keras, tf_keras])
def test_compiles_either_keras_with_its_own_optimizer(library):
    settings = {"name": "adamw", "learning_rate": 0.5, "schedule": "cosine", "weight_decay": 0.25, "ema": 0.9}
    config = config_of(model={"optimizer": settings, "loss": "huber"})
    model = library.Sequential([library.layers.Dense(1)])
    compile_model(model, config, 100)
    assert isinstance(model.optimizer, library.optimizers.AdamW)
    assert model.optimizer.weight_decay == 0.25
    assert model.optimizer.use_ema
    # Half-way through a cosine the rate is half.
    schedule = library.optimizers.schedules.CosineDecay(0.5, 100)
    assert float(schedule(50)) == pytest.approx(0.25)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.5)


def test_a_compiled_model_is_left_alone():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    assert isinstance(compile_model(model, config_of(), 10).optimizer, keras.optimizers.SGD)


class TestUsersModel:
    def build(self, tmp_path, body):
        file = tmp_path / "own_model.py"
        file.write_text(f"import keras\n{body}\n")
        return build_model({"a": INPUTS["a"]}, config_of(code={"model": file}))

    def test_either_keras_is_accepted(self, tmp_path):
        assert library_of(self.build(tmp_path, "def build_model(inputs, config): return keras.Sequential([])")) is keras
        body = "import tf_keras\ndef build_model(inputs): return tf_keras.Sequential([])"
        assert library_of(self.build(tmp_path, body)) is tf_keras

    @pytest.mark.parametrize("returned", ["None", "keras.layers.Dense", "keras.layers.Dense(1)"])
    def test_anything_else_is_refused(self, tmp_path, returned):
        with pytest.raises(UserCodeError, match=r"own_model\.py:\d+: build_model: received .*expected a keras\.Model"):
            self.build(tmp_path, f"def build_model(inputs, config): return {returned}")

    def test_an_exception_points_to_the_users_line(self, tmp_path):
        with pytest.raises(UserCodeError, match=r"own_model\.py:3: build_model raised KeyError: 'b'"):
            self.build(tmp_path, "def build_model(inputs, config):\n    return inputs['b']")


@pytest.mark.parametrize("library", [keras, tf_keras])
def test_feeder_arranges_as_the_model_declares(library):
    a, b = library.Input((1,), name="a"), library.Input((1,), name="b")
    features = {"a": 1, "b": 2, "c": 3}
    names = list(features)
    dense = library.layers.Dense(1)
    assert feeder(library.Model({"a": a}, dense(a)), names, config_of())(features) == {"a": 1}
    assert feeder(library.Model([b, a], dense(a + b)), names, config_of())(features) == [2, 1]
    assert feeder(library.Model(b, dense(b)), names, config_of())(features) == 2
    z = library.Input((1,), name="cc")
    with pytest.raises(UserCodeError, match="unknown model input 'cc'; known: a, b, c; did you mean 'c'"):
        feeder(library.Model([z], dense(z)), names, config_of())


@pytest.mark.parametrize(
    ("task", "shape", "message"),
    [
        ("regression", (None, 2), r"output has shape \[n, 2\]; expected \[n\] or \[n, 1\] for task regression"),
        ("binary_classification", (None, 2), "the probability of class 1"),
        ("multiclass_classification", (None, 4), r"expected \[n, 3\] probabilities"),
    ],
)
def test_outputs_must_fit_the_task(task, shape, message):
    config = config_of(task, n_classes=3 if task.startswith("multi") else None)
    with pytest.raises(UserCodeError, match=message):
        check_outputs(shape, config)
