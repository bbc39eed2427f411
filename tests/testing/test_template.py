"""A template of one's own is tried as it is: a copy is checked and tested; what fails is shown."""

import sys
from pathlib import Path

import pytest

from waze_data_tfx import testing
from waze_data_tfx.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))
from project_for_test import write


def test_a_template_passes_and_is_not_touched(tmp_path: Path) -> None:
    write(tmp_path / "eta")
    (tmp_path / "eta" / "test_eta.py").write_text("def test_it(waze_config): assert waze_config.is_file()\n")
    before = sorted(tmp_path.rglob("*"))
    testing.check_template(tmp_path / "eta", steps=["check", "test"])
    assert sorted(tmp_path.rglob("*")) == before


def test_what_fails_is_shown(tmp_path: Path) -> None:
    (write(tmp_path / "eta").parent / "test_eta.py").write_text("def test_it(): assert 1 == 2\n")
    with pytest.raises(AssertionError, match=r"eta: test ended with exit code 1:\n(?s:.*)assert 1 == 2"):
        testing.check_template(tmp_path / "eta", steps=["check", "test"])


def test_neither_folder_nor_template() -> None:
    with pytest.raises(UserError, match=r"^taxy: neither a folder .*did you mean 'taxi'\?$"):
        testing.check_template("taxy")
    with pytest.raises(UserError, match=r"^steps: unknown step 'tests'; known: check, test, run; did you mean 'test'\?$"):
        testing.check_template("taxi", steps=["tests"])
