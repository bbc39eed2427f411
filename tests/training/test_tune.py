"""Searches on a hundred rows: the best trial is the best, the same search is the same, and what fails says so."""

import re
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import pytest
from splits_for_test import INPUTS, config_of, split

from waze_data_tfx.errors import UserCodeError, UserError
from waze_data_tfx.training.tune import Search

RATE = "model.optimizer.learning_rate"
PARAMETERS = {
    "model.hidden_units": {"choices": [[4], [4, 2]]},
    RATE: {"min": 0.001, "max": 0.1, "scale": "log"},
    "training.batch_size": {"min": 16, "max": 64, "step": 16},
}


def searched(tmp_path: Path, *, code: Any = None, training: Any = None, **tuner: Any) -> Search:
    settings = {"max_trials": 4, "parameters": PARAMETERS, **tuner}
    config = config_of(tuner=settings, code=code or {}, training={"epochs": 3, "batch_size": 32, **(training or {})})
    search = Search(INPUTS, split("train"), split("eval", seed=1), config, directory=str(tmp_path))
    search.search(verbose=0)
    return search


def test_the_best_trial_is_the_best_and_the_same_search_is_the_same(tmp_path: Path) -> None:
    first, second = (searched(tmp_path / name) for name in ("a", "b"))
    tried = first.record()["trials"]
    assert len(tried) == 4
    for trial in tried:
        assert trial["values"]["model.hidden_units"] in ([4], [4, 2], (4,), (4, 2))
        assert 0.001 <= trial["values"][RATE] <= 0.1
        assert trial["values"]["training.batch_size"] in (16, 32, 48, 64)
        assert trial["n_epochs"] == trial["kept_epoch"] == 3
    best = min(tried, key=lambda t: t["score"])
    assert first.get_best_hyperparameters()[0].values[RATE] == best["values"][RATE]
    again = second.record()["trials"]
    assert [(t["values"], t["score"]) for t in tried] == [(t["values"], t["score"]) for t in again]


@pytest.mark.parametrize(("kind", "n"), [("bayesian", 4), ("grid", 6), ("hyperband", 6)])
def test_every_search_ends(tmp_path: Path, kind: str, n: int) -> None:
    grid = {"model.hidden_units": {"choices": [[4], [2]]}, "model.dropout": {"min": 0, "max": 0.4, "step": 0.2}}
    options = {"grid": {"max_trials": None, "parameters": grid}, "hyperband": {"max_trials": None}}.get(kind, {})
    search = searched(tmp_path, search=kind, **options)
    assert len(search.tried) >= n if kind == "hyperband" else len(search.tried) == n
    if kind == "grid":  # 2 choices times 0, 0.2 and 0.4
        assert len({str(t.values) for t in search.tried}) == 6
    if kind == "hyperband":
        assert {t.n_epochs for t in search.tried} == {1, 3}


def test_early_stopping_scores_the_epoch_that_is_kept(tmp_path: Path) -> None:
    parameters = {RATE: {"choices": [1.5]}}
    training = {"epochs": 12, "early_stopping": {"patience": 2}}
    [tried] = searched(tmp_path, max_trials=1, parameters=parameters, training=training).tried
    assert tried.kept_epoch is not None
    assert tried.n_epochs == tried.kept_epoch + 2 < 12


def test_rows_are_drawn_and_epochs_are_the_tuners(tmp_path: Path) -> None:
    search = searched(tmp_path, max_trials=1, epochs=2, max_rows=40)
    assert search.record()["n_train_rows"] == 40
    assert search.tried[0].n_epochs == 2


def test_a_trial_whose_loss_is_no_number_fails_and_the_search_goes_on(tmp_path: Path) -> None:
    code = {"model": tmp_path / "own_model.py"}
    code["model"].write_text(OWN)
    parameters = {"model.params.scale": {"choices": [1.0, 1e30]}}
    search = searched(tmp_path, search="grid", max_trials=None, parameters=parameters, code=code)
    good, bad = search.tried
    assert good.score is not None
    assert bad.score is None
    assert re.match(r"the loss is (nan|inf) after epoch 1", bad.error)
    assert search.get_best_hyperparameters()[0].values == {"model.params.scale": 1.0}

    with pytest.raises(UserError, match=r"tuner: all 1 trials failed; the last \(model\.params\.scale 1e\+30\): the loss is"):
        searched(tmp_path, search="grid", parameters={"model.params.scale": {"choices": [1e30]}}, code=code)


OWN = """
import keras
def build_model(inputs, config):
    x = keras.Input((), name="x")
    if config.model.params["scale"] == 7.0:
        raise ValueError("seven")
    scaled = keras.layers.Rescaling(config.model.params["scale"])(keras.layers.Reshape((1,))(x))
    model = keras.Model({"x": x}, keras.layers.Dense(1)(scaled))
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    return model
"""


def test_an_error_in_the_users_model_ends_the_search_with_its_line(tmp_path: Path) -> None:
    code = {"model": tmp_path / "own_model.py"}
    code["model"].write_text(OWN)
    with pytest.raises(keras_tuner.errors.FatalError) as caught:
        searched(tmp_path, parameters={"model.params.scale": {"choices": [7.0]}}, code=code)
    assert isinstance(caught.value.__cause__, UserCodeError)
    assert "own_model.py:6: build_model raised ValueError: seven" in str(caught.value.__cause__)


def test_an_objective_that_no_epoch_has_is_answered_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(keras_tuner.errors.FatalError, match=r"unknown measure 'val_mae'; known: loss, val_loss"):
        searched(tmp_path, objective="val_mae")


def test_a_sample_has_no_row_twice() -> None:
    from waze_data_tfx.training.examples import sample

    drawn = sample(split("train"), 60, config_of())
    assert drawn.columns is not None
    assert len(np.unique(drawn.columns["x"])) == drawn.n_rows == 60


def test_a_sample_counts_its_own_classes() -> None:
    """Balanced class weights of a trial are of the rows that it learns from."""
    from dataclasses import replace

    from waze_data_tfx.training.examples import class_weights, sample

    whole = split("train")
    assert whole.columns is not None
    labels = np.array([0] * 75 + [1] * 25)
    rows = replace(whole, columns={**whole.columns, "y": labels}, n_per_class=np.array([75, 25]))
    metrics = {"metrics": [{"name": "auc", "lower_bound": 0.5}]}
    config = config_of(task="binary_classification", evaluation=metrics, training={"class_weights": "balanced"})
    drawn = sample(rows, 40, config)
    assert drawn.columns is not None
    n_one = int(drawn.columns["y"].sum())
    expected = [40 / (2 * (40 - n_one)), 40 / (2 * n_one)]
    np.testing.assert_allclose(class_weights(drawn, config), expected, rtol=1e-6)
