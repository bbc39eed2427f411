"""The pytest plugin in a pytest of its own: fixtures, golden rows, what it costs others."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from project_for_test import write

TEST = """\
def test_rows(transform, parity, golden, waze_config):
    assert waze_config.name == "config.yaml"
    rows = [{"km": 1.0, "zone": "port"}, {"km": 3.0, "zone": "hill"}]
    out = transform(rows)
    assert parity(rows) == out
    golden.check(out, "two_trips")
"""


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "waze_data_tfx.testing.plugin", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_golden_rows_are_missing_then_written_then_compared(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(TEST)  # the config lies above
    done = _pytest(tmp_path)
    assert done.returncode == 1
    test_file, golden = tmp_path / "tests" / "test_it.py", tmp_path / "tests" / "golden" / "two_trips.json"
    assert f"{golden}: no such golden file" in done.stdout
    assert f"next: pytest {test_file} --rewrite-golden" in done.stdout
    assert _pytest(tmp_path, "--rewrite-golden").returncode == 0
    assert json.loads(golden.read_text()) == [{"km": -1.0, "zone_vocabulary": 0}, {"km": 1.0, "zone_vocabulary": 1}]
    golden.write_text(golden.read_text().replace("-1.0", "-1.5"))
    done = _pytest(tmp_path)
    assert done.returncode == 1
    assert "feature 'km', row 0: golden -1.5, received -1.0" in done.stdout


def test_a_test_without_a_config_is_told_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(waze_config): pass\n")
    done = _pytest(tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path}: no config.yaml here or above; expected the pipeline's config" in done.stdout


def test_the_config_can_be_set(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere")
    (tmp_path / "pytest.ini").write_text("[pytest]\nwaze_config = elsewhere/config.yaml\n")
    (tmp_path / "test_it.py").write_text("def test_it(waze_config): assert waze_config.parent.name == 'elsewhere'\n")
    assert _pytest(tmp_path).returncode == 0


def test_the_plugin_costs_other_projects_nothing() -> None:
    """It is imported by every pytest of an environment: nothing heavy, and of this package next to nothing."""
    code = "import sys, pytest; before = set(sys.modules); import waze_data_tfx.testing.plugin; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {"", ".errors", ".testing", ".testing.properties", ".testing.plugin"}
    assert set(done.stdout.split()) <= {f"waze_data_tfx{name}" for name in ours} | {"errno", "difflib"}


@pytest.mark.parametrize("name", ["../up", "a b", ""])
def test_a_golden_name_is_a_file_s(tmp_path: Path, name: str) -> None:
    from waze_data_tfx.errors import UserError
    from waze_data_tfx.testing.golden import Golden

    with pytest.raises(UserError, match="expected letters, digits, - and _"):
        Golden(tmp_path / "test_it.py", rewrite=True).check([], name)
