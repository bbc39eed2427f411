"""Early stopping and schedules in a real fit on a hundred rows."""

from dataclasses import replace

import numpy as np
import pytest
import tf_keras
from splits_for_test import INPUTS, config_of, split

from waze_data_tfx.errors import UserError
from waze_data_tfx.training.callbacks import early_stopping
from waze_data_tfx.training.run import fit, make_model


def opposite():
    """Return rows whose label is the negative: the more is learnt, the worse it fits them."""
    rows = split("eval")
    return replace(rows, columns={"x": rows.columns["x"], "y": -rows.columns["y"]})


def fitted(evaluation, **parts):
    config = config_of(**parts)
    model, arrange = make_model(INPUTS, split("train"), config)
    first = model.get_weights()
    return fit(model, arrange, split("train"), evaluation, config), model, first


def test_the_best_epochs_weights_are_kept():
    training = {"epochs": 9, "batch_size": 16, "early_stopping": 3}
    one, model, _ = fitted(opposite(), training=training)
    assert (len(one.epochs), one.kept_epoch) == (4, 1)  # each epoch is worse than the first; three without improvement
    only, first_epoch, _ = fitted(opposite(), training={**training, "epochs": 1})
    assert only.kept_epoch == 1
    for a, b in zip(model.get_weights(), first_epoch.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    last, model, _ = fitted(opposite(), training={**training, "early_stopping": {"patience": 3, "restore_best": False}})
    assert (len(last.epochs), last.kept_epoch) == (4, 4)
    assert any((a != b).any() for a, b in zip(model.get_weights(), first_epoch.get_weights(), strict=True))


def test_a_plateau_lowers_the_rate():
    optimizer = {"name": "sgd", "learning_rate": 0.05, "schedule": "plateau", "factor": 0.1, "patience": 2}
    _, model, _ = fitted(opposite(), model={"hidden_units": [], "optimizer": optimizer}, training={"epochs": 5, "batch_size": 16})
    # Epoch 1 is the best; after 3 and after 5 two more are without improvement: 0.05 * 0.1 * 0.1.
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.0005)


def test_an_exponential_schedule_decays_once_per_epoch():
    optimizer = {"name": "sgd", "learning_rate": 0.1, "schedule": "exponential", "decay_rate": 0.5}
    _, model, _ = fitted(
        split("eval", seed=1), model={"hidden_units": [], "optimizer": optimizer}, training={"epochs": 3, "batch_size": 16}
    )
    assert int(model.optimizer.iterations.numpy()) == 3 * 7  # 100 rows make 7 batches of 16
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.1 * 0.5**3)


def test_a_measure_that_no_epoch_has_is_named():
    stopping = {"monitor": "val_los"}
    with pytest.raises(UserError, match=r"monitor: unknown measure 'val_los'; known: loss, val_loss; did you"):
        fitted(split("eval"), training={"epochs": 2, "early_stopping": stopping})


@pytest.mark.parametrize(("monitor", "better"), [("val_recall", np.greater), ("val_auc", np.greater), ("val_loss", np.less)])
def test_the_older_keras_stops_by_the_right_way_of_a_measure(monitor, better):
    stopping = early_stopping(tf_keras, config_of(training={"early_stopping": {"monitor": monitor}}))
    assert stopping.monitor_op is better
