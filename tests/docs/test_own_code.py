"""docs/own_features.md and docs/own_model.md: their files, as they stand there, are projects that work."""

import subprocess
import sys
from pathlib import Path

from conftest import waze_tfx
from pages_for_test import write_files

ROWS = "seconds,miles,hour,zone\n600,2.0,8,port\n1500,8.0,23,airport\n300,1.0,12,port\n"
CALLED = """
import runpy
import numpy as np
scope = runpy.run_path("try_model.py")
from by_hand import build_model
from waze_data_tfx.models.building import feeder
rows = {"miles": np.array([1.0, 2.0], "float32"), "zone_vocabulary": np.array([0, 51])}
by_hand = build_model(scope["inputs"], scope["config"])
for model in (scope["model"], by_hand):
    print(model.count_params(), model(feeder(model, list(rows), scope["config"])(rows)).shape)
"""


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def checked(folder: Path, page: str) -> Path:
    write_files(page, folder)
    (folder / "trips.csv").write_text(ROWS)
    (folder / "config.yaml").write_text((folder / "eta.yaml").read_text())  # what the fixtures of the pytest plugin look for
    done = waze_tfx("check", folder / "eta.yaml")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_guide_s_features_pass_the_guide_s_tests(tmp_path: Path) -> None:
    folder = checked(tmp_path, "own_features.md")
    plugin = ("-p", "no:cacheprovider", "-p", "waze_data_tfx.testing.plugin")
    assert "2 passed" in run(folder, "-m", "pytest", "-q", *plugin, "test_eta.py")


def test_the_guide_s_models_are_built_and_take_what_the_transform_gives(tmp_path: Path) -> None:
    folder = checked(tmp_path, "own_model.md")
    *_, first, by_hand = run(folder, "-c", CALLED).splitlines()
    # 52 ids embedded in round(1.6 * 52 ** 0.56) = 15 dimensions: 780; width 16, two layers: 2 * (16 * 16 + 16); head: 16 + 1
    assert first == f"{780 + 544 + 17} (2, 1)"
    assert by_hand == f"{52 * 4 + 5 + 1} (2, 1)"  # embedded in 4 dimensions, beside the miles; head: 5 + 1
