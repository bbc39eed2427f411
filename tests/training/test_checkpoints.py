"""A training that is ended after some epochs and goes on: the same weights as one that was left alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from splits_for_test import INPUTS, config_of, split

from waze_data_tfx.config.schema import Config
from waze_data_tfx.training import callbacks, checkpoints
from waze_data_tfx.training.run import Fitted, fit, make_model


class Killed(BaseException):
    """What ends the training where a kill would."""


def trained(config: Config, folder: Path | None) -> tuple[Fitted, list[np.ndarray]]:
    train = split("train")
    model, arrange = make_model(INPUTS, train, config)
    fitted = fit(model, arrange, train, split("eval", seed=1), config, checkpoints=folder)
    return fitted, model.get_weights()


@pytest.fixture
def killed_after(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a training end in epoch `n` + 1."""

    def kill(n: int) -> None:
        original = callbacks.progress

        def progress(library: Any, config: Config, epochs: list) -> Any:
            made = original(library, config, epochs)
            begin = made.on_epoch_begin

            def on_epoch_begin(epoch: int, logs: Any = None) -> None:
                if epoch == n:
                    raise Killed
                begin(epoch, logs)

            made.on_epoch_begin = on_epoch_begin
            return made

        monkeypatch.setattr(callbacks, "progress", progress)

    return kill


OWN_RATE = {"name": "adam", "learning_rate": 0.05}
CASES = {
    "shuffled rows and dropout": {"model": {"hidden_units": [4], "dropout": 0.5, "optimizer": OWN_RATE}},
    "cosine": {"model": {"hidden_units": [4], "optimizer": {**OWN_RATE, "schedule": "cosine", "warmup": 0.2}}},
    "plateau": {"model": {"hidden_units": [4], "optimizer": {**OWN_RATE, "schedule": "plateau", "patience": 1}}},
    "average of weights": {"model": {"hidden_units": [4], "optimizer": {**OWN_RATE, "ema": 0.9}}},
    "early stopping": {
        "model": {"hidden_units": [4], "optimizer": {"name": "sgd", "learning_rate": 0.9}},
        "training": {"epochs": 9, "batch_size": 16, "early_stopping": 4},
    },
}


def config(name: str) -> Config:
    parts = CASES[name]
    return config_of(**{**parts, "training": {"epochs": 6, "batch_size": 16, **parts.get("training", {}), "checkpoint_every": 2}})


def same(one: tuple[Fitted, list[np.ndarray]], other: tuple[Fitted, list[np.ndarray]]) -> None:
    measured = [[{k: v for k, v in e.items() if k != "seconds"} for e in fitted.epochs] for fitted, _ in (one, other)]
    assert measured[0] == measured[1]
    assert one[0].kept_epoch == other[0].kept_epoch
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", CASES)
def test_it_goes_on_to_the_same_weights(
    name: str, tmp_path: Path, killed_after: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = trained(config(name), None)
    n = len(whole[0].epochs)
    assert n == whole[0].kept_epoch + 4 < 9 if name == "early stopping" else n == 6
    killed_after(5)
    with pytest.raises(Killed):
        trained(config(name), tmp_path / "here")
    monkeypatch.undo()
    capsys.readouterr()
    resumed = trained(config(name), tmp_path / "here")
    printed = capsys.readouterr().out
    assert printed.startswith("going on after epoch 4\nepoch 5/")
    assert resumed[0].resumed_after == 4
    same(whole, resumed)


def test_a_training_that_had_ended_is_not_trained_further(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed while it exported: every epoch is in the checkpoint, and so is the best one's weights."""
    case = CASES["early stopping"]
    stopping = config_of(**{**case, "training": {**case["training"], "checkpoint_every": 1}})
    whole = trained(stopping, tmp_path / "here")
    assert len(whole[0].epochs) < 9
    capsys.readouterr()
    same(whole, trained(stopping, tmp_path / "here"))
    assert capsys.readouterr().out == f"going on after epoch {len(whole[0].epochs)}\n"


def test_a_training_of_the_older_keras_goes_on(tmp_path: Path, killed_after: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    code = {"model": tmp_path / "own_model.py"}
    code["model"].write_text(OWN)
    own = config_of(code=code, training={"epochs": 4, "batch_size": 16, "checkpoint_every": 1, "early_stopping": 2})
    whole = trained(own, None)
    killed_after(2)
    with pytest.raises(Killed):
        trained(own, tmp_path / "here")
    monkeypatch.undo()
    resumed = trained(own, tmp_path / "here")
    assert resumed[0].resumed_after == 2
    for a, b in zip(whole[1], resumed[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


OWN = """
import tf_keras
def build_model(inputs, config):
    x = tf_keras.Input((), name="x")
    return tf_keras.Model({"x": x}, tf_keras.layers.Dense(1)(tf_keras.layers.Reshape((1,))(x)))
"""


def test_another_training_has_another_folder_and_clears_what_was_left(tmp_path: Path) -> None:
    def folder(**parts: Any) -> Path:
        found = checkpoints.folder_of(config_of(root=tmp_path, **parts), "graph/1")
        assert found is not None
        return found

    first = folder()
    first.mkdir(parents=True)
    (first / "last.npz").touch()
    assert folder(evaluation={"metrics": [{"name": "mae", "upper_bound": 1}]}) == first, "the gate does not matter to a training"
    assert (first / "last.npz").exists()
    assert folder(training={"epochs": 7}) != first
    assert not first.exists()
    assert checkpoints.folder_of(config_of(root=tmp_path, training={"checkpoint_every": 0}), "graph/1") is None
