"""docs/models.md shows every type, and its examples are run."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import re

import pytest
from conftest import REPOSITORY
from ruamel.yaml import YAML

from waze_data_tfx.config import Config
from waze_data_tfx.config.model import READS
from waze_data_tfx.features.inputs import ModelInput
from waze_data_tfx.models.building import build_model

TEXT = (REPOSITORY / "docs" / "models.md").read_text()
FEATURES = {"dense": ["miles"], "bucket": {"hour": 5}, "vocabulary": {"company": {}}, "sequence": {"stops": 6, "speeds": 6}}
INPUTS = {
    "miles": ModelInput("miles", "dense", 1),
    "hour_bucket": ModelInput("hour_bucket", "id", 1, 6),
    "company_vocabulary": ModelInput("company_vocabulary", "id", 1, 7),
    "stops_sequence": ModelInput("stops_sequence", "id", 6, 9, 2),
    "speeds_sequence": ModelInput("speeds_sequence", "id", 6, 4, 2),
}


def test_every_type_has_its_section_row_and_settings() -> None:
    for kind, settings in READS.items():
        assert re.search(rf"^## .*\b{kind}\b", TEXT, re.MULTILINE)
        assert re.search(rf"^\| `{kind}`", TEXT, re.MULTILINE)
        assert [name for name in settings if f"`{name}" not in TEXT] == []


@pytest.mark.parametrize("block", re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
def test_every_yaml_example_builds_a_model(block: str) -> None:
    values = {
        "name": "t",
        "label": "y",
        "data": {"input": "x"},
        "features": FEATURES,
        "evaluation": {"metrics": [{"name": "mae", "upper_bound": 1}]},
    }
    model = build_model(dict(INPUTS), Config.model_validate({**values, **YAML(typ="safe").load(block)}))
    assert model.count_params() > 0


@pytest.mark.parametrize("block", re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
def test_every_python_example_runs(block: str) -> None:
    exec(block, {"inputs": dict(INPUTS)})
