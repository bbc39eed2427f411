"""Splits and configs for tests of training that need no tf.Transform: one dense feature x, label 3x + 1 with noise."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from typing import Any

import numpy as np

from waze_data_tfx.config.schema import Config
from waze_data_tfx.features.inputs import ModelInput
from waze_data_tfx.training.examples import Split

INPUTS = {"x": ModelInput("x", "dense", 1)}
N_ROWS = 100


def config_of(**parts: Any) -> Config:
    values = {
        "name": "t",
        "label": "y",
        "data": {"input": "x"},
        "features": {"dense": ["x"]},
        "model": {"hidden_units": [4], "optimizer": {"learning_rate": 0.05}},
        "training": {"epochs": 6, "batch_size": 16},
        "evaluation": {"metrics": [{"name": "mae", "upper_bound": 9}]},
    }
    return Config.model_validate({**values, **parts})


def split(name: str, seed: int = 0) -> Split:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=N_ROWS).astype(np.float32)
    y = (3 * x + 1 + generator.normal(scale=0.1, size=N_ROWS)).astype(np.float32)
    return Split(name, (), {}, {"x": x, "y": y}, N_ROWS)
