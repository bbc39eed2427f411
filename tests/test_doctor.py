"""What `doctor` looks at on this machine, and what it says of one that is not fit."""

from importlib import metadata
from pathlib import Path

import pytest

from waze_data_tfx import doctor


def test_this_machine_is_fit_and_every_package_is_the_tried_one() -> None:
    findings = {f.what: f for f in doctor.examine()}
    assert set(findings) == {"python", *doctor.TRIED, "import tfx", "free disk", "memory", "temporary folder"}
    assert [f for name, f in findings.items() if not f.ok and name not in ("free disk", "memory")] == []
    assert findings["tfx"].found == metadata.version("tfx") == "1.21.0"
    assert findings["import tfx"].found.endswith(" s")
    assert all(f.remedy or f.what == "import tfx" for f in findings.values())


def test_a_missing_and_a_wrong_package_are_named_and_tfx_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TRIED", {"not-a-package-of-anyone": "1", "protobuf": "3"})
    findings = {f.what: f for f in doctor.examine()}
    missing, wrong = findings["not-a-package-of-anyone"], findings["protobuf"]
    assert (missing.ok, missing.found) == (False, "not installed")
    assert missing.remedy == "make install, or pip install --no-deps -r requirements.lock"
    assert (wrong.ok, wrong.found) == (False, metadata.version("protobuf"))
    assert wrong.remedy == "tried with 3; reinstall from requirements.lock"
    assert "import tfx" not in findings


@pytest.mark.parametrize(("tried", "ok"), [("1", True), ("1.21", True), ("1.21.0", True), ("1.2", False), ("", True)])
def test_a_version_is_compared_by_its_parts(monkeypatch: pytest.MonkeyPatch, tried: str, ok: bool) -> None:
    monkeypatch.setattr(doctor, "TRIED", {"tfx": tried})
    [finding] = doctor._packages()
    assert finding.ok is ok


def test_an_import_that_fails_gives_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tfx").mkdir()
    (tmp_path / "tfx" / "__init__.py").write_text("raise ImportError('a wheel is damaged')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = doctor._import()
    assert (finding.ok, finding.found) == (False, "ImportError: a wheel is damaged")
    assert finding.remedy == "reinstall from requirements.lock into a fresh environment"


def test_too_little_disk_and_memory_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_DISK_BYTES", 1 << 60)
    monkeypatch.setattr(doctor, "MIN_MEMORY_BYTES", 1 << 60)
    assert [f.ok for f in (doctor._disk(), doctor._memory())] == [False, False]


def test_a_temporary_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    assert doctor._temporary() == doctor.Finding(
        "temporary folder", False, str(tmp_path / "gone"), "set TMPDIR to a folder that can be written"
    )
