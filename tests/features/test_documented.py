"""docs/transforms.md lists every ready-made transform and every group of the config."""

import re

from conftest import REPOSITORY

from waze_data_tfx import features
from waze_data_tfx.config.features import Features

TEXT = (REPOSITORY / "docs" / "transforms.md").read_text()
NO_TRANSFORM = {"ModelInput", "model_inputs", "features_transform", "dense"}


def test_every_function_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)\(", TEXT, re.MULTILINE)
    assert set(rows) == set(features.__all__) - NO_TRANSFORM


def test_every_group_is_shown() -> None:
    assert [group for group in Features().groups() if f"`{group}" not in TEXT] == []
