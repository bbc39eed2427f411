"""Each architecture with weights set by hand, against numbers worked beside the assertion."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import inspect
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx import models
from waze_data_tfx.config.model import READS, Model
from waze_data_tfx.errors import UserError
from waze_data_tfx.features.inputs import ModelInput
from waze_data_tfx.models import heads
from waze_data_tfx.models.two_tower import towers

A = ModelInput("a", "dense", 1)
PAIR = ModelInput("pair", "dense", 2, None, 2)
ID = ModelInput("id", "id", 1, 3)
STOPS = ModelInput("stops", "id", 4, 5, 2)
SPEEDS = ModelInput("speeds", "dense", 4, None, 2)


def set_weights(model, **weights):
    for name, values in weights.items():
        model.get_layer(name).set_weights([np.asarray(v, "float32") for v in values])


def f32(*rows):
    return tf.constant(rows, tf.float32)


def i64(*rows):
    return tf.constant(rows, tf.int64)


def test_linear_is_a_sum_of_weights_that_are_zero_at_first():
    model = models.linear_regressor([A, ID])
    batch = {"a": tf.constant([2.0, 3.0]), "id": i64(0, 2)}
    np.testing.assert_array_equal(model(batch), [[0], [0]])
    dense, ids = (layer.name for layer in model.layers if isinstance(layer, keras.layers.Dense | keras.layers.Embedding))
    set_weights(model, **{dense: [[[10.0]]], ids: [[[1.0], [2.0], [3.0]]], "bias": [[0.5]]})
    # 10 * 2 + 1 + 0.5 and 10 * 3 + 3 + 0.5.
    np.testing.assert_allclose(model(batch), [[21.5], [33.5]])


def test_linear_sums_the_weights_of_several_ids():
    model = models.linear_regressor([STOPS])
    [ids] = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    set_weights(model, **{ids: [[[0.0], [1.0], [2.0], [4.0], [8.0]]]})
    np.testing.assert_allclose(model({"stops": i64([1, 3, 0, 0], [4, 4, 1, 0])}), [[5], [17]])  # 1 + 4; 8 + 8 + 1


def test_wide_and_deep_add_their_logits():
    model = models.wide_deep_regressor(wide_columns=[ID], deep_columns=[A], hidden_units=[])
    [ids] = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    set_weights(model, **{ids: [[[1.0], [2.0], [3.0]]], "head": [[[10.0]], [0.5]]})
    np.testing.assert_allclose(model({"a": tf.constant([2.0]), "id": i64(2)}), [[3 + 10 * 2 + 0.5]])


def test_cross_layer():
    model = models.deep_cross_regressor([PAIR], hidden_units=[], n_cross_layers=2)
    w, b = [[1.0, 2.0], [0.0, -1.0]], [1.0, 0.0]
    set_weights(model, cross_0=[w, b], cross_1=[w, b], head=[[[1.0], [100.0]], [0.0]])
    # x0 = (2, 3). x0 W + b = (2 + 1, 4 - 3) = (3, 1); x1 = x0 * (3, 1) + x0 = (8, 6).
    # x1 W + b = (8 + 1, 16 - 6) = (9, 10); x2 = (2 * 9, 3 * 10) + (8, 6) = (26, 36).
    np.testing.assert_allclose(model({"pair": f32([2, 3])}), [[26 + 3600]])


def test_cross_layer_of_low_rank():
    model = models.deep_cross_regressor([PAIR], hidden_units=[], n_cross_layers=1, cross_rank=1)
    set_weights(model, cross_0_v=[[[1.0], [2.0]]], cross_0=[[[1.0, -1.0]], [0.0, 1.0]], head=[[[1.0], [100.0]], [0.0]])
    # x0 = (2, 3): V gives 8; U and b give (8, -7); x1 = (16, -21) + (2, 3) = (18, -18).
    np.testing.assert_allclose(model({"pair": f32([2, 3])}), [[18 - 1800]])


def test_deep_cross_joins_both_parts():
    model = models.deep_cross_regressor([PAIR], hidden_units=[3])
    assert model.get_layer("head").kernel.shape == (2 + 3, 1)


def test_tower_score():
    other = ModelInput("other", "dense", 2, None, 2)
    model = models.two_tower_regressor([PAIR], [other], hidden_units=[], tower_dim=2)
    eye = [np.eye(2), np.zeros(2)]
    for tower in towers(model).values():
        [dense] = [layer for layer in tower.layers if isinstance(layer, keras.layers.Dense)]
        dense.set_weights(eye)
    set_weights(model, score=[[[5.0]], [1.0]])
    # (3, 4) / 5 = (0.6, 0.8); (0, 2) / 2 = (0, 1): cosine 0.8. Opposite vectors: -1.
    batch = {"pair": f32([3, 4], [1, 0]), "other": f32([0, 2], [-7, 0])}
    np.testing.assert_allclose(model(batch), [[5 * 0.8 + 1], [-5 + 1]], rtol=1e-6)
    query, candidate = towers(model).values()
    np.testing.assert_allclose(query({"pair": batch["pair"]}), [[0.6, 0.8], [1, 0]], rtol=1e-6)
    np.testing.assert_allclose(candidate({"other": batch["other"]}), [[0, 1], [-1, 0]], rtol=1e-6)


def test_two_towers_have_one_score():
    with pytest.raises(UserError, match="one score per pair; received a task or head of 3 numbers"):
        models.two_tower_regressor([A], [PAIR], head="quantile")


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_recurrent_cell_does_not_see_padding(cell, bidirectional):
    settings = {"cell": cell, "bidirectional": bidirectional, "rnn_units": 3, "hidden_units": []}
    check_padding(models.rnn_regressor, settings)


def test_a_convolution_does_not_see_padding():
    check_padding(models.cnn_regressor, {"filters": 3, "hidden_units": []})


def check_padding(builder, settings):
    """The same weights with room for 4 steps and for 2 give the same for two steps; and the steps' values and order count."""
    keras.utils.set_random_seed(1)
    long = builder([STOPS, SPEEDS], [A], **settings)
    two = {"stops": ModelInput("stops", "id", 2, 5, 2), "speeds": ModelInput("speeds", "dense", 2, None, 2)}
    short = builder(two, [A], **settings)
    short.set_weights(long.get_weights())
    a = tf.constant([1.0, 1.0])
    padded = {"stops": i64([3, 4, 0, 0], [4, 3, 0, 0]), "speeds": f32([0, -1, 0, 0], [-1, 0, 0, 0]), "a": a}
    cut = {"stops": padded["stops"][:, :2], "speeds": padded["speeds"][:, :2], "a": a}
    np.testing.assert_allclose(long(padded), short(cut), rtol=1e-5)
    first, second = np.asarray(long(padded)).ravel()
    assert abs(first - second) > 1e-4
    empty = {"stops": i64([0] * 4), "speeds": f32([0] * 4), "a": tf.constant([1.0])}
    assert np.isfinite(long(empty)).all()


def test_a_convolutions_filter_by_hand():
    one = ModelInput("speeds", "dense", 4, None, 2)
    model = models.cnn_regressor([one], filters=1, kernel_size=3, hidden_units=[], activation="linear")
    [convolution] = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D)]
    convolution.set_weights([np.asarray([[[1.0]], [[10.0]], [[100.0]]]), np.asarray([0.5])])
    set_weights(model, head=[[[1.0]], [0.0]])
    # Row 1: -1, -2, then padding: -10 - 200 = -210 and -1 - 20 = -21; the greatest -21 + 0.5, not the padding's 0.5 - 2.
    # Row 2: 1, 0, 3: 10, 1 + 300 = 301, 30; 301.5. Row 3: no step, 0.
    rows = f32([-1, -2, 0, 0], [1, 0, 3, 0], [0, 0, 0, 0])
    np.testing.assert_allclose(model({"speeds": rows}), [[-20.5], [301.5], [0]])


def test_sequences_are_read_side_by_side():
    three = ModelInput("three", "id", 3, 5, 2)
    with pytest.raises(UserError, match="they need one length; received stops 4, three 3; give them one max_length"):
        models.rnn_regressor([STOPS, three])
    with pytest.raises(UserError, match=r"'a' has one value per row; expected a sequence \[n, n_steps\]"):
        models.rnn_regressor([A])


class TestHeads:
    def test_poisson_rate_stays_finite_and_positive(self):
        # exp(2) = 7.389; clipped at exp(20) = 4.85e8 and exp(-20) = 2.06e-9.
        np.testing.assert_allclose(
            heads.poisson_rate(f32([2], [1e6], [-1e6])), [[7.389056], [4.8516520e8], [2.0611536e-9]], rtol=1e-5
        )

    def test_quantiles_cannot_cross(self):
        z = np.random.default_rng(0).normal(0, 20, (500, 3)).astype("float32")
        assert (np.diff(heads.ascending(tf.constant(z)), axis=1) >= 0).all()
        # 1; 1 + log(1 + e^0) = 1.6931; 1.6931 + log(1 + e^-1) = 2.0064.
        np.testing.assert_allclose(heads.ascending(f32([1, 0, -1])), [[1, 1.693147, 2.006409]], rtol=1e-5)

    def test_pinball_loss(self):
        loss = heads.pinball_loss((0.1, 0.5, 0.9))
        # Label 10, predictions 8, 11, 12: 0.1 * 2 = 0.2, 0.5 * 1 = 0.5, (0.9 - 1) * -2 = 0.2; mean 0.3.
        # Label 0, predictions 0, 2, -1: 0, 0.5 * 2 = 1, 0.9 * 1 = 0.9; mean 0.63333.
        values = loss(f32([10], [0]), f32([8, 11, 12], [0, 2, -1]))
        np.testing.assert_allclose(values, [0.3, 1.9 / 3], rtol=1e-6)

    def test_classes_and_labels(self):
        batch = {"a": tf.constant([1.0, -2.0])}
        keras.utils.set_random_seed(1)
        assert models.dnn_classifier([A])(batch).shape == (2, 1)
        np.testing.assert_allclose(np.sum(models.dnn_classifier([A], n_classes=3)(batch), axis=1), [1, 1], rtol=1e-5)
        model = models.linear_classifier([A], n_labels=2)
        [dense] = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        set_weights(model, **{dense: [[[1.0, 0.0]]], "bias": [[0.0, 2.0]]})
        one, two = 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-2))
        np.testing.assert_allclose(model(batch), [[one, two], [1 - two, two]], rtol=1e-5)


class TestPythonSettings:
    def test_every_default_is_the_configs(self):
        for name in models.MODELS:
            parameters = inspect.signature(getattr(models, name)).parameters
            settings = {n: p.default for n, p in parameters.items() if n in Model.model_fields and not n.endswith("_columns")}
            assert settings == {n: Model.model_fields[n].default for n in settings}
            kind = name.rpartition("_")[0]
            heads_own = {"head", "quantiles"} if name.endswith("regressor") else set()
            columns = {"wide_columns", "deep_columns", "sequence_columns", "towers"}
            assert set(settings) == {*READS[kind], *heads_own} - columns

    def test_help_says_what_each_setting_means(self):
        text = inspect.getdoc(models.rnn_regressor)
        assert "rnn_units: Units of the recurrent cell, per direction." in text
        assert "sequence_columns: ModelInputs" in text

    def test_the_keywords_of_the_wrapper_at_waze(self):
        model = models.dnn_regressor(deep_columns={"a": A}, hidden_units=(6, 3), activation="relu")
        assert model.count_params() == (6 + 6) + (6 * 3 + 3) + (3 + 1)

    def test_a_section_gives_what_no_keyword_says(self):
        settings = Model(hidden_units=(5, 5), activation="tanh")
        model = models.dnn_regressor([A], settings=settings, hidden_units=(2,))
        assert model.count_params() == (2 + 2) + (2 + 1)
        assert model.layers[-2].activation is keras.activations.tanh

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: models.dnn_regressor([A], hiden_units=(3,)), "unknown setting 'hiden_units'.*did you mean 'hidden_units'"),
            (lambda: models.dnn_regressor([A], n_cross_layers=3), "dnn: unknown setting 'n_cross_layers'"),
            (lambda: models.dnn_classifier([A], head="poisson"), "dnn: unknown setting 'head'"),
            (lambda: models.dnn_regressor([A], dropout=2), "dnn: dropout: input should be less than 1; received 2"),
            (lambda: models.dnn_regressor([A], head="quantile", quantiles=(0.9, 0.5)), "quantiles: expected ascending"),
            (lambda: models.dnn_regressor([A], activation="rellu"), "unknown activation 'rellu'.*did you mean 'relu'"),
            (lambda: models.dnn_regressor(["a"]), "dnn_regressor: deep_columns: received str 'a'; expected ModelInput"),
            (lambda: models.dnn_regressor([]), "dnn_regressor: deep_columns: received no input"),
            (lambda: models.two_tower_regressor([A]), "two_tower_regressor: candidate_columns: received no input"),
            (lambda: models.dnn_regressor([A], [PAIR]), "received 2 positional arguments; expected deep_columns"),
            (lambda: models.dnn_regressor([A], deep_columns=[A]), "deep_columns: received twice, by position and by name"),
            (lambda: models.dnn_classifier([A], n_classes=3, n_labels=3), "give one of them"),
        ],
    )
    def test_mistakes_are_named(self, call, message):
        with pytest.raises(UserError, match=message):
            call()


def test_hidden_layers_with_batch_norm_dropout_and_penalty():
    model = models.dnn_regressor([PAIR], hidden_units=[3], batch_norm=True, dropout=0.5, l2=0.5)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["InputLayer", "Dense", "BatchNormalization", "Activation", "Dropout", "Dense"]
    model.layers[1].set_weights([np.full((2, 3), 2.0), np.zeros(3)])
    [penalty] = model.losses
    assert float(penalty) == 0.5 * 6 * 2.0**2
