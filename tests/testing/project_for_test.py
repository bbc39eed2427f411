"""Small pipelines for the tests of the testing kit: a config, a preprocessing_fn and, where asked, rows in a CSV."""

from pathlib import Path

CONFIG = """\
name: eta
label: seconds
data: {{input: trips.csv}}
features:
  dense: [km]
  vocabulary: {{zone: {{}}}}
{more}
evaluation:
  metrics: [{{name: mae, upper_bound: 1000}}]
"""
USER_CODE = """\
import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx import features


def preprocessing_fn(inputs, config):
    outputs = features.features_transform(inputs, config)
    km = features.dense(inputs["km"], 0.0)
    outputs["mine"] = {mine}
    return outputs
"""
ROWS = [{"km": 1.0, "zone": "port"}, {"km": 3.0, "zone": "port"}, {"km": 5.0, "zone": "hill"}, {"km": None, "zone": None}]


def write(folder: Path, *, mine: str | None = None, csv: str = "seconds,km,zone\n", more: str = "") -> Path:
    """Write a project whose feature `mine` is the given expression of `km`, [n]; return its config."""
    folder.mkdir(exist_ok=True)
    (folder / "trips.csv").write_text(csv)
    if mine is not None:
        (folder / "eta_features.py").write_text(USER_CODE.format(mine=mine))
        more += "code: {features: eta_features.py}\n"
    (folder / "config.yaml").write_text(CONFIG.format(more=more))
    return folder / "config.yaml"
