"""The top-level folders are one package: by links in the tree, by setup.py in a wheel, and under no other name."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

HOMES = ("components", "pipelines", "templates", "configs")
LEFT_OUT = (".git", ".venv", "output", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")
IMPORTED = """
import importlib.util, json, sys
names = json.loads(sys.argv[1])
print(json.dumps({n: importlib.util.find_spec(n).origin for n in names}))
"""


@pytest.mark.parametrize("home", HOMES)
def test_every_home_has_its_relative_link(home: str) -> None:
    link = REPOSITORY / "waze_data_tfx" / home
    assert os.readlink(link) == f"../{home}"
    assert (link / "__init__.py").samefile(REPOSITORY / home / "__init__.py")


def test_setup_declares_exactly_the_linked_homes() -> None:
    links = {p.name for p in (REPOSITORY / "waze_data_tfx").iterdir() if p.is_symlink()}
    assert links == set(HOMES)
    text = (REPOSITORY / "setup.py").read_text()
    assert "HOMES = {" + ", ".join(f'"{h}": "{h}"' for h in HOMES) + "}" in text


@pytest.mark.parametrize("home", ["components", "pipelines"])
def test_a_home_cannot_be_imported_under_its_bare_name(home: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import {home}"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: import waze_data_tfx.{home}, not {home}")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the tree, so that nothing is left in it."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(REPOSITORY, folder / "tree", symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(folder / "tree")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """Install the wheel into a folder of its own."""
    target = wheel.parent / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_the_wheel_holds_every_python_file_and_all_content_once(wheel: Path) -> None:
    held = [n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n]
    assert len(held) == len(set(held))
    library = REPOSITORY / "waze_data_tfx"
    wanted = [
        f"waze_data_tfx/{p.relative_to(library)}" for pattern in ("*.py", "*.j2", "*.css") for p in _files(library, pattern)
    ]
    for home in HOMES:
        wanted += [f"waze_data_tfx/{p.relative_to(REPOSITORY)}" for p in _files(REPOSITORY / home, "*")]
    assert sorted(held) == sorted(set(wanted))


def _files(folder: Path, pattern: str) -> list[Path]:
    """Return the files below a folder, without links and caches."""
    found = [p for p in folder.rglob(pattern) if p.is_file() and "__pycache__" not in p.parts]
    return [p for p in found if not any(q.is_symlink() for q in p.parents)]


def run(installed: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_installed_wheel_is_found_under_its_one_name_from_anywhere(installed: Path, tmp_path: Path) -> None:
    names = ["waze_data_tfx", "waze_data_tfx.cli", "waze_data_tfx.templates.taxi", "waze_data_tfx.pipelines.supervised"]
    names += [f"waze_data_tfx.components.{p.parent.name}" for p in (REPOSITORY / "components").glob("*/component.py")]
    for cwd in (tmp_path, REPOSITORY):
        done = run(installed, "-P", "-c", IMPORTED, json.dumps(names), cwd=cwd)
        assert done.returncode == 0, done.stderr
        origins = json.loads(done.stdout)
        assert {n for n, origin in origins.items() if not Path(origin).is_relative_to(installed)} == set()


def test_the_installed_wheel_forks_and_checks_without_the_repository(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "-m", "waze_data_tfx", "new", "eta", "--template", "taxi", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run(installed, "-m", "waze_data_tfx", "check", "eta/config.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "eta/config.yaml: ok; next: waze-tfx plan eta/config.yaml\n"), done.stderr


PUBLIC = {
    "waze_data_tfx.features": {
        "ModelInput", "bag_of_words", "bearing", "bucket", "category", "clip", "cross", "cyclic", "dense", "epoch_seconds",
        "features_transform", "geo_cell", "grid_cell", "hashed", "haversine_km", "impute", "impute_text", "log", "log1p",
        "log_z_score", "min_max", "missing_indicator", "model_inputs", "multi_hot", "piecewise_linear", "robust",
        "sequence_ids", "sequence_length", "sequence_numbers", "text_length", "tf_idf", "time_cycles", "vocabulary",
        "winsorize", "with_cardinality", "word_counts", "z_score", "z_scores",
    },
    "waze_data_tfx.models": {
        "cnn_classifier", "cnn_regressor", "deep_cross_classifier", "deep_cross_regressor", "dnn_classifier", "dnn_regressor",
        "linear_classifier", "linear_regressor", "prepared_inputs", "ready_made", "rnn_classifier", "rnn_regressor",
        "two_tower_classifier", "two_tower_regressor", "wide_deep_classifier", "wide_deep_regressor",
    },
    "waze_data_tfx.testing": {
        "assert_finite", "assert_ids_within", "assert_in_range", "check_no_leak", "check_parity", "check_template",
        "transform_rows",
    },
    "waze_data_tfx.config": {"Config", "Loaded", "load"},
    "waze_data_tfx.tables": {
        "anomalies", "changes", "checks", "columns", "compared", "curves", "distributions", "history", "metrics", "rows",
        "schema", "schema_file", "splits", "statistics",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_what_users_import_is_exactly_this(name: str) -> None:
    module: Any = importlib.import_module(name)
    assert set(module.__all__) == PUBLIC[name]
    assert {n for n in dir(module) if not n.startswith("_")} >= PUBLIC[name]
    for public in PUBLIC[name]:
        assert callable(getattr(module, public))
    with pytest.raises(AttributeError, match="not_there"):
        _ = module.not_there
